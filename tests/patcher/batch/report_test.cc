// SPDX-License-Identifier: Apache-2.0
// How a report comes to stand on the disk; what stands in each form is for the
// tests of that form.
#include "patcher/batch/report.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/fake_files.h"

namespace detachfix {
namespace {

constexpr char kOld[] = "the report of yesterday\n";

Bytes ToBytes(const std::string& text) { return {text.begin(), text.end()}; }

std::string TextAt(const FakeFiles& files, const std::string& path) {
  const Bytes bytes = files.Content(path);
  return {bytes.begin(), bytes.end()};
}

BatchHead Head() {
  BatchHead head;
  head.run = "20001224-093005-1a2b";
  head.command = "batch";
  head.host = "images";
  head.started = "2000-12-24T09:30:05Z";
  return head;
}

BatchItem Item(const std::string& path) {
  BatchItem item;
  item.outcome.path = path;
  item.outcome.diagnosis.verdict = Verdict::kNotApplicable;
  return item;
}

/// Opens, adds two items, finishes; stops at the first error.
Result<void> WriteReport(FakeFiles& files, const std::string& path) {
  const Result<std::unique_ptr<Report>> report =
      OpenReport(files, path, Head());
  if (!report) return report.error();
  for (const char* name : {"/srv/a.dll", "/srv/b.dll"}) {
    Result<void> added = (*report)->Add(Item(name));
    if (!added) return added;
  }
  return (*report)->Finish(Head());
}

TEST(Report, IsChosenByTheEndingOfItsName) {
  EXPECT_EQ(*ReportFormOf("/srv/out.json"), ReportForm::kJson);
  EXPECT_EQ(*ReportFormOf("OUT.JSONL"), ReportForm::kJsonLines);
  EXPECT_EQ(*ReportFormOf("out.csv"), ReportForm::kCsv);
  EXPECT_EQ(*ReportFormOf("out.json.sarif"), ReportForm::kSarif);
  EXPECT_EQ(*ReportFormOf("./.html.Html"), ReportForm::kHtml);
}

TEST(Report, NamesTheEndingsThatItKnows) {
  for (const std::string path : {"out.txt", "out", "/srv/x.d/json", ".json"}) {
    const Result<ReportForm> form = ReportFormOf(path);
    ASSERT_FALSE(form) << path;
    EXPECT_EQ(form.error().message,
              path +
                  ": the name of a report ends in .json, .jsonl, .csv, "
                  ".sarif or .html");
  }
}

TEST(Report, StandsUnderItsNameOnlyWhenItIsFinished) {
  FakeFiles files;
  files.Add("/r/out.json", ToBytes(kOld)).state.mode = 0100640;
  {
    const Result<std::unique_ptr<Report>> report =
        OpenReport(files, "/r/out.json", Head());
    ASSERT_TRUE(report);
    ASSERT_TRUE((*report)->Add(Item("/srv/a.dll")));
    EXPECT_EQ(TextAt(files, "/r/out.json"), kOld);
    ASSERT_TRUE((*report)->Finish(Head()));
  }
  EXPECT_NE(TextAt(files, "/r/out.json").find("/srv/a.dll"), std::string::npos);
  EXPECT_EQ(files.names.size(), 1u) << "a temporary file is left";
  EXPECT_EQ(files.names.at("/r/out.json")->state.mode, 0100640u);
  EXPECT_EQ(files.durable_names.at("/r/out.json")->durable,
            files.Content("/r/out.json"));
}

TEST(Report, LeavesTheOldOneWhenItIsGivenUp) {
  FakeFiles files;
  files.Add("/r/out.json", ToBytes(kOld));
  ASSERT_TRUE(OpenReport(files, "/r/out.json", Head()));
  EXPECT_EQ(TextAt(files, "/r/out.json"), kOld);
  EXPECT_EQ(files.names.size(), 1u);
}

/// Fails each operation in turn that it takes to write a report to `path`.
void FailEach(const std::string& path) {
  FakeFiles whole;
  ASSERT_TRUE(WriteReport(whole, path));
  const std::string complete = TextAt(whole, path);
  EXPECT_EQ(whole.names.size(), 1u) << "a temporary file is left";
  size_t failures = 0;
  for (size_t i = 0; i < whole.log.size() + 4; ++i) {
    FakeFiles files;
    files.Add(path, ToBytes(kOld));
    files.fail = {i};
    const Result<void> written = WriteReport(files, path);
    const std::string left = TextAt(files, path);
    const std::string failed = i < files.log.size() ? files.log[i] : "nothing";
    EXPECT_TRUE(left == kOld || left == complete) << failed << left;
    // What cannot be removed stays.
    const size_t most = failed.starts_with("remove ") ? 2 : 1;
    EXPECT_LE(files.names.size(), most) << failed;
    if (written) {
      EXPECT_EQ(left, complete) << failed;
    } else {
      ++failures;
      EXPECT_TRUE(written.error().message.starts_with(path + ": "));
    }
  }
  EXPECT_GE(failures, 6u);
}

TEST(Report, IsOldOrNewWhateverOperationFails) {
  for (const char* ending : {"json", "csv", "sarif", "html"}) {
    SCOPED_TRACE(ending);
    FailEach(std::string("/r/out.") + ending);
  }
}

TEST(Report, TellsWhatTheDiskSaid) {
  FakeFiles files;
  files.fail_verbs = {"write"};
  const Result<void> written = WriteReport(files, "/r/out.json");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message,
            "/r/out.json: cannot be written: Input/output error (5)");
}

TEST(Report, ReplacesNoLinkOrFolder) {
  FakeFiles files;
  files.Add("/r/out.json", {}).state.is_regular = false;
  const Result<void> written = WriteReport(files, "/r/out.json");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message,
            "/r/out.json: is not a regular file, so no report replaces it");
}

size_t LineCount(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(ReportLog, GoesOnWhereTheLastRunEnded) {
  FakeFiles files;
  ASSERT_TRUE(WriteReport(files, "/r/log.jsonl"));
  const std::string first = TextAt(files, "/r/log.jsonl");
  EXPECT_EQ(LineCount(first), 4u);  // begin, two files, end
  ASSERT_TRUE(WriteReport(files, "/r/log.jsonl"));
  EXPECT_EQ(TextAt(files, "/r/log.jsonl"), first + first);
}

TEST(ReportLog, BeginsANewLineAfterABrokenOne) {
  FakeFiles files;
  files.Add("/r/log.jsonl", ToBytes("{\"schema\":\"detach"));
  ASSERT_TRUE(WriteReport(files, "/r/log.jsonl"));
  const std::string log = TextAt(files, "/r/log.jsonl");
  EXPECT_TRUE(log.starts_with("{\"schema\":\"detach\n{\"schema\":")) << log;
}

TEST(ReportLog, HasEachLineAtOnceAndInOneWrite) {
  FakeFiles files;
  const Result<std::unique_ptr<Report>> report =
      OpenReport(files, "/r/log.jsonl", Head());
  ASSERT_TRUE(report);
  const size_t before = files.log.size();
  ASSERT_TRUE((*report)->Add(Item("/srv/a.dll")));
  EXPECT_EQ(files.log.size(), before + 1);
  EXPECT_TRUE(TextAt(files, "/r/log.jsonl").ends_with("}\n"));
}

TEST(ReportLog, TellsThatTheDiskIsFull) {
  FakeFiles files;
  const Result<std::unique_ptr<Report>> report =
      OpenReport(files, "/r/log.jsonl", Head());
  ASSERT_TRUE(report);
  files.fail_verbs = {"write"};
  const Result<void> added = (*report)->Add(Item("/srv/a.dll"));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().message,
            "/r/log.jsonl: cannot be written: Input/output error (5)");
  EXPECT_FALSE((*report)->Finish(Head()));
}

}  // namespace
}  // namespace detachfix
