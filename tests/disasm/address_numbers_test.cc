// SPDX-License-Identifier: Apache-2.0
#include "disasm/address_numbers.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace detachfix {
namespace {

TEST(AddressNumbers, CountInTheOrderOfTheirComing) {
  AddressNumbers numbers;
  EXPECT_EQ(numbers.Of(0), AddressNumbers::kNone);
  EXPECT_EQ(numbers.Add(0x77a81000), 0u);
  EXPECT_EQ(numbers.Add(0), 1u);
  EXPECT_EQ(numbers.Add(0x77a81000), 0u);
  EXPECT_TRUE(numbers.Has(0));
  EXPECT_FALSE(numbers.Has(1));
}

TEST(AddressNumbers, AreThoseOfAPlainMap) {
  std::mt19937_64 random(1);
  AddressNumbers numbers;
  std::map<uint64_t, uint32_t> plain;
  for (int i = 0; i < 20'000; ++i) {
    // Close together, as code is, and anywhere.
    const uint64_t address =
        i % 2 == 0 ? 0x77a80000 + random() % 8192 : random();
    const auto next = static_cast<uint32_t>(plain.size());
    const uint32_t expected = plain.emplace(address, next).first->second;
    ASSERT_EQ(numbers.Add(address), expected) << "seed 1, step " << i;
  }
  for (const auto& [address, number] : plain) {
    ASSERT_EQ(numbers.Of(address), number);
  }
}

}  // namespace
}  // namespace detachfix
