// SPDX-License-Identifier: Apache-2.0
// Which names a batch looks at. Names only say what is worth a look; what the
// file is its content decides.
#ifndef DETACHFIX_PATCHER_BATCH_NAME_FILTER_H_
#define DETACHFIX_PATCHER_BATCH_NAME_FILTER_H_

#include <string>
#include <string_view>
#include <vector>

#include "patcher/batch/glob.h"

namespace detachfix {

/// Whether the DLL of KB Q238493 can have this name, in any case: Security.dll,
/// Secur128.dll (KB Q229647), and both as setup media hold them, with the last
/// letter of a compressed file's name replaced by '_'.
bool IsTargetFileName(std::string_view name);

/// Whether detachfix made the file, or had it made: undo data, temporary files,
/// a --backup with the usual suffix, and the `.org` that KB Q159203 has
/// administrators rename a compressed file to. Such files are not to be
/// patched: they are the way back.
bool IsOwnFileName(std::string_view name);

/// Whether a folder of this name holds earlier states of its neighbours or
/// deleted files: what a server or system keeps by itself, mostly read-only.
bool IsSnapshotFolderName(std::string_view name);

/// One pattern a line; lines that are empty or begin with '#' say nothing.
std::vector<std::string> ReadPatternLines(std::string_view text);

/// Which files and folders below a root are looked at.
class NameFilter {
 public:
  struct Options {
    bool all_files = false;  ///< whatever the name, if `include` is empty
    std::vector<std::string> include;  ///< in place of the target's names
    std::vector<std::string> exclude;  ///< goes before everything else
  };

  explicit NameFilter(const Options& options);

  /// Whether the file at `path` below its root is wanted. When not
  /// looks_at_paths(), `path` may be the bare name.
  bool WantsFile(std::string_view path) const;
  /// Whether the folder is to be entered.
  bool WantsFolder(std::string_view path) const;
  /// Whether `exclude` has the file.
  bool ExcludesFile(std::string_view path) const;
  bool looks_at_paths() const { return looks_at_paths_; }

 private:
  bool all_files_;
  bool looks_at_paths_ = false;
  std::vector<NamePattern> include_;
  std::vector<NamePattern> exclude_;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_NAME_FILTER_H_
