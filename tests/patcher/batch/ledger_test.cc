// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/ledger.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace detachfix {
namespace {

class LedgerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "ledger-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/state/ledger.sqlite";
    ledger_ = Open();
  }
  void TearDown() override {
    ledger_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::unique_ptr<Ledger> Open() {
    Result<std::unique_ptr<Ledger>> ledger =
        Ledger::Open(path_, Access::kCreate);
    EXPECT_TRUE(ledger) << (ledger ? "" : ledger.error().message);
    return ledger ? std::move(*ledger) : nullptr;
  }

  static RunRecord Run(const std::string& id, const std::string& started) {
    RunRecord run;
    run.id = id;
    run.command = "batch";
    run.words = {"--apply", "", "/a folder"};
    run.folder = "/home/admin";
    run.host = "share1";
    run.version = "1.0.0";
    run.started = started;
    run.apply = true;
    return run;
  }

  static LedgerEntry Entry(const std::string& run, const std::string& path) {
    LedgerEntry entry;
    entry.run = run;
    entry.path = path;
    entry.identity = {0xFFFF'FFFF'FFFF'FFFF, 43808, -5, 7};
    entry.judged_by = "1.0.0";
    entry.before.fill(1);
    entry.after.fill(2);
    entry.undo_kind = UndoKind::kImage;
    entry.undo = {0, 1, 2};
    entry.item = "{}";
    entry.action = "patched";
    entry.verdict = "fixed";
    return entry;
  }

  std::string folder_;
  std::string path_;
  std::unique_ptr<Ledger> ledger_;
};

TEST_F(LedgerTest, KeepsARunAndItsFiles) {
  ASSERT_TRUE(ledger_->BeginRun(Run("a", "2000-01-01T00:00:00Z")));
  LedgerEntry entry = Entry("a", "/share/\xFFSecurity.dll");  // not UTF-8
  entry.log_undo = {9};
  ASSERT_TRUE(ledger_->Finish(entry));
  ASSERT_TRUE(ledger_->EndRun("a", RunState::kFinished, "2000-01-01T00:01:00Z",
                              3, "1 file"));
  ledger_ = Open();

  const Result<RunRecord> run = ledger_->FindRun("a");
  ASSERT_TRUE(run);
  EXPECT_EQ(run->words, (std::vector<std::string>{"--apply", "", "/a folder"}));
  EXPECT_EQ(run->folder, "/home/admin");
  EXPECT_EQ(run->host, "share1");
  EXPECT_EQ(run->state, RunState::kFinished);
  EXPECT_EQ(run->finished, "2000-01-01T00:01:00Z");
  EXPECT_EQ(run->exit_status, 3);
  EXPECT_EQ(run->summary, "1 file");
  EXPECT_TRUE(run->apply);

  const Result<std::optional<LedgerEntry>> found =
      ledger_->Find("a", entry.path);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->identity, entry.identity);
  EXPECT_EQ((*found)->before, entry.before);
  EXPECT_EQ((*found)->after, entry.after);
  EXPECT_EQ((*found)->undo_kind, UndoKind::kImage);
  EXPECT_EQ((*found)->undo, entry.undo);
  EXPECT_EQ((*found)->log_undo, entry.log_undo);
  EXPECT_EQ((*found)->item, "{}");
  EXPECT_FALSE((*found)->intended);
}

TEST_F(LedgerTest, AnIntentionOutlivesTheProcess) {
  ASSERT_TRUE(ledger_->BeginRun(Run("a", "2000-01-01T00:00:00Z")));
  ledger_.reset();
  const pid_t child = fork();
  if (child == 0) {
    const std::unique_ptr<Ledger> ledger = Open();
    LedgerEntry done = Entry("a", "/done");
    LedgerEntry intended = Entry("a", "/intended");
    intended.intended = true;
    LedgerEntry lost = Entry("a", "/lost");
    const bool noted = ledger->Finish(done) && ledger->Intend(intended) &&
                       ledger->Finish(lost);
    if (noted) kill(getpid(), SIGKILL);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ledger_ = Open();
  EXPECT_TRUE(*ledger_->Find("a", "/done"));
  const Result<std::optional<LedgerEntry>> intended =
      ledger_->Find("a", "/intended");
  ASSERT_TRUE(intended && *intended);
  EXPECT_TRUE((*intended)->intended);
  EXPECT_FALSE(*ledger_->Find("a", "/lost"));
}

TEST_F(LedgerTest, AWayBackIsNeverReplacedByNone) {
  ASSERT_TRUE(ledger_->BeginRun(Run("a", "2000-01-01T00:00:00Z")));
  LedgerEntry first = Entry("a", "/file");
  first.log_undo = {9};
  ASSERT_TRUE(ledger_->Finish(first));
  ASSERT_TRUE(ledger_->Flush());
  LedgerEntry without_log = Entry("a", "/file");
  LedgerEntry without_undo = first;
  without_undo.undo_kind = UndoKind::kNone;
  without_undo.undo.clear();
  for (LedgerEntry* entry : {&without_log, &without_undo}) {
    entry->action = "none";
    ASSERT_TRUE(ledger_->Finish(*entry));
    ASSERT_TRUE(ledger_->Flush());
    entry->intended = true;
    EXPECT_FALSE(ledger_->Intend(*entry));
  }
  const Result<std::optional<LedgerEntry>> found = ledger_->Find("a", "/file");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->action, "patched");
  EXPECT_EQ((*found)->undo, first.undo);
  EXPECT_EQ((*found)->log_undo, first.log_undo);
  first.action = "failed";
  ASSERT_TRUE(ledger_->Finish(first));
  ASSERT_TRUE(ledger_->Flush());
  EXPECT_EQ((*ledger_->Find("a", "/file"))->action, "failed");
}

TEST_F(LedgerTest, ARunIsClaimedUntilTheProcessEnds) {
  ASSERT_TRUE(ledger_->BeginRun(Run("a", "2000-01-01T00:00:00Z")));
  ledger_.reset();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::unique_ptr<Ledger> ledger = Open();
    const char claimed = ledger->ClaimRun("a") == Claim::kOurs ? 'y' : 'n';
    if (write(ready[1], &claimed, 1) != 1) _exit(1);
    while (true) pause();
  }
  char claimed = 0;
  ASSERT_EQ(read(ready[0], &claimed, 1), 1);
  ledger_ = Open();
  EXPECT_EQ(claimed, 'y');
  EXPECT_EQ(ledger_->ClaimRun("a"), Claim::kTaken);
  EXPECT_EQ(ledger_->ClaimRun("b"), Claim::kOurs);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(ledger_->ClaimRun("a"), Claim::kOurs);
  close(ready[0]);
  close(ready[1]);
}

TEST_F(LedgerTest, OnlyTheLastAnswerOnTheSameFileCounts) {
  ASSERT_TRUE(ledger_->BeginRun(Run("a", "2000-01-01T00:00:00Z")));
  ASSERT_TRUE(ledger_->BeginRun(Run("b", "2000-01-02T00:00:00Z")));
  const LedgerEntry first = Entry("a", "/f");
  ASSERT_TRUE(ledger_->Intend(first));
  const auto known = [&](const LedgerEntry& file) {
    const Result<std::optional<LedgerEntry>> found =
        ledger_->FindUnchanged("/f", file.identity);
    EXPECT_TRUE(found);
    return found && found->has_value();
  };
  EXPECT_TRUE(known(first));
  LedgerEntry changed = first;
  changed.identity.changed_ns = 8;
  EXPECT_FALSE(known(changed));
  // A later run began to change the file and was not seen to end.
  changed.run = "b";
  changed.intended = true;
  ASSERT_TRUE(ledger_->Intend(changed));
  EXPECT_FALSE(known(first));
  EXPECT_FALSE(known(changed));
}

TEST_F(LedgerTest, FindsRunsByTheirBeginning) {
  ASSERT_TRUE(ledger_->BeginRun(Run("2000-aa", "2000-01-01T00:00:00Z")));
  ASSERT_TRUE(ledger_->BeginRun(Run("2000-ab", "2000-01-02T00:00:00Z")));
  EXPECT_EQ(ledger_->FindRun("2000-ab")->id, "2000-ab");
  EXPECT_EQ(ledger_->FindRun("2000-aa")->id, "2000-aa");
  EXPECT_EQ(ledger_->FindRun("2000-a").error().message,
            "the ledger " + path_ +
                ": '2000-a' is the beginning of 2 runs: 2000-aa, 2000-ab");
  EXPECT_EQ(ledger_->FindRun("1999").error().message,
            "the ledger " + path_ + ": has no run '1999'");
  EXPECT_FALSE(ledger_->FindRun(""));
}

TEST_F(LedgerTest, KnowsTheLastRunThatDidNotFinish) {
  EXPECT_FALSE(*ledger_->FindUnfinished());
  ASSERT_TRUE(ledger_->BeginRun(Run("a", "2000-01-01T00:00:00Z")));
  ASSERT_TRUE(ledger_->BeginRun(Run("b", "2000-01-02T00:00:00Z")));
  EXPECT_EQ((**ledger_->FindUnfinished()).id, "b");
  ASSERT_TRUE(ledger_->EndRun("b", RunState::kFinished, "x", 0, ""));
  EXPECT_EQ((**ledger_->FindUnfinished()).id, "a");
  ASSERT_TRUE(ledger_->EndRun("a", RunState::kInterrupted, "x", 130, ""));
  EXPECT_EQ((**ledger_->FindUnfinished()).id, "a");
  ASSERT_TRUE(ledger_->ResumeRun("a"));
  EXPECT_EQ(ledger_->FindRun("a")->state, RunState::kRunning);
}

// Their ids begin with the second and the number of the process.
TEST_F(LedgerTest, KnowsWhichRunOfOneSecondIsTheLater) {
  const std::string second = "2000-01-01T00:00:00Z";
  for (const char* id : {"x-99-b", "x-100-a", "x-98-c"}) {
    ASSERT_TRUE(ledger_->BeginRun(Run(id, second)));
  }
  ASSERT_TRUE(ledger_->ResumeRun("x-99-b"));
  const Result<std::vector<RunSummary>> runs = ledger_->Runs();
  ASSERT_TRUE(runs);
  std::vector<std::string> ids;
  for (const RunSummary& summary : *runs) {
    ids.push_back(summary.run.id);
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"x-98-c", "x-100-a", "x-99-b"}));
  EXPECT_EQ((**ledger_->FindUnfinished()).id, "x-98-c");
}

TEST_F(LedgerTest, CountsTheFilesOfEachRun) {
  ASSERT_TRUE(ledger_->BeginRun(Run("a", "2000-01-01T00:00:00Z")));
  ASSERT_TRUE(ledger_->BeginRun(Run("b", "2000-01-02T00:00:00Z")));
  ASSERT_TRUE(ledger_->Finish(Entry("a", "/1")));
  ASSERT_TRUE(ledger_->Finish(Entry("a", "/2")));
  ASSERT_TRUE(ledger_->Flush());
  const Result<std::vector<RunSummary>> runs = ledger_->Runs();
  ASSERT_TRUE(runs);
  ASSERT_EQ(runs->size(), 2u);
  EXPECT_EQ((*runs)[0].run.id, "b");  // the newest first
  EXPECT_TRUE((*runs)[0].counts.empty());
  ASSERT_EQ((*runs)[1].counts.size(), 1u);
  EXPECT_EQ((*runs)[1].counts[0].files, 2u);
  EXPECT_EQ((*runs)[1].counts[0].action, "patched");
  ASSERT_TRUE(ledger_->MarkReverted("a", "/1"));
  EXPECT_TRUE((**ledger_->Find("a", "/1")).reverted);
  std::vector<std::string> paths;
  ASSERT_TRUE(ledger_->Entries("a", [&](const LedgerEntry& entry) {
    paths.push_back(entry.path);
    return true;
  }));
  EXPECT_EQ(paths, (std::vector<std::string>{"/1", "/2"}));
}

TEST_F(LedgerTest, RefusesWhatItCannotRead) {
  ledger_.reset();
  std::ofstream(path_) << std::string(4096, 'x');
  const Result<std::unique_ptr<Ledger>> broken =
      Ledger::Open(path_, Access::kCreate);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message,
            "the ledger " + path_ + ": file is not a database (SQLite 26)");
}

TEST_F(LedgerTest, RefusesALedgerOfALaterForm) {
  ledger_.reset();
  {
    Result<std::unique_ptr<Database>> database =
        Database::Open(path_, Access::kWrite);
    ASSERT_TRUE(database);
    ASSERT_TRUE((*database)->Run("PRAGMA user_version = 2"));
  }
  const Result<std::unique_ptr<Ledger>> later =
      Ledger::Open(path_, Access::kCreate);
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().message,
            "the ledger " + path_ +
                ": is a ledger of form 2, which a later detachfix made; this "
                "one knows form 1");
}

/// The usual path in a process whose environment has these alone.
std::string UsualPath(const char* state, const char* home) {
  const auto set = [](const char* name, const char* value) {
    return value != nullptr ? setenv(name, value, 1) : unsetenv(name);
  };
  const char* const old_home = getenv("HOME");
  const std::string kept = old_home != nullptr ? old_home : "";
  set("XDG_STATE_HOME", state);
  set("HOME", home);
  const Result<std::string> path = DefaultLedgerPath();
  unsetenv("XDG_STATE_HOME");
  set("HOME", old_home != nullptr ? kept.c_str() : nullptr);
  return path ? *path : path.error().message;
}

TEST(DefaultLedgerPath, IsInTheHomeOfTheUserWhereNoneIsNamed) {
  EXPECT_EQ(UsualPath("/s", "/h"), "/s/detachfix/ledger.sqlite");
  EXPECT_EQ(UsualPath("s", "/h"), "/h/.local/state/detachfix/ledger.sqlite");
  const passwd* user = getpwuid(getuid());
  ASSERT_NE(user, nullptr);
  const std::string own =
      std::string(user->pw_dir) + "/.local/state/detachfix/ledger.sqlite";
  for (const char* home : {static_cast<const char*>(nullptr), "", "here"}) {
    EXPECT_EQ(UsualPath(nullptr, home), own);
  }
}

TEST_F(LedgerTest, TwoProcessesWriteAtTheSameTime) {
  ASSERT_TRUE(ledger_->BeginRun(Run("a", "2000-01-01T00:00:00Z")));
  ledger_.reset();
  constexpr int kFiles = 100;
  std::vector<pid_t> children;
  for (const char* name : {"/x", "/y"}) {
    children.push_back(fork());
    if (children.back() != 0) continue;
    const std::unique_ptr<Ledger> ledger = Open();
    for (int i = 0; i < kFiles; ++i) {
      if (!ledger->Intend(Entry("a", name + std::to_string(i)))) _exit(1);
    }
    _exit(0);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  ledger_ = Open();
  EXPECT_EQ((*ledger_->Runs())[0].counts[0].files, 2u * kFiles);
}

}  // namespace
}  // namespace detachfix
