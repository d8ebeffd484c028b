// SPDX-License-Identifier: Apache-2.0
// What real file systems keep is tested in tests/batch/batch_shares.py and in
// posix_files_test.cc.
#include "patcher/extended_attributes.h"

#include <gtest/gtest.h>

#include <cstring>

namespace detachfix {
namespace {

Attributes WithDosAttributes(uint32_t flags) {
  Bytes value(sizeof flags);
  std::memcpy(value.data(), &flags, sizeof flags);
  return {{"system.ntfs_attrib", value}};
}

// FILE_ATTRIBUTE_READONLY is bit 0, [MS-FSCC] 2.6.
TEST(IsDosReadOnly, IsWhatNtfsSays) {
  EXPECT_TRUE(IsDosReadOnly(WithDosAttributes(0x21)));
  EXPECT_FALSE(IsDosReadOnly(WithDosAttributes(0x26)));
}

TEST(IsDosReadOnly, IsNotWithoutDosAttributes) {
  EXPECT_FALSE(IsDosReadOnly({}));
  EXPECT_FALSE(IsDosReadOnly({{"user.DOSATTRIB", {1, 0, 0, 0}}}));
  EXPECT_FALSE(IsDosReadOnly({{"system.ntfs_attrib", {1}}}));
}

TEST(IsDosReadOnly, IsWhatASambaServerSays) {
  Bytes value = {0, 0, 5, 0, 5, 0, 0, 0, 0x1, 0, 0, 0, 0x21, 0, 0, 0};
  EXPECT_TRUE(IsDosReadOnly({{"user.DOSATTRIB", value}}));
  value[12] = 0x26;
  EXPECT_FALSE(IsDosReadOnly({{"user.DOSATTRIB", value}}));
}

}  // namespace
}  // namespace detachfix
