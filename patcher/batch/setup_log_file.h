// SPDX-License-Identifier: Apache-2.0
// REPAIR\SETUP.LOG beside an installed image, the only file protection that NT
// 4.0 has: Emergency Repair compares each file's checksum with its line there
// and offers to put the original back (KB Q150497). Its line for a file that
// was patched can be updated, and set back.
#ifndef DETACHFIX_PATCHER_BATCH_SETUP_LOG_FILE_H_
#define DETACHFIX_PATCHER_BATCH_SETUP_LOG_FILE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "patcher/batch/batch_item.h"
#include "patcher/files.h"
#include "patcher/plan.h"
#include "patcher/replace_file.h"
#include "patcher/result.h"

namespace detachfix {

/// The way back; the ledger keeps it as bytes.
struct SetupLogUndo {
  std::string path;      ///< of the log
  std::string old_line;  ///< without its line end
  std::string new_line;

  friend bool operator==(const SetupLogUndo&, const SetupLogUndo&) = default;
};

Bytes Encode(const SetupLogUndo& undo);
Result<SetupLogUndo> DecodeSetupLogUndo(std::span<const uint8_t> bytes);

struct SetupLogChange {
  ReadFile log;       ///< as it was read
  Bytes bytes;        ///< as it will be: one number is another
  SetupLogUndo undo;  ///< store it before committing
};

struct PreparedSetupLog {
  SetupLogEntry entry;                   ///< as the log stands now
  std::optional<SetupLogChange> change;  ///< absent: nothing to write
};

/// The log of the image that `path` is installed in: of
/// ".../WINNT/system32/security.dll" it is ".../WINNT/repair/setup.log", in any
/// case. Nothing when `path` is in no folder "system32" or there is no log.
Result<std::optional<std::string>> FindSetupLog(Files& files,
                                                const std::string& path);

/// What the log says of the file at `path`, whose PE CheckSum is, or is going
/// to be, `check_sum`; and the change that makes it say that. Writes nothing.
/// Nothing when there is no log. `change` is absent when the log agrees or has
/// no usable line.
std::optional<PreparedSetupLog> PrepareSetupLog(Files& files,
                                                const std::string& path,
                                                uint32_t check_sum);

/// Writes the log through ReplaceFile: to be called after the file itself was
/// patched. Gives the entry as it then stands; `problem` says what failed.
SetupLogEntry CommitSetupLog(Files& files, const PreparedSetupLog& prepared,
                             const ReplaceOptions& options);

/// Sets the old line back. Fails, changing nothing, when neither the new nor
/// the old line stands there exactly once; does nothing when the old one does.
Result<void> RevertSetupLog(Files& files, const SetupLogUndo& undo,
                            const ReplaceOptions& options);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_SETUP_LOG_FILE_H_
