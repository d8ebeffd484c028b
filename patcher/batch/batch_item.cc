// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/batch_item.h"

#include <algorithm>

namespace detachfix {

namespace {

uint64_t& CountOf(const FileOutcome& outcome, BatchCounts& counts) {
  switch (outcome.action) {
    case Action::kWouldPatch:
      return counts.would_patch;
    case Action::kPatched:
      return counts.patched;
    case Action::kReverted:
      return counts.reverted;
    case Action::kFailed:
      return counts.failed;
    case Action::kRefused:
    case Action::kNone:
      break;
  }
  // "refused" because nothing is known of it is counted by what is not known.
  if (outcome.diagnosis.verdict == Verdict::kUnknown) return counts.unknown;
  if (outcome.action == Action::kRefused) return counts.refused;
  switch (outcome.diagnosis.verdict) {
    case Verdict::kLeaks:
      return counts.leaks;
    case Verdict::kFixed:
      return counts.fixed;
    case Verdict::kNotApplicable:
      return counts.not_applicable;
    case Verdict::kUnknown:
      break;
  }
  return counts.unknown;
}

}  // namespace

const char* ToText(Packing packing) {
  switch (packing) {
    case Packing::kNone:
      return "none";
    case Packing::kSzdd:
      return "szdd";
    case Packing::kKwaj:
      return "kwaj";
    case Packing::kMscf:
      return "mscf";
  }
  return "?";
}

int ExitStatus(const BatchItem& item) {
  const int log = item.setup_log ? item.setup_log->exit_status : 0;
  return std::max(ExitStatus(item.outcome), log);
}

std::string SetupLogFailure(const BatchItem& item) {
  if (!item.setup_log || item.setup_log->exit_status == 0) return {};
  const SetupLogEntry& log = *item.setup_log;
  return log.path + ": " + (log.problem ? log.problem->message : "not updated");
}

void Count(const BatchItem& item, BatchCounts& counts) {
  ++counts.files;
  ++CountOf(item.outcome, counts);
}

}  // namespace detachfix
