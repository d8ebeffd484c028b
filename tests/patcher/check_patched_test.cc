// SPDX-License-Identifier: Apache-2.0
// Each fault that a planner or Apply could have, planted by hand.
#include "patcher/check_patched.h"

#include <gtest/gtest.h>

#include "patcher/make_plan.h"
#include "patcher/verify_file.h"
#include "tests/support/security_dll.h"

namespace detachfix {
namespace {

class CheckPatchedTest : public testing::Test {
 protected:
  void SetUp() override {
    const VerifiedFile file = VerifyBytes("", original_, std::nullopt);
    Result<Plan> plan = MakePlan(*file.image, file.outcome.diagnosis);
    ASSERT_TRUE(plan);
    plan_ = *plan;
    ASSERT_TRUE(plan_.undo_in_file);
    patched_ = *Apply(plan_.edits, original_);
  }
  std::string Check() const {
    const Result<void> checked =
        CheckPatched(original_, plan_, patched_, std::nullopt);
    return checked ? "" : checked.error().message;
  }
  /// Offset of the first edit whose reason begins with `why`.
  size_t EditAt(const std::string& why) const {
    for (const Edit& edit : plan_.edits) {
      if (edit.why.starts_with(why)) return edit.offset.value;
    }
    ADD_FAILURE() << "no edit " << why;
    return 0;
  }

  Bytes original_ = test::LeakingSecurityDll();
  Plan plan_;
  Bytes patched_;
};

TEST_F(CheckPatchedTest, PassesWhatThePlanPromised) { EXPECT_EQ(Check(), ""); }

TEST_F(CheckPatchedTest, FindsAByteThatNoEditSpeaksOf) {
  patched_[2] ^= 1;  // e_cblp, which no loader reads
  EXPECT_EQ(Check(), "offset 0x2 changed, which no edit speaks of");
}

TEST_F(CheckPatchedTest, FindsAFileThatLostItsEnd) {
  patched_.pop_back();
  EXPECT_EQ(Check(), "the patched file has " + std::to_string(patched_.size()) +
                         " bytes, the original " +
                         std::to_string(original_.size()));
}

TEST_F(CheckPatchedTest, FindsCodeThatIsNotTheListings) {
  plan_.stub[0].text = "nop";
  EXPECT_TRUE(Check().ends_with(", not to 'nop'")) << Check();
  plan_.stub[0].bytes[0] ^= 1;
  EXPECT_TRUE(Check().starts_with("injected code at 0x")) << Check();
}

TEST_F(CheckPatchedTest, FindsARepairThatRepairsNothing) {
  // All edits but the CheckSum's and the undo record's are taken back.
  for (const Edit& edit : plan_.edits) {
    if (edit.why.starts_with("undo record")) continue;
    std::copy(edit.before.begin(), edit.before.end(),
              patched_.begin() + edit.offset.value);
  }
  EXPECT_TRUE(Check().starts_with("the patched file is judged 'leaks'"))
      << Check();
}

TEST_F(CheckPatchedTest, FindsADamagedUndoRecord) {
  patched_[EditAt("undo record") + 20] ^= 1;
  EXPECT_NE(Check(), "");
}

TEST_F(CheckPatchedTest, FindsAFileThatIsNoPeAnyMore) {
  // Within an edit, so that only the parser can tell: the entry point or the
  // CheckSum stand before the section table, whose edit raises VirtualSize.
  patched_ = Bytes(patched_.size(), 0);
  plan_.edits = {{FileOffset{0}, original_, patched_, "everything"}};
  EXPECT_TRUE(Check().starts_with("not a PE file")) << Check();
}

}  // namespace
}  // namespace detachfix
