// SPDX-License-Identifier: Apache-2.0
// Each step of replacing a file fails, and what is left then.
#include <gtest/gtest.h>

#include <functional>

#include "patcher/replace_file.h"
#include "patcher/sha256.h"
#include "tests/support/replace_trial.h"

namespace detachfix {
namespace {

using test::IndexOf;
using test::kBackup;
using test::kNew;
using test::kOld;
using test::kPath;
using test::kRecord;
using test::kUndo;
using test::Trial;
using test::WithSideFiles;

// Each operation of a run with everything in it fails once.
TEST(ReplaceFile, LeavesTheOldOrTheNewFileWhicheverStepFails) {
  Trial good;
  good.options = WithSideFiles();
  good.Replace();
  const size_t rename = IndexOf(good.files.log, "rename /");
  for (size_t i = 0; i < good.files.log.size(); ++i) {
    SCOPED_TRACE("fails: " + good.files.log[i]);
    Trial trial;
    trial.options = WithSideFiles();
    trial.files.fail = {i};
    trial.Replace();
    ASSERT_TRUE(trial.outcome.error);
    EXPECT_NE(trial.Message().find("Input/output error (5)"), std::string::npos)
        << trial.Message();
    EXPECT_FALSE(trial.outcome.refused);
    EXPECT_TRUE(trial.outcome.bytes.empty());
    if (i <= rename) {
      EXPECT_EQ(trial.outcome.written, Written::kNothing);
      EXPECT_EQ(trial.files.Content(kPath), kOld);
      EXPECT_EQ(trial.files.Names(), std::set<std::string>{kPath});
      EXPECT_TRUE(trial.outcome.made.empty());
    } else {
      EXPECT_EQ(trial.outcome.written, Written::kNew);
      EXPECT_EQ(trial.files.Content(kPath), kNew);
      EXPECT_EQ(trial.files.Names(),
                (std::set<std::string>{kPath, kUndo, kBackup}));
    }
  }
}

TEST(ReplaceFile, NamesTheStepThatFailed) {
  const std::string temporary = "the temporary file /d/.Security.dll.tmp0";
  const std::string cause = ": Input/output error (5)";
  const std::vector<std::string> expected = {
      "cannot be looked at" + cause,
      "cannot create a temporary file in /d" + cause,
      "cannot write " + temporary + cause,
      "cannot look at " + temporary + cause,
      "cannot give " + temporary + " the original's state: owner 1000:1000" +
          cause,
      "cannot flush " + temporary + cause,
      "cannot close " + temporary + cause,
      "cannot read back " + temporary + ": cannot be opened" + cause,
      "cannot be looked at again" + cause,
      "cannot be read again: cannot be opened" + cause,
      "cannot rename " + temporary + " to /d/Security.dll" + cause,
      "has its new content, but the folder /d cannot be flushed" + cause,
      "was given its new content, but reading it back failed: cannot be "
      "opened" +
          cause,
  };
  for (size_t i = 0; i < expected.size(); ++i) {
    Trial trial;
    trial.files.fail = {i};
    trial.Replace();
    EXPECT_EQ(trial.Message(), expected[i]);
  }
}

TEST(ReplaceFile, NamesTheStepOfTheUndoFileThatFailed) {
  const std::string temporary =
      "the temporary file /d/.Security.dll.detachfix-undo.tmp0";
  const std::string undo = "the side file /d/Security.dll.detachfix-undo";
  const std::string cause = ": Input/output error (5)";
  const std::vector<std::string> expected = {
      "cannot look at " + undo + cause,
      undo + ": cannot create a temporary file in /d" + cause,
      undo + ": cannot write " + temporary + cause,
      undo + ": cannot look at " + temporary + cause,
      undo + ": cannot give " + temporary +
          " the original's state: owner 1000:1000" + cause,
      undo + ": cannot flush " + temporary + cause,
      undo + ": cannot close " + temporary + cause,
      undo + ": cannot read back " + temporary + ": cannot be opened" + cause,
      "cannot rename " + temporary + " to " + undo + cause,
      "cannot flush the folder of " + undo + cause,
  };
  for (size_t i = 0; i < expected.size(); ++i) {
    Trial trial;
    trial.options.side_file = SideFile{kUndo, kRecord};
    trial.files.fail = {i + 1};
    trial.Replace();
    EXPECT_EQ(trial.Message(), expected[i]);
  }
}

TEST(ReplaceFile, SaysWhatItCouldNotRemove) {
  Trial trial;
  trial.options.side_file = SideFile{kUndo, kRecord};
  trial.files.fail_verbs = {"rename", "remove"};
  trial.Replace();
  const std::string cause = ": Input/output error (5)";
  EXPECT_EQ(trial.Message(),
            "cannot rename the temporary file /d/.Security.dll.tmp1 to "
            "/d/Security.dll" +
                cause +
                "; the temporary file /d/.Security.dll.tmp1 is left behind: "
                "it cannot be removed" +
                cause +
                "; /d/Security.dll.detachfix-undo is left behind: it cannot "
                "be removed" +
                cause);
  EXPECT_EQ(trial.files.Content(kPath), kOld);
}

// At each moment: whether names that were not flushed yet are there or not,
// the file is whole, and where it is new the side file is there, whole.
TEST(ReplaceFile, SurvivesAPowerCutAtEachMoment) {
  Trial trial;
  trial.options = WithSideFiles();
  int seen_new = 0;
  const auto durable = [](const FakeFiles::Folder& folder, const char* path) {
    const FakeFiles::Folder::const_iterator it = folder.find(path);
    return it == folder.end() ? Bytes() : it->second->durable;
  };
  trial.files.before = [&](size_t index) {
    SCOPED_TRACE("before: " + trial.files.log[index]);
    for (const FakeFiles::Folder* folder :
         {&trial.files.names, &trial.files.durable_names}) {
      const Bytes content = durable(*folder, kPath);
      EXPECT_TRUE(content == kOld || content == kNew);
      if (content != kNew) continue;
      ++seen_new;
      EXPECT_EQ(durable(trial.files.durable_names, kUndo), kRecord);
      EXPECT_EQ(durable(trial.files.durable_names, kBackup), kOld);
    }
  };
  trial.Replace();
  EXPECT_EQ(trial.Message(), "");
  EXPECT_GT(seen_new, 0);
  EXPECT_EQ(durable(trial.files.durable_names, kPath), kNew);
}

TEST(ReplaceFile, NoticesADiskThatDoesNotKeepWhatWasWritten) {
  Trial trial;
  trial.files.on_write = [](Bytes& bytes) { bytes[0] ^= 1; };
  trial.Replace();
  Bytes spoilt = kNew;
  spoilt[0] ^= 1;
  EXPECT_EQ(
      trial.Message(),
      "the temporary file /d/.Security.dll.tmp0 reads back with SHA-256 " +
          ToHex(HashSha256(spoilt)) + ", written was " +
          ToHex(HashSha256(kNew)));
  EXPECT_EQ(trial.files.Content(kPath), kOld);
  EXPECT_EQ(trial.files.Names(), std::set<std::string>{kPath});
}

TEST(ReplaceFile, NoticesAFileSystemThatDropsTheState) {
  struct Case {
    std::function<void(FileState& state)> drop;
    std::string message;
  };
  const Case cases[] = {
      {[](FileState& state) { state.owner = 0; },
       "owner 1000:1000: it has 0:1000"},
      {[](FileState& state) { state.mode = 0100600; },
       "mode 0644: it has 0600"},
      {[](FileState& state) { ++state.modified_ns; },
       "time of modification 500 ns: it has 501 ns"},
      {[](FileState& state) { state.attributes.clear(); },
       "extended attributes"},
  };
  for (const Case& c : cases) {
    Trial trial;
    trial.files.names.at(kPath)->state.attributes["user.x"] = {1};
    trial.files.on_set_state = c.drop;
    trial.Replace();
    EXPECT_EQ(trial.Message(),
              "the temporary file /d/.Security.dll.tmp0 did not keep the "
              "original's " +
                  c.message);
    EXPECT_EQ(trial.files.Content(kPath), kOld);
    EXPECT_EQ(trial.files.Names(), std::set<std::string>{kPath});
  }
}

TEST(ReplaceFile, KnowsARenameThatHappenedThoughItFailed) {
  Trial trial;
  trial.options = WithSideFiles();
  trial.files.failed_rename_happens = true;
  trial.files.fail_verbs = {"rename"};
  trial.Replace();
  EXPECT_EQ(trial.Message(),
            "has its new content, but the rename reported: Input/output error "
            "(5)");
  EXPECT_EQ(trial.outcome.written, Written::kNew);
  EXPECT_EQ(trial.files.Names(),
            (std::set<std::string>{kPath, kUndo, kBackup}));
}

TEST(ReplaceFile, KeepsTheWayBackWhileInDoubt) {
  Trial good;
  good.options = WithSideFiles();
  good.Replace();
  const size_t rename = IndexOf(good.files.log, "rename /");
  Trial trial;
  trial.options = WithSideFiles();
  trial.files.fail = {rename, rename + 1, rename + 2};
  trial.Replace();
  EXPECT_EQ(trial.Message(),
            "cannot rename the temporary file /d/.Security.dll.tmp2 to "
            "/d/Security.dll: Input/output error (5); which content it has "
            "now cannot be seen");
  EXPECT_EQ(trial.outcome.written, Written::kUnsure);
  EXPECT_EQ(trial.files.Names(),
            (std::set<std::string>{kPath, kUndo, kBackup}));
}

}  // namespace
}  // namespace detachfix
