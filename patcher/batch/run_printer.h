// SPDX-License-Identifier: Apache-2.0
// What a run tells whom: text or JSON on standard output, commentary beside it,
// and the reports that were asked for.
#ifndef DETACHFIX_PATCHER_BATCH_RUN_PRINTER_H_
#define DETACHFIX_PATCHER_BATCH_RUN_PRINTER_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "patcher/batch/report.h"
#include "patcher/batch/run_batch.h"
#include "patcher/command_line.h"

namespace detachfix {

class RunPrinter : public RunListener {
 public:
  /// All of these must outlive it.
  RunPrinter(const Options& options, Files& files, Console& console);

  /// Opens the reports and begins what is printed. Says what is wrong and
  /// gives false when a report cannot be begun.
  bool Begin(const BatchHead& begun);
  void OnItem(const BatchItem& item) override;
  void OnSkipped(const std::string& path, const std::string& reason) override;
  /// Ends all of it. A report that failed makes the exit status of `head` 3.
  /// `go_on` says what goes on with a run that was interrupted; empty: nothing
  /// does.
  void End(BatchHead& head, const std::string& go_on);

 private:
  void PrintText(const BatchItem& item);
  void KeepNotDone(const BatchItem& item);
  void PrintSummary(const BatchHead& head);
  void NoteFailure(const Error& error);

  const Options& options_;
  Files& files_;
  Console& console_;
  std::string run_;
  std::vector<std::unique_ptr<Report>> reports_;
  bool first_ = true;  ///< of the document's items
  /// What the summary names: path and reason of what was not done.
  std::vector<std::string> not_done_;
  uint64_t more_not_done_ = 0;  ///< that are not kept
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_RUN_PRINTER_H_
