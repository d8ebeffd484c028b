// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildPe;
using test::BuiltPe;
using test::ErrorOf;
using test::ExpectMessages;
using test::FullSpec;
using test::MustRead;
using test::PeSpec;

TEST(PeHeaders, ReadsEveryField) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"DllCharacteristics", 0x140}};
  const BuiltPe pe = BuildPe(spec);
  const PeImage image = MustRead(pe.bytes);
  EXPECT_EQ(image.bytes, pe.bytes);
  EXPECT_EQ(image.machine, 0x14c);
  EXPECT_EQ(image.characteristics, 0x2102);
  EXPECT_EQ(image.time_date_stamp, 0x3338158du);
  EXPECT_EQ(image.major_linker_version, 3);
  EXPECT_EQ(image.minor_linker_version, 10);
  EXPECT_EQ(image.entry_point, Rva{0x1000});
  EXPECT_EQ(image.image_base, 0x77a80000u);
  EXPECT_EQ(image.section_alignment, 0x1000u);
  EXPECT_EQ(image.file_alignment, 0x200u);
  EXPECT_EQ(image.size_of_image, 0x8000u);
  EXPECT_EQ(image.size_of_headers, 0x400u);
  EXPECT_EQ(image.dll_characteristics, 0x140);
  EXPECT_EQ(image.directory_count, 16u);
  EXPECT_EQ(image.directory(Directory::kExport).rva, 0x4000u);
  EXPECT_EQ(image.directory(Directory::kImportAddressTable).size, 0x14u);
}

TEST(PeHeaders, PlacesTheFieldsThatAreEdited) {
  const BuiltPe pe = BuildPe(FullSpec());
  const PeImage image = MustRead(pe.bytes);
  const auto at = [&](const char* field) {
    return FileOffset{pe.fields.at(field).offset};
  };
  EXPECT_EQ(image.pe_header_offset, at("Signature"));
  EXPECT_EQ(image.checksum_offset, at("CheckSum"));
  EXPECT_EQ(image.entry_point_offset, at("AddressOfEntryPoint"));
  EXPECT_EQ(image.size_of_image_offset, at("SizeOfImage"));
  EXPECT_EQ(image.number_of_sections_offset, at("NumberOfSections"));
  EXPECT_EQ(image.directories_offset, at("Directory[0].Rva"));
  EXPECT_EQ(image.section_table_offset, FileOffset{0x178});
  uint32_t checksum = 0;
  for (uint32_t i = 0; i < 4; ++i) {
    checksum |= uint32_t{pe.bytes[image.checksum_offset.value + i]} << 8 * i;
  }
  EXPECT_EQ(image.checksum, checksum);
}

TEST(PeHeaders, NamesTheFieldThatLies) {
  ExpectMessages({
      {"SizeOfOptionalHeader", 0x5f,
       "SizeOfOptionalHeader is 0x5f, a PE32 file needs 0x60"},
      {"SizeOfOptionalHeader", 0xffff,
       "optional header ends at 0x10097, file has 0x1320 bytes"},
      {"SizeOfOptionalHeader", 0xd8,
       "16 data directories end at 0x178, optional header at 0x170"},
      {"SectionAlignment", 0, "SectionAlignment is 0x0, not a power of two"},
      {"SectionAlignment", 0x1800,
       "SectionAlignment is 0x1800, not a power of two"},
      {"FileAlignment", 3, "FileAlignment is 0x3, not a power of two"},
      {"FileAlignment", 0x2000,
       "SectionAlignment is 0x1000, less than FileAlignment 0x2000"},
      {"SizeOfHeaders", 0x2000,
       "SizeOfHeaders is 0x2000, file has 0x1320 bytes"},
      {"SizeOfHeaders", 0x200,
       "section table ends at 0x290, SizeOfHeaders is 0x200"},
      {"SizeOfImage", 0, "SizeOfImage is 0x0, less than SizeOfHeaders 0x400"},
      {"ImageBase", 0xffffa000,
       "image ends at 0x100002000 (ImageBase 0xffffa000, SizeOfImage 0x8000), "
       "past 4 GiB"},
      {"AddressOfEntryPoint", 0x8000,
       "AddressOfEntryPoint is 0x8000, SizeOfImage is 0x8000"},
      {"NumberOfSections", 97,
       "NumberOfSections is 97, at most 96 can be loaded"},
      {"NumberOfSections", 96,
       "section table ends at 0x1078, SizeOfHeaders is 0x400"},
  });
}

TEST(PeHeaders, RefusesACutSectionTable) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"SizeOfHeaders", 0x200}};
  std::vector<uint8_t> bytes = BuildPe(spec).bytes;
  bytes.resize(0x200);
  EXPECT_EQ(ErrorOf(bytes),
            "section table ends at 0x290, file has 0x200 bytes");
}

TEST(PeHeaders, TakesMoreThanSixteenDirectoriesAsSixteen) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"NumberOfRvaAndSizes", 0xffffffff}};
  EXPECT_EQ(MustRead(spec).directory_count, 16u);
}

TEST(PeHeaders, LeavesOutDirectoriesThatAreNotCounted) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"NumberOfRvaAndSizes", 2}};
  const PeImage image = MustRead(spec);
  EXPECT_EQ(image.directory_count, 2u);
  EXPECT_EQ(image.imports.size(), 2u);
  EXPECT_EQ(image.directory(Directory::kBaseRelocation).rva, 0u);
  EXPECT_TRUE(image.relocations.empty());
}

TEST(PeHeaders, StandsAnImageWithoutEntryPoint) {
  PeSpec spec = FullSpec();
  spec.entry = "";
  EXPECT_EQ(MustRead(spec).entry_point, Rva{0});
}

}  // namespace
}  // namespace detachfix
