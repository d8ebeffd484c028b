// SPDX-License-Identifier: Apache-2.0
#include "patcher/outcome.h"

#include "patcher/exit_status.h"

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
  if (outcome.is_bug) return kExitBug;
  if (outcome.action == Action::kFailed) return kExitFileError;
  if (outcome.action == Action::kRefused) return kExitUndecided;
  // A reverted file leaks again, as it was asked to.
  if (outcome.action == Action::kReverted) return kExitFixed;
  switch (outcome.diagnosis.verdict) {
    case Verdict::kLeaks:
      return kExitLeaks;
    case Verdict::kUnknown:
      return kExitUndecided;
    case Verdict::kFixed:
    case Verdict::kNotApplicable:
      return kExitFixed;
  }
  return kExitUndecided;
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
