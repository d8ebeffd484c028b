// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/check_pipeline.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "patcher/explain.h"
#include "patcher/make_plan.h"
#include "patcher/patch_file.h"
#include "patcher/report_json.h"
#include "patcher/report_text.h"
#include "patcher/undo_record.h"
#include "patcher/verify_file.h"
#include "tests/fuzz/require.h"
#include "tests/support/fake_files.h"

namespace detachfix::fuzz {

namespace {

constexpr char kPath[] = "/d/fuzzed.dll";

bool AnyLeaked(const Diagnosis& diagnosis) {
  return std::ranges::any_of(diagnosis.critical_sections,
                             &CriticalSection::leaked);
}

/// What each verdict promises about the rest of the diagnosis.
void CheckDiagnosis(const Diagnosis& diagnosis) {
  const bool proven = diagnosis.traces && diagnosis.traces->attach.complete &&
                      diagnosis.traces->detach.complete;
  switch (diagnosis.verdict) {
    case Verdict::kLeaks:
      Require(AnyLeaked(diagnosis), "a file that leaks names the section");
      Require(proven, "leaks rests on complete runs");
      break;
    case Verdict::kFixed:
      Require(!diagnosis.critical_sections.empty(),
              "a fixed file has a section that is dealt with");
      Require(!AnyLeaked(diagnosis), "a fixed file leaks nothing");
      Require(proven, "fixed rests on complete runs");
      break;
    case Verdict::kNotApplicable:
      Require(diagnosis.critical_sections.empty(),
              "not applicable means no section");
      break;
    case Verdict::kUnknown:
      Require(!diagnosis.because.empty(), "unknown says why");
      break;
  }
}

/// Reports are made of every outcome: names out of the file go through them.
void CheckReports(const FileOutcome& outcome) {
  const std::string line = OutcomeLine(outcome, false);
  Require(std::ranges::count(line, '\n') >= 1, "an outcome is a line");
  for (const char letter : line + EvidenceText(outcome) + PlanText(outcome)) {
    const bool printable = static_cast<unsigned char>(letter) >= 0x20;
    Require(printable || letter == '\n', "no control character is printed");
  }
  const std::vector<FileOutcome> outcomes = {outcome};
  Require(
      !JsonDocument({"patch", ExitStatus(outcome), false}, outcomes).empty(),
      "every outcome has its JSON");
}

/// Bytes outside the edits are the original's.
void CheckUntouched(const Bytes& before, const Bytes& after,
                    const std::vector<Edit>& edits) {
  size_t at = 0;
  for (const Edit& edit : edits) {
    const size_t begin = edit.offset.value;
    Require(begin >= at && begin + edit.before.size() <= before.size(),
            "edits ascend and lie in the file");
    Require(std::equal(before.begin() + static_cast<ptrdiff_t>(at),
                       before.begin() + static_cast<ptrdiff_t>(begin),
                       after.begin() + static_cast<ptrdiff_t>(at)),
            "bytes outside the edits are unchanged");
    at = begin + edit.before.size();
  }
  Require(
      after.size() >= before.size() &&
          std::equal(before.begin() + static_cast<ptrdiff_t>(at), before.end(),
                     after.begin() + static_cast<ptrdiff_t>(at)),
      "bytes behind the edits are unchanged");
}

void CheckRevert(const Bytes& original, const PatchedBytes& patched,
                 const VerifiedFile& again) {
  Require(again.undo.has_value(), "a patched file leads back",
          again.undo_error ? again.undo_error->message : "");
  const Result<Bytes> reverted = Revert(patched.bytes, *again.undo);
  Require(reverted.has_value(), "a patched file can be reverted");
  Require(*reverted == original, "revert gives the original, bit for bit");
}

Got CheckPatch(VerifiedFile& file) {
  const Result<PatchedBytes> patched = PatchInMemory(file);
  if (!patched) {
    Require(!file.outcome.is_bug,
            "a plan passes its own check:", patched.error().message);
    Require(!patched.error().message.empty(), "a refusal says why");
    return Got::kRefused;
  }
  const Plan& plan = *file.outcome.plan;
  CheckUntouched(file.file.bytes, patched->bytes, plan.edits);
  file.outcome.action = Action::kWouldPatch;
  CheckReports(file.outcome);

  VerifiedFile again = VerifyBytes(kPath, patched->bytes, patched->side_record);
  Require(again.outcome.diagnosis.verdict == Verdict::kFixed,
          "what was patched is fixed:", again.outcome.diagnosis.because);
  Require(again.outcome.diagnosis.fixed_by == FixedBy::kDetachfix,
          "what was patched says by whom");
  CheckDiagnosis(again.outcome.diagnosis);
  CheckReports(again.outcome);
  Require(!MakePlan(*again.image, again.outcome.diagnosis),
          "a fixed file has no plan");
  CheckRevert(file.file.bytes, *patched, again);
  return Got::kPatchedBack;
}

/// The longest text that is made of a file. It costs as much as all the rest,
/// so only one file in eight goes through it.
void CheckExplain(const Bytes& file, const Sha256& hash) {
  if (hash[0] % 8 != 0) return;
  FakeFiles files;
  files.Add(kPath, file);
  const Explanation explanation = Explain(files, kPath, {});
  for (const char letter : explanation.text) {
    const bool printable = static_cast<unsigned char>(letter) >= 0x20;
    Require(printable || letter == '\n', "explain prints no control character");
  }
}

}  // namespace

Got CheckPipeline(const Bytes& file) {
  VerifiedFile verified = VerifyBytes(kPath, file, std::nullopt);
  CheckReports(verified.outcome);
  if (verified.outcome.action == Action::kFailed) {
    Require(!verified.outcome.error->message.empty(), "a failure says why");
    return Got::kUnread;
  }
  CheckDiagnosis(verified.outcome.diagnosis);
  if (!verified.image) return Got::kJudged;
  CheckExplain(file, *verified.outcome.sha256);
  if (verified.outcome.diagnosis.verdict != Verdict::kLeaks) {
    return Got::kJudged;
  }
  return CheckPatch(verified);
}

}  // namespace detachfix::fuzz
