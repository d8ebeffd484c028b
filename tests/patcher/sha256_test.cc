// SPDX-License-Identifier: Apache-2.0
#include "patcher/sha256.h"

#include <gtest/gtest.h>

namespace detachfix {
namespace {

// The examples of FIPS 180-2, appendix B, and the empty message.
TEST(Sha256, AgreesWithTheStandardsExamples) {
  EXPECT_EQ(ToHex(HashSha256({})),
            "e3b0c44298fc1c149afbf4c8996fb924"
            "27ae41e4649b934ca495991b7852b855");
  const Bytes abc = {'a', 'b', 'c'};
  EXPECT_EQ(ToHex(HashSha256(abc)),
            "ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad");
  const Bytes million(1000000, 'a');
  EXPECT_EQ(ToHex(HashSha256(million)),
            "cdc76e5c9914fb9281a1c7e284d73e67"
            "f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace detachfix
