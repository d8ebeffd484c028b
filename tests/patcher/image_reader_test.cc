// SPDX-License-Identifier: Apache-2.0
#include "patcher/image_reader.h"

#include <gtest/gtest.h>

#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::FullSpec;
using test::MustRead;
using test::PeSpec;

// .data: 0x200 bytes in the file that end with "ab", 0x800 in memory.
PeImage WithData() {
  PeSpec spec = FullSpec();
  spec.sections[1].content = "01020304 zero:506 'ab'";
  return MustRead(spec);
}

TEST(ImageReader, ReadsAcrossTheEndOfTheFilesBytes) {
  const PeImage image = WithData();
  const ImageReader reader(image);
  EXPECT_EQ(reader.U32(0x2000), 0x04030201u);
  EXPECT_EQ(reader.U16(0x21fe), 0x6261);
  EXPECT_EQ(reader.U32(0x21fe), 0x6261u);
  EXPECT_EQ(reader.U32(0x2200), 0u);
  EXPECT_EQ(reader.U32(0x27fc), 0u);
}

TEST(ImageReader, GivesNothingOutsideASection) {
  const PeImage image = WithData();
  const ImageReader reader(image);
  EXPECT_FALSE(reader.U32(0x27fd));
  EXPECT_FALSE(reader.U16(0x27ff));
  EXPECT_FALSE(reader.U16(0x2800));
  EXPECT_FALSE(reader.U32(0x7fff0000));
  EXPECT_FALSE(reader.U32(~uint64_t{0}));
  EXPECT_TRUE(reader.Holds(0x2000, 0x800));
  EXPECT_FALSE(reader.Holds(0x2000, 0x801));
  EXPECT_FALSE(reader.Holds(0x2001, ~uint64_t{0}));
}

TEST(ImageReader, ReadsHeaders) {
  const PeImage image = WithData();
  const ImageReader reader(image);
  EXPECT_EQ(reader.U16(0), 0x5a4d);
  EXPECT_EQ(reader.U32(0x80), 0x4550u);
  EXPECT_FALSE(reader.U32(0x3fe));
}

TEST(ImageReader, ReadsText) {
  const PeImage image = WithData();
  const ImageReader reader(image);
  EXPECT_EQ(reader.Text(0x21fe, 2), "ab");  // the zero is only in memory
  EXPECT_EQ(reader.Text(0x21fe, 1), std::nullopt);
  EXPECT_EQ(reader.Text(0x2300, 9), "");
  EXPECT_EQ(reader.Text(0x2800, 9), std::nullopt);
}

TEST(ImageReader, GivesBytesOfTheFileOnly) {
  const PeImage image = WithData();
  const ImageReader reader(image);
  ASSERT_TRUE(reader.Bytes(0x21fe, 2));
  EXPECT_EQ(reader.Bytes(0x21fe, 2)->data(), image.bytes.data() + 0x7fe);
  EXPECT_FALSE(reader.Bytes(0x21fe, 3));
  EXPECT_FALSE(reader.Bytes(0x2300, 1));
  EXPECT_FALSE(reader.Bytes(0x2000, ~uint64_t{0}));
}

}  // namespace
}  // namespace detachfix
