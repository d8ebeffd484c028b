// SPDX-License-Identifier: Apache-2.0
// The report of a batch: a file that grows while the run goes on and holds
// every item at its end. Memory does not grow with the number of items.
#ifndef DETACHFIX_PATCHER_BATCH_REPORT_H_
#define DETACHFIX_PATCHER_BATCH_REPORT_H_

#include <memory>
#include <string>

#include "patcher/batch/batch_item.h"
#include "patcher/files.h"
#include "patcher/result.h"

namespace detachfix {

/// After an error a report is of no further use: every call gives that error
/// again, and its destruction removes what was not finished. A report that is
/// destroyed without Finish leaves an older one of that name as it was; a log
/// (`.jsonl`) keeps the lines that it has.
class Report {
 public:
  virtual ~Report() = default;
  /// Items are shown in the order in which they come.
  virtual Result<void> Add(const BatchItem& item) = 0;
  /// `head` as it is at the end, interrupted or not. The last call.
  virtual Result<void> Finish(const BatchHead& head) = 0;
};

enum class ReportForm : uint8_t {
  kJson,       ///< one document, as docs/report.schema.json has it
  kJsonLines,  ///< a log that each run appends to, an object a line
  kCsv,        ///< RFC 4180
  kSarif,      ///< 2.1.0
  kHtml,       ///< one page that needs nothing else
};

/// What the ending of the name asks for, in any case. Else the error that a
/// wrong command line gets.
Result<ReportForm> ReportFormOf(const std::string& path);

/// Begins the report of the run that `begun` describes, whose end is not known
/// yet. `files` must outlive it. The error names the path.
Result<std::unique_ptr<Report>> OpenReport(Files& files,
                                           const std::string& path,
                                           const BatchHead& begun);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_REPORT_H_
