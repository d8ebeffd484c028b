// SPDX-License-Identifier: Apache-2.0
// tests/checksum compares with another hand's tool; here are the cases that
// can be added up by hand.
#include "patcher/pe_checksum.h"

#include <gtest/gtest.h>

#include <vector>

namespace detachfix {
namespace {

TEST(PeChecksum, AddsWordsAndLength) {
  const std::vector<uint8_t> file = {0x01, 0x02, 0x03, 0x04, 9, 9, 9, 9};
  EXPECT_EQ(PeChecksum(file, FileOffset{4}), 0x0201u + 0x0403u + 8u);
}

TEST(PeChecksum, FoldsTheCarry) {
  const std::vector<uint8_t> file = {0xff, 0xff, 0x02, 0x00, 0, 0, 0, 0};
  EXPECT_EQ(PeChecksum(file, FileOffset{4}), 0x0002u + 8u);
}

TEST(PeChecksum, TakesAnOddLastByteAsALowByte) {
  const std::vector<uint8_t> file = {0, 0, 0, 0, 0x07};
  EXPECT_EQ(PeChecksum(file, FileOffset{0}), 0x07u + 5u);
}

TEST(PeChecksum, LeavesOutAFieldAtAnOddOffset) {
  const std::vector<uint8_t> file = {0x10, 8, 8, 8, 8, 0x20};
  EXPECT_EQ(PeChecksum(file, FileOffset{1}), 0x2010u + 6u);
}

TEST(PeChecksum, StandsAFieldThatIsNotInTheFile) {
  const std::vector<uint8_t> file = {1, 0};
  EXPECT_EQ(PeChecksum(file, FileOffset{0xffffffff}), 1u + 2u);
  EXPECT_EQ(PeChecksum({}, FileOffset{0}), 0u);
}

}  // namespace
}  // namespace detachfix
