// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/report_commands.h"

#include <algorithm>

#include "patcher/batch/counts_text.h"
#include "patcher/batch/merge_reports.h"
#include "patcher/batch/report.h"
#include "patcher/exit_status.h"
#include "patcher/report_text.h"

namespace detachfix {

int RunReportMerge(const Options& options, Files& files, Console& console) {
  const std::string& out = options.paths.front();
  const auto complain = [&](const Error& error) {
    console.err << "detachfix: " << ForTerminal(error.message) << "\n";
  };
  const Result<ReportForm> form = ReportFormOf(out);
  if (!form) {
    complain(form.error());
    return kExitUsage;
  }
  if (*form == ReportForm::kJsonLines) {
    // A log is added to; to say all of it twice is never what was meant.
    const Result<bool> exists = files.Exists(out);
    if (exists && *exists) {
      complain(Error{out + ": exists; a merged log is a new file"});
      return kExitUndecided;
    }
  }
  const Result<MergedReport> merged = MergeReports(
      files, out, {options.paths.begin() + 1, options.paths.end()});
  if (!merged) {
    complain(merged.error());
    return kExitFileError;
  }
  for (const std::string& note : merged->notes) complain(Error{note});
  console.out << ForTerminal(out) << ": " << CountsText(merged->head.counts)
              << "\n";
  // What no report says of a part of the share is not known to be well.
  const int least = merged->is_whole ? kExitFixed : kExitFileError;
  return std::max(least, merged->head.exit_status);
}

}  // namespace detachfix
