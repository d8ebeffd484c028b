// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/merge_reports.h"

#include <gtest/gtest.h>

#include <string>

#include "patcher/batch/read_report.h"
#include "patcher/batch/report.h"
#include "tests/support/fake_files.h"

namespace detachfix {
namespace {

BatchHead Head(const std::string& run, const std::string& shard) {
  BatchHead head;
  head.run = run;
  head.command = "batch";
  head.host = "host-" + run;
  head.started = "2000-12-24T09:30:0" + run + "Z";
  head.roots = {"/srv"};
  head.shard = shard;
  return head;
}

BatchItem Item(const std::string& path, Verdict verdict) {
  BatchItem item;
  item.outcome.path = path;
  item.outcome.diagnosis.verdict = verdict;
  return item;
}

using Paths = std::vector<std::string>;

/// A report of files that leak.
void Write(FakeFiles& files, const std::string& path, BatchHead head,
           const Paths& names, Verdict verdict = Verdict::kLeaks) {
  const Result<std::unique_ptr<Report>> report = OpenReport(files, path, head);
  ASSERT_TRUE(report);
  for (const std::string& name : names) {
    const BatchItem item = Item(name, verdict);
    Count(item, head.counts);
    head.exit_status = std::max(head.exit_status, ExitStatus(item.outcome));
    ASSERT_TRUE((*report)->Add(item));
  }
  head.finished = "2000-12-24T10:00:0" + head.run + "Z";
  ASSERT_TRUE((*report)->Finish(head));
}

/// The paths in a report, with host and run.
Paths Read(FakeFiles& files, const std::string& path) {
  Paths paths;
  const Result<BatchHead> head =
      ReadReport(files, path, [&](const BatchItem& item) -> Result<void> {
        paths.push_back(item.outcome.path + " " + item.host + " " + item.run);
        return {};
      });
  EXPECT_TRUE(head);
  return paths;
}

std::string MergeError(FakeFiles& files, const Paths& inputs) {
  files.Add("/r/out.json", {'o', 'l', 'd'});
  const Result<MergedReport> merged =
      MergeReports(files, "/r/out.json", inputs);
  EXPECT_EQ(files.Content("/r/out.json"), (Bytes{'o', 'l', 'd'}));
  return merged ? "" : merged.error().message;
}

TEST(MergeReports, JoinsTheShardsOfAShare) {
  FakeFiles files;
  Write(files, "/r/1.json", Head("1", "1/2"), {"/srv/a", "/srv/c"});
  Write(files, "/r/2.jsonl", Head("2", "2/2"), {"/srv/b"}, Verdict::kUnknown);
  const Result<MergedReport> merged =
      MergeReports(files, "/r/all.json", {"/r/1.json", "/r/2.jsonl"});
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_EQ(Read(files, "/r/all.json"),
            (Paths{"/srv/a host-1 1", "/srv/c host-1 1", "/srv/b host-2 2"}));
  const BatchHead& head = merged->head;
  EXPECT_EQ(head.counts.files, 3u);
  EXPECT_EQ(head.counts.leaks, 2u);
  EXPECT_EQ(head.counts.unknown, 1u);
  EXPECT_EQ(head.exit_status, 2);
  EXPECT_EQ(head.started, "2000-12-24T09:30:01Z");
  EXPECT_EQ(head.finished, "2000-12-24T10:00:02Z");
  EXPECT_EQ(head.host, "host-1, host-2");
  EXPECT_EQ(head.roots, Paths{"/srv"});
  ASSERT_EQ(head.merged.size(), 2u);
  EXPECT_EQ(head.merged[1].shard, "2/2");
  EXPECT_TRUE(merged->notes.empty());
  EXPECT_TRUE(merged->is_whole);
}

TEST(MergeReports, GivesTheSameFromMergedReports) {
  FakeFiles files;
  for (const std::string run : {"1", "2", "3"}) {
    Write(files, "/r/" + run + ".json", Head(run, run + "/3"), {"/srv/" + run});
  }
  ASSERT_TRUE(MergeReports(files, "/r/12.json", {"/r/1.json", "/r/2.json"}));
  ASSERT_TRUE(MergeReports(files, "/r/a.json", {"/r/12.json", "/r/3.json"}));
  ASSERT_TRUE(MergeReports(files, "/r/b.json",
                           {"/r/1.json", "/r/2.json", "/r/3.json"}));
  EXPECT_EQ(Read(files, "/r/a.json"), Read(files, "/r/b.json"));
}

TEST(MergeReports, TellsWhichShardsAreMissing) {
  FakeFiles files;
  Write(files, "/r/2.json", Head("2", "2/4"), {"/srv/a"});
  Write(files, "/r/3.json", Head("3", "3/4"), {"/srv/b"});
  const Result<MergedReport> merged =
      MergeReports(files, "/r/all.csv", {"/r/2.json", "/r/3.json"});
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->notes,
            (Paths{"shard 1/4 is missing", "shard 4/4 is missing"}));
  EXPECT_FALSE(merged->is_whole);
}

TEST(MergeReports, MissesNoShardThatAMergedReportHas) {
  FakeFiles files;
  for (const std::string run : {"1", "2", "3"}) {
    Write(files, "/r/" + run + ".json", Head(run, run + "/3"), {"/srv/" + run});
  }
  ASSERT_TRUE(MergeReports(files, "/r/12.json", {"/r/1.json", "/r/2.json"}));
  const Result<MergedReport> part =
      MergeReports(files, "/r/a.json", {"/r/12.json"});
  ASSERT_TRUE(part);
  EXPECT_EQ(part->notes, Paths{"shard 3/3 is missing"});
  EXPECT_FALSE(part->is_whole);
  const Result<MergedReport> all =
      MergeReports(files, "/r/b.json", {"/r/12.json", "/r/3.json"});
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->notes.empty());
  EXPECT_TRUE(all->is_whole);
}

TEST(MergeReports, RefusesShardsThatOverlap) {
  FakeFiles files;
  Write(files, "/r/1.json", Head("1", "1/2"), {"/srv/a"});
  Write(files, "/r/2.json", Head("2", "1/2"), {"/srv/b"});
  Write(files, "/r/3.json", Head("3", "2/3"), {"/srv/c"});
  Write(files, "/r/4.json", Head("4", "2/2"), {"/srv/a"});
  EXPECT_EQ(MergeError(files, {"/r/1.json", "/r/2.json"}),
            "/r/1.json and /r/2.json are of the same shard, 1/2");
  EXPECT_EQ(MergeError(files, {"/r/1.json", "/r/3.json"}),
            "/r/1.json and /r/3.json divide the share differently: shards 1/2 "
            "and 2/3");
  EXPECT_EQ(MergeError(files, {"/r/1.json", "/r/4.json"}),
            "/r/4.json: /r/1.json has this file too: /srv/a");
}

TEST(MergeReports, RefusesWhatIsNoShard) {
  FakeFiles files;
  for (const std::string shard : {"9/3", "a", "0/0", "1/65537", "1/2 "}) {
    Write(files, "/r/1.json", Head("1", shard), {"/srv/a"});
    EXPECT_EQ(MergeError(files, {"/r/1.json"}),
              "/r/1.json: \"" + shard +
                  "\" is not a shard: I/N with 1 <= I <= N <= 65536 is");
  }
}

TEST(MergeReports, TakesOneNameOnTwoHostsForTwoFiles) {
  FakeFiles files;
  Write(files, "/r/1.json", Head("1", ""), {"/srv/a"});
  Write(files, "/r/2.json", Head("2", ""), {"/srv/a"});
  ASSERT_TRUE(MergeReports(files, "/r/all.json", {"/r/1.json", "/r/2.json"}));
  EXPECT_EQ(Read(files, "/r/all.json"),
            (Paths{"/srv/a host-1 1", "/srv/a host-2 2"}));
}

TEST(MergeReports, RefusesTheSameRunOrFileTwice) {
  FakeFiles files;
  Write(files, "/r/1.json", Head("1", ""), {"/srv/a"});
  BatchHead other = Head("2", "");
  other.host = "host-1";
  Write(files, "/r/2.json", other, {"/srv/a"});
  EXPECT_EQ(MergeError(files, {"/r/1.json", "/r/1.json"}),
            "/r/1.json and /r/1.json are of the same run, 1");
  EXPECT_EQ(MergeError(files, {"/r/1.json", "/r/2.json"}),
            "/r/2.json: /r/1.json has this file too: /srv/a");
  EXPECT_EQ(MergeError(files, {"/r/1.json", "/r/out.json"}),
            "/r/out.json: is an input too");
}

TEST(MergeReports, RefusesAShardBesideTheWhole) {
  FakeFiles files;
  BatchHead whole = Head("1", "");
  whole.host = "host-2";
  Write(files, "/r/whole.json", whole, {"/srv/a", "/srv/b"});
  Write(files, "/r/shard.json", Head("2", "1/2"), {"/srv/b"});
  EXPECT_EQ(MergeError(files, {"/r/whole.json", "/r/shard.json"}),
            "/r/shard.json: /r/whole.json has this file too: /srv/b");
  EXPECT_EQ(MergeError(files, {"/r/shard.json", "/r/whole.json"}),
            "/r/whole.json: /r/shard.json has this file too: /srv/b");
}

TEST(MergeReports, KnowsWhichRunsAMergedReportHas) {
  FakeFiles files;
  for (const std::string run : {"1", "2", "3", "4"}) {
    BatchHead head = Head(run, run + "/4");
    head.host = "host";
    Write(files, "/r/" + run + ".json", head, {"/srv/" + run});
  }
  ASSERT_TRUE(MergeReports(files, "/r/12.json", {"/r/1.json", "/r/2.json"}));
  ASSERT_TRUE(MergeReports(files, "/r/34.json", {"/r/3.json", "/r/4.json"}));
  EXPECT_EQ(MergeError(files, {"/r/12.json", "/r/2.json"}),
            "/r/12.json and /r/2.json are of the same run, 2");
  const Result<MergedReport> all =
      MergeReports(files, "/r/all.json", {"/r/12.json", "/r/34.json"});
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->head.counts.files, 4u);
  EXPECT_TRUE(all->is_whole);
}

TEST(MergeReports, RefusesWhatIsNoReportOfABatch) {
  FakeFiles files;
  const auto add = [&](const std::string& path, const std::string& text) {
    files.Add(path, Bytes(text.begin(), text.end()));
  };
  add("/r/new.json", "{\"schema\": \"detachfix/2\", \"files\": [{}]}");
  add("/r/other.json", "[]");
  add("/r/empty.json", "");
  add("/r/cut.json", "{\"schema\": \"detachfix/1\", \"files\": [");
  add("/r/text.json", "path,verdict");
  add("/r/odd.json", "{\"schema\": \"detachfix/1\", \"program\": 7}");
  add("/r/log.jsonl", "{\"schema\":\"detachfix/1\",\"path\":\"a\"}\n");
  EXPECT_EQ(MergeError(files, {"/r/new.json"}),
            "/r/new.json: its schema is \"detachfix/2\", not \"detachfix/1\"");
  EXPECT_EQ(MergeError(files, {"/r/other.json"}),
            "/r/other.json: is no report of a batch: schema is missing");
  EXPECT_EQ(MergeError(files, {"/r/empty.json"}), "/r/empty.json: is empty");
  EXPECT_EQ(MergeError(files, {"/r/cut.json"}),
            "/r/cut.json: is no JSON: wrong or cut off at byte 37");
  EXPECT_EQ(MergeError(files, {"/r/text.json"}),
            "/r/text.json: is no JSON: wrong or cut off at byte 1");
  EXPECT_EQ(MergeError(files, {"/r/odd.json"}),
            "/r/odd.json: is no report of a batch: version is missing");
  EXPECT_EQ(MergeError(files, {"/r/log.jsonl"}),
            "/r/log.jsonl: is no report of a batch: no run begins in it");
  EXPECT_EQ(MergeError(files, {"/r/x.csv"}),
            "/r/x.csv: only .json and .jsonl can be read back");
  EXPECT_FALSE(MergeError(files, {"/r/none.json"}).empty());
}

// A log in which a run was killed within a line and then resumed, behind an
// older run: the later word on a file counts, the older run does not.
TEST(MergeReports, TakesTheLastRunOfALogAsItWasResumed) {
  FakeFiles files;
  Write(files, "/r/log.jsonl", Head("1", ""), {"/srv/old"});
  {
    const Result<std::unique_ptr<Report>> killed =
        OpenReport(files, "/r/log.jsonl", Head("2", ""));
    ASSERT_TRUE((*killed)->Add(Item("/srv/a", Verdict::kUnknown)));
    ASSERT_TRUE((*killed)->Add(Item("/srv/b", Verdict::kLeaks)));
  }
  Bytes& log = files.names.at("/r/log.jsonl")->bytes;
  log.resize(log.size() - 40);
  files.names.at("/r/log.jsonl")->state.size = log.size();
  Write(files, "/r/log.jsonl", Head("2", ""), {"/srv/a", "/srv/b"},
        Verdict::kFixed);
  const Result<MergedReport> merged =
      MergeReports(files, "/r/all.json", {"/r/log.jsonl"});
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_EQ(Read(files, "/r/all.json"),
            (Paths{"/srv/a host-2 2", "/srv/b host-2 2"}));
  EXPECT_EQ(merged->head.counts.fixed, 2u);
  EXPECT_EQ(merged->head.exit_status, 0);
}

TEST(MergeReports, SaysThatARunWasKilled) {
  FakeFiles files;
  {
    const Result<std::unique_ptr<Report>> killed =
        OpenReport(files, "/r/log.jsonl", Head("2", ""));
    ASSERT_TRUE((*killed)->Add(Item("/srv/a", Verdict::kLeaks)));
  }
  const Result<MergedReport> merged =
      MergeReports(files, "/r/all.json", {"/r/log.jsonl"});
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_TRUE(merged->head.interrupted);
  EXPECT_EQ(merged->head.exit_status, 130);
  EXPECT_EQ(merged->head.finished, "");
  EXPECT_EQ(merged->notes,
            Paths{"/r/log.jsonl: its run was interrupted; files may be "
                  "missing"});
}

TEST(MergeReports, FailsWithoutATraceWhenTheDiskDoes) {
  FakeFiles files;
  Write(files, "/r/1.json", Head("1", ""), {"/srv/a"});
  files.fail_verbs = {"rename"};
  EXPECT_EQ(MergeError(files, {"/r/1.json"}),
            "/r/out.json: cannot be replaced: Input/output error (5)");
  files.fail_verbs = {"read-part"};
  EXPECT_EQ(MergeError(files, {"/r/1.json"}),
            "/r/1.json: Input/output error (5)");
  EXPECT_EQ(files.names.size(), 2u);
}

}  // namespace
}  // namespace detachfix
