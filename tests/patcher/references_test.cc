// SPDX-License-Identifier: Apache-2.0
#include "patcher/references.h"

#include <gtest/gtest.h>

#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::kDataFlags;
using test::MustRead;
using test::PeSpec;

/// `.text` at 0x1000 with `content`, `.data` at 0x2000, entry at 0x1000.
PeImage TextImage(const std::string& content) {
  PeSpec spec;
  spec.entry = "entry";
  spec.sections = {{".text", "entry: " + content},
                   {".data", "zero:16", kDataFlags}};
  return MustRead(spec);
}

std::string TextInto(const PeImage& image, uint32_t begin, uint32_t size) {
  const std::optional<References::Found> found =
      References(image).Into(Rva{begin}, size);
  return found ? found->text : "";
}

TEST(References, FindsEachKindOfNearBranch) {
  const PeImage image = TextImage(
      "e8 {.text+0x80} e9 {.text+0x90} 0f 84 {.text+0xa0} fill:256:cc");
  EXPECT_EQ(TextInto(image, 0x1080, 1), "a branch at 0x1000");
  EXPECT_EQ(TextInto(image, 0x1090, 1), "a branch at 0x1005");
  EXPECT_EQ(TextInto(image, 0x10a0, 1), "a branch at 0x100a");
}

TEST(References, FindsABranchThatNoInstructionStartsWith) {
  const PeImage image = TextImage("b8 e9 {.text+0x80} fill:256:cc");
  EXPECT_EQ(TextInto(image, 0x1080, 1), "a branch at 0x1001");
}

TEST(References, FindsPointersExportsAndTheEntry) {
  PeSpec spec = test::LeakySpec();
  spec.sections[1].content = "zero:16 [.text+0x80]";
  spec.exports = {{"First", ".text+0x90"}, {"", ".text+0xa0"}};
  const PeImage image = MustRead(spec);
  EXPECT_EQ(TextInto(image, 0x1080, 1), "a pointer at 0x2010");
  EXPECT_EQ(TextInto(image, 0x1090, 1), "export First");
  EXPECT_EQ(TextInto(image, 0x10a0, 1), "export #2");
  EXPECT_EQ(TextInto(image, 0x1000, 1), "the loader");
}

TEST(References, LooksAtTheGivenRangeOnly) {
  const PeImage image = TextImage("e8 {.text+0x80} fill:256:cc");
  EXPECT_EQ(TextInto(image, 0x1070, 0x10), "");
  EXPECT_EQ(TextInto(image, 0x1070, 0x11), "a branch at 0x1000");
  EXPECT_EQ(TextInto(image, 0x1081, 0x10), "");
}

TEST(References, SayWhenPointersAreNotKnown) {
  PeSpec spec = test::LeakySpec();
  EXPECT_TRUE(References(MustRead(spec)).pointers_known());
  spec.relocations = false;
  EXPECT_FALSE(References(MustRead(spec)).pointers_known());
}

TEST(RelocationIn, SeesEveryByteThatIsRewritten) {
  const PeImage image = TextImage("b8 [.data] c3");  // rewrites 0x1001..0x1004
  EXPECT_EQ(RelocationIn(image, Rva{0x1001}, 1), Rva{0x1001});
  EXPECT_EQ(RelocationIn(image, Rva{0x1004}, 1), Rva{0x1001});
  EXPECT_EQ(RelocationIn(image, Rva{0x1005}, 8), std::nullopt);
  EXPECT_EQ(RelocationIn(image, Rva{0x1000}, 1), std::nullopt);
}

}  // namespace
}  // namespace detachfix
