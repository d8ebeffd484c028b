// SPDX-License-Identifier: Apache-2.0
#include "patcher/outcome.h"

#include <gtest/gtest.h>

namespace detachfix {
namespace {

FileOutcome With(Verdict verdict, Action action) {
  FileOutcome outcome;
  outcome.diagnosis.verdict = verdict;
  outcome.action = action;
  return outcome;
}

struct Row {
  Verdict verdict;
  Action action;
  int status;
};

// The table of README.md, "Exit status".
TEST(Outcome, CallsForTheDocumentedExitStatus) {
  const Row rows[] = {
      {Verdict::kFixed, Action::kNone, 0},
      {Verdict::kNotApplicable, Action::kNone, 0},
      {Verdict::kFixed, Action::kPatched, 0},
      {Verdict::kLeaks, Action::kReverted, 0},
      {Verdict::kLeaks, Action::kNone, 1},
      {Verdict::kLeaks, Action::kWouldPatch, 1},
      {Verdict::kUnknown, Action::kNone, 2},
      {Verdict::kLeaks, Action::kRefused, 2},
      {Verdict::kUnknown, Action::kRefused, 2},
      {Verdict::kUnknown, Action::kFailed, 3},
      {Verdict::kLeaks, Action::kFailed, 3},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(ExitStatus(With(row.verdict, row.action)), row.status)
        << ToText(row.action) << " with verdict " << int(row.verdict);
  }
}

TEST(Outcome, CountsABugOfOursAboveAll) {
  FileOutcome outcome = With(Verdict::kLeaks, Action::kRefused);
  outcome.is_bug = true;
  EXPECT_EQ(ExitStatus(outcome), 70);
}

TEST(Outcome, OfAFileThatFailedIsUndecided) {
  const FileOutcome outcome = FailedOutcome("x", Error{"is a directory"});
  EXPECT_EQ(outcome.diagnosis.verdict, Verdict::kUnknown);
  EXPECT_EQ(outcome.diagnosis.because, "is a directory");
  EXPECT_EQ(ExitStatus(outcome), 3);
}

}  // namespace
}  // namespace detachfix
