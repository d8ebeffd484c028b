// SPDX-License-Identifier: Apache-2.0
// Taking back what a run of `batch` did, by the ledger alone: also where the
// undo data beside a file is lost.
#ifndef DETACHFIX_PATCHER_BATCH_REVERT_RUN_H_
#define DETACHFIX_PATCHER_BATCH_REVERT_RUN_H_

#include <string>
#include <vector>

#include "patcher/batch/batch_item.h"
#include "patcher/batch/ledger.h"
#include "patcher/files.h"
#include "patcher/revert_file.h"

namespace detachfix {

/// The entries of `run` that have something to take back, in the opposite of
/// the order in which they were done; only those whose path, or its name, one
/// of the patterns `only` matches, if there is any.
Result<std::vector<LedgerEntry>> RevertibleEntries(
    Ledger& ledger, const std::string& run,
    const std::vector<std::string>& only);

/// Takes back what `entry` says. The original is proven by its SHA-256; a file
/// that is neither what the run left nor what it found is refused. What is
/// taken back already is Action::kNone. Marks the entry in the ledger.
BatchItem RevertEntry(Files& files, const LedgerEntry& entry,
                      const RevertOptions& options, Ledger& ledger);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_REVERT_RUN_H_
