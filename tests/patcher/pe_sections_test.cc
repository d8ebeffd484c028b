// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "patcher/pe_parts.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildPe;
using test::ExpectMessages;
using test::FullSpec;
using test::MustRead;
using test::PeSpec;

TEST(PeSections, ReadsTheTable) {
  const PeImage image = MustRead(FullSpec());
  ASSERT_EQ(image.sections.size(), 7u);
  const Section& data = image.sections[1];
  EXPECT_EQ(data.name, ".data");
  EXPECT_EQ(data.header_offset, FileOffset{0x178 + 40});
  EXPECT_EQ(data.rva, Rva{0x2000});
  EXPECT_EQ(data.virtual_size, 0x800u);
  EXPECT_EQ(data.raw_offset, FileOffset{0x600});
  EXPECT_EQ(data.raw_size, 0x200u);
  EXPECT_EQ(data.characteristics, 0xc0000040u);
  EXPECT_TRUE(data.IsWritable());
  EXPECT_FALSE(data.IsExecutable());
  EXPECT_TRUE(image.sections[0].IsExecutable());
  EXPECT_FALSE(image.sections[0].IsWritable());
}

TEST(PeSections, NamesTheFieldThatLies) {
  ExpectMessages({
      {"Section[1].VirtualAddress", 0x2010,
       "section 2 (.data) begins at RVA 0x2010, not a multiple of "
       "SectionAlignment 0x1000"},
      {"Section[6].VirtualSize", 0x1001,
       "section 7 (.reloc) ends at RVA 0x8001, SizeOfImage is 0x8000"},
      {"Section[6].VirtualAddress", 0xfffff000,
       "section 7 (.reloc) ends at RVA 0xfffff024, SizeOfImage is 0x8000"},
      {"SizeOfImage", 0x7000,
       "section 7 (.reloc) ends at RVA 0x7024, SizeOfImage is 0x7000"},
      {"Section[1].VirtualSize", 0x1001,
       "section 3 (.idata) begins at RVA 0x3000, section 2 (.data) ends at "
       "0x3001"},
      {"Section[1].VirtualAddress", 0x1000,
       "section 2 (.data) begins at RVA 0x1000, section 1 (.text) ends at "
       "0x101e"},
      {"Section[0].VirtualAddress", 0,
       "section 1 (.text) begins at RVA 0x0, headers end at 0x400"},
      {"Section[6].PointerToRawData", 0x1200,
       "section 7 (.reloc) ends at 0x1400, file has 0x1320 bytes"},
      {"Section[6].SizeOfRawData", 0xffffffff,
       "section 7 (.reloc) ends at 0x100000fff, file has 0x1320 bytes"},
      {"Section[0].PointerToRawData", 0x200,
       "section 1 (.text) begins at 0x200, the section table ends at 0x290"},
      {"Section[0].PointerToRawData", 0x1ff,
       "section 1 (.text) begins at 0x0, the section table ends at 0x290"},
  });
}

TEST(PeSections, ShowsAnUnprintableName) {
  PeImage image;
  image.sections.resize(1);
  image.sections[0].name = "a\n\xff b";
  EXPECT_EQ(SectionText(image, 0), "section 1 (a?? b)");
}

TEST(PeSections, TakesRawSizeWhereVirtualSizeIsZero) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Section[0].VirtualSize", 0}};
  const PeImage image = MustRead(spec);
  EXPECT_EQ(image.sections[0].virtual_size, 0u);
  EXPECT_EQ(image.sections[0].MemorySize(), 0x200u);
}

TEST(PeSections, TakesASectionWithoutFilePointerAsEmpty) {
  // GNU ld of old wrote the size of .bss into SizeOfRawData.
  PeSpec spec = FullSpec();
  spec.overrides = {{"Section[1].PointerToRawData", 0},
                    {"Section[1].SizeOfRawData", 0x70000000},
                    {"Section[1].VirtualSize", 0x900}};
  const PeImage image = MustRead(spec);
  EXPECT_EQ(image.sections[1].raw_size, 0u);
  EXPECT_EQ(image.sections[1].MemorySize(), 0x900u);
  spec.overrides = {{"Section[1].PointerToRawData", 0},
                    {"Section[1].SizeOfRawData", 0x900},
                    {"Section[1].VirtualSize", 0}};
  EXPECT_EQ(MustRead(spec).sections[1].MemorySize(), 0x900u);
}

TEST(PeSections, RoundsTheFilePointerDownToASector) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Section[1].PointerToRawData", 0x6ff}};
  EXPECT_EQ(MustRead(spec).sections[1].raw_offset, FileOffset{0x600});
}

TEST(PeSections, ReadsAlignmentBelowAPage) {
  // As drivers and EFI programs have it: memory is laid out like the file.
  PeSpec spec;
  spec.section_alignment = 0x20;
  spec.file_alignment = 0x20;
  spec.entry = "entry";
  spec.sections = {{".text", "entry: c3"}, {".data", "01", test::kDataFlags}};
  const PeImage image = MustRead(spec);
  ASSERT_EQ(image.sections.size(), 2u);
  EXPECT_EQ(image.sections[0].rva.value, image.sections[0].raw_offset.value);
  EXPECT_EQ(image.sections[1].rva.value, image.sections[1].raw_offset.value);
  EXPECT_EQ(ToRva(image, image.sections[1].raw_offset), image.sections[1].rva);
}

TEST(PeSections, MarksSectionsThatShareFileBytes) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Section[1].PointerToRawData", 0x400}};
  const PeImage image = MustRead(spec);
  EXPECT_TRUE(image.sections[0].shares_file_bytes);
  EXPECT_TRUE(image.sections[1].shares_file_bytes);
  EXPECT_FALSE(image.sections[2].shares_file_bytes);
  EXPECT_EQ(ToOffset(image, Rva{0x1000}), std::nullopt);
  EXPECT_EQ(ToOffset(image, Rva{0x2000}), std::nullopt);
  EXPECT_EQ(ToOffset(image, Rva{0x3000}), FileOffset{0x800});
}

}  // namespace
}  // namespace detachfix
