// SPDX-License-Identifier: Apache-2.0
// The builder links the same content for another base, which is what REBASE
// makes of a file.
#include "patcher/rebase_invariant.h"

#include <gtest/gtest.h>

#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildPe;
using test::BuiltPe;
using test::FullSpec;
using test::MustRead;
using test::PeSpec;

/// FullSpec at `base`, with another stamp in the COFF header.
PeSpec RebasedSpec(uint32_t base) {
  PeSpec spec = FullSpec();
  spec.image_base = base;
  spec.overrides = {{"TimeDateStamp", 0x40000000}};
  return spec;
}

TEST(RebaseInvariant, IsTheSameAtEveryBase) {
  const PeImage shipped = MustRead(FullSpec());
  for (const uint32_t base : {0x10000u, 0x46480000u, 0xfff00000u}) {
    const PeImage rebased = MustRead(RebasedSpec(base));
    EXPECT_NE(rebased.bytes, shipped.bytes);
    EXPECT_NE(rebased.checksum, shipped.checksum);
    EXPECT_EQ(WithoutBase(rebased), WithoutBase(shipped)) << base;
    EXPECT_EQ(RebaseInvariantSha256(rebased), RebaseInvariantSha256(shipped));
  }
}

TEST(RebaseInvariant, IsTheFileAtBaseZeroWithoutStampAndCheckSum) {
  BuiltPe zero = BuildPe(RebasedSpec(0));
  for (const char* name :
       {"TimeDateStamp", "CheckSum", "Debug[0].TimeDateStamp"}) {
    const test::Field field = zero.fields.at(name);
    for (uint32_t i = 0; i < field.size; ++i) zero.bytes[field.offset + i] = 0;
  }
  EXPECT_EQ(WithoutBase(MustRead(FullSpec())), zero.bytes);
}

TEST(RebaseInvariant, SeesEveryByteThatRebaseLeaves) {
  const PeImage image = MustRead(FullSpec());
  const std::optional<Bytes> plain = WithoutBase(image);
  const BuiltPe built = BuildPe(FullSpec());
  const uint32_t stamp = built.fields.at("TimeDateStamp").offset;
  const uint32_t sum = built.fields.at("CheckSum").offset;
  const uint32_t base = built.fields.at("ImageBase").offset;
  const uint32_t debug = built.fields.at("Debug[0].TimeDateStamp").offset;
  for (uint32_t i = 0; i < image.bytes.size(); ++i) {
    Bytes bytes = image.bytes;
    bytes[i] ^= 0x01;
    PeImage changed = image;
    changed.bytes = std::move(bytes);
    const auto within = [&](uint32_t at) { return i >= at && i < at + 4; };
    const bool neutral =
        within(stamp) || within(sum) || within(base) || within(debug);
    EXPECT_EQ(WithoutBase(changed) == plain, neutral) << "offset " << i;
  }
}

/// The 16-bit word at `.data` + 0 of an image with one relocation there.
uint16_t WordAtZero(uint8_t type, uint16_t word) {
  PeImage image = MustRead(FullSpec());  // at 0x77a80000
  const Rva rva{0x2000};
  const uint32_t offset = ToOffset(image, rva)->value;
  image.relocations = {{rva, type}};
  Bytes bytes = image.bytes;
  bytes[offset] = static_cast<uint8_t>(word);
  bytes[offset + 1] = static_cast<uint8_t>(word >> 8);
  image.bytes = bytes;
  bytes = *WithoutBase(image);
  return static_cast<uint16_t>(bytes[offset] | bytes[offset + 1] << 8);
}

// PE/COFF specification, "Base Relocation Types"; values by hand for the
// addresses 0x77a8f520 and 0x77a81234 in an image at 0x77a80000.
TEST(RebaseInvariant, MovesTheHalvesThatAlphaCodeHas) {
  EXPECT_EQ(WordAtZero(1, 0x77a8), 0x0000);  // HIGH of either address
  EXPECT_EQ(WordAtZero(2, 0xf520), 0xf520);  // LOW
  EXPECT_EQ(WordAtZero(4, 0x77a9), 0x0001);  // HIGHADJ of 0x77a8f520: +0x8000
  EXPECT_EQ(WordAtZero(4, 0x77a8), 0x0000);  // HIGHADJ of 0x77a81234
}

TEST(RebaseInvariant, IsAbsentForABaseThatNoLoaderTakes) {
  PeImage image = MustRead(FullSpec());
  image.image_base = 0x77a81000;
  EXPECT_FALSE(RebaseInvariantSha256(image));
}

}  // namespace
}  // namespace detachfix
