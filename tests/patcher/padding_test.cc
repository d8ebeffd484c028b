// SPDX-License-Identifier: Apache-2.0
#include "patcher/padding.h"

#include <gtest/gtest.h>

#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::LeakySpec;
using test::MustRead;
using test::PeSpec;

/// The image of LeakySpec with `content` for its code; .text is at 0x1000.
PeSpec TextSpec(const std::string& content) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = content;
  return spec;
}

/// RVA and size of each run of padding.
std::vector<std::pair<uint32_t, uint32_t>> Padding(const PeSpec& spec) {
  const PeImage image = MustRead(spec);
  std::vector<std::pair<uint32_t, uint32_t>> found;
  for (const Cave& cave :
       FindPadding(image, References(image), FindKnownCode(image, {}))) {
    EXPECT_EQ(cave.kind, CaveKind::kPadding);
    EXPECT_EQ(cave.text, "padding of .text");
    found.emplace_back(cave.rva.value, cave.size);
  }
  return found;
}

using Runs = std::vector<std::pair<uint32_t, uint32_t>>;

TEST(FindPadding, LiesBetweenFunctions) {
  const PeSpec spec =
      TextSpec("entry: e8 {next} c2 0c 00 fill:24:cc next: b8 [.data] c3");
  EXPECT_EQ(Padding(spec), (Runs{{0x1008, 24}}));
}

TEST(FindPadding, LiesBehindTheLastFunction) {
  PeSpec spec = TextSpec("entry: b8 [.data] c2 0c 00 fill:64:00");
  EXPECT_EQ(Padding(spec), (Runs{{0x1008, 64}}));
  spec.sections[0].virtual_size = 0x800;  // content ends with the raw data
  EXPECT_EQ(Padding(spec), (Runs{{0x1008, 0x1f8}}));
}

TEST(FindPadding, FollowsADirectJump) {
  const PeSpec spec =
      TextSpec("entry: b8 [.data] e9 {next} fill:24:90 next: c2 0c 00");
  EXPECT_EQ(Padding(spec), (Runs{{0x100a, 24}}));
}

TEST(FindPadding, IsNotWhatFollowsAnIndirectJump) {
  EXPECT_EQ(Padding(TextSpec("entry: b8 [.data] ff e0 fill:64:00")), Runs{});
}

TEST(FindPadding, EndsWhereABranchLeads) {
  EXPECT_EQ(Padding(TextSpec("entry: b8 [.data] 0f 84 {on} c2 0c 00 "
                             "fill:8:90 on: fill:32:90 c3")),
            (Runs{{0x100e, 8}}));
}

TEST(FindPadding, IsNotReachedByABranchOfCodeThatIsNotKnown) {
  EXPECT_EQ(Padding(TextSpec("entry: b8 [.data] c2 0c 00 fill:32:90 on: "
                             "fill:32:90 next: c3 e9 {on}")),
            Runs{});
}

TEST(FindPadding, IsNotWhatAPointerLeadsTo) {
  EXPECT_EQ(Padding(TextSpec("entry: b8 [table] c2 0c 00 table: fill:64:00")),
            Runs{});
  EXPECT_EQ(
      Padding(TextSpec("entry: b8 [table] c2 0c 00 zero:32 table: fill:32:00")),
      Runs{});
}

TEST(FindPadding, IsNotTheStartOfSomethingElse) {
  EXPECT_EQ(Padding(TextSpec("entry: b8 [.data] c2 0c 00 fill:32:00 01 02")),
            Runs{});
}

TEST(FindPadding, EndsAtAnExport) {
  PeSpec spec = TextSpec("entry: b8 [.data] c2 0c 00 fill:32:00 out: 00");
  spec.sections[0].content += " fill:31:00";
  EXPECT_EQ(Padding(spec), (Runs{{0x1008, 64}}));
  spec.exports.push_back({"Table", "out"});
  EXPECT_EQ(Padding(spec), (Runs{{0x1008, 32}}));
}

TEST(FindPadding, IsNoneWithoutRelocations) {
  PeSpec spec = TextSpec("entry: b8 [.data] c2 0c 00 fill:64:00");
  spec.relocations = false;
  EXPECT_EQ(Padding(spec), Runs{});
}

TEST(FindPadding, IsNotWhatADirectoryCovers) {
  PeSpec spec = TextSpec("entry: b8 [.data] c2 0c 00 fill:64:00");
  spec.overrides = {{"Directory[8].Rva", 0x1020}, {"Directory[8].Size", 4}};
  EXPECT_EQ(Padding(spec), Runs{});
}

}  // namespace
}  // namespace detachfix
