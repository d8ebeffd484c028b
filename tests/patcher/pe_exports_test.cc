// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "patcher/hex_text.h"
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

TEST(PeExports, ReadsNamesOrdinalsAndForwarders) {
  const PeImage image = MustRead(FullSpec());
  EXPECT_EQ(image.export_name, "SECURITY.dll");
  ASSERT_EQ(image.exports.size(), 3u);
  EXPECT_EQ(image.exports[0].name, "InitSecurityInterfaceA");
  EXPECT_EQ(image.exports[0].ordinal, 1u);
  EXPECT_EQ(image.exports[0].rva, Rva{0x1018});
  EXPECT_EQ(image.exports[0].forwarder, "");
  EXPECT_EQ(image.exports[1].name, "");
  EXPECT_EQ(image.exports[1].ordinal, 2u);
  EXPECT_EQ(image.exports[1].rva, Rva{0x1000});
  EXPECT_EQ(image.exports[2].name, "AddUser");
  EXPECT_EQ(image.exports[2].rva, Rva{0});
  EXPECT_EQ(image.exports[2].forwarder, "SECUR32.AddUser");
}

TEST(PeExports, CountsOrdinalsFromTheBase) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Export.Base", 100}};
  EXPECT_EQ(MustRead(spec).exports.at(2).ordinal, 102u);
}

TEST(PeExports, GivesAFunctionWithTwoNamesTwice) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Export.Ordinal[0]", 0}};  // AddUser
  const PeImage image = MustRead(spec);
  ASSERT_EQ(image.exports.size(), 4u);
  EXPECT_EQ(image.exports[0].name, "AddUser");
  EXPECT_EQ(image.exports[1].name, "InitSecurityInterfaceA");
  EXPECT_EQ(image.exports[0].rva, image.exports[1].rva);
}

TEST(PeExports, LeavesOutUnusedOrdinalsAndWhatIsOutsideTheImage) {
  for (const uint32_t rva : {0u, 0x8000u, 0xffffffffu}) {
    PeSpec spec = FullSpec();
    spec.overrides = {{"Export.Function[1]", rva}};
    const PeImage image = MustRead(spec);
    ASSERT_EQ(image.exports.size(), 2u);
    EXPECT_EQ(image.exports[1].ordinal, 3u);
  }
}

TEST(PeExports, StandsAMissingName) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Export.Name", 0x9000}};
  EXPECT_EQ(MustRead(spec).export_name, "");
}

TEST(PeExports, NamesTheFieldThatLies) {
  ExpectMessages({
      {"Directory[0].Rva", 0x7f00,
       "export directory at RVA 0x7f00 is outside the sections"},
      {"Export.NumberOfFunctions", 65537,
       "export directory counts 65537 entries, at most 65536 are read"},
      {"Export.NumberOfNames", 0xffffffff,
       "export directory counts 4294967295 entries, at most 65536 are read"},
      {"Export.NumberOfFunctions", 0x1000,
       "export directory's AddressOfFunctions (0x4000 bytes at RVA 0x4028) is "
       "outside the sections"},
      {"Export.AddressOfFunctions", 0, "no error"},
      {"Export.AddressOfNames", 0x9000,
       "export directory's AddressOfNames (0x8 bytes at RVA 0x9000) is outside "
       "the sections"},
      {"Export.AddressOfNameOrdinals", 0xfffffffe,
       "export directory's AddressOfNameOrdinals (0x4 bytes at RVA "
       "0xfffffffe) is outside the sections"},
      {"Export.Name[1]", 0x9000,
       "export name 2 at RVA 0x9000 is not in the file"},
      {"Export.Ordinal[1]", 3,
       "export InitSecurityInterfaceA is function 3 of 3"},
      {"Export.Function[0]", 0x4000,
       "export 1 has its forwarder at RVA 0x4000, where none stands"},
  });
}

TEST(PeExports, RefusesNamesThatOverlap) {
  PeSpec spec = FullSpec();
  std::string names = " names: ";
  for (int i = 0; i < 1000; ++i) names += "<name> ";
  spec.sections[0].content +=
      names + "name: fill:4000:61 00 align:2:00 ordinals: zero:2000";
  const BuiltPe pe = BuildPe(spec);
  spec.overrides = {{"Export.AddressOfNames", pe.places.at("names")},
                    {"Export.AddressOfNameOrdinals", pe.places.at("ordinals")},
                    {"Export.NumberOfNames", 1000}};
  EXPECT_EQ(ErrorOf(BuildPe(spec).bytes),
            "names of exports overlap, 4 of them have 0x3e80 bytes, the file "
            "0x3920");
}

TEST(PeExports, RefusesForwardersThatOverlap) {
  PeSpec spec = FullSpec();
  spec.exports[2].forwarder = "SECUR32." + std::string(3000, 'a');
  const uint32_t forwarder = MustRead(spec).directory(Directory::kExport).rva +
                             0x6d;  // behind the tables and the names
  std::string table = " table: ";
  for (int i = 0; i < 8; ++i) table += "<" + HexNumber(forwarder) + "> ";
  spec.sections[0].content += table;
  const BuiltPe pe = BuildPe(spec);
  spec.overrides = {{"Export.AddressOfFunctions", pe.places.at("table")},
                    {"Export.NumberOfFunctions", 8}};
  EXPECT_EQ(ErrorOf(BuildPe(spec).bytes),
            "forwarders of exports overlap, they have 0x2340 bytes, the file "
            "0x1f20");
}

}  // namespace
}  // namespace detachfix
