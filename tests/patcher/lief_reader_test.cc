// SPDX-License-Identifier: Apache-2.0
#include "patcher/lief_reader.h"

#include <gtest/gtest.h>

#include "patcher/pe_parts.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildPe;
using test::FullSpec;
using test::MustRead;

LiefFile MustReadWithLief() {
  Result<LiefFile> file = ReadWithLief(BuildPe(FullSpec()).bytes);
  EXPECT_TRUE(file);
  return file ? *file : LiefFile{};
}

TEST(LiefReader, GivesPlainFields) {
  const LiefFile file = MustReadWithLief();
  EXPECT_EQ(file.machine, 0x14c);
  EXPECT_EQ(file.characteristics, 0x2102);
  EXPECT_EQ(file.time_date_stamp, 0x3338158du);
  EXPECT_EQ(file.image_base, 0x77a80000u);
  ASSERT_EQ(file.sections.size(), 7u);
  EXPECT_EQ(file.sections[1].rva, 0x2000u);
  EXPECT_EQ(file.sections[1].virtual_size, 0x800u);
  EXPECT_EQ(file.sections[1].raw_offset, 0x600u);
  EXPECT_EQ(file.sections[1].raw_size, 0x200u);
  ASSERT_GE(file.directories.size(), 13u);
  EXPECT_EQ(file.directories[12].rva, 0x3000u);
  ASSERT_EQ(file.imports.size(), 2u);
  EXPECT_EQ(file.imports[0].dll, "KERNEL32.dll");
  ASSERT_EQ(file.imports[0].functions.size(), 2u);
  EXPECT_EQ(file.imports[0].functions[0].name, "InitializeCriticalSection");
  EXPECT_EQ(file.imports[0].functions[1].name, "");
  EXPECT_EQ(file.imports[0].functions[1].ordinal, 115);
  EXPECT_EQ(file.imports[0].functions[1].slot, 0x3004u);
  EXPECT_EQ(file.relocations.size(), 10u);  // with one ABSOLUTE in each block
}

TEST(LiefReader, TurnsExceptionsIntoErrors) {
  for (const size_t size : {0u, 1u, 0x40u, 0x81u}) {
    std::vector<uint8_t> bytes = BuildPe(FullSpec()).bytes;
    bytes.resize(size);
    const Result<LiefFile> file = ReadWithLief(bytes);
    ASSERT_FALSE(file) << size;
    EXPECT_EQ(file.error().message.substr(0, 4), "LIEF");
  }
}

TEST(LiefReader, StatesItsVersion) {
  EXPECT_EQ(LiefVersion().find_first_not_of("0123456789."), std::string::npos);
  EXPECT_NE(LiefVersion().find('.'), std::string::npos);
}

// The message when LIEF had read one thing differently.
std::string Disagreement(void (*change)(LiefFile&)) {
  PeImage image = MustRead(FullSpec());
  LiefFile file = MustReadWithLief();
  change(file);
  Result<void> result = AgreeWithLief(image, file);
  if (result) result = AgreeOnRelocations(image, file);
  return result ? "no error" : result.error().message;
}

TEST(LiefReader, IsContradictedWhereTheFileSaysOtherwise) {
  EXPECT_EQ(Disagreement([](LiefFile&) {}), "no error");
  EXPECT_EQ(Disagreement([](LiefFile& f) { f.size_of_image = 0x9000; }),
            "SizeOfImage is 0x8000 in the file, LIEF reads 0x9000");
  EXPECT_EQ(Disagreement([](LiefFile& f) { f.sections.pop_back(); }),
            "number of sections is 0x7 in the file, LIEF reads 0x6");
  EXPECT_EQ(
      Disagreement([](LiefFile& f) { f.sections[1].virtual_size = 0x600; }),
      "section 2 (.data): VirtualSize is 0x800 in the file, LIEF reads 0x600");
  EXPECT_EQ(Disagreement([](LiefFile& f) { f.directories[1].size = 1; }),
            "data directory 1: Size is 0x3c in the file, LIEF reads 0x1");
  EXPECT_EQ(Disagreement([](LiefFile& f) { f.imports.pop_back(); }),
            "LIEF reads no import of user32 with its slots at RVA 0x300c");
  EXPECT_EQ(
      Disagreement([](LiefFile& f) { f.imports[0].functions[1].ordinal = 9; }),
      "LIEF reads another function than kernel32.dll!#115 for the slot at RVA "
      "0x3004");
  EXPECT_EQ(Disagreement([](LiefFile& f) { f.relocations.pop_back(); }),
            "no error");  // the last is ABSOLUTE
  EXPECT_EQ(Disagreement([](LiefFile& f) {
              f.relocations.erase(f.relocations.begin());
            }),
            "number of base relocations is 0x8 in the file, LIEF reads 0x7");
  EXPECT_EQ(Disagreement([](LiefFile& f) { f.relocations[0].rva = 0x1001; }),
            "base relocation 1 is 0x1008 in the file, LIEF reads 0x1001");
}

}  // namespace
}  // namespace detachfix
