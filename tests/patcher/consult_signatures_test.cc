// SPDX-License-Identifier: Apache-2.0
// Signature and analysis side by side: agreement, disagreement, ambiguity.
#include "patcher/consult_signatures.h"

#include <gtest/gtest.h>

#include "patcher/patch_file.h"
#include "patcher/sha256.h"
#include "tests/support/leaky_image.h"
#include "tests/support/security_dll.h"

namespace detachfix {
namespace {

using test::LeakingSecurityDll;

VerifiedFile LeakingFile() {
  return VerifyBytes("a.dll", LeakingSecurityDll(), std::nullopt);
}

/// LeakingFile with the repair made, as it would stand on the disk.
VerifiedFile PatchedFile() {
  VerifiedFile file = LeakingFile();
  const Result<PatchedBytes> patched = PatchInMemory(file);
  if (!patched) {
    ADD_FAILURE() << patched.error().message;
    return file;
  }
  return VerifyBytes("a.dll", patched->bytes, patched->side_record);
}

Signature ExactRow(BuildState state) {
  Signature row;
  row.id = "known";
  row.target = "security.dll";
  row.product = "nt4";
  row.levels = {"SP3"};
  row.machine = 0x14c;
  row.state = state;
  row.sha256 = HashSha256(LeakingSecurityDll());
  return row;
}

TEST(ConsultSignatures, AnAgreeingRowLeavesTheVerdict) {
  VerifiedFile file = LeakingFile();
  ConsultSignatures(file, {{ExactRow(BuildState::kLeaks)}, {}});
  EXPECT_EQ(file.outcome.diagnosis.verdict, Verdict::kLeaks);
  ASSERT_TRUE(file.outcome.signature);
  EXPECT_EQ(file.outcome.signature->found.match, MatchClass::kExact);
  EXPECT_EQ(SignatureLines(*file.outcome.signature),
            std::vector<std::string>{
                "signature: exact: known (Windows NT 4.0 SP3, i386, leaks) by "
                "sha256"});
}

TEST(ConsultSignatures, ADisagreementIsUnknownWithBothReasons) {
  VerifiedFile file = LeakingFile();
  ConsultSignatures(file, {{ExactRow(BuildState::kFixed)}, {}});
  EXPECT_EQ(file.outcome.diagnosis.verdict, Verdict::kUnknown);
  EXPECT_EQ(file.outcome.diagnosis.because,
            "signature and analysis disagree: known (exact) says that it is "
            "fixed; the analysis says leaks: 1 of 1 critical section that "
            "attach initialises is not deleted on detach");
}

TEST(ConsultSignatures, ADisagreementAboutThePlaceIsUnknownToo) {
  VerifiedFile file = LeakingFile();
  Signature row = ExactRow(BuildState::kLeaks);
  row.critical_sections = {
      file.outcome.diagnosis.critical_sections.at(0).rva.value};
  ConsultSignatures(file, {{row}, {}});
  EXPECT_EQ(file.outcome.diagnosis.verdict, Verdict::kLeaks);
  row.critical_sections = {0x77};
  ConsultSignatures(file, {{row}, {}});
  EXPECT_EQ(file.outcome.diagnosis.verdict, Verdict::kUnknown);
  EXPECT_TRUE(file.outcome.diagnosis.because.starts_with(
      "signature and analysis disagree: known (exact) says that its critical "
      "sections are at 0x77; the analysis says leaks: "))
      << file.outcome.diagnosis.because;
}

TEST(ConsultSignatures, FactsThatIdentifyNothingOverruleNothing) {
  VerifiedFile file = LeakingFile();
  Signature row = ExactRow(BuildState::kFixed);
  row.sha256.reset();
  row.size = static_cast<uint32_t>(LeakingSecurityDll().size());
  ConsultSignatures(file, {{row}, {}});
  EXPECT_EQ(file.outcome.diagnosis.verdict, Verdict::kLeaks);
  EXPECT_EQ(SignatureLines(*file.outcome.signature),
            std::vector<std::string>{
                "signature: consistent with known (Windows NT 4.0 SP3, i386, "
                "fixed) by size"});
}

TEST(ConsultSignatures, CandidatesThatDisagreeAmongThemselvesOverruleNothing) {
  VerifiedFile file = LeakingFile();
  Signature leaks = ExactRow(BuildState::kLeaks);
  leaks.id = "other";
  ConsultSignatures(file, {{ExactRow(BuildState::kFixed), leaks}, {}});
  EXPECT_EQ(file.outcome.diagnosis.verdict, Verdict::kLeaks);
  EXPECT_EQ(SignatureLines(*file.outcome.signature).size(), 2u);
}

TEST(ConsultSignatures, LooksUpTheOriginalOfAPatchedFile) {
  VerifiedFile file = PatchedFile();
  ConsultSignatures(file, {{ExactRow(BuildState::kLeaks)}, {}});
  EXPECT_EQ(file.outcome.diagnosis.verdict, Verdict::kFixed);
  ASSERT_TRUE(file.outcome.signature);
  EXPECT_TRUE(file.outcome.signature->of_original);
  EXPECT_EQ(SignatureLines(*file.outcome.signature),
            std::vector<std::string>{
                "signature: exact: known (Windows NT 4.0 SP3, i386, leaks) by "
                "sha256, for the original"});
}

TEST(ConsultSignatures, APatchedFileThatNeverLeakedIsUnknown) {
  VerifiedFile file = PatchedFile();
  ConsultSignatures(file, {{ExactRow(BuildState::kFixed)}, {}});
  EXPECT_EQ(file.outcome.diagnosis.verdict, Verdict::kUnknown);
}

TEST(ConsultSignatures, SaysNothingOfWhatIsNoImage) {
  VerifiedFile file = VerifyBytes("a.txt", Bytes{'h', 'i'}, std::nullopt);
  ConsultSignatures(file, {{ExactRow(BuildState::kLeaks)}, {}});
  EXPECT_FALSE(file.outcome.signature);
}

TEST(ConsultSignatures, NamesNoneWhereNoRowMatches) {
  VerifiedFile file = LeakingFile();
  ConsultSignatures(file, {});
  EXPECT_EQ(SignatureLines(*file.outcome.signature),
            std::vector<std::string>{"signature: none"});
}

}  // namespace
}  // namespace detachfix
