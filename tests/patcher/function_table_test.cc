// SPDX-License-Identifier: Apache-2.0
#include "patcher/function_table.h"

#include <gtest/gtest.h>

#include "patcher/hex_text.h"

namespace detachfix {
namespace {

/// An image of one page of code, a table of functions, base relocations.
PeImage MakeImage(uint32_t table_size, uint32_t block_size,
                  uint32_t reloc_raw_size) {
  PeImage image;
  image.machine = kMachineAlpha;
  image.image_base = 0x10000000;
  image.section_alignment = 0x2000;
  image.file_alignment = 0x200;
  image.size_of_image = 0x8000;
  image.size_of_headers = 0x200;
  image.directory_count = 16;
  image.directories_offset = FileOffset{0x100};
  image.bytes = Bytes(0x800 + reloc_raw_size);
  const auto section = [&](const char* name, uint32_t rva, uint32_t size,
                           uint32_t offset, uint32_t raw, uint32_t flags) {
    Section s;
    s.name = name;
    s.rva = Rva{rva};
    s.virtual_size = size;
    s.raw_offset = FileOffset{offset};
    s.raw_size = raw;
    s.characteristics = flags;
    image.sections.push_back(s);
  };
  section(".text", 0x2000, 0x100, 0x200, 0x400, 0x60000020);
  section(".pdata", 0x4000, table_size, 0x600, 0x200, 0x40000040);
  section(".reloc", 0x6000, block_size, 0x800, reloc_raw_size, 0x42000040);
  image.directories[3] = {0x4000, table_size};
  image.directories[5] = {0x6000, block_size};
  return image;
}

void Put32(PeImage& image, uint32_t offset, uint32_t value) {
  Bytes bytes = image.bytes;
  for (int i = 0; i < 4; ++i) {
    bytes[offset + static_cast<uint32_t>(i)] =
        static_cast<uint8_t>(value >> (8 * i));
  }
  image.bytes = std::move(bytes);
}

/// Two functions, 0x2000 to 0x2080 and to 0x2100, and a block of `page`.
PeImage TwoFunctions(uint32_t page, uint32_t reloc_raw_size) {
  PeImage image = MakeImage(0x28, 0x10, reloc_raw_size);
  const uint32_t fields[] = {0x10002000, 0x10002080, 0, 0, 0x10002008,
                             0x10002080, 0x10002100, 0, 0, 0x10002088};
  for (uint32_t i = 0; i < 10; ++i) Put32(image, 0x600 + 4 * i, fields[i]);
  Put32(image, 0x800, page);
  Put32(image, 0x804, 0x10);
  Put32(image, 0x808, 0x30043000);  // HIGHLOW at 0 and 4
  Put32(image, 0x80c, 0x00003010);  // HIGHLOW at 0x10, padding
  return image;
}

constexpr FrameRange kFunction = {Rva{0x2110}, Rva{0x2118}, Rva{0x2140}};

Draft DraftOf(const PeImage& image) {
  return Draft(image, FindCaves(image, References(image)));
}

std::string Edits(const Draft& draft) {
  std::string text;
  for (const Edit& edit : draft.Finish()) {
    text += HexNumber(edit.offset.value) + " " + HexBytes(edit.after, " ") +
            " | " + edit.why + "\n";
  }
  return text;
}

TEST(FunctionTable, AFunctionGoesBehindTheOthers) {
  const PeImage image = TwoFunctions(0x2000, 0x200);
  EXPECT_EQ(LastFunction(image), Rva{0x2100});
  Draft draft = DraftOf(image);
  const Result<void> added = AddFunction(draft, kFunction);
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(
      Edits(draft),
      "0x8 3c 00 00 00 | .pdata VirtualSize raised to cover what is "
      "added\n"
      "0x8 20 00 00 00 | .reloc VirtualSize raised to cover what is "
      "added\n"
      "0x118 00 40 00 00 3c 00 00 00 | exception directory -> also covers "
      "the stub's entry\n"
      "0x128 00 60 00 00 20 00 00 00 | base relocation directory -> also "
      "covers the new relocations\n"
      "0x628 10 21 00 10 40 21 00 10 00 00 00 00 00 00 00 00 18 21 00 10 "
      "| entry of the stub in the function table\n"
      "0x810 00 40 00 00 10 00 00 00 28 30 2c 30 38 30 00 00 | base "
      "relocations of the stub's function entry\n");
}

TEST(FunctionTable, ABlockOfTheSamePageIsMadeLonger) {
  // 4 bytes are left in the file; the padding of the block is the rest.
  PeImage image = TwoFunctions(0x4000, 0x14);
  Draft draft = DraftOf(image);
  const Result<void> added = AddFunction(draft, kFunction);
  ASSERT_TRUE(added) << added.error().message;
  const std::string edits = Edits(draft);
  EXPECT_NE(edits.find("0x804 14 00 00 00 | block of base relocations"),
            std::string::npos)
      << edits;
  EXPECT_NE(edits.find("0x80e 28 30 |"), std::string::npos) << edits;
  EXPECT_NE(edits.find("0x810 2c 30 38 30 |"), std::string::npos) << edits;
}

TEST(FunctionTable, RelocationsMoveWhereThereIsNoRoomBehindThem) {
  const PeImage image = TwoFunctions(0x2000, 0x10);
  Draft draft = DraftOf(image);
  const Result<void> added = AddFunction(draft, kFunction);
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_NE(Edits(draft).find("base relocations, moved"), std::string::npos);
}

TEST(FunctionTable, SaysWhyAFunctionCannotBeEntered) {
  PeImage image = TwoFunctions(0x2000, 0x200);
  Draft draft = DraftOf(image);
  EXPECT_EQ(AddFunction(draft, {Rva{0x2040}, Rva{0x2048}, Rva{0x2060}})
                .error()
                .message,
            "entry 1 of the function table does not come before the stub");
  image.directories[3].size = 0x27;
  Draft odd = DraftOf(image);
  EXPECT_EQ(AddFunction(odd, kFunction).error().message,
            "the function table has 0x27 bytes, no multiple of 0x14");
  image = TwoFunctions(0x2000, 0x200);
  Draft none(image, {});
  EXPECT_EQ(AddFunction(none, kFunction).error().message,
            "no 0x14 free bytes behind the function table for the stub's "
            "entry");
}

TEST(FunctionTable, AnImageThatStaysWhereItIsNeedsNoRelocations) {
  PeImage image = TwoFunctions(0x2000, 0x10);
  image.characteristics = 0x0001;  // IMAGE_FILE_RELOCS_STRIPPED
  Draft none(image, {});
  EXPECT_TRUE(AddRelocations(none, {Rva{0x4028}}));
}

}  // namespace
}  // namespace detachfix
