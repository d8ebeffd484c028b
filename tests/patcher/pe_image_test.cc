// SPDX-License-Identifier: Apache-2.0
// Whole files, and files that somebody has damaged: whatever the bytes are,
// the answer is an image that keeps its promises or one line of text.
#include "patcher/pe_image.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildPe;
using test::BuiltPe;
using test::ErrorOf;
using test::FullSpec;
using test::MustRead;
using test::PeSpec;

// What pe_image.h promises of every image that is read.
void ExpectInRange(const PeImage& image) {
  const uint64_t size = image.bytes.size();
  for (const Section& section : image.sections) {
    ASSERT_LE(uint64_t{section.raw_offset.value} + section.raw_size, size);
    ASSERT_LE(section.header_offset.value + uint64_t{40}, size);
  }
  for (const BaseRelocation& relocation : image.relocations) {
    ASSERT_LT(relocation.rva.value, image.size_of_image);
  }
  for (const ExportedFunction& function : image.exports) {
    ASSERT_LT(function.rva.value, image.size_of_image);
  }
  for (const ImportDescriptor& import : image.imports) {
    ASSERT_LE(import.offset.value + uint64_t{20}, size);
  }
  for (const DebugEntry& entry : image.debug) {
    ASSERT_LE(uint64_t{entry.raw_offset} + entry.size, size);
  }
  ASSERT_EQ(uint64_t{image.overlay_offset.value} + image.overlay_size, size);
  const CodeView view = MakeCodeView(image);
  for (size_t i = 0; i < view.regions.size(); ++i) {
    ASSERT_LE(view.regions[i].content.size(), view.regions[i].size);
    if (i == 0) continue;
    ASSERT_LE(
        uint64_t{view.regions[i - 1].begin.value} + view.regions[i - 1].size,
        view.regions[i].begin.value);
  }
}

void ExpectAnswer(const std::vector<uint8_t>& bytes) {
  const Result<ReadPe> read = ReadPeImage(bytes);
  if (!read) {
    ASSERT_FALSE(read.error().message.empty());
    ASSERT_EQ(read.error().message.find('\n'), std::string::npos);
    return;
  }
  ASSERT_NE(read->image.has_value(), read->other.has_value());
  if (read->image) ExpectInRange(*read->image);
}

TEST(PeImage, KeepsItsPromisesOnAGoodFile) {
  const PeImage image = MustRead(FullSpec());
  ExpectInRange(image);
  EXPECT_EQ(image.imports.size(), 2u);
}

TEST(PeImage, CountsTheOverlay) {
  PeSpec spec;
  spec.sections = {{".text", "c3"}};
  EXPECT_EQ(MustRead(spec).overlay_size, 0u);
  EXPECT_EQ(MustRead(spec).overlay_offset, FileOffset{0x400});
  spec.overlay = {1, 2, 3};
  EXPECT_EQ(MustRead(spec).overlay_size, 3u);
}

TEST(PeImage, ReadsAFileWithoutSections) {
  const PeImage image = MustRead(PeSpec{});
  EXPECT_TRUE(image.sections.empty());
  EXPECT_EQ(image.overlay_size, 0u);
}

TEST(PeImage, ReadsAStatedNumberOfSymbolsWithoutTable) {
  // KB Q153658 prints this of a shipped file: "symbol table ptr 0, 2D7
  // symbols".
  PeSpec spec = FullSpec();
  spec.overrides = {{"NumberOfSymbols", 0x2d7}};
  EXPECT_EQ(MustRead(spec).sections.size(), 7u);
  spec.overrides = {{"NumberOfSymbols", 0x2d7},
                    {"PointerToSymbolTable", 0xfffffff0}};
  EXPECT_EQ(MustRead(spec).sections.size(), 7u);
}

// FullSpec's headers with `count` data directories and nothing behind them but
// the section table.
std::vector<uint8_t> WithShortHeader(uint32_t count) {
  BuiltPe pe = BuildPe(FullSpec());
  const auto table = pe.bytes.begin() + 0x178;
  const auto wanted = pe.bytes.begin() + 0xf8 + ptrdiff_t{count} * 8;
  std::copy(table, table + ptrdiff_t{7} * 40, wanted);
  pe.bytes[pe.fields.at("SizeOfOptionalHeader").offset] =
      static_cast<uint8_t>(0x60 + count * 8);
  pe.bytes[pe.fields.at("NumberOfRvaAndSizes").offset] =
      static_cast<uint8_t>(count);
  return pe.bytes;
}

TEST(PeImage, ReadsFewerThanSixteenDirectories) {
  for (const uint32_t count : {0u, 2u, 6u, 15u}) {
    const PeImage image = MustRead(WithShortHeader(count));
    EXPECT_EQ(image.directory_count, count);
    EXPECT_EQ(image.sections.size(), 7u);
    EXPECT_EQ(image.imports.size(), count > 1 ? 2u : 0u);
    EXPECT_EQ(image.relocations.size(), count > 5 ? 8u : 0u);
  }
}

TEST(PeImage, RefusesShortHeadersThatAreFull) {
  BuiltPe pe = BuildPe(FullSpec());
  std::vector<uint8_t> bytes = WithShortHeader(0);
  bytes[pe.fields.at("SizeOfHeaders").offset + 1] = 2;
  // The table now ends at 0x210; what was behind it goes.
  std::fill(bytes.begin() + 0x210, bytes.begin() + 0x400, uint8_t{0});
  bytes[pe.fields.at("SizeOfHeaders").offset] = 0x10;
  EXPECT_EQ(ErrorOf(bytes),
            "headers of 0x210 bytes have no room for 16 data directories and 7 "
            "sections");
}

TEST(PeImage, AnswersForEveryTruncation) {
  const std::vector<uint8_t> whole = BuildPe(FullSpec()).bytes;
  for (size_t size = 0; size < whole.size(); ++size) {
    SCOPED_TRACE(size);
    const std::vector<uint8_t> cut(
        whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    // The certificate is the last that counts: nothing shorter is whole.
    ASSERT_NE(ErrorOf(cut), "no error");
  }
  EXPECT_EQ(ErrorOf(whole), "no error");
}

TEST(PeImage, AnswersForEveryFieldAtItsEdges) {
  for (const auto& [name, field] : BuildPe(FullSpec()).fields) {
    for (const uint32_t value :
         {0u, 1u, 0x7fu, 0x80u, 0xfffu, 0x1000u, 0x7fffu, 0xffffu, 0x7ffffu,
          0x7fffffffu, 0x80000000u, 0xfffffff0u, 0xffffffffu}) {
      SCOPED_TRACE(name + " = " + std::to_string(value));
      PeSpec spec = FullSpec();
      spec.overrides = {{name, value}};
      ASSERT_NO_FATAL_FAILURE(ExpectAnswer(BuildPe(spec).bytes));
    }
  }
}

TEST(PeImage, AnswersForFlippedBytes) {
  constexpr uint32_t kSeed = 238493;
  std::mt19937 random(kSeed);
  const std::vector<uint8_t> whole = BuildPe(FullSpec()).bytes;
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> bytes = whole;
    // Headers and tables are a small part of the file: aim at them.
    const uint32_t limit = round % 2 == 0 ? 0x300 : 0x1320;
    for (uint32_t flips = random() % 8 + 1; flips > 0; --flips) {
      bytes[random() % limit] = static_cast<uint8_t>(random());
    }
    SCOPED_TRACE("seed 238493, round " + std::to_string(round));
    ASSERT_NO_FATAL_FAILURE(ExpectAnswer(bytes));
  }
}

}  // namespace
}  // namespace detachfix
