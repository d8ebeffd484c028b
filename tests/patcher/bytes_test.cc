// SPDX-License-Identifier: Apache-2.0
#include "patcher/bytes.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace detachfix {
namespace {

constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();

TEST(Bytes, ReadsLittleEndian) {
  const std::vector<uint8_t> bytes = {0x01, 0x02, 0x03, 0x84, 0x05};
  const ByteReader reader(bytes);
  EXPECT_EQ(reader.size(), 5u);
  EXPECT_EQ(reader.U8(4), 0x05);
  EXPECT_EQ(reader.U16(0), 0x0201);
  EXPECT_EQ(reader.U32(0), 0x84030201u);
  EXPECT_EQ(reader.U32(1), 0x05840302u);
}

TEST(Bytes, GivesNothingOutside) {
  const std::vector<uint8_t> bytes = {1, 2, 3, 4};
  const ByteReader reader(bytes);
  EXPECT_FALSE(reader.U8(4));
  EXPECT_FALSE(reader.U16(3));
  EXPECT_FALSE(reader.U32(1));
  EXPECT_FALSE(reader.U32(kHuge));
  EXPECT_FALSE(reader.U32(kHuge - 3));
  EXPECT_FALSE(ByteReader({}).U8(0));
}

TEST(Bytes, HoldsRangesWithoutWrapping) {
  const std::vector<uint8_t> bytes = {1, 2, 3, 4};
  const ByteReader reader(bytes);
  EXPECT_TRUE(reader.Holds(0, 4));
  EXPECT_TRUE(reader.Holds(4, 0));
  EXPECT_FALSE(reader.Holds(5, 0));
  EXPECT_FALSE(reader.Holds(1, 4));
  EXPECT_FALSE(reader.Holds(1, kHuge));
  EXPECT_FALSE(reader.Holds(kHuge, kHuge));
  EXPECT_EQ(reader.Range(1, 2)->size(), 2u);
  EXPECT_EQ(reader.Range(1, 2)->front(), 2);
  EXPECT_FALSE(reader.Range(3, 2));
}

TEST(Bytes, RoundsUp) {
  EXPECT_EQ(RoundUp(0, 0x200), 0u);
  EXPECT_EQ(RoundUp(1, 0x200), 0x200u);
  EXPECT_EQ(RoundUp(0x200, 0x200), 0x200u);
  EXPECT_EQ(RoundUp(0xffffffff, 0x1000), uint64_t{1} << 32);
  EXPECT_TRUE(IsPowerOfTwo(1));
  EXPECT_TRUE(IsPowerOfTwo(0x1000));
  EXPECT_FALSE(IsPowerOfTwo(0));
  EXPECT_FALSE(IsPowerOfTwo(0x1800));
}

}  // namespace
}  // namespace detachfix
