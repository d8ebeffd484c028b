// SPDX-License-Identifier: Apache-2.0
#include "patcher/plan.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/random_plan.h"

namespace detachfix {
namespace {

std::string CheckText(const std::vector<Edit>& edits, uint64_t file_size) {
  const Result<void> result = CheckPlan(edits, file_size);
  return result ? "" : result.error().message;
}

TEST(Plan, AcceptsEditsInOrderAndAnExtension) {
  EXPECT_EQ(CheckText({{{0}, {1}, {2}, "a"},
                       {{1}, {1, 2}, {3, 4}, "touches the one before"},
                       {{8}, {}, {9, 9}, "extends"}},
                      8),
            "");
}

TEST(Plan, RefusesWhatIsNoPlan) {
  struct Case {
    std::vector<Edit> edits;
    std::string message;
  };
  const Case cases[] = {
      {{}, "the plan has no edits"},
      {{{{4}, {1}, {1}, ""}}, "edit 0 at 0x4 changes nothing"},
      {{{{8}, {}, {}, ""}}, "edit 0 at 0x8 changes nothing"},
      {{{{4}, {1, 2}, {3}, ""}}, "edit 0 at 0x4 replaces 2 bytes by 1"},
      {{{{7}, {1, 2}, {3, 4}, ""}},
       "edit 0 at 0x7 ends at 0x9, the file has 0x8 bytes"},
      {{{{0xffffffff}, {1, 2}, {3, 4}, ""}},
       "edit 0 at 0xffffffff ends at 0x100000001, the file has 0x8 bytes"},
      {{{{2}, {1, 2}, {3, 4}, ""}, {{3}, {1}, {2}, ""}},
       "edit 1 at 0x3 begins before 0x4, where the edit before it ends"},
      {{{{2}, {1}, {3}, ""}, {{1}, {1}, {2}, ""}},
       "edit 1 at 0x1 begins before 0x3, where the edit before it ends"},
      {{{{2}, {}, {3}, ""}},
       "edit 0 at 0x2 would resize the file elsewhere than at its end 0x8"},
      {{{{2}, {3}, {}, ""}},
       "edit 0 at 0x2 would resize the file elsewhere than at its end 0x8"},
      {{{{8}, {}, {3}, ""}, {{8}, {}, {3}, ""}},
       "edit 1 at 0x8 stands after one that resizes the file"},
  };
  for (const Case& c : cases) EXPECT_EQ(CheckText(c.edits, 8), c.message);
}

TEST(Plan, IsNotAppliedToOtherBytes) {
  const Bytes file = {1, 2, 3, 4};
  const Result<Bytes> result =
      Apply({{{0}, {1}, {9}, ""}, {{1}, {2, 5}, {6, 7}, ""}}, file);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "edit 1 at 0x1 expects byte 0x5 at 0x2, the file has 0x3");
}

TEST(Plan, AppliesEveryEdit) {
  const Bytes file = {1, 2, 3, 4};
  const Result<Bytes> result = Apply(
      {{{0}, {1}, {9}, ""}, {{2}, {3}, {8}, ""}, {{4}, {}, {7, 6}, ""}}, file);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(*result, (Bytes{9, 2, 8, 4, 7, 6}));
}

TEST(Plan, LawsHoldForRandomPlans) {
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const Bytes file = RandomFile(random);
    const std::vector<Edit> edits = RandomEdits(random, file);
    ASSERT_EQ(CheckText(edits, file.size()), "");

    const Result<Bytes> applied = Apply(edits, file);
    ASSERT_TRUE(applied) << applied.error().message;
    ASSERT_NE(*applied, file);

    std::vector<bool> edited(applied->size());
    for (const Edit& edit : edits) {
      for (size_t i = 0; i < edit.after.size(); ++i) {
        edited[edit.offset.value + i] = true;
        ASSERT_EQ((*applied)[edit.offset.value + i], edit.after[i]);
      }
    }
    for (size_t i = 0; i < file.size(); ++i) {
      if (edited[i]) continue;
      ASSERT_EQ((*applied)[i], file[i]) << "byte " << i;
    }
    // A second time finds its own new bytes and stops.
    EXPECT_FALSE(Apply(edits, *applied));
  }
}

}  // namespace
}  // namespace detachfix
