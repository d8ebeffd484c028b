// SPDX-License-Identifier: Apache-2.0
#include "patcher/file_parts.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace detachfix {
namespace {

constexpr uint64_t kPage = FileParts::kPage;

void Put(FileParts& parts, FileParts::Part part, uint8_t byte) {
  std::ranges::fill(parts.Room(part), byte);
  parts.MarkRead(part);
}

bool IsZero(const FileParts& parts) {
  return std::ranges::all_of(parts.bytes(), [](uint8_t b) { return b == 0; });
}

TEST(FileParts, KnowsWhatWasRead) {
  FileParts parts(3 * kPage + 10);
  Put(parts, {kPage, kPage}, 1);
  EXPECT_TRUE(parts.Has(kPage, kPage));
  EXPECT_FALSE(parts.missed());
  EXPECT_FALSE(parts.Has(kPage + 5, kPage));
  ASSERT_TRUE(parts.missed());
  EXPECT_EQ(parts.missed()->offset, kPage + 5);
  EXPECT_EQ(parts.CountFrom(kPage + 5, 3 * kPage), kPage - 5);
}

TEST(FileParts, HoldsNothingOfTheFileBefore) {
  {
    FileParts parts(3 * kPage);
    Put(parts, {0, kPage}, 1);
    // A read that ends early writes to pages that are never marked.
    std::ranges::fill(parts.Room({2 * kPage, 100}), uint8_t{2});
  }
  const FileParts next(4 * kPage);
  EXPECT_TRUE(IsZero(next));
}

TEST(FileParts, TwoAtATimeDoNotShareMemory) {
  FileParts one(2 * kPage);
  FileParts other(2 * kPage);
  Put(one, {0, 2 * kPage}, 1);
  EXPECT_TRUE(IsZero(other));
}

TEST(FileParts, LargeOnesAreMappedToo) {
  {
    FileParts parts(uint64_t{40} << 20);
    Put(parts, {uint64_t{39} << 20, kPage}, 1);
    EXPECT_EQ(parts.bytes().size(), uint64_t{40} << 20);
  }
  const FileParts next(uint64_t{40} << 20);
  EXPECT_TRUE(IsZero(next));
}

}  // namespace
}  // namespace detachfix
