// SPDX-License-Identifier: Apache-2.0
#include "patcher/replace_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

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

TEST(ReplaceFile, MakesEveryStepInOrder) {
  Trial trial;
  trial.Replace();
  EXPECT_EQ(trial.Message(), "");
  const std::vector<std::string> expected = {
      "look /d/Security.dll",
      "create-beside /d/Security.dll",
      "write /d/.Security.dll.tmp0",
      "look /d/.Security.dll.tmp0",
      "set-state /d/.Security.dll.tmp0",
      "sync /d/.Security.dll.tmp0",
      "close /d/.Security.dll.tmp0",
      "read /d/.Security.dll.tmp0",
      "look /d/Security.dll",
      "read /d/Security.dll",
      "rename /d/.Security.dll.tmp0 -> /d/Security.dll",
      "sync-folder /d",
      "read /d/Security.dll",
  };
  EXPECT_EQ(trial.files.log, expected);
  EXPECT_EQ(trial.outcome.written, Written::kNew);
  EXPECT_EQ(trial.outcome.bytes, kNew);
  EXPECT_EQ(trial.files.Content(kPath), kNew);
}

TEST(ReplaceFile, FlushesUndoFileAndBackupBeforeTheFileIsTouched) {
  Trial trial;
  trial.options = WithSideFiles();
  trial.Replace();
  EXPECT_EQ(trial.Message(), "");
  const std::vector<std::string> expected = {
      "look /d/Security.dll",
      "exists /d/Security.dll.detachfix-undo",
      "create-beside /d/Security.dll.detachfix-undo",
      "write /d/.Security.dll.detachfix-undo.tmp0",
      "look /d/.Security.dll.detachfix-undo.tmp0",
      "set-state /d/.Security.dll.detachfix-undo.tmp0",
      "sync /d/.Security.dll.detachfix-undo.tmp0",
      "close /d/.Security.dll.detachfix-undo.tmp0",
      "read /d/.Security.dll.detachfix-undo.tmp0",
      ("rename-new /d/.Security.dll.detachfix-undo.tmp0 -> "
       "/d/Security.dll.detachfix-undo"),
      "sync-folder /d",
      "exists /d/Security.dll.orig",
      "create-beside /d/Security.dll.orig",
      "write /d/.Security.dll.orig.tmp1",
      "look /d/.Security.dll.orig.tmp1",
      "set-state /d/.Security.dll.orig.tmp1",
      "sync /d/.Security.dll.orig.tmp1",
      "close /d/.Security.dll.orig.tmp1",
      "read /d/.Security.dll.orig.tmp1",
      "rename-new /d/.Security.dll.orig.tmp1 -> /d/Security.dll.orig",
      "sync-folder /d",
      "create-beside /d/Security.dll",
  };
  ASSERT_GT(trial.files.log.size(), expected.size());
  EXPECT_TRUE(
      std::equal(expected.begin(), expected.end(), trial.files.log.begin()));
  EXPECT_EQ(trial.files.Content(kUndo), kRecord);
  EXPECT_EQ(trial.files.Content(kBackup), kOld);
  EXPECT_EQ(trial.outcome.made, (std::vector<std::string>{kUndo, kBackup}));
}

TEST(ReplaceFile, KeepsOwnerModeTimesAndAttributes) {
  Trial trial;
  trial.options = WithSideFiles();
  FileState& state = trial.files.names.at(kPath)->state;
  state.mode = 0100640;
  state.attributes["user.DOSATTRIB"] = {1, 2};
  const FileState before = state;
  trial.Replace();
  EXPECT_EQ(trial.Message(), "");
  for (const char* path : {kPath, kBackup}) {
    const FileState& now = trial.files.names.at(path)->state;
    EXPECT_EQ(now.mode, before.mode);
    EXPECT_EQ(now.owner, before.owner);
    EXPECT_EQ(now.group, before.group);
    EXPECT_EQ(now.modified_ns, before.modified_ns);
    EXPECT_EQ(now.attributes, before.attributes);
  }
  // The side file is the user's own, as open as the original.
  EXPECT_EQ(trial.files.names.at(kUndo)->state.mode, 0100640u);
  EXPECT_EQ(trial.files.names.at(kUndo)->state.owner, 0u);
}

TEST(ReplaceFile, WritesNothingWhenNothingChanges) {
  Trial trial;
  trial.options = WithSideFiles();
  const ReadFile original = {kOld, trial.files.names.at(kPath)->state};
  const WriteOutcome outcome =
      ReplaceFile(trial.files, kPath, original, kOld, trial.options);
  EXPECT_FALSE(outcome.error);
  EXPECT_EQ(outcome.written, Written::kNothing);
  EXPECT_EQ(outcome.bytes, kOld);
  EXPECT_TRUE(trial.files.log.empty());
}

// Another program writes to the file before each of the operations up to the
// last look.
TEST(ReplaceFile, StopsWhenTheFileChangesMeanwhile) {
  Trial good;
  good.options = WithSideFiles();
  good.Replace();
  const size_t rename = IndexOf(good.files.log, "rename /");
  const Bytes theirs = {5, 5, 5, 5};
  for (size_t i = 0; i < rename; ++i) {
    SCOPED_TRACE("before: " + good.files.log[i]);
    Trial trial;
    trial.options = WithSideFiles();
    trial.files.before = [&](size_t index) {
      if (index == i) trial.files.Overwrite(kPath, theirs);
    };
    trial.Replace();
    EXPECT_EQ(trial.Message(),
              "changed since it was read: its permissions, owner, links or "
              "attributes were changed");
    EXPECT_EQ(trial.outcome.written, Written::kNothing);
    EXPECT_EQ(trial.files.Content(kPath), theirs);
    EXPECT_EQ(trial.files.Names(), std::set<std::string>{kPath});
  }
}

TEST(ReplaceFile, SaysHowTheFileChanged) {
  struct Case {
    std::function<void(FakeFiles& files)> change;
    std::string how;
  };
  const Case cases[] = {
      {[](FakeFiles& files) { files.Overwrite(kPath, {1}); },
       "it had 4 bytes and has 1 now"},
      {[](FakeFiles& files) { files.Add(kPath, kOld); },
       "another file stands in its place"},
      {[](FakeFiles& files) { files.names.at(kPath)->state.is_symlink = true; },
       "a symbolic link stands in its place"},
      {[](FakeFiles& files) { ++files.names.at(kPath)->state.modified_ns; },
       "its time of modification is another"},
      {[](FakeFiles& files) { ++files.names.at(kPath)->state.changed_ns; },
       "its permissions, owner, links or attributes were changed"},
      // As a program can do that sets the times back, or a broken disk.
      {[](FakeFiles& files) {
         files.names.at(kPath)->bytes = {4, 3, 2, 1};
       },
       "its content is another"},
  };
  for (const Case& c : cases) {
    Trial trial;
    trial.files.before = [&](size_t index) {
      if (index == 8) c.change(trial.files);
    };
    trial.Replace();
    EXPECT_EQ(trial.Message(), "changed since it was read: " + c.how);
    EXPECT_EQ(trial.files.Names(), std::set<std::string>{kPath});
  }
}

TEST(ReplaceFile, RefusesWhatItMayNotReplace) {
  struct Case {
    std::function<void(FileState& state)> set;
    std::function<void(ReplaceOptions& options)> allow;
    std::string message;
  };
  const Case cases[] = {
      {[](FileState& state) {
         state.is_symlink = true;
         state.is_regular = false;
       },
       nullptr, "is a symbolic link; name the file that it points to"},
      {[](FileState& state) { state.is_regular = false; }, nullptr,
       "is not a regular file"},
      {[](FileState& state) { state.link_count = 3; },
       [](ReplaceOptions& options) { options.break_hard_links = true; },
       "has 3 hard links, and only this one would get the new content; "
       "--break-hard-links allows that"},
      {[](FileState& state) {
         state.mode = 0100444;
         state.writable = false;
       },
       [](ReplaceOptions& options) { options.replace_read_only = true; },
       "is read-only (mode 0444); --replace-read-only allows replacing it"},
  };
  for (const Case& c : cases) {
    Trial trial;
    c.set(trial.files.names.at(kPath)->state);
    trial.options = WithSideFiles();
    trial.Replace();
    EXPECT_EQ(trial.Message(), c.message);
    EXPECT_TRUE(trial.outcome.refused);
    EXPECT_EQ(trial.files.Names(), std::set<std::string>{kPath});
    EXPECT_EQ(trial.files.Content(kPath), kOld);
    if (!c.allow) continue;
    c.allow(trial.options);
    trial.Replace();
    EXPECT_EQ(trial.Message(), "");
    EXPECT_EQ(trial.files.Content(kPath), kNew);
  }
}

TEST(ReplaceFile, StopsWhenAttributesCouldNotBeRead) {
  Trial trial;
  trial.files.names.at(kPath)->state.attributes_problem =
      "extended attribute user.x: Permission denied (13)";
  trial.Replace();
  EXPECT_EQ(trial.Message(),
            "its attributes could not be kept: extended attribute user.x: "
            "Permission denied (13)");
  EXPECT_EQ(trial.files.Content(kPath), kOld);
}

TEST(ReplaceFile, NeverOverwritesAnUndoFileOrBackup) {
  for (const auto& [path, message] : std::map<std::string, std::string>{
           {kUndo,
            "the side file /d/Security.dll.detachfix-undo exists and "
            "has other content"},
           {kBackup,
            "the backup /d/Security.dll.orig exists and has other content"}}) {
    Trial trial;
    trial.options = WithSideFiles();
    trial.files.Add(path, {6});
    trial.Replace();
    EXPECT_EQ(trial.Message(), message);
    EXPECT_TRUE(trial.outcome.refused);
    EXPECT_EQ(trial.files.Content(path), Bytes{6});
    EXPECT_EQ(trial.files.Names(), (std::set<std::string>{kPath, path}));
    EXPECT_EQ(trial.files.Content(kPath), kOld);
  }
  Trial trial;
  trial.options = WithSideFiles();
  trial.files.Add(kUndo, kRecord).state.is_regular = false;
  trial.Replace();
  EXPECT_EQ(trial.Message(),
            "the side file /d/Security.dll.detachfix-undo exists and is not a "
            "regular file");
}

TEST(ReplaceFile, UsesAnUndoFileAndABackupOfTheSameContent) {
  Trial trial;
  trial.options = WithSideFiles();
  trial.files.Add(kUndo, kRecord);
  trial.files.Add(kBackup, kOld);
  trial.Replace();
  EXPECT_EQ(trial.Message(), "");
  EXPECT_TRUE(trial.outcome.made.empty());

  // They were not made here, so a failure does not take them away.
  Trial failing;
  failing.options = WithSideFiles();
  failing.files.Add(kUndo, kRecord);
  failing.files.Add(kBackup, kOld);
  failing.files.fail_verbs = {"rename"};
  failing.Replace();
  EXPECT_TRUE(failing.outcome.error);
  EXPECT_EQ(failing.files.Names(),
            (std::set<std::string>{kPath, kUndo, kBackup}));
}

}  // namespace
}  // namespace detachfix
