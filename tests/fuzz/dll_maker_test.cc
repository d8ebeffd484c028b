// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/dll_maker.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "tests/fuzz/check_pipeline.h"

namespace detachfix::fuzz {
namespace {

/// What becomes of DLLs made from a seeded generator's decisions.
std::map<Got, int> Outcomes(int count) {
  std::mt19937 random(20);
  std::map<Got, int> outcomes;
  for (int i = 0; i < count; ++i) {
    std::vector<uint8_t> bytes(100);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    Choices choices(bytes);
    ++outcomes[CheckPipeline(test::BuildPe(MakeDll(choices)).bytes)];
  }
  return outcomes;
}

// A fuzz target that never gets to a plan would find nothing and say so.
TEST(DllMaker, GetsToEveryStageOften) {
  const int count = 300;
  std::map<Got, int> outcomes = Outcomes(count);
  EXPECT_GE(outcomes[Got::kPatchedBack], count / 10);
  EXPECT_GE(outcomes[Got::kJudged], count / 10);
  EXPECT_GE(outcomes[Got::kRefused], 1);
  EXPECT_GE(outcomes[Got::kUnread], 1);
  for (const auto& [got, times] : outcomes) {
    RecordProperty("got_" + std::to_string(static_cast<int>(got)), times);
    std::cout << "got " << static_cast<int>(got) << ": " << times << "\n";
  }
}

TEST(DllMaker, MakesADllOfNoDecisions) {
  Choices none({});
  const test::PeSpec spec = MakeDll(none);
  EXPECT_EQ(CheckPipeline(test::BuildPe(spec).bytes), Got::kJudged);
}

}  // namespace
}  // namespace detachfix::fuzz
