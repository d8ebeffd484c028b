// SPDX-License-Identifier: Apache-2.0
// On a real disk: what is found is what the system shows.
#include "patcher/batch/find_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/support/temp_tree.h"

namespace detachfix {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

class FindFilesTest : public testing::Test {
 protected:
  // What comes out, with the tree's own path left out: "a/b.dll",
  // "a: problem", "a (skipped why)".
  Lines Find(FindOptions options) {
    if (options.roots.empty()) options.roots = {tree_.path()};
    const std::unique_ptr<FileFinder> finder = FindFiles(options);
    Lines lines;
    while (const std::optional<Found> found = finder->Next()) {
      lines.push_back(LineOf(*found));
    }
    counts_ = finder->Counts();
    return lines;
  }

  std::string LineOf(const Found& found) const {
    std::string line = found.path;
    if (line.starts_with(tree_.path() + "/")) {
      line.erase(0, tree_.path().size() + 1);
    }
    if (found.problem) line += ": " + found.problem->message;
    if (found.skipped) line += " (" + *found.skipped + ")";
    return line;
  }

  TempTree tree_;
  FindCounts counts_;
};

TEST_F(FindFilesTest, FindsTheNamesThatTheTargetCanHaveInAnyCase) {
  for (const char* name :
       {"1/Security.dll", "1/SECURITY.DLL", "1/security.dll", "2/SECUR128.DLL",
        "2/Secur128.dll", "3/SECURITY.DL_", "3/security.dl_", "3/secur128.dl_",
        "4/Security.dll.bak", "4/xSecurity.dll", "4/Security.dl",
        "4/Secur32.dll", "4/Security.exe", "4/Security.d", "4/Security_dll"}) {
    tree_.File(name);
  }
  EXPECT_EQ(Find({}),
            (Lines{"1/SECURITY.DLL", "1/Security.dll", "1/security.dll",
                   "2/SECUR128.DLL", "2/Secur128.dll", "3/SECURITY.DL_",
                   "3/secur128.dl_", "3/security.dl_"}));
  EXPECT_EQ(counts_.folders, 5u);
  EXPECT_EQ(counts_.entries, 4u + 15u);
  EXPECT_EQ(counts_.found, 8u);
}

TEST_F(FindFilesTest, SortsByPathComponentAndByByte) {
  for (const char* name : {"a/x", "a.b/x", "B/x", "a/b/x", "a/b.c", "\xff", "z",
                           "a/\x01", "new\nline", "a-/x"}) {
    tree_.File(name);
  }
  EXPECT_EQ(Find({.all_dlls = true}),
            (Lines{"B/x", "a/\x01", "a/b/x", "a/b.c", "a/x", "a-/x", "a.b/x",
                   "new\nline", "z", "\xff"}));
}

TEST_F(FindFilesTest, HandsOutPackedFilesLastInTheirFolder) {
  for (const char* name :
       {"a/SECURITY.DL_", "a/security.dll", "a/security.dl_",
        "a/z/Security.dll", "b_/Security.dll", "c/Security.dll"}) {
    tree_.File(name);
  }
  EXPECT_EQ(Find({}),
            (Lines{"a/security.dll", "a/z/Security.dll", "a/SECURITY.DL_",
                   "a/security.dl_", "b_/Security.dll", "c/Security.dll"}));
  EXPECT_EQ(Find({.roots = {tree_.At("a/security.dl_"), tree_.At("c"),
                            tree_.At("a/security.dll")}}),
            (Lines{"c/Security.dll", "a/security.dll", "a/security.dl_"}));
}

TEST_F(FindFilesTest, FollowsNoLinkBelowARootAndALinkThatIsOne) {
  tree_.File("real/Security.dll");
  tree_.Link("linked", "real");
  tree_.Link("real/loop", ".");
  tree_.Link("real/SECURITY.DLL", "Security.dll");
  EXPECT_EQ(Find({}), Lines{"real/Security.dll"});
  EXPECT_EQ(counts_.links, 1u);
  EXPECT_EQ(Find({.roots = {tree_.At("linked")}}),
            Lines{"linked/Security.dll"});
  EXPECT_EQ(Find({.roots = {tree_.At("linked/")}}),
            Lines{"linked/Security.dll"});
}

TEST_F(FindFilesTest, HandsOutAFileOfSeveralNamesOnce) {
  const std::string first = tree_.File("a/Security.dll");
  tree_.Folder("b");
  fs::create_hard_link(first, tree_.At("b/Security.dll"));
  fs::create_hard_link(first, tree_.At("b/SECURITY.DLL"));
  fs::create_hard_link(first, tree_.At("other name"));
  tree_.File("c/Security.dll");
  EXPECT_EQ(Find({}), (Lines{"a/Security.dll", "c/Security.dll"}));
  EXPECT_EQ(counts_.again, 2u);
}

TEST_F(FindFilesTest, TakesRootsInTheirOrderAndEachFileOnce) {
  tree_.File("a/Security.dll");
  tree_.File("a/deep/Security.dll");
  tree_.File("b/Security.dll");
  const std::string odd = tree_.File("b/any.bin");
  const Lines roots = {tree_.At("b"),
                       tree_.At("a/deep"),
                       tree_.At("a/"),
                       tree_.At("a"),
                       odd,
                       tree_.At("missing"),
                       tree_.At("b/Security.dll")};
  EXPECT_EQ(Find({.roots = roots}),
            (Lines{"b/Security.dll", "a/deep/Security.dll", "a/Security.dll",
                   "b/any.bin", "missing: No such file or directory (2)"}));
}

TEST_F(FindFilesTest, GivesTheSameForEveryNumberOfThreads) {
  for (int folder = 0; folder < 300; ++folder) {
    std::string path;
    for (int rest = folder; rest > 0; rest /= 3) {
      path += "d" + std::to_string(rest % 3) + "/";
    }
    tree_.File(path + "Security.dll");
    tree_.File(path + "other");
  }
  const Lines one = Find({.threads = 1});
  EXPECT_EQ(one.size(), std::set<std::string>(one.begin(), one.end()).size());
  EXPECT_EQ(one.size(), 300u);
  for (const unsigned threads : {2u, 3u, 8u}) {
    EXPECT_EQ(Find({.threads = threads}), one) << threads;
  }
}

TEST_F(FindFilesTest, LeavesOutWhatIsExcludedAndWhatLiesBelow) {
  tree_.File("a/old/deep/Security.dll");
  tree_.File("a/new/Security.dll");
  tree_.File("old/Security.dll");
  tree_.File("a/new/x.ocx");
  EXPECT_EQ(Find({.exclude = {"old"}}), Lines{"a/new/Security.dll"});
  EXPECT_EQ(Find({.exclude = {"/old/"}}),
            (Lines{"a/new/Security.dll", "a/old/deep/Security.dll"}));
  EXPECT_EQ(Find({.include = {"a/**/*.OCX"}}), Lines{"a/new/x.ocx"});
}

TEST_F(FindFilesTest, GivesEachFileToOneShardWhereverTheShareIsMounted) {
  Lines all;
  for (int i = 0; i < 50; ++i) {
    all.push_back(std::to_string(100 + i) + "/Security.dll");
    tree_.File(all.back());
  }
  Lines joined;
  for (uint32_t i = 1; i <= 4; ++i) {
    const Lines part = Find({.shard = Shard{i, 4}});
    EXPECT_EQ(counts_.other_shards, 50 - part.size());
    tree_.Link("mounted" + std::to_string(i), ".");
    Lines elsewhere = Find({.roots = {tree_.At("mounted" + std::to_string(i))},
                            .shard = Shard{i, 4}});
    for (std::string& line : elsewhere) line.erase(0, line.find('/') + 1);
    EXPECT_EQ(elsewhere, part);
    joined.insert(joined.end(), part.begin(), part.end());
  }
  std::sort(joined.begin(), joined.end());
  EXPECT_EQ(joined, all);
}

TEST_F(FindFilesTest, CanBeLeftInTheMiddle) {
  for (int folder = 0; folder < 200; ++folder) {
    tree_.File(std::to_string(folder) + "/x/Security.dll");
  }
  const std::unique_ptr<FileFinder> finder =
      FindFiles({.roots = {tree_.path()}, .threads = 4});
  EXPECT_TRUE(finder->Next());
}

}  // namespace
}  // namespace detachfix
