// SPDX-License-Identifier: Apache-2.0
// Expected places come from the builder's layout: headers up to 0x400, then
// each section's 0x200 bytes; RVAs from 0x1000 in steps of 0x1000.
#include "patcher/cave.h"

#include <gtest/gtest.h>

#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildPe;
using test::BuiltPe;
using test::kDataFlags;
using test::MustRead;
using test::PeSpec;

/// A DLL of `.text` with `content` and a `.data` of 16 bytes.
PeSpec TextSpec(const std::string& content) {
  PeSpec spec;
  spec.entry = "entry";
  spec.sections = {{".text", content}, {".data", "zero:16", kDataFlags}};
  return spec;
}

std::vector<Cave> CavesOf(const PeImage& image) {
  return FindCaves(image, References(image));
}

const Cave* CaveIn(const std::vector<Cave>& caves, size_t section) {
  for (const Cave& cave : caves) {
    if (cave.section == section) return &cave;
  }
  return nullptr;
}

TEST(FindCaves, GivesWhatFollowsTheContentOfASection) {
  const PeImage image = MustRead(TextSpec("entry: 31 c0 c2 0c 00 fill:59:50"));
  const std::vector<Cave> caves = CavesOf(image);
  ASSERT_NE(CaveIn(caves, 0), nullptr);
  const Cave& cave = *CaveIn(caves, 0);
  EXPECT_EQ(cave.kind, CaveKind::kSlack);
  EXPECT_EQ(cave.rva, Rva{0x1040});
  EXPECT_EQ(cave.offset, image.sections[0].raw_offset + 0x40);
  EXPECT_EQ(cave.size, 0x1c0u);
  EXPECT_EQ(cave.text, "slack of .text");
}

TEST(FindCaves, FindsNoneInAFullSection) {
  const PeImage image = MustRead(TextSpec("entry: c3 fill:511:50"));
  EXPECT_EQ(CaveIn(CavesOf(image), 0), nullptr);
}

TEST(FindCaves, FindsNoneWhereVirtualSizeIsZero) {
  PeSpec spec = TextSpec("entry: c3");
  spec.overrides = {{"Section[0].VirtualSize", 0}};
  EXPECT_EQ(CaveIn(CavesOf(MustRead(spec)), 0), nullptr);
}

TEST(FindCaves, FindsNoneWhereMemoryIsLargerThanTheFile) {
  PeSpec spec = TextSpec("entry: c3");
  spec.sections[0].virtual_size = 0x800;
  EXPECT_EQ(CaveIn(CavesOf(MustRead(spec)), 0), nullptr);
}

TEST(FindCaves, StaysWithinTheMappedPages) {
  PeSpec spec = TextSpec("entry: c3 fill:4351:00");  // 0x1100 bytes of file
  spec.sections[0].virtual_size = 0x10;
  // The builder puts .data behind the raw data; the pages end before.
  const std::vector<Cave> caves = CavesOf(MustRead(spec));
  ASSERT_NE(CaveIn(caves, 0), nullptr);
  EXPECT_EQ(CaveIn(caves, 0)->rva, Rva{0x1010});
  EXPECT_EQ(CaveIn(caves, 0)->size, 0xff0u);
}

TEST(FindCaves, LeavesBytesAloneThatAreNotPadding) {
  // Behind the content of 8 bytes: 24 bytes of int3, one of data, nops.
  PeSpec spec = TextSpec("entry: c3 fill:7:50 fill:24:cc 41 fill:32:90");
  spec.sections[0].virtual_size = 8;
  std::vector<std::pair<uint32_t, uint32_t>> found;
  for (const Cave& cave : CavesOf(MustRead(spec))) {
    if (cave.section == 0) found.emplace_back(cave.rva.value, cave.size);
  }
  const std::vector<std::pair<uint32_t, uint32_t>> expected = {
      {0x1008, 24}, {0x1021, 32}, {0x1041, 0x200 - 0x41}};
  EXPECT_EQ(found, expected);
}

TEST(FindCaves, EndsWhereAPointerLeads) {
  PeSpec spec = TextSpec("entry: b8 [.text+0x80] c2 0c 00 fill:8:00");
  spec.sections[0].virtual_size = 0x10;
  const std::vector<Cave> caves = CavesOf(MustRead(spec));
  ASSERT_NE(CaveIn(caves, 0), nullptr);
  EXPECT_EQ(CaveIn(caves, 0)->rva, Rva{0x1010});
  EXPECT_EQ(CaveIn(caves, 0)->size, 0x70u);
}

TEST(FindCaves, TakesAPointerToTheEndOfTheContentForAnEnd) {
  PeSpec spec = TextSpec("entry: b8 [.text+0x10] c2 0c 00 fill:8:00");
  spec.sections[0].virtual_size = 0x10;
  EXPECT_EQ(CaveIn(CavesOf(MustRead(spec)), 0)->size, 0x1f0u);
}

TEST(FindCaves, EndsWhereABranchLeads) {
  PeSpec spec = TextSpec("entry: e8 {.text+0x40} c2 0c 00 fill:8:00");
  spec.sections[0].virtual_size = 0x10;
  EXPECT_EQ(CaveIn(CavesOf(MustRead(spec)), 0)->size, 0x30u);
}

TEST(FindCaves, EndsWhereARelocationRewrites) {
  PeSpec spec = TextSpec("entry: c2 0c 00 fill:61:00 [.data] fill:8:00");
  spec.sections[0].virtual_size = 0x10;
  // The word itself is not zero, so it ends the run in any case; a relocated
  // word of zeros must as well.
  BuiltPe pe = BuildPe(spec);
  const PeImage built = MustRead(pe.bytes);
  for (uint32_t i = 0; i < 4; ++i) {
    pe.bytes[built.sections[0].raw_offset.value + 0x40 + i] = 0;
  }
  const PeImage image = MustRead(pe.bytes);
  ASSERT_TRUE(RelocationIn(image, Rva{0x1040}, 4));
  EXPECT_EQ(CaveIn(CavesOf(image), 0)->size, 0x30u);
}

TEST(FindCaves, LeavesADirectoryAlone) {
  PeSpec spec = TextSpec("entry: c3");
  spec.overrides = {{"Directory[8].Rva", 0x1100}, {"Directory[8].Size", 0x10}};
  std::vector<std::pair<uint32_t, uint32_t>> found;
  for (const Cave& cave : CavesOf(MustRead(spec))) {
    if (cave.section == 0) found.emplace_back(cave.rva.value, cave.size);
  }
  const std::vector<std::pair<uint32_t, uint32_t>> expected = {{0x1001, 0xff},
                                                               {0x1110, 0xf0}};
  EXPECT_EQ(found, expected);
}

TEST(FindRawSlack, ReachesBehindTheMappedPages) {
  PeSpec spec = TextSpec("entry: c3 fill:4351:00");
  spec.sections[0].virtual_size = 0x10;
  const std::vector<Cave> slack = FindRawSlack(MustRead(spec));
  ASSERT_FALSE(slack.empty());
  EXPECT_EQ(slack[0].size, 0x1200u - 0x10);
}

TEST(FindNewSectionRoom, FollowsTheLastSectionAndTheOverlay) {
  PeSpec spec = TextSpec("entry: c3");
  spec.overlay = {1, 2, 3};
  const PeImage image = MustRead(spec);
  const Result<Cave> room = FindNewSectionRoom(image, 0x1000);
  ASSERT_TRUE(room) << room.error().message;
  EXPECT_EQ(room->kind, CaveKind::kNewSection);
  EXPECT_EQ(room->rva, Rva{image.size_of_image});
  EXPECT_EQ(room->offset.value % 0x200, 0u);
  EXPECT_GE(room->offset.value, image.bytes.size());
  EXPECT_LT(room->offset.value, image.bytes.size() + 0x200);
}

TEST(FindNewSectionRoom, BeginsAWholeSectorWhateverFileAlignmentSays) {
  PeSpec spec = TextSpec("entry: c3");
  spec.overrides = {{"FileAlignment", 0x10}};
  spec.overlay = {1, 2, 3};
  const Result<Cave> room = FindNewSectionRoom(MustRead(spec), 0x1000);
  ASSERT_TRUE(room) << room.error().message;
  EXPECT_EQ(room->offset.value % 0x200, 0u);
}

TEST(FindNewSectionRoom, SaysThatTheHeadersAreFull) {
  PeSpec spec = TextSpec("entry: c3");
  for (int i = 0; i < 5; ++i) {
    spec.sections.push_back({".d" + std::to_string(i), "zero:4", kDataFlags});
  }
  const PeImage built = MustRead(spec);
  BuiltPe pe = BuildPe(spec);
  const uint32_t end = built.section_table_offset.value +
                       40 * static_cast<uint32_t>(built.sections.size());
  pe.bytes[end + 39] = 1;
  EXPECT_EQ(FindNewSectionRoom(MustRead(pe.bytes), 0x1000).error().message,
            "the byte at 0x2b7 behind the section headers is not zero: no room "
            "for another header of 0x28 bytes");
}

TEST(FindNewSectionRoom, StopsBeforeTheBoundImportTable) {
  PeSpec spec = test::LeakySpec();
  spec.imports[0].bound_stamp = 0x3300;
  const Result<Cave> room = FindNewSectionRoom(MustRead(spec), 0x1000);
  ASSERT_FALSE(room);
  EXPECT_EQ(room.error().message,
            "the section headers end at 0x240 and what follows them begins at "
            "0x240: no room for another header of 0x28 bytes");
  EXPECT_TRUE(
      FindNewSectionRoom(MustRead(spec), 0x1000, BoundImports::kCleared));
}

}  // namespace
}  // namespace detachfix
