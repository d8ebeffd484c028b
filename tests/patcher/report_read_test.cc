// SPDX-License-Identifier: Apache-2.0
#include "patcher/report_read.h"

#include <gtest/gtest.h>

#include "patcher/report_json.h"
#include "patcher/verify_file.h"
#include "tests/support/security_dll.h"

namespace detachfix {
namespace {

/// Every member has a value that is not its default.
BatchItem FullItem() {
  BatchItem item;
  FileOutcome& outcome = item.outcome;
  outcome.path = "/share/\xff/Security.dl_";
  outcome.size = 43808;
  outcome.sha256.emplace().fill(0xAB);
  outcome.sha256_before.emplace().fill(1);
  outcome.machine = 0x1F0;
  outcome.action = Action::kFailed;
  outcome.error = Error{"broken"};
  outcome.is_bug = true;
  outcome.notes = {"a note"};
  outcome.output = "/out";
  outcome.backup = "/backup";
  Diagnosis& diagnosis = outcome.diagnosis;
  diagnosis.verdict = Verdict::kFixed;
  diagnosis.fixed_by = FixedBy::kDetachfix;
  diagnosis.fixed_version = "1.0.0";
  diagnosis.because = "because";
  diagnosis.target = "security.dll";
  diagnosis.evidence = {"one", "two"};
  diagnosis.critical_sections = {
      {Rva{0x1000}, Rva{0x10}, std::nullopt, {"ntdll.dll", "", 42}, true},
      {Rva{0x2000},
       std::nullopt,
       Rva{0x20},
       {"kernel32.dll", "Init", {}},
       false}};
  Plan& plan = outcome.plan.emplace();
  plan.hook = "hook";
  plan.cave = "cave";
  plan.edits = {{FileOffset{5}, {0}, {1}, "why"},
                {FileOffset{9}, {}, {2, 3}, "more"}};
  outcome.edit_rvas[FileOffset{5}] = Rva{0x1005};
  plan.stub = {{Rva{1}, {0x90}, "nop"}};
  plan.before = {{Rva{2}, {0xC3}, "ret"}};
  plan.after = {{Rva{3}, {0xCC}, "int3"}};
  SignatureReport& report = outcome.signature.emplace();
  report.of_original = true;
  report.found.match = MatchClass::kConsistent;
  Candidate& candidate = report.found.candidates.emplace_back();
  candidate.row.id = "row";
  candidate.row.target = "security.dll";
  candidate.row.product = "nt4";
  candidate.row.levels = {"SP3"};
  candidate.row.crypto = 40;
  candidate.row.state = BuildState::kLeaks;
  candidate.agrees = {"size"};
  item.packing = Packing::kSzdd;
  item.placed = "/placed";
  item.renamed_to = "/renamed";
  item.setup_log = SetupLogEntry{"/log", 0x12345, true, 0x54321, Error{"bad"}};
  item.from_ledger = true;
  return item;
}

TEST(ReportRead, GivesBackWhatWasWritten) {
  for (const BatchItem& item : {FullItem(), BatchItem()}) {
    const std::string text = JsonObject(item);
    const Result<BatchItem> read = ReadJsonObject(text);
    ASSERT_TRUE(read) << read.error().message << "\n" << text;
    EXPECT_EQ(JsonObject(*read), text);
    EXPECT_EQ(read->outcome.path, item.outcome.path);
    EXPECT_EQ(read->outcome.is_bug, item.outcome.is_bug);
  }
}

TEST(ReportRead, GivesBackTheVerdictOnARealFile) {
  BatchItem item;
  item.outcome =
      VerifyBytes("/a", test::LeakingSecurityDll(), std::nullopt).outcome;
  const std::string text = JsonObject(item);
  const Result<BatchItem> read = ReadJsonObject(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(JsonObject(*read), text);
  EXPECT_EQ(read->outcome.diagnosis.verdict, Verdict::kLeaks);
}

// What a status is of has its problem beside it, whoever wrote the text.
TEST(ReportRead, TakesNoStatusOfALogWithoutItsProblem) {
  BatchItem item;
  item.outcome.path = "/d/a.dll";
  item.outcome.diagnosis.verdict = Verdict::kFixed;
  item.setup_log = SetupLogEntry{"/log", 0x12345, true, {}, Error{"bad"}, 3};
  std::string text = JsonObject(item);
  EXPECT_EQ(ReadJsonObject(text)->setup_log->exit_status, 3);
  const std::string problem = "\"bad\"";
  const size_t at = text.find(problem);
  ASSERT_NE(at, text.npos);
  text.replace(at, problem.size(), "null");
  EXPECT_EQ(ReadJsonObject(text)->setup_log->exit_status, 0);
}

TEST(ReportRead, NamesTheMemberThatIsWrong) {
  const std::string good = JsonObject(FullItem());
  const auto error = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const Result<BatchItem> read = ReadJsonObject(text);
    return read ? std::string("none") : read.error().message;
  };
  EXPECT_EQ(error("\"verdict\"", "\"verdikt\""), "verdict is missing");
  EXPECT_EQ(error("\"failed\"", "\"fallen\""), "action is 'fallen'");
  EXPECT_EQ(error("\"size\":43808", "\"size\":\"x\""),
            "size is of the wrong type");
  EXPECT_EQ(error("\"abab", "\"aba"), "sha256 is not hexadecimal");
  EXPECT_EQ(error("ntdll.dll!#42", "ntdll.dll!#x"),
            "initialised_by is 'ntdll.dll!#x'");
  EXPECT_EQ(ReadJsonObject("[]").error().message, "is not a JSON object");
  EXPECT_EQ(ReadJsonObject("{").error().message, "is not a JSON object");
}

TEST(ReportRead, SurvivesACutAtEveryPlace) {
  const std::string good = JsonObject(FullItem());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ReadJsonObject(good.substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace detachfix
