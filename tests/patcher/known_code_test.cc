// SPDX-License-Identifier: Apache-2.0
#include "patcher/known_code.h"

#include <gtest/gtest.h>

#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::MustRead;
using test::PeSpec;

std::vector<uint32_t> Addresses(const KnownCode& code) {
  std::vector<uint32_t> addresses;
  for (const auto& [rva, instruction] : code.instructions) {
    addresses.push_back(rva.value);
  }
  return addresses;
}

PeSpec TextSpec(const std::string& content) {
  PeSpec spec = test::LeakySpec();
  spec.exports.clear();
  spec.sections[0].content = content;
  return spec;
}

TEST(FindKnownCode, FollowsCallsBranchesAndExports) {
  PeSpec spec = TextSpec(
      "entry: e8 {helper} c2 0c 00 cc helper: 74 (on) c3 cc on: c3 cc "
      "exported: 90 c3");
  spec.exports = {{"Exported", "exported"}, {"Variable", ".data"}};
  EXPECT_EQ(Addresses(FindKnownCode(MustRead(spec), {})),
            (std::vector<uint32_t>{0x1000, 0x1005, 0x1009, 0x100b, 0x100d,
                                   0x100f, 0x1010}));
}

TEST(FindKnownCode, HoldsWhatTheTracesRanAndWhatFollows) {
  EntryTraces traces;
  traces.detach.visited = {Rva{0x1004}};
  const PeImage image = MustRead(TextSpec("entry: ff e0 cc cc 90 c3"));
  const KnownCode code = FindKnownCode(image, traces);
  EXPECT_EQ(Addresses(code), (std::vector<uint32_t>{0x1000, 0x1004, 0x1005}));
  EXPECT_TRUE(code.entry_jumps_indirectly);
  EXPECT_FALSE(code.entry_has_unknown);
}

TEST(FindKnownCode, LeavesOutWhatIsNoInstruction) {
  const KnownCode code =
      FindKnownCode(MustRead(TextSpec("entry: 74 (on) c3 on: 0f ff")), {});
  EXPECT_EQ(Addresses(code), (std::vector<uint32_t>{0x1000, 0x1002}));
  EXPECT_TRUE(code.entry_has_unknown);
}

TEST(FindKnownCode, SaysWhenThereIsMoreThanItLooksAt) {
  std::string nops = "entry:";
  for (int i = 0; i < 100'001; ++i) nops += " 90";
  EXPECT_FALSE(FindKnownCode(MustRead(TextSpec(nops + " c3")), {}).is_all);
  EXPECT_TRUE(FindKnownCode(MustRead(TextSpec("entry: 90 c3")), {}).is_all);
}

}  // namespace
}  // namespace detachfix
