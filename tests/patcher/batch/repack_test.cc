// SPDX-License-Identifier: Apache-2.0
// What we pack, expanded by libmspack, by msexpand and by cabextract.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <variant>

#include "patcher/batch/packing.h"
#include "patcher/batch/szdd_writer.h"
#include "tests/support/packed.h"
#include "tests/support/security_dll.h"

namespace detachfix {
namespace {

using test::LeakingSecurityDll;
using test::PackCabinet;
using test::PackSzdd;

Bytes MustExpand(const Bytes& packed) {
  const Result<Expanded> expanded = Expand(packed);
  EXPECT_TRUE(expanded) << expanded.error().message;
  return expanded ? expanded->image : Bytes();
}

std::string RepackError(const Bytes& packed) {
  const Result<Expanded> expanded = Expand(packed);
  if (!expanded) return expanded.error().message;
  const Result<Bytes> again = Repack(expanded->form, expanded->image);
  return again ? "no error" : again.error().message;
}

/// Content with few and many copies, of all lengths.
std::vector<Bytes> OrdinaryContents() {
  std::vector<Bytes> contents = {{},
                                 {'a'},
                                 Bytes(2, 0),
                                 Bytes(3, ' '),
                                 Bytes(5000, ' '),
                                 Bytes(70'000, 0),
                                 LeakingSecurityDll()};
  std::mt19937 random(7);
  for (const uint32_t letters : {2u, 5u, 256u}) {
    for (const size_t size :
         {17u, 18u, 19u, 4077u, 4079u, 4096u, 4097u, 30'000u}) {
      Bytes content(size);
      for (uint8_t& byte : content) {
        byte = static_cast<uint8_t>(random() % letters);
      }
      contents.push_back(content);
    }
  }
  return contents;
}

/// The same, and copies at the far end of the window.
std::vector<Bytes> Contents() {
  std::vector<Bytes> contents = OrdinaryContents();
  std::mt19937 random(8);
  // The same block again after each distance about the window's size.
  for (size_t gap = 4070; gap < 4100; ++gap) {
    Bytes content(gap + 40);
    for (uint8_t& byte : content) byte = static_cast<uint8_t>(random());
    std::copy_n(content.begin(), 30, content.end() - 35);
    contents.push_back(content);
  }
  return contents;
}

TEST(SzddWriter, IsReadByLibmspack) {
  for (const Bytes& content : Contents()) {
    EXPECT_EQ(MustExpand(WriteSzdd(content, 'l')), content) << content.size();
  }
}

TEST(SzddWriter, IsReadByMsexpand) {
  for (const Bytes& content : Contents()) {
    // msexpand takes a file without content for a damaged one.
    if (content.empty()) continue;
    EXPECT_EQ(test::ExpandSzdd(WriteSzdd(content, 'l')), content)
        << content.size();
  }
}

TEST(SzddWriter, PacksNoWorseThanMscompress) {
  for (const Bytes& content : OrdinaryContents()) {
    if (content.empty()) continue;
    EXPECT_LE(WriteSzdd(content, 'l').size(), PackSzdd(content).size())
        << content.size();
  }
}

TEST(SzddWriter, WritesTheHeader) {
  const Bytes expected = {'S', 'Z', 'D', 'D', 0x88, 0xf0, 0x27, 0x33, 'A', 'l',
                          3, 0, 0, 0,
                          // Three literals, then three times as many by copies
                          // is not needed: flags 00000111.
                          0x07, 'a', 'b', 'c'};
  EXPECT_EQ(WriteSzdd(Bytes{'a', 'b', 'c'}, 'l'), expected);
}

TEST(SzddWriter, CopiesFromTheWindowsSpaces) {
  // 18 spaces stand before the first byte: one copy, from 0xff0 - 18 at the
  // nearest. Its distance of 1 is as good: position 0xfef, length 18.
  const Bytes file = WriteSzdd(Bytes(18, ' '), 0);
  EXPECT_EQ(Bytes(file.begin() + 14, file.end()), (Bytes{0x00, 0xef, 0xff}));
}

TEST(Repack, GivesSzddBack) {
  const Bytes image = LeakingSecurityDll();
  const Bytes packed = test::WithNumber(PackSzdd(image), 9, 1, 'l');
  const Result<Bytes> again = Repack(Expand(packed)->form, image);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(std::get<SzddForm>(Expand(*again)->form).missing_char, 'l');
  EXPECT_EQ(test::ExpandSzdd(*again), image);
}

TEST(Repack, GivesACabinetBackWithItsDateAndAttributes) {
  const Bytes image = LeakingSecurityDll();
  Bytes patched = image;
  patched[100] ^= 1;
  for (const bool zip : {false, true}) {
    // 1996-10-14 02:38:00, read-only, system: no values that gcab would choose.
    Bytes packed = PackCabinet({"Security.dll"}, image, zip);
    packed = test::WithNumber(packed, 44 + 10, 2, 16 << 9 | 10 << 5 | 14);
    packed = test::WithNumber(packed, 44 + 12, 2, 2 << 11 | 38 << 5);
    packed = test::WithNumber(packed, 44 + 14, 2, 0x05);
    const Result<Bytes> again = Repack(Expand(packed)->form, patched);
    ASSERT_TRUE(again) << again.error().message;
    const CabinetForm form = std::get<CabinetForm>(Expand(*again)->form);
    EXPECT_EQ(form.name, "Security.dll");
    EXPECT_EQ(form.date, 16 << 9 | 10 << 5 | 14);
    EXPECT_EQ(form.time, 2 << 11 | 38 << 5);
    EXPECT_EQ(form.attributes, 0x05);
    EXPECT_EQ(form.compression, zip ? 1 : 0);
    EXPECT_EQ(test::ExtractCabinet(*again, "Security.dll"), patched);
  }
}

TEST(Repack, DoesNotDependOnTheTimeZone) {
  const Bytes image = LeakingSecurityDll();
  const PackedForm form =
      Expand(PackCabinet({"security.dll"}, image, true))->form;
  Result<Bytes> results[2] = {Bytes(), Bytes()};
  const char* zones[2] = {"UTC", "Asia/Kathmandu"};
  for (int i = 0; i < 2; ++i) {
    setenv("TZ", zones[i], 1);
    tzset();
    results[i] = Repack(form, image);
    ASSERT_TRUE(results[i]) << results[i].error().message;
  }
  unsetenv("TZ");
  EXPECT_EQ(*results[0], *results[1]);
}

TEST(Repack, RefusesWhatItCannotGiveBack) {
  const Bytes image = LeakingSecurityDll();
  EXPECT_EQ(RepackError(test::PackKwaj({}, image)),
            "is packed as KWAJ, which is not written");
  EXPECT_EQ(RepackError(test::PackQbasic(image)),
            "is of the SZDD variant of QBasic, which is not written");
  EXPECT_EQ(RepackError(test::PackLzxCabinet("a.dll", image)),
            "the cabinet's folder is compressed by LZX (3843), which gcab does "
            "not write");
  EXPECT_EQ(RepackError(test::PackQuantumCabinet("a.dll", image)),
            "the cabinet's folder is compressed by Quantum (3858), which gcab "
            "does not write");
  Bytes trailing = PackCabinet({"a.dll"}, image, true);
  trailing.insert(trailing.end(), 100, 0);
  EXPECT_EQ(RepackError(trailing),
            "the cabinet has 0 bytes of reserved areas and 100 bytes after its "
            "end, as a signed one has, which would be lost");
  const Bytes cabinet = PackCabinet({"a.dll"}, image, true);
  EXPECT_EQ(RepackError(test::WithNumber(cabinet, 44 + 16, 1, '/')),
            "the name of the cabinet's member has other characters than "
            "letters, digits, '.', '_' and '-'");
  EXPECT_EQ(RepackError(test::WithNumber(cabinet, 44 + 14, 2, 0xa0)),
            "the cabinet's member has the attributes 160, not all of which are "
            "known");
  const Bytes undated =
      test::WithNumber(PackCabinet({"a.dll"}, image, true), 44 + 10, 2, 0);
  EXPECT_EQ(RepackError(undated).substr(0, 47),
            "the cabinet's member has no valid date and time");
}

}  // namespace
}  // namespace detachfix
