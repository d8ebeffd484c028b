// SPDX-License-Identifier: Apache-2.0
#include "signatures/masked_pattern.h"

#include <gtest/gtest.h>

namespace detachfix {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(MaskedPattern, ReadsBytesAndMasks) {
  const auto pattern = ParsePattern("55 8B ec\n  ?? 0c");
  ASSERT_TRUE(pattern);
  const MaskedPattern expected = {0x55, 0x8b, 0xec, std::nullopt, 0x0c};
  EXPECT_EQ(*pattern, expected);
  EXPECT_EQ(PatternText(*pattern), "55 8b ec ?? 0c");
  EXPECT_EQ(FixedBytes(*pattern), 4u);
  EXPECT_EQ(WithMaskedAsZero(*pattern), (Bytes{0x55, 0x8b, 0xec, 0, 0x0c}));
}

TEST(MaskedPattern, RefusesWhatIsNotOne) {
  for (const char* text : {"", " ", "5", "558b", "55 8", "5? 8b", "?5", "zz",
                           "55,8b", "0x55", "+5", "55 ???", "-1"}) {
    EXPECT_FALSE(ParsePattern(text)) << text;
  }
}

TEST(MaskedPattern, MatchesAtTheStartOnly) {
  const MaskedPattern pattern = *ParsePattern("55 ?? ec");
  EXPECT_TRUE(Matches(pattern, Bytes{0x55, 0x00, 0xec}));
  EXPECT_TRUE(Matches(pattern, Bytes{0x55, 0xff, 0xec, 0x90}));
  EXPECT_FALSE(Matches(pattern, Bytes{0x90, 0x55, 0x00, 0xec}));
  EXPECT_FALSE(Matches(pattern, Bytes{0x55, 0x00, 0xed}));
  EXPECT_FALSE(Matches(pattern, Bytes{0x55, 0x00}));
  EXPECT_FALSE(Matches(pattern, Bytes{}));
}

}  // namespace
}  // namespace detachfix
