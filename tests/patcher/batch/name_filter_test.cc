// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/name_filter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "patcher/files.h"
#include "patcher/verify_file.h"
#include "tests/support/temp_tree.h"

namespace detachfix {
namespace {

TEST(IsTargetFileName, IsThoseOfTheArticlesInAnyCase) {
  for (const char* name : {"Security.dll", "SECURITY.DLL", "secur128.dll",
                           "SECUR128.DLL", "security.dl_", "Secur128.DL_"}) {
    EXPECT_TRUE(IsTargetFileName(name)) << name;
  }
  for (const char* name :
       {"", "secur32.dll", "security.dll ", "security_dll", "security.dll.org",
        "security.dl", "xecurity.dll", "security.dl-"}) {
    EXPECT_FALSE(IsTargetFileName(name)) << name;
  }
}

TEST(IsOwnFileName, IsEveryNameThatThisProgramGives) {
  const TempTree tree;
  const std::string path = tree.At("Security.dll");
  const auto temporary = PosixFiles()->CreateBeside(path);
  ASSERT_TRUE(temporary);
  for (const std::string& own :
       {(*temporary)->path(), SideFilePath(path), path + ".orig",
        std::string("x/security.org")}) {
    EXPECT_TRUE(IsOwnFileName(own.substr(own.rfind('/') + 1))) << own;
  }
  for (const char* name :
       {"Security.dll", "detachfix-1-2", ".detachfix-1-2", ".a.detachfix-x-1",
        ".a.detachfix-1", "a.detachfix-1-2", "org", "orig"}) {
    EXPECT_FALSE(IsOwnFileName(name)) << name;
  }
}

TEST(IsSnapshotFolderName, IsWhatServersKeep) {
  for (const char* name :
       {".snapshot", "~snapshot", ".snapshots", ".zfs", ".Trash-1000",
        "System Volume Information", "$Recycle.Bin", "$RECYCLE.BIN", "#recycle",
        "@GMT-2000.12.24-09.30.05"}) {
    EXPECT_TRUE(IsSnapshotFolderName(name)) << name;
  }
  for (const char* name : {"snapshot", ".snapshot2", "zfs", "trash", "i386"}) {
    EXPECT_FALSE(IsSnapshotFolderName(name)) << name;
  }
}

TEST(ReadPatternLines, LeavesOutCommentsAndEmptyLines) {
  EXPECT_EQ(ReadPatternLines("*.bak\r\n\n# old\n/old/\nlast"),
            (std::vector<std::string>{"*.bak", "/old/", "last"}));
  EXPECT_TRUE(ReadPatternLines("").empty());
}

TEST(NameFilter, TakesTheTargetsNamesByItself) {
  const NameFilter filter({});
  EXPECT_TRUE(filter.WantsFile("a/Security.dll"));
  EXPECT_FALSE(filter.WantsFile("a/other.dll"));
  EXPECT_TRUE(filter.WantsFolder("any"));
  EXPECT_FALSE(filter.looks_at_paths());
}

TEST(NameFilter, TakesEveryNameButItsOwn) {
  const NameFilter filter({.all_files = true, .include = {}, .exclude = {}});
  EXPECT_TRUE(filter.WantsFile("other"));
  EXPECT_FALSE(filter.WantsFile("other.dll.detachfix-undo"));
  EXPECT_FALSE(filter.WantsFile("Security.ORG"));
}

TEST(NameFilter, IncludeStandsInPlaceOfTheNamesAndExcludeGoesFirst) {
  const NameFilter filter({.all_files = false,
                           .include = {"*.ocx", "i386/*"},
                           .exclude = {"b*", "old/"}});
  EXPECT_TRUE(filter.WantsFile("x/a.OCX"));
  EXPECT_TRUE(filter.WantsFile("i386/any"));
  EXPECT_FALSE(filter.WantsFile("x/i386/any"));
  EXPECT_FALSE(filter.WantsFile("x/Security.dll"));
  EXPECT_FALSE(filter.WantsFile("x/b.ocx"));
  EXPECT_FALSE(filter.WantsFolder("x/OLD"));
  EXPECT_FALSE(filter.WantsFolder("x/bin"));
  EXPECT_TRUE(filter.WantsFolder("x"));
  EXPECT_TRUE(filter.looks_at_paths());
}

}  // namespace
}  // namespace detachfix
