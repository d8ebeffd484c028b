// SPDX-License-Identifier: Apache-2.0
// Of what no row is made. What a row holds is in tests/cli/signatures.txt.
#include "patcher/learn_signature.h"

#include <gtest/gtest.h>

#include "tests/support/security_dll.h"

namespace detachfix {
namespace {

LearnOptions Options() {
  LearnOptions options;
  options.levels = {"SP3"};
  options.any_dll = true;
  return options;
}

VerifiedFile LeakingFile() {
  return VerifyBytes("a.dll", test::LeakingSecurityDll(), std::nullopt);
}

TEST(LearnRow, MakesARowOfWhatLeaksOnEveryPath) {
  const Result<Signature> row = LearnRow(LeakingFile(), Options(), {});
  ASSERT_TRUE(row) << row.error().message;
  EXPECT_EQ(row->levels, std::vector<std::string>{"SP3"});
}

TEST(LearnRow, MakesNoneWhereNotEveryPathWasFollowed) {
  for (const Basis basis : {Basis::kWithMemory, Basis::kOneProcess}) {
    VerifiedFile file = LeakingFile();
    file.outcome.diagnosis.basis = basis;
    const Result<Signature> row = LearnRow(file, Options(), {});
    ASSERT_FALSE(row);
    EXPECT_EQ(row.error().message,
              "not every path through its entry was followed: a row would not "
              "hold all that decides");
  }
}

TEST(LearnRow, MakesNoneOfAnUnknownVerdict) {
  VerifiedFile file = LeakingFile();
  file.outcome.diagnosis.verdict = Verdict::kUnknown;
  file.outcome.diagnosis.because = "of a reason";
  const Result<Signature> row = LearnRow(file, Options(), {});
  ASSERT_FALSE(row);
  EXPECT_EQ(row.error().message, "cannot be judged: unknown: of a reason");
}

}  // namespace
}  // namespace detachfix
