// SPDX-License-Identifier: Apache-2.0
// Writing a file so that at every moment, whatever fails, what stands under its
// name is the whole old content or the whole new one.
#ifndef DETACHFIX_PATCHER_REPLACE_FILE_H_
#define DETACHFIX_PATCHER_REPLACE_FILE_H_

#include <optional>
#include <string>
#include <vector>

#include "patcher/files.h"
#include "patcher/shared_bytes.h"

namespace detachfix {

/// A file that is made beside the one that is written.
struct SideFile {
  std::string path;
  SharedBytes bytes;
};

/// What is allowed, and what is made beside the file.
struct ReplaceOptions {
  bool replace_read_only = false;  ///< --replace-read-only
  bool break_hard_links = false;   ///< --break-hard-links
  /// The undo record, when it did not fit into the file. On the device before
  /// the file is touched.
  std::optional<SideFile> side_file;
  /// Path for a copy of the original (--backup), made as `side_file` is.
  std::optional<std::string> backup;
};

/// What stands under the name now.
enum class Written : uint8_t {
  kNothing,  ///< the file is as it was; with no error: it needed no change
  kNew,      ///< the file has its new content, also when there is an error
  kUnsure,   ///< a rename failed and the file could not be looked at after it
};

/// What became of the file, and why.
struct WriteOutcome {
  Written written = Written::kNothing;
  std::optional<Error> error;
  /// Whether the error is a refusal by our rules (a symbolic link, hard links,
  /// read-only, a name that is taken), not a failure of the disk.
  bool refused = false;
  /// What stands at the path now, read back; for diagnosing it again. Empty
  /// when there is an error.
  SharedBytes bytes;
  /// Of side file and backup, those that this call made and left.
  std::vector<std::string> made;
};

/// What ReplaceFile would refuse at once by its rules: a symbolic link, hard
/// links, a read-only file. Nothing is written.
std::optional<Error> ReplaceRefusal(Files& files, const std::string& path,
                                    const ReplaceOptions& options);

/// Puts `bytes` in the place of the file at `path`, which was read as
/// `original`. The new file has the old one's owner, permissions, times and
/// extended attributes. In this order: refuse symbolic links and what the
/// options do not allow; side file and backup; a temporary file in the same
/// folder, flushed, read back and compared; a last look at the original, which
/// must be what was read; rename; flush of the folder; read back.
///
/// Whatever fails before the rename leaves the original as it was, and no file
/// that this call made. When `bytes` are those of `original` nothing is
/// written. An side file or backup that exists already is used when it has the
/// same content, and is never overwritten.
WriteOutcome ReplaceFile(Files& files, const std::string& path,
                         const ReadFile& original, const Bytes& bytes,
                         const ReplaceOptions& options);

/// Makes a new file at `path` with the content `bytes` in the same way, and
/// `side_file` before it. It has the permissions and times of `like`, and the
/// owner who runs this. Fails when anything else than the same content stands
/// at `path`; with the same content nothing is written.
WriteOutcome WriteNewFile(Files& files, const std::string& path,
                          const FileState& like, const Bytes& bytes,
                          const std::optional<SideFile>& side_file);

/// The same, but the new file has the whole state of `like`, its owner and
/// extended attributes too: it takes the place of that file under another name.
/// `guarded` is the path of that file, of which the caller has the guard; the
/// guard of `path` may be another run's.
WriteOutcome PlaceFile(Files& files, const std::string& path,
                       const std::string& guarded, const FileState& like,
                       const Bytes& bytes,
                       const std::optional<SideFile>& side_file);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_REPLACE_FILE_H_
