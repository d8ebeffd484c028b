// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/batch_item.h"

#include <gtest/gtest.h>

namespace detachfix {
namespace {

BatchCounts CountsOf(Action action, Verdict verdict) {
  BatchItem item;
  item.outcome.action = action;
  item.outcome.diagnosis.verdict = verdict;
  BatchCounts counts;
  Count(item, counts);
  return counts;
}

TEST(BatchItem, EachEndIsCountedOnce) {
  for (const Action action :
       {Action::kNone, Action::kWouldPatch, Action::kPatched, Action::kReverted,
        Action::kRefused, Action::kFailed}) {
    for (const Verdict verdict : {Verdict::kLeaks, Verdict::kFixed,
                                  Verdict::kNotApplicable, Verdict::kUnknown}) {
      const BatchCounts c = CountsOf(action, verdict);
      EXPECT_EQ(c.files, 1u);
      EXPECT_EQ(c.leaks + c.would_patch + c.patched + c.reverted + c.fixed +
                    c.not_applicable + c.unknown + c.refused + c.failed,
                1u)
          << ToText(action) << " " << ToText(verdict);
    }
  }
}

TEST(BatchItem, APatchedFileIsPatchedAndNotFixed) {
  EXPECT_EQ(CountsOf(Action::kPatched, Verdict::kFixed).patched, 1u);
  EXPECT_EQ(CountsOf(Action::kNone, Verdict::kFixed).fixed, 1u);
}

TEST(BatchItem, ARefusedFileIsUnknownWhenNothingIsKnownOfIt) {
  EXPECT_EQ(CountsOf(Action::kRefused, Verdict::kUnknown).unknown, 1u);
  EXPECT_EQ(CountsOf(Action::kRefused, Verdict::kLeaks).refused, 1u);
}

}  // namespace
}  // namespace detachfix
