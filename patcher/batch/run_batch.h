// SPDX-License-Identifier: Apache-2.0
// A run over many files: several at a time, their items in order, none of them
// able to end it.
#ifndef DETACHFIX_PATCHER_BATCH_RUN_BATCH_H_
#define DETACHFIX_PATCHER_BATCH_RUN_BATCH_H_

#include <functional>
#include <memory>
#include <string>

#include "patcher/batch/batch_item.h"
#include "patcher/batch/find_files.h"
#include "patcher/batch/ledger.h"
#include "patcher/batch/process_file.h"
#include "patcher/batch/progress.h"

namespace detachfix {

struct RunSettings {
  ProcessOptions process;
  unsigned jobs = 1;
  double files_per_second = 0;  ///< 0: no limit
  double bytes_per_second = 0;  ///< 0: no limit
};

/// Who wants to know what is found, in order.
class RunListener {
 public:
  virtual ~RunListener() = default;
  virtual void OnItem(const BatchItem& item) = 0;
  /// A folder that was left out on purpose.
  virtual void OnSkipped(const std::string& path,
                         const std::string& reason) = 0;
};

/// Gives each thread a door to the disk of its own.
using FilesFactory = std::function<std::unique_ptr<Files>()>;

/// Processes what `finder` finds until it ends or the run is interrupted; then
/// what was begun is finished. Fills the counts of `head`, its exit status and
/// whether it was interrupted. `ledger` may be null.
void RunBatch(const RunSettings& settings, const FilesFactory& make_files,
              FileFinder& finder, Ledger* ledger, RunListener& listener,
              Progress& progress, BatchHead& head);

/// The items of changes that a killed run had made and did not live to note,
/// and whose files the search does not find any more (a packed file that was
/// renamed). Their entries are finished.
void SettleIntended(Files& files, const ProcessOptions& options, Ledger& ledger,
                    RunListener& listener, BatchHead& head);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_RUN_BATCH_H_
