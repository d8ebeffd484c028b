// SPDX-License-Identifier: Apache-2.0
// REPAIR\SETUP.LOG beside an installed image, the only file protection that NT
// 4.0 has: Emergency Repair compares each file's checksum with its line there
// and offers to put the original back (KB Q150497). Its line for a file that
// was patched can be updated, and set back.
#ifndef DETACHFIX_PATCHER_BATCH_SETUP_LOG_FILE_H_
#define DETACHFIX_PATCHER_BATCH_SETUP_LOG_FILE_H_

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "patcher/batch/batch_item.h"
#include "patcher/files.h"
#include "patcher/plan.h"
#include "patcher/replace_file.h"
#include "patcher/result.h"

namespace detachfix {

/// One line and what is to stand in its place; the way back is the same with
/// both exchanged. The ledger keeps it as bytes.
struct SetupLogUndo {
  std::string path;      ///< of the log
  std::string old_line;  ///< without its line end
  std::string new_line;

  friend bool operator==(const SetupLogUndo&, const SetupLogUndo&) = default;
};

Bytes Encode(const SetupLogUndo& undo);
/// Fails when `bytes` are not what Encode gave.
Result<SetupLogUndo> DecodeSetupLogUndo(std::span<const uint8_t> bytes);

/// The log of the image that `path` is installed in: of
/// ".../WINNT/system32/security.dll" it is ".../WINNT/repair/setup.log", in any
/// case. Nothing when `path` is in no folder "system32" or there is no log.
Result<std::optional<std::string>> FindSetupLog(Files& files,
                                                const std::string& path);

struct SetupLogOptions {
  /// Write the checksum of the file into its line. To be asked for when
  /// detachfix repaired the file, in this run or in an earlier one.
  bool update = false;
  bool replace_read_only = false;
  bool break_hard_links = false;
  /// Called before the log is written, to note the way back where it survives
  /// us. When it fails nothing is written.
  std::function<Result<void>(const SetupLogUndo&)> intend;
};

/// What the log says of the file at `path`, against the PE CheckSum that the
/// file has now; so it is called after the file was patched. A run that was
/// killed between the two is completed by the next one. With `update` the
/// number in the line of the file is replaced, and every other byte of the log
/// stays (through ReplaceFile). Nothing when there is no log; what is wrong
/// with it is in the entry's `problem`, and with `update` in its `exit_status`.
std::optional<SetupLogEntry> CheckSetupLog(Files& files,
                                           const std::string& path,
                                           const SetupLogOptions& options);

/// `undo` with the path of the log from that of the file that its line is of.
SetupLogUndo At(SetupLogUndo undo, const std::string& file);

/// Sets the old line back, or sees that it is there. Fails, naming the log and
/// changing nothing, when neither line stands in the log exactly once.
Result<void> RevertSetupLog(Files& files, const SetupLogUndo& undo,
                            const SetupLogOptions& options);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_SETUP_LOG_FILE_H_
