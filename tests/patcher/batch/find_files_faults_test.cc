// SPDX-License-Identifier: Apache-2.0
// A search over a tree that is in the way: folders that cannot be read, vanish,
// are too deep, or are not of this disk.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "patcher/batch/find_files.h"
#include "patcher/batch/folder_reader.h"
#include "tests/support/temp_tree.h"

namespace detachfix {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

// Modes do not bind root, so the test becomes somebody else.
class AsNobody {
 public:
  AsNobody() : user_(geteuid()) {
    if (user_ == 0 && seteuid(65534) != 0) ADD_FAILURE() << "seteuid";
  }
  ~AsNobody() {
    if (user_ == 0 && seteuid(0) != 0) ADD_FAILURE() << "seteuid";
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  const uid_t user_;
};

void WriteText(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) ADD_FAILURE() << path << " cannot be written";
}

// From here on this process sees mounts of its own, and may make them: who is
// not root becomes root of a user namespace (user_namespaces(7)).
void EnterOwnNamespace() {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  const int also = user == 0 ? 0 : CLONE_NEWUSER;
  ASSERT_EQ(unshare(CLONE_NEWNS | also), 0) << strerror(errno);
  if (user != 0) {
    WriteText("/proc/self/setgroups", "deny");
    WriteText("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
    WriteText("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
  }
  ASSERT_EQ(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0)
      << strerror(errno);
}

// Runs `body` in another process, whose mounts go with it.
void InOwnNamespace(const std::function<void()>& body) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    EnterOwnNamespace();
    if (!testing::Test::HasFatalFailure()) body();
    std::fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "see the failures above";
}

class FindFaultsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(chmod(tree_.path().c_str(), 0755), 0); }

  void Mount(const std::string& from, const std::string& below,
             const char* type, unsigned long flags) {
    const std::string to = tree_.Folder(below);
    ASSERT_EQ(mount(from.c_str(), to.c_str(), type, flags, nullptr), 0)
        << to << ": " << strerror(errno);
  }

  std::unique_ptr<FileFinder> Start(FindOptions options) const {
    if (options.roots.empty()) options.roots = {tree_.path()};
    return FindFiles(options);
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

  Lines Rest(FileFinder& finder) const {
    Lines lines;
    while (const auto found = finder.Next()) lines.push_back(LineOf(*found));
    return lines;
  }

  Lines Find(const FindOptions& options) const { return Rest(*Start(options)); }

  TempTree tree_;
};

TEST_F(FindFaultsTest, SaysWhichFolderCannotBeReadAndGoesOn) {
  tree_.File("a/Security.dll");
  tree_.File("b/Security.dll");
  tree_.File("c/Security.dll");
  ASSERT_EQ(chmod(tree_.At("b").c_str(), 0), 0);
  Lines lines;
  {
    const AsNobody nobody;
    lines = Find({});
  }
  ASSERT_EQ(chmod(tree_.At("b").c_str(), 0755), 0);
  EXPECT_EQ(lines, (Lines{"a/Security.dll",
                          "b: cannot be opened: Permission denied (13)",
                          "c/Security.dll"}));
}

TEST_F(FindFaultsTest, SaysWhichFileCannotBeLookedAt) {
  tree_.File("b/Security.dll");
  // Its names can be read, and no more.
  ASSERT_EQ(chmod(tree_.At("b").c_str(), 0444), 0);
  Lines lines;
  {
    const AsNobody nobody;
    lines = Find({});
  }
  ASSERT_EQ(chmod(tree_.At("b").c_str(), 0755), 0);
  EXPECT_EQ(lines, Lines{"b/Security.dll: cannot be looked at: Permission "
                         "denied (13)"});
}

TEST_F(FindFaultsTest, GoesOnWhenFoldersVanishOrBecomeLinks) {
  tree_.File("a/Security.dll");
  tree_.Folder("gone");
  tree_.File("linked/Security.dll");
  tree_.File("z/Security.dll");
  // One thread reads no folder before it is its turn.
  const std::unique_ptr<FileFinder> finder = Start({.threads = 1});
  EXPECT_EQ(LineOf(*finder->Next()), "a/Security.dll");
  fs::remove(tree_.At("gone"));
  fs::rename(tree_.At("linked"), tree_.At("moved"));
  fs::create_symlink("moved", tree_.At("linked"));
  EXPECT_EQ(Rest(*finder),
            (Lines{"gone: cannot be opened: No such file or directory (2)",
                   "linked: cannot be opened: Not a directory (20)",
                   "z/Security.dll"}));
}

TEST_F(FindFaultsTest, FollowsNoLinkThatWasPutIntoThePathMeanwhile) {
  tree_.File("a/first/Security.dll");
  tree_.File("a/second/Security.dll");
  tree_.File("other/second/Security.dll");
  const std::unique_ptr<FileFinder> finder = Start({.threads = 1});
  EXPECT_EQ(LineOf(*finder->Next()), "a/first/Security.dll");
  fs::rename(tree_.At("a"), tree_.At("b"));
  fs::create_symlink("other", tree_.At("a"));
  const Lines rest = Rest(*finder);
  ASSERT_FALSE(rest.empty());
  EXPECT_EQ(rest[0],
            "a/second: cannot be opened: Too many levels of symbolic links "
            "(40)");
}

TEST_F(FindFaultsTest, FindsWhatLiesDeeperThanAPathMayBeLong) {
  const std::string name(200, 'd');
  constexpr int kDepth = 60;  // 12,060 bytes; PATH_MAX is 4096
  int folder = open(tree_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::string expected;
  for (int i = 0; i < kDepth; ++i) {
    ASSERT_EQ(mkdirat(folder, name.c_str(), 0755), 0);
    const int below =
        openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(below, 0);
    close(folder);
    folder = below;
    expected += name + "/";
  }
  close(openat(folder, "Security.dll", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  close(folder);
  for (const unsigned threads : {1u, 3u}) {
    EXPECT_EQ(Find({.threads = threads}), Lines{expected + "Security.dll"});
  }
}

TEST_F(FindFaultsTest, LeavesSnapshotsAloneUnlessAsked) {
  tree_.File(".snapshot/nightly/Security.dll");
  tree_.File("a/Security.dll");
  EXPECT_EQ(Find({}), (Lines{".snapshot (holds snapshots or deleted files)",
                             "a/Security.dll"}));
  EXPECT_EQ(Find({.enter_snapshots = true}),
            (Lines{".snapshot/nightly/Security.dll", "a/Security.dll"}));
  EXPECT_EQ(Find({.roots = {tree_.At(".snapshot")}}),
            Lines{".snapshot/nightly/Security.dll"});
}

TEST_F(FindFaultsTest, EntersOtherFileSystemsOnlyWhenAsked) {
  tree_.File("a/Security.dll");
  InOwnNamespace([this] {
    Mount("none", "mounted", "tmpfs", 0);
    tree_.File("mounted/Security.dll");
    const std::string left_out =
        "mounted (another file system is mounted there)";
    EXPECT_EQ(Find({}), (Lines{"a/Security.dll", left_out}));
    const Lines both = {"a/Security.dll", "mounted/Security.dll"};
    EXPECT_EQ(Find({.cross_file_systems = true}), both);
    EXPECT_EQ(Find({.roots = {tree_.path(), tree_.At("mounted")}}),
              (Lines{"a/Security.dll", left_out, "mounted/Security.dll"}));
  });
}

TEST_F(FindFaultsTest, EntersNoFileSystemTwiceAndNoPseudoOne) {
  tree_.File("a/Security.dll");
  InOwnNamespace([this] {
    Mount(tree_.At("a"), "again", nullptr, MS_BIND);
    // Whoever is root of a user namespace alone may not leave out what is
    // mounted below.
    Mount("/proc", "proc", nullptr, MS_BIND | MS_REC);
    EXPECT_EQ(Find({.cross_file_systems = true}),
              (Lines{"a/Security.dll",
                     "again (a file system that is searched elsewhere is "
                     "mounted there too)",
                     "proc (a pseudo file system (proc))"}));
  });
}

TEST_F(FindFaultsTest, SearchesNoPseudoFileSystemThatIsNamed) {
  EXPECT_EQ(Find({.roots = {"/proc"}}),
            Lines{"/proc: is on a pseudo file system (proc)"});
}

// What stands in for openat2(2) on older kernels keeps the same rules.
TEST_F(FindFaultsTest, OpensStepByStepByTheSameRules) {
  tree_.Folder("a/b/c");
  tree_.Link("a/link", "b");
  const Descriptor top(
      open(tree_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (auto* opener : {&OpenFolder, &OpenFolderStepwise}) {
    EXPECT_GE(opener(top.number(), "a/b/c", true).descriptor.number(), 0);
    const OpenedFolder link = opener(top.number(), "a/link/c", true);
    EXPECT_LT(link.descriptor.number(), 0);
    EXPECT_FALSE(link.failure.crosses);
    EXPECT_EQ(opener(top.number(), "a/x/c", true).failure.error, ENOENT);
    const Descriptor root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_TRUE(opener(root.number(), "proc", true).failure.crosses);
    EXPECT_GE(opener(root.number(), "proc", false).descriptor.number(), 0);
  }
}

class FilesFromListTest : public testing::Test {
 protected:
  Lines Read(const std::string& text, const FindOptions& options = {}) {
    const std::string list = tree_.File("list", text);
    Result<std::unique_ptr<FileFinder>> finder = FilesFromList(list, options);
    if (!finder) return {finder.error().message};
    Lines lines;
    while (const auto found = (*finder)->Next()) {
      lines.push_back(found->path +
                      (found->problem ? ": " + found->problem->message : ""));
    }
    return lines;
  }

  TempTree tree_;
};

TEST_F(FilesFromListTest, TakesLinesOrWhatEndsWithNul) {
  EXPECT_EQ(Read("b\na c\n\nb\nlast"), (Lines{"b", "a c", "b", "last"}));
  EXPECT_EQ(Read(std::string("b\nc\0a\0\0last", 11)),
            (Lines{"b\nc", "a", "last"}));
  EXPECT_EQ(Read(""), Lines{});
}

TEST_F(FilesFromListTest, HandsOutPackedFilesLast) {
  EXPECT_EQ(Read("a/x.dl_\nb/y\na/X.DLL\nc/z.DL_\n"),
            (Lines{"b/y", "a/X.DLL", "a/x.dl_", "c/z.DL_"}));
}

TEST_F(FilesFromListTest, KnowsHowManyAListHoldsThatIsAFile) {
  const std::string list = tree_.File("list", "a\nold/b\nc.dl_\n\nd");
  const std::unique_ptr<FileFinder> finder =
      std::move(*FilesFromList(list, {.exclude = {"old/*"}}));
  EXPECT_EQ(finder->Counts().total, 3u);
  while (finder->Next()) continue;
  EXPECT_EQ(finder->Counts().found, 3u);
  const std::string pipe = tree_.At("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int writer = open(pipe.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_FALSE((*FilesFromList(pipe, {}))->Counts().total);
  close(writer);
}

TEST_F(FilesFromListTest, TakesListsOfAnyLength) {
  std::string text;
  Lines expected;
  for (int i = 0; i < 50'000; ++i) {
    expected.push_back("/srv/images/" + std::to_string(i) + "/Security.dll");
    text += expected.back() + "\n";
  }
  EXPECT_EQ(Read(text), expected);
}

TEST_F(FilesFromListTest, UsesPatternsAndShards) {
  EXPECT_EQ(Read("a/x.dll\nold/x.dll\n", {.exclude = {"x/", "old/*"}}),
            Lines{"a/x.dll"});
  EXPECT_EQ(Read("a/x.dll\na/y.ocx\n", {.include = {"*.ocx"}}),
            Lines{"a/y.ocx"});
  size_t found = 0;
  for (uint32_t i = 1; i <= 3; ++i) {
    found += Read("a\nb\nc\nd\n", {.shard = Shard{i, 3}}).size();
  }
  EXPECT_EQ(found, 4u);
}

TEST_F(FilesFromListTest, SaysWhenTheListCannotBeRead) {
  EXPECT_EQ(
      FilesFromList(tree_.At("x"), {}).error().message,
      tree_.At("x") + ": cannot be opened: No such file or directory (2)");
  EXPECT_EQ(
      Read(std::string(2 << 20, 'x')),
      Lines{tree_.At("list") + ": has a path of more than 1048576 bytes"});
  Result<std::unique_ptr<FileFinder>> folder = FilesFromList(tree_.path(), {});
  ASSERT_TRUE(folder);
  EXPECT_EQ((*folder)->Next()->problem->message,
            "cannot be read: Is a directory (21)");
  EXPECT_FALSE((*folder)->Next());
}

}  // namespace
}  // namespace detachfix
