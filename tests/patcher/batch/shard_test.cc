// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/shard.h"

#include <gtest/gtest.h>

#include <string>

namespace detachfix {
namespace {

std::string WhyNot(const std::string& text) {
  const Result<Shard> shard = ParseShard(text);
  return shard ? "" : shard.error().message;
}

TEST(ParseShard, TakesPartAndNumberOfParts) {
  EXPECT_EQ(*ParseShard("1/1"), (Shard{1, 1}));
  EXPECT_EQ(*ParseShard("3/8"), (Shard{3, 8}));
  EXPECT_EQ(*ParseShard("65536/65536"), (Shard{65536, 65536}));
}

TEST(ParseShard, RefusesEverythingElse) {
  EXPECT_EQ(WhyNot("0/8"),
            "\"0/8\" is not a shard: I/N with 1 <= I <= N <= 65536 is");
  for (const char* text :
       {"", "1", "/", "1/", "/1", "9/8", "1/0", "-1/2", "1/65537", "1/2/3",
        " 1/2", "1/2 ", "+1/2", "4294967297/4294967298"}) {
    EXPECT_NE(WhyNot(text), "") << text;
  }
}

TEST(IsInShard, GivesEveryPathToExactlyOneInFairParts) {
  constexpr uint32_t kShards = 8;
  constexpr uint32_t kFiles = 8000;
  uint32_t counts[kShards] = {};
  for (uint32_t file = 0; file < kFiles; ++file) {
    const std::string path =
        "image" + std::to_string(file) + "/system32/Security.dll";
    uint32_t owners = 0;
    for (uint32_t i = 0; i < kShards; ++i) {
      if (!IsInShard({i + 1, kShards}, path)) continue;
      ++owners;
      ++counts[i];
    }
    EXPECT_EQ(owners, 1u) << path;
  }
  // 1000 each are expected; 150 are five standard deviations.
  constexpr uint32_t kExpected = kFiles / kShards;
  for (const uint32_t count : counts) EXPECT_NEAR(count, kExpected, 150);
}

TEST(IsInShard, GivesAPackedFileToThatOfTheFileItself) {
  constexpr uint32_t kShards = 997;
  for (const char* path :
       {"i386/Security.dll", "i386/SECURITY.DLL", "i386/security.dl_"}) {
    for (uint32_t i = 1; i <= kShards; ++i) {
      EXPECT_EQ(IsInShard({i, kShards}, path),
                IsInShard({i, kShards}, "i386/SECURITY.DL_"))
          << path;
    }
  }
}

// FNV-1a of "" and "foobar", from the test vectors of draft-eastlake-fnv:
// cbf29ce484222325 and 85944171f73967e8.
TEST(IsInShard, IsTheSameForAllTime) {
  constexpr uint32_t kCount = 65536;
  EXPECT_TRUE(
      IsInShard({((0xcbf29ce4u ^ 0x84222325u) % kCount) + 1, kCount}, ""));
  EXPECT_TRUE(IsInShard({((0x85944171u ^ 0xf73967e8u) % kCount) + 1, kCount},
                        "foobar"));
}

}  // namespace
}  // namespace detachfix
