// SPDX-License-Identifier: Apache-2.0
// Files that were not there before.
#include <gtest/gtest.h>

#include <algorithm>

#include "patcher/replace_file.h"
#include "tests/support/replace_trial.h"

namespace detachfix {
namespace {

using test::IndexOf;
using test::kNew;
using test::kOld;
using test::kRecord;

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
      PlaceFile(files, "/o/out.dll", "/o/out.dl_", like, kNew, std::nullopt);
  EXPECT_FALSE(outcome.error) << outcome.error->message;
  EXPECT_EQ(std::ranges::count(files.log, "create-beside /o/out.dl_"), 1);
  const FileState& state = files.names.at("/o/out.dll")->state;
  EXPECT_EQ(state.mode, 0100640u);
  EXPECT_EQ(state.owner, 1000u);
  EXPECT_EQ(state.attributes, like.attributes);
}

TEST(WriteNewFile, LeavesNothingWhicheverStepFails) {
  FakeFiles good;
  const SideFile undo{"/o/out.dll.detachfix-undo", kRecord};
  WriteNewFile(good, "/o/out.dll", {}, kNew, undo);
  // The first temporary file is that of the side file.
  const size_t placed = IndexOf(good.log, "rename-new /o/.out.dll.tmp1");
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
