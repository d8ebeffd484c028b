// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/media_names.h"

#include <gtest/gtest.h>

namespace detachfix {
namespace {

TEST(PairName, IsTheSameOfAFileAndOfThatFilePacked) {
  EXPECT_EQ(PairName("Security.dll"), "security.dl_");
  EXPECT_EQ(PairName("SECURITY.DL_"), "security.dl_");
  EXPECT_EQ(PairName("a.b"), PairName("A._"));
}

TEST(PairName, IsTheNameItselfOfWhatIsNeverPacked) {
  EXPECT_EQ(PairName("Security"), "security");
  EXPECT_EQ(PairName("Security."), "security.");
  EXPECT_EQ(PairName("page.HTML"), "page.html");
  EXPECT_EQ(PairName(""), "");
}

}  // namespace
}  // namespace detachfix
