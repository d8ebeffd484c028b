// SPDX-License-Identifier: Apache-2.0
// Files packed by mscompress, by gcab and by the writers of tests/support,
// against the content that went in.
#include "patcher/batch/packing.h"

#include <gtest/gtest.h>

#include <random>
#include <variant>

#include "tests/support/packed.h"
#include "tests/support/security_dll.h"

namespace detachfix {
namespace {

using test::LeakingSecurityDll;
using test::PackCabinet;
using test::PackKwaj;
using test::PackSzdd;
using test::WithNumber;

std::string ExpandError(const Bytes& bytes, uint64_t max_size = kMaxFileSize) {
  const Result<Expanded> expanded = Expand(bytes, {max_size});
  return expanded ? "no error" : expanded.error().message;
}

Bytes Text(const std::string& text) { return Bytes(text.begin(), text.end()); }

/// Bytes that repeat now and then, at all distances.
Bytes Mixed(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes;
  while (bytes.size() < size) {
    const size_t length = 1 + random() % 40;
    const size_t back = bytes.empty() ? 0 : random() % bytes.size() + 1;
    for (size_t i = 0; i < length; ++i) {
      const bool copy = back > 0 && random() % 50 != 0;
      bytes.push_back(copy ? bytes[bytes.size() - back]
                           : static_cast<uint8_t>(random() % 7 * 37));
    }
  }
  bytes.resize(size);
  return bytes;
}

TEST(Packing, IsToldByTheFirstBytes) {
  const Bytes image = LeakingSecurityDll();
  EXPECT_EQ(SniffPacking(image), Packing::kNone);
  EXPECT_EQ(SniffPacking({}), Packing::kNone);
  EXPECT_EQ(SniffPacking(Text("SZD")), Packing::kNone);
  EXPECT_EQ(SniffPacking(PackSzdd(image)), Packing::kSzdd);
  EXPECT_EQ(SniffPacking(test::PackQbasic(image)), Packing::kSzdd);
  EXPECT_EQ(SniffPacking(PackKwaj({}, image)), Packing::kKwaj);
  EXPECT_EQ(SniffPacking(PackCabinet({"a"}, image, true)), Packing::kMscf);
}

TEST(Packing, SzddOfMscompressIsExpanded) {
  const Bytes image = LeakingSecurityDll();
  const Result<Expanded> expanded =
      Expand(WithNumber(PackSzdd(image), 9, 1, 'l'));
  ASSERT_TRUE(expanded) << expanded.error().message;
  EXPECT_EQ(expanded->packing, Packing::kSzdd);
  EXPECT_EQ(expanded->image, image);
  const SzddForm& form = std::get<SzddForm>(expanded->form);
  EXPECT_FALSE(form.qbasic);
  EXPECT_EQ(form.missing_char, 'l');
}

TEST(Packing, SzddOfQbasicIsExpanded) {
  const Bytes image = LeakingSecurityDll();
  const Result<Expanded> expanded = Expand(test::PackQbasic(image));
  ASSERT_TRUE(expanded) << expanded.error().message;
  EXPECT_EQ(expanded->image, image);
  EXPECT_TRUE(std::get<SzddForm>(expanded->form).qbasic);
}

TEST(Packing, KwajIsExpandedByEachMethod) {
  const Bytes image = LeakingSecurityDll();
  for (uint16_t method = 0; method <= 4; ++method) {
    for (const bool has_size : {false, true}) {
      const Result<Expanded> expanded = Expand(
          PackKwaj({method, has_size, "SECURITY", "DLL", "some text"}, image));
      ASSERT_TRUE(expanded) << method << ": " << expanded.error().message;
      EXPECT_EQ(expanded->packing, Packing::kKwaj);
      EXPECT_EQ(expanded->image, image) << method << has_size;
      const KwajForm& form = std::get<KwajForm>(expanded->form);
      EXPECT_EQ(form.method, method);
      EXPECT_EQ(form.name, "SECURITY.DLL");
    }
  }
}

TEST(Packing, CabinetOfGcabIsExpanded) {
  const Bytes image = LeakingSecurityDll();
  for (const bool zip : {false, true}) {
    const Result<Expanded> expanded =
        Expand(PackCabinet({"security.dll"}, image, zip));
    ASSERT_TRUE(expanded) << expanded.error().message;
    EXPECT_EQ(expanded->packing, Packing::kMscf);
    EXPECT_EQ(expanded->image, image);
    const CabinetForm& form = std::get<CabinetForm>(expanded->form);
    EXPECT_EQ(form.name, "security.dll");
    EXPECT_EQ(form.compression, zip ? 1 : 0);
    EXPECT_EQ(form.trailing, 0u);
    EXPECT_EQ(form.reserved, 0u);
  }
}

TEST(Packing, CabinetOfSeveralBlocksIsExpanded) {
  const Bytes content = Mixed(200'000, 1);
  const Result<Expanded> expanded =
      Expand(PackCabinet({"security.dll"}, content, true));
  ASSERT_TRUE(expanded) << expanded.error().message;
  EXPECT_EQ(expanded->image, content);
}

TEST(Packing, CabinetOfLzxIsExpanded) {
  const Bytes image = LeakingSecurityDll();
  const Result<Expanded> expanded =
      Expand(test::PackLzxCabinet("security.dll", image));
  ASSERT_TRUE(expanded) << expanded.error().message;
  EXPECT_EQ(expanded->image, image);
}

TEST(Packing, CabinetOfQuantumIsExpanded) {
  const Bytes image = LeakingSecurityDll();
  for (const Bytes& content : {image, Mixed(30'000, 7), Bytes{1}}) {
    const Bytes packed = test::PackQuantumCabinet("security.dll", content);
    const Result<Expanded> expanded = Expand(packed);
    ASSERT_TRUE(expanded) << expanded.error().message;
    EXPECT_EQ(expanded->image, content);
    EXPECT_EQ(test::ExtractCabinet(packed, "security.dll"), content);
  }
}

TEST(Packing, RefusesALyingSize) {
  const Bytes image = LeakingSecurityDll();
  const std::string size = std::to_string(image.size());
  const std::string more = std::to_string(image.size() + 1);
  const std::string less = std::to_string(image.size() - 1);
  const std::string says = "the header says that ";
  const std::string expands = " bytes are packed, but it expands to ";
  const std::string too_large = says + more + expands + size;
  const std::string too_small =
      says + less + expands + "more than " + less + " bytes";
  // Where each form has its size: 10, 14, and in CFFILE.
  for (const auto& [packed, offset] :
       {std::pair{PackSzdd(image), size_t{10}},
        std::pair{PackKwaj({0, true, "", "", ""}, image), size_t{14}}}) {
    EXPECT_EQ(ExpandError(WithNumber(packed, offset, 4, image.size() + 1)),
              too_large);
    EXPECT_EQ(ExpandError(WithNumber(packed, offset, 4, image.size() - 1)),
              too_small);
  }
  const Bytes cabinet = PackCabinet({"a"}, image, true);
  EXPECT_EQ(ExpandError(WithNumber(cabinet, 36 + 8, 4, image.size() + 1)),
            "the cabinet's member has " + more + " bytes by its entry and " +
                size + " bytes by its 1 data blocks");
}

TEST(Packing, RefusesBombsWithoutExpandingThem) {
  const Bytes zeros(100'000, 0);
  EXPECT_EQ(ExpandError(PackSzdd(zeros), 1000),
            "the header says that 100000 bytes are packed, more than the 1000 "
            "that are expanded");
  EXPECT_EQ(ExpandError(PackCabinet({"a"}, zeros, true), 1000),
            "the header says that 100000 bytes are packed, more than the 1000 "
            "that are expanded");
  // No size in the header: it is stopped on the way.
  for (uint16_t method = 0; method <= 4; ++method) {
    EXPECT_EQ(ExpandError(PackKwaj({method, false, "", "", ""}, Mixed(9000, 2)),
                          1000),
              "it expands to more than 1000 bytes");
  }
}

TEST(Packing, RefusesCabinetsThatAreNotOneFile) {
  const Bytes image = Text("content");
  const Bytes one = PackCabinet({"a"}, image, false);
  EXPECT_EQ(ExpandError(PackCabinet({"a", "b", "c"}, image, false)),
            "the cabinet has 3 members in 1 folders; taken is what has one "
            "member in one folder");
  EXPECT_EQ(ExpandError(WithNumber(one, 26, 2, 2)),
            "the cabinet has 1 members in 2 folders; taken is what has one "
            "member in one folder");
  EXPECT_EQ(ExpandError(WithNumber(one, 30, 2, 1)),
            "the cabinet continues another one (flags 1): spanned cabinets "
            "are not taken");
  EXPECT_EQ(ExpandError(WithNumber(one, 30, 2, 2)),
            "the cabinet is continued by another one (flags 2): spanned "
            "cabinets are not taken");
  const size_t member = 36 + 8;
  EXPECT_EQ(ExpandError(WithNumber(one, member + 4, 4, 3)),
            "the cabinet's member begins 3 bytes into its folder, which has no "
            "other member");
  EXPECT_EQ(ExpandError(WithNumber(one, member + 8, 2, 0xfffe)),
            "the cabinet's member is in folder 65534, which spans cabinets");
  EXPECT_EQ(ExpandError(WithNumber(one, member + 8, 2, 1)),
            "the cabinet's member is in folder 1, which is not there");
}

TEST(Packing, RefusesCabinetsWhoseHeadersPointOutside) {
  const Bytes one = PackCabinet({"a"}, Text("content"), false);
  const std::string size = std::to_string(one.size());
  const std::string lies =
      " does not lie in the " + size + " bytes of the file";
  EXPECT_EQ(ExpandError(Text("MSCF")),
            "the cabinet's header at byte 0 does not lie in the 4 bytes of the "
            "file");
  EXPECT_EQ(ExpandError(WithNumber(one, 8, 4, 5000)),
            "the cabinet says that it has 5000 bytes, the file has " + size);
  EXPECT_EQ(ExpandError(WithNumber(one, 16, 4, 0xffffffff)),
            "the cabinet's file entry at byte 4294967295" + lies);
  EXPECT_EQ(ExpandError(WithNumber(one, 36, 4, 0xffffffff)),
            "the cabinet's data at byte 4294967295" + lies);
  EXPECT_EQ(ExpandError(WithNumber(one, 8, 4, one.size() - 1)),
            "the cabinet's data end at byte " + size +
                ", the cabinet at byte " + std::to_string(one.size() - 1));
  Bytes nameless = WithNumber(one, 16, 4, one.size());
  nameless.resize(one.size() + 16);
  nameless.resize(nameless.size() + 300, 'n');
  EXPECT_EQ(ExpandError(nameless),
            "the name of the cabinet's member has no end within 256 bytes");
}

TEST(Packing, RefusesDamage) {
  const Bytes image = LeakingSecurityDll();
  Bytes cabinet = PackCabinet({"a"}, image, true);
  cabinet.back() ^= 1;
  EXPECT_EQ(ExpandError(cabinet),
            "the header says that " + std::to_string(image.size()) +
                " bytes are packed, but the checksum of a block of packed data "
                "is wrong (libmspack error 9)");
  EXPECT_EQ(ExpandError(WithNumber(PackSzdd(image), 8, 1, 'B')),
            "the header says that " + std::to_string(image.size()) +
                " bytes are packed, but a header or the packed data are "
                "damaged or cut off (libmspack error 8)");
  EXPECT_EQ(ExpandError(image), "is not packed as SZDD, KWAJ or MSCF");
}

/// Files of every form, with a size in their header.
std::vector<Bytes> EveryForm(const Bytes& content) {
  std::vector<Bytes> files = {PackSzdd(content),
                              test::PackQbasic(content),
                              PackCabinet({"a.dll"}, content, false),
                              PackCabinet({"a.dll"}, content, true),
                              test::PackLzxCabinet("a.dll", content),
                              test::PackQuantumCabinet("a.dll", content)};
  for (uint16_t method = 0; method <= 4; ++method) {
    files.push_back(PackKwaj({method, true, "A", "DLL", "text"}, content));
  }
  return files;
}

TEST(Packing, RefusesAFileCutOffAnywhere) {
  const Bytes content = Mixed(1500, 3);
  for (const Bytes& file : EveryForm(content)) {
    for (size_t size = 0; size < file.size(); ++size) {
      const Result<Expanded> expanded = Expand(std::span(file).first(size));
      if (!expanded) continue;
      // What is cut may be padding alone: MSZIP's end mark, bits of LZH.
      EXPECT_EQ(expanded->image, content) << size;
      EXPECT_GE(size + 2, file.size());
    }
  }
}

TEST(Packing, SurvivesDamageAnywhere) {
  const Bytes content = Mixed(1500, 4);
  std::mt19937 random(5);
  for (const Bytes& file : EveryForm(content)) {
    for (int i = 0; i < 1000; ++i) {
      Bytes damaged = file;
      for (size_t flips = 1 + random() % 3; flips > 0; --flips) {
        // Headers are the more interesting half.
        const size_t range = random() % 2 ? file.size() : size_t{64};
        damaged[random() % range] ^= static_cast<uint8_t>(1 << random() % 8);
      }
      const Result<Expanded> expanded = Expand(damaged, {10'000});
      if (expanded) {
        EXPECT_LE(expanded->image.size(), 10'000u);
      } else {
        EXPECT_FALSE(expanded.error().message.empty());
      }
    }
  }
}

}  // namespace
}  // namespace detachfix
