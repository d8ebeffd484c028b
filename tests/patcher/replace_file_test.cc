// SPDX-License-Identifier: Apache-2.0
#include "patcher/replace_file.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "patcher/pe_image.h"
#include "patcher/sha256.h"
#include "tests/support/fake_files.h"

namespace detachfix {
namespace {

constexpr char kPath[] = "/d/Security.dll";
constexpr char kUndo[] = "/d/Security.dll.detachfix-undo";
constexpr char kBackup[] = "/d/Security.dll.orig";
const Bytes kOld = {1, 2, 3, 4};
const Bytes kNew = {1, 9, 9, 4};
const Bytes kRecord = {7, 7};

// One run over a fresh disk; what it did is looked at afterwards.
struct Trial {
  Trial() { files.Add(kPath, kOld); }

  const WriteOutcome& Replace() {
    original = {kOld, files.names.at(kPath)->state};
    outcome = ReplaceFile(files, kPath, original, kNew, options);
    return outcome;
  }

  std::string Message() const {
    return outcome.error ? outcome.error->message : "";
  }

  FakeFiles files;
  ReadFile original;
  ReplaceOptions options;
  WriteOutcome outcome;
};

ReplaceOptions WithSideFiles() {
  ReplaceOptions options;
  options.undo_file = SideFile{kUndo, kRecord};
  options.backup = kBackup;
  return options;
}

size_t IndexOf(const std::vector<std::string>& log, const std::string& begin) {
  size_t index = 0;
  while (index < log.size() && !log[index].starts_with(begin)) ++index;
  EXPECT_LT(index, log.size()) << begin;
  return index;
}

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
      "rename-new /d/.Security.dll.detachfix-undo.tmp0 -> "
      "/d/Security.dll.detachfix-undo",
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
  // The undo file is the user's own, as open as the original.
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
  const std::string undo = "the undo file /d/Security.dll.detachfix-undo";
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
    trial.options.undo_file = SideFile{kUndo, kRecord};
    trial.files.fail = {i + 1};
    trial.Replace();
    EXPECT_EQ(trial.Message(), expected[i]);
  }
}

TEST(ReplaceFile, SaysWhatItCouldNotRemove) {
  Trial trial;
  trial.options.undo_file = SideFile{kUndo, kRecord};
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

// At each moment: whether names that were not flushed yet are there or not,
// the file is whole, and where it is new the undo file is there, whole.
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
            "the undo file /d/Security.dll.detachfix-undo exists and "
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
            "the undo file /d/Security.dll.detachfix-undo exists and is not a "
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
      {[](FileState& state) { ++state.modified_ns; }, "time of modification"},
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

TEST(WriteNewFile, MakesTheFileWithModeAndTimesOfTheOriginal) {
  FakeFiles files;
  FileState like;
  like.mode = 0100640;
  like.owner = 1000;
  like.modified_ns = 77;
  const WriteOutcome outcome =
      WriteNewFile(files, "/o/out.dll", like, kNew,
                   SideFile{"/o/out.dll.detachfix-undo", kRecord});
  EXPECT_FALSE(outcome.error) << outcome.error->message;
  EXPECT_EQ(outcome.written, Written::kNew);
  EXPECT_EQ(outcome.bytes, kNew);
  EXPECT_EQ(files.Names(),
            (std::set<std::string>{"/o/out.dll", "/o/out.dll.detachfix-undo"}));
  const FileState& state = files.names.at("/o/out.dll")->state;
  EXPECT_EQ(state.mode, 0100640u);
  EXPECT_EQ(state.modified_ns, 77);
  EXPECT_EQ(state.owner, 0u);
}

TEST(PlaceFile, GivesTheFileTheWholeStateOfAnother) {
  FakeFiles files;
  FileState like;
  like.mode = 0100640;
  like.owner = 1000;
  like.modified_ns = 77;
  like.attributes["user.DOSATTRIB"] = {1, 2};
  const WriteOutcome outcome =
      PlaceFile(files, "/o/out.dll", like, kNew, std::nullopt);
  EXPECT_FALSE(outcome.error) << outcome.error->message;
  const FileState& state = files.names.at("/o/out.dll")->state;
  EXPECT_EQ(state.mode, 0100640u);
  EXPECT_EQ(state.owner, 1000u);
  EXPECT_EQ(state.attributes, like.attributes);
}

TEST(WriteNewFile, LeavesNothingWhicheverStepFails) {
  FakeFiles good;
  const SideFile undo{"/o/out.dll.detachfix-undo", kRecord};
  WriteNewFile(good, "/o/out.dll", {}, kNew, undo);
  const size_t placed = IndexOf(good.log, "rename-new /o/.out.dll.tmp");
  for (size_t i = 0; i < good.log.size(); ++i) {
    SCOPED_TRACE("fails: " + good.log[i]);
    FakeFiles files;
    files.fail = {i};
    const WriteOutcome outcome =
        WriteNewFile(files, "/o/out.dll", {}, kNew, undo);
    ASSERT_TRUE(outcome.error);
    if (i <= placed) {
      EXPECT_TRUE(files.Names().empty());
      EXPECT_EQ(outcome.written, Written::kNothing);
    } else {
      EXPECT_EQ(outcome.written, Written::kNew);
      EXPECT_EQ(files.Content("/o/out.dll"), kNew);
      EXPECT_TRUE(outcome.error->message.starts_with("/o/out.dll "))
          << outcome.error->message;
    }
  }
}

TEST(WriteNewFile, TakesOnlyTheSameContentForDone) {
  FakeFiles files;
  files.Add("/o/out.dll", kNew);
  WriteOutcome outcome =
      WriteNewFile(files, "/o/out.dll", {}, kNew, std::nullopt);
  EXPECT_FALSE(outcome.error);
  EXPECT_EQ(outcome.written, Written::kNothing);
  EXPECT_EQ(outcome.bytes, kNew);

  files.Overwrite("/o/out.dll", kOld);
  outcome = WriteNewFile(files, "/o/out.dll", {}, kNew, std::nullopt);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->message, "/o/out.dll exists and has other content");
  EXPECT_TRUE(outcome.refused);
  EXPECT_EQ(files.Content("/o/out.dll"), kOld);
}

TEST(WriteNewFile, DoesNotOverwriteAFileThatAppearsMeanwhile) {
  FakeFiles files;
  files.before = [&](size_t index) {
    if (files.log[index].starts_with("rename-new")) {
      files.Add("/o/out.dll", {6});
    }
  };
  const WriteOutcome outcome =
      WriteNewFile(files, "/o/out.dll", {}, kNew, std::nullopt);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->message,
            "cannot rename the temporary file /o/.out.dll.tmp0 to /o/out.dll: "
            "File exists (17)");
  EXPECT_EQ(files.Content("/o/out.dll"), Bytes{6});
  EXPECT_EQ(files.Names(), std::set<std::string>{"/o/out.dll"});
}

}  // namespace
}  // namespace detachfix
