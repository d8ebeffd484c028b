// SPDX-License-Identifier: Apache-2.0
#include "patcher/draft.h"

#include <gtest/gtest.h>

#include "patcher/number_bytes.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::LeakySpec;
using test::MustRead;
using test::PeSpec;

Draft MakeDraft(const PeImage& image) {
  return Draft(image, FindCaves(image, References(image)));
}

std::string NameOf(const PeImage& image, const std::optional<Piece>& piece) {
  return piece ? image.sections[piece->section].name : "none";
}

// .text, .data, .idata, .edata, .reloc in this order, each with slack.

TEST(Draft, PutsCodeWhereCodeRuns) {
  const PeImage image = MustRead(LeakySpec());
  Draft draft = MakeDraft(image);
  EXPECT_EQ(NameOf(image, draft.Take({16, 1, true})), ".text");
}

TEST(Draft, PutsASlotWhereItMayBeWritten) {
  const PeImage image = MustRead(LeakySpec());
  Draft draft = MakeDraft(image);
  EXPECT_EQ(NameOf(image, draft.Take({8, 4, false, true})), ".data");
}

TEST(Draft, PutsNoSlotIntoASharedSection) {
  PeSpec spec = LeakySpec();
  spec.sections[1].characteristics |= 0x10000000;  // IMAGE_SCN_MEM_SHARED
  const PeImage image = MustRead(spec);
  Draft draft = MakeDraft(image);
  EXPECT_EQ(NameOf(image, draft.Take({8, 4, false, true})), ".idata");
}

TEST(Draft, UsesNoSectionThatMayBeDiscarded) {
  const PeImage image = MustRead(LeakySpec());
  ASSERT_EQ(image.sections.back().name, ".reloc");
  Draft draft = MakeDraft(image);
  EXPECT_EQ(draft.Take({8, 4, false, false, image.sections.size() - 1}),
            std::nullopt);
}

TEST(Draft, HandsOutEachByteOnce) {
  const PeImage image = MustRead(LeakySpec());
  Draft draft = MakeDraft(image);
  const std::optional<Piece> first = draft.Take({5, 1, true});
  const std::optional<Piece> second = draft.Take({4, 4, true});
  ASSERT_TRUE(first && second);
  EXPECT_GE(second->rva, first->rva + 5);
  EXPECT_EQ(second->rva.value % 4, 0u);
  EXPECT_EQ(second->offset.value - first->offset.value,
            second->rva.value - first->rva.value);
}

TEST(Draft, RaisesVirtualSizeToTheLastPiece) {
  const PeImage image = MustRead(LeakySpec());
  Draft draft = MakeDraft(image);
  const std::optional<Piece> piece = draft.Take({16, 1, true});
  ASSERT_TRUE(piece);
  draft.Fill(*piece, Bytes(16, 0x90), "nops");
  const std::vector<Edit> edits = draft.Finish();
  ASSERT_EQ(edits.size(), 2u);
  EXPECT_EQ(edits[0].offset, image.sections[0].header_offset + 8);
  EXPECT_EQ(edits[0].after,
            ToBytes32(piece->rva.value + 16 - image.sections[0].rva.value));
  EXPECT_EQ(edits[0].why, ".text VirtualSize raised to cover what is added");
  EXPECT_EQ(edits[1].offset, piece->offset);
}

TEST(Draft, DropsAnEditThatChangesNothing) {
  const PeImage image = MustRead(LeakySpec());
  Draft draft = MakeDraft(image);
  draft.Replace(FileOffset{0}, {'M', 'Z'}, "as it was");
  EXPECT_TRUE(draft.Finish().empty());
}

TEST(Draft, AppendsASectionWithWhatItHolds) {
  const PeImage image = MustRead(LeakySpec());
  const Result<Cave> room = FindNewSectionRoom(image, 0x1000);
  ASSERT_TRUE(room) << room.error().message;
  Draft draft(image, {*room});
  const std::optional<Piece> code = draft.Take({3, 1, true});
  const std::optional<Piece> data = draft.Take({4, 4});
  ASSERT_TRUE(code && data);
  draft.Fill(*code, {1, 2, 3}, "code");
  draft.Fill(*data, {4, 5, 6, 7}, "data");
  EXPECT_EQ(draft.padding(), 0x200u - 8);
  const Result<Bytes> bytes = Apply(draft.Finish(), image.bytes);
  ASSERT_TRUE(bytes) << bytes.error().message;
  const PeImage after = MustRead(*bytes);
  ASSERT_EQ(after.sections.size(), image.sections.size() + 1);
  const Section& section = after.sections.back();
  EXPECT_EQ(section.name, ".detach");
  EXPECT_EQ(section.virtual_size, 8u);
  EXPECT_EQ(section.raw_size, 0x200u);
  EXPECT_EQ(section.characteristics, 0x60000020u);
  EXPECT_EQ(after.size_of_image, image.size_of_image + 0x1000);
  EXPECT_EQ(after.bytes.size(), section.raw_offset.value + 0x200u);
  const auto begin = after.bytes.begin() + section.raw_offset.value;
  EXPECT_EQ(Bytes(begin, begin + 8), (Bytes{1, 2, 3, 0, 4, 5, 6, 7}));
}

}  // namespace
}  // namespace detachfix
