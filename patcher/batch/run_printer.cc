// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/run_printer.h"

#include <algorithm>

#include "patcher/batch/counts_text.h"
#include "patcher/batch/report_head.h"
#include "patcher/exit_status.h"
#include "patcher/report_json.h"
#include "patcher/report_text.h"

namespace detachfix {
namespace {

// Lines of the summary that are kept in memory.
constexpr size_t kMaxNotDone = 1000;

/// What only a batch knows of the file, a line each.
std::string BatchLines(const BatchItem& item) {
  std::string text;
  if (!item.renamed_to.empty()) {
    const bool planned = item.outcome.action == Action::kWouldPatch;
    text += "  " + ForTerminal(item.placed) +
            (planned ? " would be placed for Setup to take, and the "
                     : " is what Setup takes; the ") +
            ToText(item.packing) +
            (planned ? " file renamed to " : " file was renamed to ") +
            ForTerminal(item.renamed_to) + "\n";
  }
  if (!item.setup_log) return text;
  const SetupLogEntry& log = *item.setup_log;
  text += "  " + ForTerminal(log.path) + ": ";
  if (log.problem) return text + ForTerminal(log.problem->message) + "\n";
  if (log.updated_to) return text + "checksum updated\n";
  return text + (log.agrees ? "checksum agrees\n"
                            : "has another checksum; --update-setup-log sets "
                              "it\n");
}

}  // namespace

RunPrinter::RunPrinter(const Options& options, Files& files, Console& console)
    : options_(options), files_(files), console_(console) {}

bool RunPrinter::Begin(const BatchHead& begun) {
  run_ = begun.run;
  for (const std::string& path : options_.batch.reports) {
    Result<std::unique_ptr<Report>> report = OpenReport(files_, path, begun);
    if (!report) {
      NoteFailure(report.error());
      return false;
    }
    reports_.push_back(std::move(*report));
  }
  if (options_.json) console_.out << DocumentBegin(begun);
  return true;
}

void RunPrinter::NoteFailure(const Error& error) {
  console_.err << "detachfix: " << ForTerminal(error.message) << "\n";
}

void RunPrinter::PrintText(const BatchItem& item) {
  const FileOutcome& outcome = item.outcome;
  if (outcome.action == Action::kFailed) {
    console_.err << "detachfix: " << OutcomeLine(outcome, false);
    return;
  }
  // Of thousands of DLLs nobody wants to read that they have no such section.
  const bool of_interest =
      outcome.diagnosis.target ||
      outcome.diagnosis.verdict != Verdict::kNotApplicable ||
      !options_.batch.all_dlls;
  if (options_.quiet || (!of_interest && !options_.verbose)) return;
  console_.out << OutcomeLine(outcome, console_.colour) << BatchLines(item);
  if (options_.verbose) {
    console_.out << EvidenceText(outcome);
    if (outcome.plan) console_.out << PlanText(outcome);
  }
  console_.out << std::flush;
}

void RunPrinter::KeepNotDone(const BatchItem& item) {
  const FileOutcome& outcome = item.outcome;
  const bool is_log = item.setup_log && item.setup_log->exit_status != 0;
  if (!outcome.error && outcome.diagnosis.verdict != Verdict::kUnknown &&
      !is_log) {
    return;
  }
  if (not_done_.size() == kMaxNotDone) {
    ++more_not_done_;
    return;
  }
  not_done_.push_back(
      is_log ? ForTerminal(item.setup_log->path) + ": " +
                   ForTerminal(item.setup_log->problem->message) + "\n"
             : OutcomeLine(outcome, false));
}

void RunPrinter::PrintSummary(const BatchHead& head) {
  console_.err << "detachfix: " << CountsText(head.counts) << "\n";
  if (!not_done_.empty()) console_.err << "detachfix: not done:\n";
  for (const std::string& line : not_done_) console_.err << "  " << line;
  if (more_not_done_ > 0) {
    console_.err << "  and " << more_not_done_
                 << " more, which a --report names\n";
  }
}

void RunPrinter::OnItem(const BatchItem& item) {
  KeepNotDone(item);
  for (const std::unique_ptr<Report>& report : reports_) {
    // A report keeps its first error, and gives it again at its end.
    const Result<void> added = report->Add(item);
    static_cast<void>(added);
  }
  if (options_.json) {
    console_.out << (std::exchange(first_, false) ? "\n" : ",\n")
                 << JsonObject(item);
  } else if (options_.json_lines) {
    console_.out << JsonLine(item, run_) << std::flush;
  } else {
    PrintText(item);
  }
  if (item.outcome.is_bug) {
    console_.err << "detachfix: this is a bug; please report it with the "
                    "output of 'detachfix explain'\n";
  }
}

void RunPrinter::OnSkipped(const std::string& path, const std::string& reason) {
  if (options_.quiet) return;
  console_.err << "detachfix: " << ForTerminal(path)
               << ": left out: " << ForTerminal(reason) << "\n";
}

void RunPrinter::End(BatchHead& head, const std::string& go_on) {
  for (const std::unique_ptr<Report>& report : reports_) {
    const Result<void> finished = report->Finish(head);
    if (finished) continue;
    NoteFailure(finished.error());
    head.exit_status = std::max(head.exit_status, kExitFileError);
  }
  if (options_.json) console_.out << DocumentEnd(head);
  if (options_.json || options_.json_lines || options_.quiet) return;
  PrintSummary(head);
  if (head.interrupted) {
    console_.err << "detachfix: interrupted"
                 << (go_on.empty() ? "" : "; " + ForTerminal(go_on)) << "\n";
  }
}

}  // namespace detachfix
