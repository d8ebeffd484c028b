// SPDX-License-Identifier: Apache-2.0
// The command that repairs a file.
#ifndef DETACHFIX_PATCHER_PATCH_FILE_H_
#define DETACHFIX_PATCHER_PATCH_FILE_H_

#include <optional>
#include <string>

#include "patcher/files.h"
#include "patcher/make_plan.h"
#include "patcher/outcome.h"
#include "patcher/shared_bytes.h"
#include "patcher/verify_file.h"
#include "signatures/table.h"

namespace detachfix {

/// A change to a file that is about to be made.
struct IntendedChange {
  std::string path;
  FileState state;  ///< of the file as it is
  Sha256 before{};
  Sha256 after{};
  UndoRecord undo;  ///< what leads from `after` back to `before`
};

/// Who wants to know of a change before it is made, to write it down where it
/// survives us. When that fails the change is not made.
class ChangeLog {
 public:
  virtual ~ChangeLog() = default;
  /// Called once a change, after every check and before anything is written.
  virtual Result<void> Intend(const IntendedChange& change) = 0;
};

/// What `patch` was asked for.
struct PatchOptions {
  bool dry_run = false;
  bool allow_signed = false;  ///< also what has a certificate table
  bool any_dll = false;       ///< also what is not Security.dll by its content
  Scope scope = Scope::kAnyDll;
  bool replace_read_only = false;
  bool break_hard_links = false;
  std::string output;  ///< write there instead, a new file; or empty
  std::optional<std::string> backup_suffix;
  /// Beside the way back that every patched file has; see ChangeLog.
  ChangeLog* log = nullptr;
  const SignatureTables* tables = nullptr;  ///< none are asked without
  /// Only a file that matches a row at least so surely is patched.
  std::optional<MatchClass> require_signature;
};

/// Repairs the file at `path`, or says why not. What it reports is what stands
/// on the disk afterwards, read again. A file that needs no repair is left
/// alone; with `output` it is copied there, so that success always leaves a
/// file at `output`.
FileOutcome PatchFile(Files& files, const std::string& path,
                      const PatchOptions& options);

/// Whether the file at the path is, in bytes and in state, what was read.
bool IsAsRead(Files& files, const std::string& path, const ReadFile& read);

/// Why a leaking or undecided file is not to be patched, if so.
std::optional<Error> PatchRefusal(const FileOutcome& outcome,
                                  const PatchOptions& options);

/// Says in the notes of `outcome` that the patch breaks the signature of
/// `original`, when it has one: a signature covers every byte but the checksum
/// and itself.
void NoteBrokenSignature(const PeImage& original, FileOutcome& outcome);

/// A patch that has passed every check in memory.
struct PatchedBytes {
  SharedBytes bytes;
  std::optional<UndoRecord> side_record;  ///< when it does not fit into `bytes`
};

/// Plans the repair of a leaking `file`, whichever DLL it is, applies it in
/// memory and checks the result. Puts the plan into the outcome of `file`, and
/// marks there a fault that is a bug of ours.
Result<PatchedBytes> PatchInMemory(VerifiedFile& file,
                                   const PlanOptions& options = {});

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_PATCH_FILE_H_
