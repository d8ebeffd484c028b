// SPDX-License-Identifier: Apache-2.0
// One file of a batch, from its path to its item: known from the ledger, or
// judged and, when asked, repaired, with every change noted before it is made.
#ifndef DETACHFIX_PATCHER_BATCH_PROCESS_FILE_H_
#define DETACHFIX_PATCHER_BATCH_PROCESS_FILE_H_

#include <memory>
#include <optional>
#include <string>

#include "patcher/batch/batch_item.h"
#include "patcher/batch/find_files.h"
#include "patcher/batch/folder_names.h"
#include "patcher/batch/ledger.h"
#include "patcher/batch/media.h"
#include "patcher/files.h"

namespace detachfix {

struct ProcessOptions {
  MediaOptions media;  ///< `media.patch` for files that are not packed too
  bool update_setup_log = false;
  /// Pass over, without an item, what is no PE image (--all-dlls).
  bool images_only = false;
  /// Judge anew what the ledger knows.
  bool recheck = false;
  std::string run;     ///< its id in the ledger
  std::string folder;  ///< what relative paths start from
  /// What an answer depends on besides the file: an entry of the ledger with
  /// another one says nothing.
  std::string judged_by;
  /// Of the folder that is being looked at.
  std::shared_ptr<FolderNames> folder_names = std::make_shared<FolderNames>();
};

/// `ledger` may be null. Nothing comes back for what `images_only` passes over.
std::optional<BatchItem> ProcessFile(Files& files, const Found& found,
                                     const ProcessOptions& options,
                                     Ledger* ledger);

/// `path` from the root on, without "." and "..": under it the ledger has it.
/// Symbolic links are followed only where a ".." comes behind them.
std::string LedgerPath(const std::string& folder, const std::string& path);

/// The item that an entry holds, as the report of `run` shows it: of an earlier
/// run only what is true of the file now. Nothing when it cannot be read.
std::optional<BatchItem> ItemOf(const LedgerEntry& entry,
                                const std::string& run,
                                const std::string& path);

/// What a killed run changed and did not live to note: `entry` is only
/// intended. The item when the change is found complete.
std::optional<BatchItem> CompletedChange(Files& files, const LedgerEntry& entry,
                                         const std::string& path);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_PROCESS_FILE_H_
