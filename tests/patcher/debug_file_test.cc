// SPDX-License-Identifier: Apache-2.0
// .dbg files, sound and broken, with each message.
#include "patcher/debug_file.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/dbg_builder.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildDbg;
using test::CodeView;
using test::Coff;
using test::CoffRow;
using test::DebugData;
using test::Poke16;
using test::Poke32;

const PeImage& Image() {
  static const PeImage image = test::MustRead(test::LeakySpec());
  return image;
}

std::vector<uint8_t> With(const std::vector<DebugData>& entries) {
  return BuildDbg(Image(), entries);
}

std::string MessageOf(const std::vector<uint8_t>& bytes) {
  const Result<DebugFile> file = ReadDebugFile(bytes);
  return file ? "no error" : file.error().message;
}

/// The whole of a file with one COFF entry whose data begin at the offset.
struct CoffFile {
  std::vector<uint8_t> bytes;
  uint64_t data = 0;
};

CoffFile OneCoff(const std::vector<CoffRow>& rows) {
  return {With({Coff(rows)}), test::DirectoryOffset(Image()) + 28};
}

TEST(DebugFile, ReadsTheHeader) {
  const Result<DebugFile> file = ReadDebugFile(With({}));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_FALSE(file->mismatched);
  EXPECT_EQ(file->machine, 0x14c);
  EXPECT_EQ(file->time_date_stamp, 0x3338158du);
  EXPECT_EQ(file->checksum, Image().checksum);
  EXPECT_EQ(file->image_base, 0x77a80000u);
  EXPECT_EQ(file->size_of_image, Image().size_of_image);
  ASSERT_EQ(file->sections.size(), Image().sections.size());
  EXPECT_EQ(file->sections[0].name, ".text");
  EXPECT_EQ(file->sections[0].rva, Rva{0x1000});
  EXPECT_EQ(file->sections[1].size, 64u);
}

TEST(DebugFile, SaysWhatTheHeaderHasWrong) {
  const struct {
    uint64_t offset;
    uint32_t value;
    const char* message;
  } rows[] = {
      {0, 0x00005a4d, "is not a .dbg file: does not begin with \"DI\""},
      {24, 97, "NumberOfSections is 97, at most 96 can be loaded"},
      {24, 96, "section headers end at 0xf30, file has 0x110 bytes"},
      {28, 0x1000, "names of exports end at 0x10f8, file has 0x110 bytes"},
      {32, 28, "debug directory ends at 0x12c, file has 0x110 bytes"},
      {32, 0xffffffff,
       "debug directory ends at 0x10000010f, file has 0x110 bytes"},
  };
  for (const auto& [offset, value, message] : rows) {
    std::vector<uint8_t> bytes = With({});
    ASSERT_EQ(bytes.size(), 0x110u);
    Poke32(bytes, offset, value);
    EXPECT_EQ(MessageOf(bytes), message);
  }
}

TEST(DebugFile, SaysWhatTheDirectoryHasWrong) {
  const uint64_t directory = test::DirectoryOffset(Image());
  std::vector<uint8_t> bytes = With({Coff({})});
  bytes.resize(0x10000);
  Poke32(bytes, 32, 29);
  EXPECT_EQ(MessageOf(bytes),
            "DebugDirectorySize is 0x1d, not that of up to 64 entries of 0x1c "
            "bytes");
  Poke32(bytes, 32, 65 * 28);
  EXPECT_EQ(MessageOf(bytes),
            "DebugDirectorySize is 0x71c, not that of up to 64 entries of "
            "0x1c bytes");
  Poke32(bytes, 32, 28);
  Poke32(bytes, directory + 16, 0xffffffff);
  Poke32(bytes, directory + 24, 0xffffffff);
  EXPECT_EQ(MessageOf(bytes),
            "debug entry 1 (COFF) ends at 0x1fffffffe, file has 0x10000 "
            "bytes");
}

TEST(DebugFile, ReadsCoffSymbols) {
  const CoffFile made = OneCoff({
      {"_short@4", 0x10},               // eight letters, no zero
      {"_DllMain@12", 0x20},            // in the string table
      {".file", 0, 0xfffe, 0, 103, 1},  // of debugging, with a row behind it
      {".text", 0, 1, 0, 3, 1},         // the section's own
      {"label", 0x24, 1, 0, 6},
      {"_data", 8, 2, 0},
      {"_static", 0x30, 1, 0x20, 3, 1},
      {"absolute", 7, 0xffff},
      {"undefined", 0, 0},
      {"\x80\n", 1},
  });
  const Result<DebugFile> file = ReadDebugFile(made.bytes);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->kinds, std::vector<std::string>{"COFF"});
  const struct {
    const char* name;
    uint32_t section;
    uint32_t value;
    bool names_function;
  } expected[] = {{"_short@4", 0, 0x10, true}, {"_DllMain@12", 0, 0x20, true},
                  {"label", 0, 0x24, false},   {"_data", 1, 8, false},
                  {"_static", 0, 0x30, true},  {"??", 0, 1, true}};
  ASSERT_EQ(file->coff.size(), std::size(expected));
  for (size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(file->coff[i].name, expected[i].name);
    EXPECT_EQ(file->coff[i].section, expected[i].section) << i;
    EXPECT_EQ(file->coff[i].value, expected[i].value) << i;
    EXPECT_EQ(file->coff[i].names_function, expected[i].names_function) << i;
  }
}

TEST(DebugFile, SaysWhatCoffSymbolsHaveWrong) {
  CoffFile made = OneCoff({{"_first", 0}, {"_DllMain@12", 0}});
  const std::string coff = "debug entry 1 (COFF): ";
  // 32 of the header, 2 rows of 18, the string table's 4 and 12.
  std::vector<uint8_t> bytes = made.bytes;
  Poke32(bytes, made.data, 3);
  EXPECT_EQ(MessageOf(bytes),
            coff + "3 symbols end at 0x56, there are 0x54 bytes");
  Poke32(bytes, made.data, 0xffffffff);
  EXPECT_EQ(MessageOf(bytes),
            coff +
                "4294967295 symbols end at 0x120000000e, there are 0x54 "
                "bytes");
  bytes = made.bytes;
  Poke32(bytes, made.data + 4, 0x50);
  EXPECT_EQ(MessageOf(bytes),
            coff + "2 symbols end at 0x74, there are 0x54 bytes");
  bytes = made.bytes;
  Poke16(bytes, made.data + 32 + 12, 6);
  EXPECT_EQ(MessageOf(bytes), coff + "symbol 0 is in section 6 of 5");
  bytes = made.bytes;
  Poke32(bytes, made.data + 32 + 18 + 4, 16);
  EXPECT_EQ(MessageOf(bytes),
            coff +
                "symbol 1 has its name at 0x10, string table has 0x10 "
                "bytes");
  bytes = made.bytes;
  bytes.back() = 'x';  // the zero behind the last name
  EXPECT_EQ(MessageOf(bytes),
            coff +
                "symbol 1 has its name at 0x4, string table has 0x10 "
                "bytes");
  bytes = With({{1, std::vector<uint8_t>(31)}});
  EXPECT_EQ(MessageOf(bytes),
            coff +
                "IMAGE_COFF_SYMBOLS_HEADER takes 0x20 bytes, there are "
                "0x1f");
}

TEST(DebugFile, BoundsWhatCoffSymbolsAskFor) {
  std::vector<uint8_t> data(32 + 18 * (256 * 1024 + 1));
  Poke32(data, 0, 256 * 1024 + 1);
  Poke32(data, 4, 32);
  EXPECT_EQ(MessageOf(With({{1, data}})),
            "debug entry 1 (COFF): 262145 symbols, at most 262144 are read");
  // All rows share one name of 4,000 letters.
  const uint32_t count = 4196;
  std::vector<CoffRow> rows(count, CoffRow{"_short"});
  DebugData coff = Coff(rows);
  for (uint32_t i = 0; i < count; ++i) {
    Poke32(coff.second, 32 + i * 18, 0);
    Poke32(coff.second, 32 + i * 18 + 4, 4);
  }
  Poke32(coff.second, coff.second.size() - 4, 4005);
  coff.second.resize(coff.second.size() + 4000, 'n');
  coff.second.push_back(0);
  EXPECT_EQ(MessageOf(With({coff})),
            "debug entry 1 (COFF): names take more than 16777216 bytes");
  EXPECT_EQ(MessageOf(With({Coff({}), Coff({})})),
            "debug entry 2 (COFF): there is another one before it");
}

TEST(DebugFile, ReadsBothFormsOfCodeView) {
  const struct {
    const char* signature;
    uint16_t record;
    uint16_t subsection;
  } rows[] = {
      {"NB09", 0x203, 0x12a},  {"NB09", 0x204, 0x125},  {"NB09", 0x205, 0x125},
      {"NB09", 0x203, 0x129},  {"NB11", 0x1009, 0x12a}, {"NB11", 0x100a, 0x125},
      {"NB11", 0x100b, 0x125},
  };
  for (const auto& [signature, record, subsection] : rows) {
    const Result<DebugFile> file =
        ReadDebugFile(With({CodeView(signature,
                                     {{"skipped", 0, 1, 0x400},  // S_PROCREF
                                      {"_DllMain@12", 0x1234, 1, record},
                                      {"absolute", 5, 0, record}},
                                     subsection)}));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->kinds,
              std::vector<std::string>{"CodeView " + std::string(signature)});
    ASSERT_EQ(file->code_view.size(), 1u) << signature << " " << record;
    EXPECT_EQ(file->code_view[0].name, "_DllMain@12");
    EXPECT_EQ(file->code_view[0].section, 0u);
    EXPECT_EQ(file->code_view[0].value, 0x1234u);
    EXPECT_TRUE(file->code_view[0].names_function);
  }
}

TEST(DebugFile, SaysWhatCodeViewHasWrong) {
  const DebugData sound = CodeView("NB09", {{"_a", 0}});
  const std::string kind = "debug entry 1 (CodeView): ";
  // 8 bytes, a header of 16, a record of 16, the directory at 0x27 with one
  // entry of 12 behind 16.
  ASSERT_EQ(sound.second.size(), 0x27u + 28u);
  const auto with = [&](uint64_t at, uint32_t value) {
    DebugData broken = sound;
    Poke32(broken.second, at, value);
    return MessageOf(With({broken}));
  };
  EXPECT_EQ(with(4, 0x40), kind +
                               "subsection directory at 0x40, there are "
                               "0x43 bytes");
  EXPECT_EQ(with(4, 0xffffffff),
            kind + "subsection directory at 0xffffffff, there are 0x43 bytes");
  EXPECT_EQ(with(0x27, 0x000b0010),
            kind +
                "subsection directory at 0x27 has 1 entries of 11 bytes "
                "behind 16, there are 0x43 bytes");
  EXPECT_EQ(with(0x27 + 4, 0xffffffff),
            kind +
                "subsection directory at 0x27 has 4294967295 entries of 12 "
                "bytes behind 16, there are 0x43 bytes");
  EXPECT_EQ(with(0x27 + 16 + 8, 0x40),
            kind + "subsection 0x12a at 0x8 with 0x40 bytes, there are 0x43");
  EXPECT_EQ(with(0x27 + 16 + 8, 15),
            kind + "subsection 0x12a at 0x8 with 0xf bytes, there are 0x43");
  EXPECT_EQ(with(8 + 4, 16),
            kind +
                "subsection 0x12a at 0x8 has 0x10 bytes of symbols in "
                "0x1f");
  EXPECT_EQ(with(8 + 16, 0x02030001),
            kind +
                "symbol at 0x18 takes 0x3 bytes, its subsection ends at "
                "0x27");
}

TEST(DebugFile, SaysWhatACodeViewSymbolHasWrong) {
  const std::string kind = "debug entry 1 (CodeView): ";
  EXPECT_EQ(MessageOf(With({CodeView("NB09", {{"_a", 0, 6}})})),
            kind + "symbol at 0x18 is in section 6 of 5");
  DebugData broken = CodeView("NB09", {{"_a", 0}});
  broken.second[8 + 16 + 12] = 3;  // the length of the name
  EXPECT_EQ(MessageOf(With({broken})),
            kind + "symbol at 0x18 takes more than its 0xf bytes");
  broken = CodeView("NB09", {{"_a", 0}});
  // A second entry for the same subsection, in place of the bytes behind.
  Poke32(broken.second, 0x27 + 4, 3);
  const std::vector<uint8_t> entry(broken.second.end() - 12,
                                   broken.second.end());
  for (int i = 0; i < 2; ++i) {
    broken.second.insert(broken.second.end(), entry.begin(), entry.end());
  }
  Poke32(broken.second, 8 + 4, 15);
  EXPECT_EQ(MessageOf(With({broken})), "no error");
  DebugData many = CodeView("NB09", std::vector<test::CodeViewRow>(9, {"_a"}));
  const size_t directory = many.second.size() - 28;
  Poke32(many.second, directory + 4, 2);
  const std::vector<uint8_t> last(many.second.end() - 12, many.second.end());
  many.second.insert(many.second.end(), last.begin(), last.end());
  EXPECT_EQ(MessageOf(With({many})), kind + "subsections overlap");
}

TEST(DebugFile, NamesWhatItDoesNotRead) {
  const Result<DebugFile> file =
      ReadDebugFile(With({{3, {}},
                          {4, {}},
                          {2, {'N', 'B', '1', '0', 0, 0, 0, 0}},
                          {2, {'N'}},
                          {99, {}}}));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_TRUE(file->kinds.empty());
  EXPECT_FALSE(file->rearranged);
  EXPECT_EQ(file->not_read,
            (std::vector<std::string>{"FPO", "MISC", "CodeView NB10",
                                      "CodeView N", "type 99"}));
  for (const uint32_t omap : {7u, 8u}) {
    const Result<DebugFile> moved = ReadDebugFile(With({{omap, {}}}));
    ASSERT_TRUE(moved);
    EXPECT_TRUE(moved->rearranged);
  }
}

std::vector<uint8_t> FileOfAllKinds() {
  return With({{4, std::vector<uint8_t>(12)},
               Coff({{"_DllMain@12", 0}, {"_a", 4, 1, 0, 3, 1}}),
               CodeView("NB09", {{"_DllMain@12", 0}, {"_b", 4, 1, 0x205}}),
               CodeView("NB11", {{"_c", 4, 1, 0x100a}}, 0x125)});
}

TEST(DebugFile, RefusesEveryTruncation) {
  const std::vector<uint8_t> whole = FileOfAllKinds();
  ASSERT_EQ(MessageOf(whole), "no error");
  for (size_t size = 0; size < whole.size(); ++size) {
    const Result<DebugFile> file = ReadDebugFile(std::vector<uint8_t>(
        whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)));
    EXPECT_FALSE(file) << size;
  }
}

TEST(DebugFile, SurvivesFlippedBits) {
  const std::vector<uint8_t> whole = FileOfAllKinds();
  std::mt19937 random(9);
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint8_t> bytes = whole;
    for (uint32_t flips = 1 + random() % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^=
          static_cast<uint8_t>(1 + random() % 255);
    }
    const Result<DebugFile> file = ReadDebugFile(bytes);
    if (!file) {
      EXPECT_FALSE(file.error().message.empty());
    }
  }
}

}  // namespace
}  // namespace detachfix
