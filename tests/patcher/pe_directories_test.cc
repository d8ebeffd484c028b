// SPDX-License-Identifier: Apache-2.0
// Ranges of directories; relocations, debug directory, TLS callbacks.
#include <gtest/gtest.h>

#include "patcher/pe_parts.h"
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

TEST(PeDirectories, NamesTheOneThatLies) {
  ExpectMessages({
      {"Directory[0].Size", 0x5000,
       "export directory ends at RVA 0x9000, SizeOfImage is 0x8000"},
      {"Directory[1].Size", 0xffffffff,
       "import directory ends at RVA 0x100003013, SizeOfImage is 0x8000"},
      {"Directory[2].Size", 0x3000,
       "resource directory ends at RVA 0x9000, SizeOfImage is 0x8000"},
      {"Directory[3].Rva", 0x8001,
       "exception directory ends at RVA 0x8001, SizeOfImage is 0x8000"},
      {"Directory[4].Size", 0x11,
       "certificate table ends at 0x1321, file has 0x1320 bytes"},
      {"Directory[4].Rva", 0xfffffff8,
       "certificate table ends at 0x100000008, file has 0x1320 bytes"},
      {"Directory[5].Size", 0x1001,
       "base relocation directory ends at RVA 0x8001, SizeOfImage is 0x8000"},
      {"Directory[6].Rva", 0x7ff0,
       "debug directory ends at RVA 0x800c, SizeOfImage is 0x8000"},
      {"Directory[9].Rva", 0x7ff0,
       "TLS directory ends at RVA 0x8008, SizeOfImage is 0x8000"},
      {"Directory[10].Rva", 0x8001,
       "load configuration directory ends at RVA 0x8001, SizeOfImage is "
       "0x8000"},
      {"Directory[11].Size", 0x8000,
       "bound import directory ends at RVA 0x8290, SizeOfImage is 0x8000"},
      {"Directory[12].Size", 0x5001,
       "import address table directory ends at RVA 0x8001, SizeOfImage is "
       "0x8000"},
      {"Directory[13].Rva", 0x8001,
       "delay import directory ends at RVA 0x8001, SizeOfImage is 0x8000"},
      {"Directory[14].Rva", 0x8001,
       "CLR header directory ends at RVA 0x8001, SizeOfImage is 0x8000"},
  });
}

TEST(PeDirectories, TakesNoNoticeOfThoseThatLoadersDoNotRead) {
  for (const char* field : {"Directory[7].Rva", "Directory[8].Rva",
                            "Directory[15].Rva", "Directory[15].Size"}) {
    PeSpec spec = FullSpec();
    spec.overrides = {{field, 0xffffff00}};
    EXPECT_EQ(ErrorOf(BuildPe(spec).bytes), "no error") << field;
  }
}

TEST(PeDirectories, KeepsTheCertificateTable) {
  const PeImage image = MustRead(FullSpec());
  EXPECT_EQ(image.directory(Directory::kCertificate).rva, 0x1310u);
  EXPECT_EQ(image.directory(Directory::kCertificate).size, 0x10u);
}

TEST(PeRelocations, ReadsThemAscending) {
  const PeImage image = MustRead(FullSpec());
  std::vector<uint32_t> rvas;
  for (const BaseRelocation& relocation : image.relocations) {
    EXPECT_EQ(relocation.type, 3);
    rvas.push_back(relocation.rva.value);
  }
  const uint32_t tls = 0x5000 + 28;
  EXPECT_EQ(rvas, (std::vector<uint32_t>{0x1008, 0x100e, 0x1019, tls, tls + 4,
                                         tls + 8, tls + 12, tls + 24}));
}

// FullSpec with the content of .reloc replaced: `words` in the file's order.
std::vector<uint8_t> WithRelocations(const std::vector<uint16_t>& words,
                                     uint32_t directory_size) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Directory[5].Size", directory_size}};
  BuiltPe pe = BuildPe(spec);
  size_t at = 0x1000;
  std::fill(pe.bytes.begin() + 0x1000, pe.bytes.begin() + 0x1200, uint8_t{0});
  for (const uint16_t word : words) {
    pe.bytes[at++] = static_cast<uint8_t>(word);
    pe.bytes[at++] = static_cast<uint8_t>(word >> 8);
  }
  return pe.bytes;
}

TEST(PeRelocations, KeepsEachTypeAndLeavesPaddingOut) {
  // HIGH, LOW, HIGHADJ with its parameter 0x3456, ABSOLUTE, type 5, DIR64.
  const PeImage image =
      MustRead(WithRelocations({0x2000, 0, 24, 0, 0x1010, 0x2020, 0x4030,
                                0x3456, 0x0040, 0x5050, 0xa060, 0},
                               24));
  const std::vector<std::pair<uint32_t, int>> expected = {
      {0x2010, 1}, {0x2020, 2}, {0x2030, 4}, {0x2050, 5}, {0x2060, 10}};
  std::vector<std::pair<uint32_t, int>> found;
  for (const BaseRelocation& relocation : image.relocations) {
    found.emplace_back(relocation.rva.value, relocation.type);
  }
  EXPECT_EQ(found, expected);
}

TEST(PeRelocations, SortsBlocksThatStandInAnotherOrder) {
  const PeImage image = MustRead(WithRelocations(
      {0x2000, 0, 12, 0, 0x3010, 0, 0x1000, 0, 12, 0, 0x3008, 0}, 24));
  ASSERT_EQ(image.relocations.size(), 2u);
  EXPECT_EQ(image.relocations[0].rva, Rva{0x1008});
  EXPECT_EQ(image.relocations[1].rva, Rva{0x2010});
}

TEST(PeRelocations, StandsZerosBehindTheLastBlock) {
  EXPECT_EQ(MustRead(WithRelocations({0x2000, 0, 12, 0, 0x3010, 0}, 0x40))
                .relocations.size(),
            1u);
  EXPECT_EQ(MustRead(WithRelocations({0x2000, 0, 12, 0, 0x3010, 0}, 15))
                .relocations.size(),
            1u);
}

// What CheckRelocationsWithLief says of them.
std::string LiefOn(const std::vector<uint16_t>& words) {
  const Result<void> agree = CheckRelocationsWithLief(MustRead(
      WithRelocations(words, static_cast<uint32_t>(words.size() * 2))));
  return agree ? "no error" : agree.error().message;
}

TEST(PeRelocations, GoesOnBehindABlockOfPage0) {
  EXPECT_EQ(LiefOn({0, 0, 12, 0, 0, 0, 0x2000, 0, 12, 0, 0x3010, 0}),
            "no error");
  // One that relocates the headers: LIEF takes it for the end.
  EXPECT_EQ(LiefOn({0, 0, 12, 0, 0x3010, 0, 0x2000, 0, 12, 0, 0x3010, 0}),
            "number of base relocations is 0x2 in the file, LIEF reads 0x0");
}

TEST(PeRelocations, TakesNoParameterFromTheNextBlock) {
  EXPECT_EQ(LiefOn({0x1000, 0, 12, 0, 0x3010, 0x4020, 0x2000, 0, 12, 0, 0x3010,
                    0x3020}),
            "no error");
}

TEST(PeRelocations, NamesTheFieldThatLies) {
  ExpectMessages({
      {"Reloc[0].SizeOfBlock", 4,
       "base relocation block 1 at RVA 0x7000 has SizeOfBlock 0x4, 0x24 bytes "
       "are left in the directory"},
      {"Reloc[1].SizeOfBlock", 0x1000,
       "base relocation block 2 at RVA 0x7010 has SizeOfBlock 0x1000, 0x14 "
       "bytes are left in the directory"},
      {"Directory[5].Size", 0x20,
       "base relocation block 2 at RVA 0x7010 has SizeOfBlock 0x14, 0x10 bytes "
       "are left in the directory"},
      {"Reloc[1].VirtualAddress", 0x8000,
       "base relocation at RVA 0x7018 rewrites RVA 0x801c, SizeOfImage is "
       "0x8000"},
      {"Directory[5].Rva", 0x7f00,
       "base relocation block 1 at RVA 0x7f00 is outside the sections"},
  });
}

TEST(PeRelocations, RefusesOneAcrossTheEndOfTheImage) {
  EXPECT_EQ(ErrorOf(WithRelocations({0x7000, 0, 12, 0, 0x3ffd, 0}, 12)),
            "base relocation at RVA 0x7008 rewrites RVA 0x7ffd, SizeOfImage is "
            "0x8000");
}

TEST(PeDebug, ReadsTheMiscRecordBehindTheLastSection) {
  const BuiltPe pe = BuildPe(FullSpec());
  const PeImage image = MustRead(pe.bytes);
  ASSERT_EQ(image.debug.size(), 1u);
  EXPECT_EQ(image.debug[0].type, 4u);
  EXPECT_EQ(image.debug[0].size, 0x110u);
  EXPECT_EQ(image.debug[0].raw_offset, 0x1200u);
  EXPECT_EQ(image.debug[0].rva, 0u);
  EXPECT_EQ(image.debug[0].time_date_stamp, 0x3338158du);
  EXPECT_EQ(image.debug[0].entry_offset.value,
            pe.fields.at("Debug[0].Characteristics").offset);
  EXPECT_EQ(image.overlay_offset, FileOffset{0x1200});
  EXPECT_EQ(image.overlay_size, 0x120u);
}

TEST(PeDebug, NamesTheFieldThatLies) {
  ExpectMessages({
      {"Debug[0].SizeOfData", 0x121,
       "debug entry 1 (type 4) ends at 0x1321, file has 0x1320 bytes"},
      {"Debug[0].PointerToRawData", 0xffffffff,
       "debug entry 1 (type 4) ends at 0x10000010f, file has 0x1320 bytes"},
      {"Directory[6].Size", 28 * 65,
       "debug directory has 65 entries, at most 64 are read"},
      {"Directory[6].Rva", 0x2200,
       "debug entry 1 at RVA 0x2200 has no bytes of its own in the file"},
  });
}

TEST(PeDebug, TakesLessThanAnEntryAsNone) {
  // Borland's linker writes the number of entries as the size.
  PeSpec spec = FullSpec();
  spec.overrides = {{"Directory[6].Size", 1}};
  EXPECT_TRUE(MustRead(spec).debug.empty());
}

TEST(PeTls, ReadsCallbacks) {
  PeSpec spec = FullSpec();
  spec.tls_callbacks = {"init", "entry"};
  EXPECT_EQ(MustRead(spec).tls_callbacks,
            (std::vector<Rva>{Rva{0x1018}, Rva{0x1000}}));
  spec.overrides = {{"Tls.AddressOfCallBacks", 0}};
  EXPECT_TRUE(MustRead(spec).tls_callbacks.empty());
}

TEST(PeTls, NamesTheFieldThatLies) {
  ExpectMessages({
      {"Directory[9].Rva", 0x7f00,
       "TLS directory at RVA 0x7f00 is outside the sections"},
      {"Tls.AddressOfCallBacks", 0x1000,
       "TLS callback list at 0x1000 is outside the sections"},
      {"Tls.AddressOfCallBacks", 0x77a81000,
       "TLS callback 1 at 0x8247c83 is outside the image"},
  });
}

TEST(PeTls, RefusesMoreCallbacksThanItReads) {
  PeSpec spec = FullSpec();
  spec.tls_callbacks.assign(257, "init");
  EXPECT_EQ(ErrorOf(BuildPe(spec).bytes), "more than 256 TLS callbacks");
}

}  // namespace
}  // namespace detachfix
