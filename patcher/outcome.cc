// SPDX-License-Identifier: Apache-2.0
#include "patcher/outcome.h"

namespace detachfix {

const char* ToText(Action action) {
  switch (action) {
    case Action::kNone:
      return "none";
    case Action::kWouldPatch:
      return "would-patch";
    case Action::kPatched:
      return "patched";
    case Action::kReverted:
      return "reverted";
    case Action::kRefused:
      return "refused";
    case Action::kFailed:
      return "failed";
  }
  return "failed";
}

int ExitStatus(const FileOutcome& outcome) {
  if (outcome.is_bug) return 70;
  if (outcome.action == Action::kFailed) return 3;
  if (outcome.action == Action::kRefused) return 2;
  // A reverted file leaks again, as it was asked to.
  if (outcome.action == Action::kReverted) return 0;
  if (outcome.diagnosis.verdict == Verdict::kUnknown) return 2;
  return outcome.diagnosis.verdict == Verdict::kLeaks ? 1 : 0;
}

FileOutcome FailedOutcome(const std::string& path, const Error& error) {
  FileOutcome outcome;
  outcome.path = path;
  outcome.action = Action::kFailed;
  outcome.error = error;
  outcome.diagnosis.because = error.message;
  return outcome;
}

}  // namespace detachfix
