// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/folder_names.h"

#include <gtest/gtest.h>

#include "patcher/files.h"
#include "tests/support/packed.h"

namespace detachfix {
namespace {

using Names = std::vector<std::string>;

TEST(FolderNames, FindsNamesInAnyCaseAndSeesNewOnes) {
  const test::TemporaryFolder folder;
  const auto files = PosixFiles();
  FolderNames names;
  const auto find = [&] {
    return names.Find(*files, folder.path().string(), "security.dbg");
  };
  EXPECT_EQ(find(), Names());
  test::WriteWhole(folder.path() / "Security.DBG", {1});
  test::WriteWhole(folder.path() / "Security.dll", {1});
  EXPECT_EQ(find(), Names{"Security.DBG"});
  test::WriteWhole(folder.path() / "SECURITY.dbg", {1});
  EXPECT_EQ(find(), (Names{"SECURITY.dbg", "Security.DBG"}));
}

TEST(FolderNames, KnowsWhichFolderItHas) {
  const test::TemporaryFolder first;
  const test::TemporaryFolder second;
  test::WriteWhole(first.path() / "a.dbg", {1});
  const auto files = PosixFiles();
  FolderNames names;
  EXPECT_EQ(names.Find(*files, first.path().string(), "a.dbg"), Names{"a.dbg"});
  EXPECT_EQ(names.Find(*files, second.path().string(), "a.dbg"), Names());
  EXPECT_EQ(names.Find(*files, first.path() / "none", "a.dbg"), Names());
}

}  // namespace
}  // namespace detachfix
