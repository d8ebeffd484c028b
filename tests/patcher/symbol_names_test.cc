// SPDX-License-Identifier: Apache-2.0
// Whether a .dbg file is of an image, and where its symbols are.
#include "patcher/symbol_names.h"

#include <gtest/gtest.h>

#include "tests/support/dbg_builder.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildDbg;
using test::Coff;
using test::CoffRow;
using test::DebugData;

/// .text at 0x1000 with the export InitSecurityInterfaceA at its start, .data
/// at 0x2000 with 64 bytes.
const PeImage& Image() {
  static const PeImage image = test::MustRead(test::LeakySpec());
  return image;
}

DebugFile FileWith(const std::vector<DebugData>& entries) {
  const Result<DebugFile> file = ReadDebugFile(BuildDbg(Image(), entries));
  if (!file) {
    ADD_FAILURE() << file.error().message;
    return {};
  }
  return *file;
}

SymbolNames Placed(const std::vector<CoffRow>& rows) {
  const Result<SymbolNames> names =
      PlaceSymbols(FileWith({Coff(rows)}), Image());
  if (!names) {
    ADD_FAILURE() << names.error().message;
    return {};
  }
  return *names;
}

std::string PlaceError(const DebugFile& file) {
  const Result<SymbolNames> names = PlaceSymbols(file, Image());
  return names ? "no error" : names.error().message;
}

TEST(SymbolNames, TakesTheFileOfTheImage) {
  EXPECT_TRUE(CheckSameImage(FileWith({}), Image()));
}

TEST(SymbolNames, RefusesTheFileOfAnotherImage) {
  const struct {
    uint64_t offset;
    uint32_t value;
    const char* message;
  } rows[] = {
      {4, 0x21020184, "machine is 0x184, the image has 0x14c"},
      {8, 1, "TimeDateStamp is 0x1, the image has 0x3338158d"},
      {20, 0x9000, "SizeOfImage is 0x9000, the image has 0x6000"},
      {48 + 40 + 12, 0x2800,
       "VirtualAddress of section 2 is 0x2800, the image has 0x2000"},
      {0, 0x80004944,
       "IMAGE_SEPARATE_DEBUG_MISMATCH says that it was updated for an image "
       "that it did not match"},
  };
  for (const auto& [offset, value, message] : rows) {
    std::vector<uint8_t> bytes = BuildDbg(Image(), {});
    test::Poke32(bytes, offset, value);
    const Result<DebugFile> file = ReadDebugFile(bytes);
    ASSERT_TRUE(file) << file.error().message;
    const Result<void> same = CheckSameImage(*file, Image());
    ASSERT_FALSE(same) << message;
    EXPECT_EQ(same.error().message,
              std::string("is of another image: ") + message);
  }
  DebugFile file = FileWith({});
  file.checksum = 5;
  EXPECT_TRUE(CheckSameImage(file, Image())
                  .error()
                  .message.starts_with("is of another image: CheckSum is 0x5, "
                                       "the image has 0x"));
  file = FileWith({});
  file.sections.pop_back();
  EXPECT_EQ(CheckSameImage(file, Image()).error().message,
            "is of another image: NumberOfSections is 0x4, the image has 0x5");
}

TEST(SymbolNames, TakesValuesFromTheSection) {
  // As RVAs these would lie in front of .text.
  const SymbolNames names = Placed({{"_entry@12", 0}, {"_data", 0x10, 2}});
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(NameAt(names, Rva{0x1000})->name, "_entry@12");
  EXPECT_EQ(NameAt(names, Rva{0x2010})->name, "_data");
  EXPECT_EQ(NameAt(names, Rva{0x1001}), nullptr);
}

TEST(SymbolNames, TakesValuesFromTheImage) {
  // From their sections these would lie behind them.
  const SymbolNames names =
      Placed({{"_entry@12", 0x1000}, {"_data", 0x2010, 2}});
  EXPECT_EQ(NameAt(names, Rva{0x1000})->name, "_entry@12");
  EXPECT_EQ(NameAt(names, Rva{0x2010})->name, "_data");
}

TEST(SymbolNames, RefusesValuesOutsideOfTheirSections) {
  EXPECT_EQ(PlaceError(FileWith({Coff({{"_a", 0xf00, 2}, {"_b", 0x9000}})})),
            "COFF symbols lie outside of their sections");
  EXPECT_EQ(PlaceError(FileWith({test::CodeView("NB09", {{"_a", 0x1000, 2}})})),
            "CodeView symbol at 0x1000 lies outside of section 2");
}

/// An image whose code is so long that values can be read both ways.
PeImage LongImage() {
  test::PeSpec spec = test::LeakySpec();
  spec.sections[0].content += "\nfill:0x1800:cc\nlate: c3";
  spec.exports.push_back({"Late", "late"});
  return test::MustRead(spec);
}

TEST(SymbolNames, LetsExportsTellWhereBothReadingsFit) {
  const PeImage image = LongImage();
  Rva late;
  for (const ExportedFunction& function : image.exports) {
    if (function.name == "Late") late = function.rva;
  }
  ASSERT_GT(late.value, 0x2000u);
  for (const uint32_t value : {late.value, late.value - 0x1000}) {
    const Result<DebugFile> file =
        ReadDebugFile(BuildDbg(image, {Coff({{"_Late@0", value}})}));
    ASSERT_TRUE(file);
    const Result<SymbolNames> names = PlaceSymbols(*file, image);
    ASSERT_TRUE(names) << names.error().message;
    EXPECT_NE(NameAt(*names, late), nullptr) << value;
  }
  const Result<DebugFile> file =
      ReadDebugFile(BuildDbg(image, {Coff({{"_unknown", 0x1100}})}));
  ASSERT_TRUE(file);
  EXPECT_EQ(PlaceSymbols(*file, image).error().message,
            "COFF symbols can be read as RVAs and as offsets in their "
            "sections, and no export tells which");
}

TEST(SymbolNames, RefusesAnImageThatWasRearranged) {
  EXPECT_EQ(PlaceError(FileWith({Coff({{"_a", 0}}), {8, {}}})),
            "has the addresses of before the image was rearranged (OMAP), "
            "which are not read");
}

TEST(SymbolNames, PrefersAFunctionAndThenTheFirst) {
  const SymbolNames names = Placed({{"label", 0, 1, 0, 6},
                                    {"_first", 0},
                                    {"_second", 0},
                                    {"alone", 4, 1, 0, 6},
                                    {"far", 0xfff0, 1, 0, 6}});
  EXPECT_EQ(NameAt(names, Rva{0x1000})->name, "_first");
  EXPECT_TRUE(NameAt(names, Rva{0x1000})->names_function);
  EXPECT_FALSE(NameAt(names, Rva{0x1004})->names_function);
  EXPECT_EQ(names.size(), 2u);  // one lies behind its section
}

TEST(SymbolNames, JoinsBothKinds) {
  const Result<SymbolNames> names = PlaceSymbols(
      FileWith({Coff({{"_coff", 0}}),
                test::CodeView("NB09", {{"_other", 0}, {"_view", 4}})}),
      Image());
  ASSERT_TRUE(names);
  EXPECT_EQ(NameAt(*names, Rva{0x1000})->name, "_coff");
  EXPECT_EQ(NameAt(*names, Rva{0x1004})->name, "_view");
}

TEST(SymbolNames, TakesDecorationAway) {
  const struct {
    const char* name;
    uint16_t machine;
    const char* plain;
  } rows[] = {{"_DllMain@12", kMachineI386, "DllMain"},
              {"_main", kMachineI386, "main"},
              {"label", kMachineI386, "label"},
              {"_", kMachineI386, ""},
              {"@fast@4", kMachineI386, "@fast"},
              {"@", kMachineI386, ""},
              {"DllMain", kMachineAlpha, "DllMain"},
              {"_DllMainCRTStartup", kMachineAlpha, "_DllMainCRTStartup"}};
  for (const auto& [name, machine, plain] : rows) {
    EXPECT_EQ(Undecorated(name, machine), plain) << name;
  }
}

}  // namespace
}  // namespace detachfix
