// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildPe;
using test::BuiltPe;
using test::FullSpec;
using test::MustRead;
using test::PeSpec;

TEST(PeVersion, ReadsTheStrings) {
  const VersionResource version = MustRead(FullSpec()).version;
  EXPECT_TRUE(version.present);
  EXPECT_EQ(version.original_filename, "security.dll");
  EXPECT_EQ(version.internal_name, "security");
  EXPECT_EQ(version.file_description, "A client");
  EXPECT_EQ(version.file_version, "4.00");
  EXPECT_EQ(version.product_version, "4.00");
}

TEST(PeVersion, IsAbsentWithoutResources) {
  PeSpec spec = FullSpec();
  spec.version.clear();
  EXPECT_FALSE(MustRead(spec).version.present);
}

TEST(PeVersion, LooksAtNoCaseInKeys) {
  PeSpec spec = FullSpec();
  spec.version = {{"ORIGINALFILENAME", "Security.DLL"}, {"Comments", "no"}};
  EXPECT_EQ(MustRead(spec).version.original_filename, "Security.DLL");
}

// FullSpec whose FileDescription is these UTF-16 units.
std::string Described(const std::vector<uint16_t>& units) {
  PeSpec spec = FullSpec();
  spec.version = {{"FileDescription", std::string(units.size(), '.')}};
  BuiltPe pe = BuildPe(spec);
  // Behind the length fields (6 bytes) the key of 16 units, then the value.
  size_t at = pe.fields.at("String.FileDescription.wLength").offset + 6 + 32;
  at += at % 4;
  for (const uint16_t unit : units) {
    pe.bytes[at++] = static_cast<uint8_t>(unit);
    pe.bytes[at++] = static_cast<uint8_t>(unit >> 8);
  }
  return MustRead(pe.bytes).version.file_description;
}

TEST(PeVersion, GivesUtf8) {
  EXPECT_EQ(Described({'A', 0xa9, 0x20ac}), "A\xc2\xa9\xe2\x82\xac");
  EXPECT_EQ(Described({0xd83d, 0xde00}), "\xf0\x9f\x98\x80");
  EXPECT_EQ(Described({0xd83d, 'x'}), "\xef\xbf\xbdx");
  EXPECT_EQ(Described({'x', 0xde00}), "x\xef\xbf\xbd");
  EXPECT_EQ(Described({'a', 0, 'b'}), "a");
}

struct Damage {
  const char* field;
  uint32_t value;
  bool present;  ///< whether VERSIONINFO is still found
};

TEST(PeVersion, LeavesOutWhatIsDamaged) {
  const Damage rows[] = {
      {"Directory[2].Rva", 0x7e00, false},
      {"Resource[16].NumberOfIdEntries", 0, false},
      {"Resource[16].OffsetToData", 0x88000000, false},
      {"Resource[16].OffsetToData", 24, false},
      {"Resource[1].OffsetToData", 48, false},
      {"Resource[1033].OffsetToData", 0x80000048, false},
      {"Resource[1033].OffsetToData", 0x7fffffff, false},
      {"Resource.OffsetToData", 0x9000, false},
      {"Resource.Size", 0x10000, false},
      {"Resource.Size", 4, false},
      {"Version.wLength", 0, false},
      {"Version.wValueLength", 0xffff, true},
      {"Strings.wLength", 2, true},
      {"StringTable.wLength", 0, true},
      {"String.FileDescription.wLength", 0, true},
  };
  for (const Damage& row : rows) {
    PeSpec spec = FullSpec();
    spec.overrides = {{row.field, row.value}};
    const PeImage image = MustRead(spec);
    EXPECT_EQ(image.version.present, row.present) << row.field;
    EXPECT_EQ(image.version.original_filename, "") << row.field;
  }
}

TEST(PeVersion, ReadsWhatALongLengthPromises) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Version.wLength", 0xffff},
                    {"Strings.wLength", 0xffff},
                    {"StringTable.wLength", 0xffff}};
  EXPECT_EQ(MustRead(spec).version.original_filename, "security.dll");
}

}  // namespace
}  // namespace detachfix
