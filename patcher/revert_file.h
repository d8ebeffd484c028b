// SPDX-License-Identifier: Apache-2.0
// The command that gives the original back.
#ifndef DETACHFIX_PATCHER_REVERT_FILE_H_
#define DETACHFIX_PATCHER_REVERT_FILE_H_

#include <optional>
#include <string>

#include "patcher/files.h"
#include "patcher/outcome.h"
#include "patcher/undo_record.h"
#include "signatures/table.h"

namespace detachfix {

/// What `revert` was asked for.
struct RevertOptions {
  bool replace_read_only = false;
  bool break_hard_links = false;
  /// Used when the file has no record of its own, in it or beside it. One that
  /// does not lead to the original that it names is refused like any other.
  std::optional<UndoRecord> record = std::nullopt;
  /// The tables that the report looks the file up in; none are asked when null.
  const SignatureTables* tables = nullptr;
};

/// Puts the original back in place of the patched file at `path`, and proves it
/// by the SHA-256 in the undo record. A side file that held the record is
/// removed afterwards.
FileOutcome RevertFile(Files& files, const std::string& path,
                       const RevertOptions& options);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_REVERT_FILE_H_
