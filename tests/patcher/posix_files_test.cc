// SPDX-License-Identifier: Apache-2.0
// The real disk: what the fake one in the other tests takes for granted.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "patcher/files.h"
#include "patcher/replace_file.h"

namespace detachfix {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSecond = 1'000'000'000;
constexpr uint64_t kLimit = 1000;

class PosixFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "files-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder + "/a.dll";
    Write(path_, "old content");
  }
  void TearDown() override { fs::remove_all(folder_); }

  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  static Bytes ToBytes(const std::string& text) {
    return Bytes(text.begin(), text.end());
  }

  Bytes Content(const std::string& path) {
    const Result<ReadFile> file = files_->Read(path, kLimit);
    return file ? Bytes(file->bytes) : Bytes();
  }

  std::string ReadError(const std::string& path) {
    const Result<ReadFile> file = files_->Read(path, kLimit);
    return file ? "" : file.error().message;
  }

  std::string Replace(const std::string& text,
                      const ReplaceOptions& options = {}) {
    const Result<ReadFile> original = files_->Read(path_, kLimit);
    const WriteOutcome outcome =
        ReplaceFile(*files_, path_, *original, ToBytes(text), options);
    return outcome.error ? outcome.error->message : "";
  }

  size_t Count() {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_),
                                             fs::directory_iterator()));
  }

  const std::unique_ptr<Files> files_ = PosixFiles();
  std::string folder_;
  std::string path_;
};

TEST(FolderOf, IsWhatComesBeforeTheLastSlash) {
  EXPECT_EQ(FolderOf("a"), ".");
  EXPECT_EQ(FolderOf("/a"), "/");
  EXPECT_EQ(FolderOf("a/b/c"), "a/b");
  EXPECT_EQ(FolderOf("./c"), ".");
}

TEST_F(PosixFilesTest, ListsAFolderSorted) {
  Write(folder_ + "/b.dll", "");
  Write(folder_ + "/.hidden", "");
  Write(folder_ + "/B.dll", "");
  const Result<std::vector<std::string>> names = files_->List(folder_);
  ASSERT_TRUE(names);
  EXPECT_EQ(*names,
            (std::vector<std::string>{".hidden", "B.dll", "a.dll", "b.dll"}));
  EXPECT_EQ(files_->List(folder_ + "/none").error().message,
            "No such file or directory (2)");
  EXPECT_EQ(files_->List(path_).error().message, "Not a directory (20)");
}

TEST_F(PosixFilesTest, ReadsBytesAndState) {
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  const timespec times[2] = {{100, 7}, {-3, 5}};
  ASSERT_EQ(utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  const Result<ReadFile> file = files_->Read(path_, kLimit);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->bytes, ToBytes("old content"));
  EXPECT_EQ(file->state.size, 11u);
  EXPECT_EQ(file->state.mode, 0100640u);
  EXPECT_EQ(file->state.owner, getuid());
  EXPECT_EQ(file->state.accessed_ns, 100 * kSecond + 7);
  EXPECT_EQ(file->state.modified_ns, -3 * kSecond + 5);
  EXPECT_EQ(file->state.link_count, 1u);
  EXPECT_TRUE(file->state.is_regular);
  EXPECT_TRUE(file->state.writable);

  // Reading leaves no trace.
  const Result<FileState> after = files_->Look(path_);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->accessed_ns, file->state.accessed_ns);
  EXPECT_EQ(after->changed_ns, file->state.changed_ns);
}

TEST_F(PosixFilesTest, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(ReadError(folder_ + "/none"),
            "cannot be opened: No such file or directory (2)");
  EXPECT_EQ(ReadError(folder_), "is a folder, not a regular file");
  ASSERT_EQ(mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadError(folder_ + "/pipe"), "is a pipe, not a regular file");
  EXPECT_EQ(ReadError("/dev/null"), "is a device, not a regular file");
  Write(path_, std::string(kLimit + 1, 'x'));
  EXPECT_EQ(ReadError(path_),
            "has 1001 bytes, more than the 1000 that are read");
  Write(path_, std::string(kLimit, 'x'));
  EXPECT_EQ(ReadError(path_), "");
  Write(path_, "");
  EXPECT_EQ(ReadError(path_), "");
}

// Files of /proc have a size of 0 and a content.
TEST_F(PosixFilesTest, NoticesAContentThatIsNotAsLongAsItsSize) {
  EXPECT_EQ(ReadError("/proc/meminfo"),
            "has more than the 1000 bytes that are read");
  EXPECT_EQ(ReadError("/proc/self/comm"), "changed while it was read");
}

TEST_F(PosixFilesTest, LooksAtALinkItself) {
  const std::string link = folder_ + "/link";
  ASSERT_EQ(symlink("a.dll", link.c_str()), 0);
  const Result<FileState> state = files_->Look(link);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_TRUE(state->is_symlink);
  EXPECT_FALSE(state->is_regular);
  EXPECT_EQ(Content(link), ToBytes("old content"));
  ASSERT_EQ(symlink("nowhere", (folder_ + "/dangling").c_str()), 0);
  EXPECT_TRUE(*files_->Exists(folder_ + "/dangling"));
  EXPECT_FALSE(*files_->Exists(folder_ + "/none"));
  EXPECT_EQ(files_->Exists(path_ + "/x").error().message,
            "Not a directory (20)");
}

TEST_F(PosixFilesTest, RenameNewLeavesAnExistingFileAlone) {
  const std::string other = folder_ + "/other";
  Write(other, "other");
  const Result<void> refused = files_->RenameNew(path_, other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "File exists (17)");
  EXPECT_EQ(Content(other), ToBytes("other"));
  EXPECT_TRUE(files_->RenameNew(path_, folder_ + "/new"));
  EXPECT_EQ(Content(folder_ + "/new"), ToBytes("old content"));
  EXPECT_FALSE(*files_->Exists(path_));
}

TEST_F(PosixFilesTest, TemporaryNamesFitWhateverTheName) {
  const std::string longest = folder_ + "/" + std::string(255, 'n');
  Result<std::unique_ptr<OutputFile>> first = files_->CreateBeside(longest);
  ASSERT_TRUE(first) << first.error().message;
  Result<std::unique_ptr<OutputFile>> second = files_->CreateBeside(longest);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_NE((*first)->path(), (*second)->path());
  EXPECT_TRUE((*first)->path().starts_with(folder_ + "/.nnn"));
  struct stat info = {};
  ASSERT_EQ(lstat((*first)->path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode, 0100600u);
}

TEST_F(PosixFilesTest, ReplacingKeepsEverythingButTheContent) {
  ASSERT_EQ(chmod(path_.c_str(), 0604), 0);
  ASSERT_EQ(setxattr(path_.c_str(), "user.DOSATTRIB", "0x20", 4, 0), 0)
      << "this test needs a folder with user.* attributes";
  ASSERT_EQ(setxattr(path_.c_str(), "user.empty", "", 0, 0), 0);
  if (geteuid() == 0) {
    ASSERT_EQ(chown(path_.c_str(), 1234, 4321), 0);
    ASSERT_EQ(setxattr(path_.c_str(), "security.NTACL", "\1\0\2", 3, 0), 0);
  }
  const timespec times[2] = {{1'000'000'000, 1}, {900'000'000, 123'456'789}};
  ASSERT_EQ(utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  const FileState before = *files_->Look(path_);
  ReplaceOptions options;
  options.backup = path_ + ".orig";
  ASSERT_EQ(Replace("new content", options), "");
  EXPECT_EQ(Content(path_), ToBytes("new content"));
  EXPECT_EQ(Content(path_ + ".orig"), ToBytes("old content"));
  for (const std::string& path : {path_, path_ + ".orig"}) {
    const FileState after = *files_->Look(path);
    EXPECT_EQ(after.mode, before.mode);
    EXPECT_EQ(after.owner, before.owner);
    EXPECT_EQ(after.group, before.group);
    EXPECT_EQ(after.modified_ns, before.modified_ns);
    EXPECT_EQ(after.attributes, before.attributes);
    EXPECT_NE(after.inode, before.inode);
  }
  EXPECT_EQ(Count(), 2u);
}

// The binary form of POSIX access lists (Linux, uapi posix_acl_xattr.h):
// version 2, then tag, permissions and id of each entry.
struct AclEntry {
  uint16_t tag;
  uint16_t permissions;
  uint32_t id;
};

Bytes Acl(const std::vector<AclEntry>& entries) {
  Bytes bytes = {2, 0, 0, 0};
  for (const AclEntry& entry : entries) {
    const uint8_t* raw = reinterpret_cast<const uint8_t*>(&entry);
    bytes.insert(bytes.end(), raw, raw + sizeof entry);
  }
  return bytes;
}

constexpr uint32_t kNoId = 0xffffffff;

TEST_F(PosixFilesTest, KeepsAnAccessListAndDropsAnInheritedOne) {
  // user::rw-, user:77:r--, group::r--, mask::r--, other::---
  const Bytes acl = Acl({{1, 6, kNoId},
                         {2, 4, 77},
                         {4, 4, kNoId},
                         {16, 4, kNoId},
                         {32, 0, kNoId}});
  const std::string plain = path_;
  const std::string listed = folder_ + "/listed.dll";
  Write(listed, "old content");
  ASSERT_EQ(setxattr(listed.c_str(), "system.posix_acl_access", acl.data(),
                     acl.size(), 0),
            0)
      << "this test needs a folder with POSIX access lists";
  ASSERT_EQ(setxattr(folder_.c_str(), "system.posix_acl_default", acl.data(),
                     acl.size(), 0),
            0);
  for (const std::string& path : {plain, listed}) {
    path_ = path;
    const FileState before = *files_->Look(path_);
    EXPECT_EQ(before.attributes.contains("system.posix_acl_access"),
              path == listed);
    ASSERT_EQ(Replace("new content"), "");
    const FileState after = *files_->Look(path_);
    EXPECT_EQ(after.attributes, before.attributes);
    EXPECT_EQ(after.mode, before.mode);
  }
}

TEST_F(PosixFilesTest, RefusesLinksAndReadOnlyFiles) {
  const std::string other = folder_ + "/b.dll";
  ASSERT_EQ(link(path_.c_str(), other.c_str()), 0);
  EXPECT_EQ(Replace("new"),
            "has 2 hard links, and only this one would get the new content; "
            "--break-hard-links allows that");
  ReplaceOptions options;
  options.break_hard_links = true;
  EXPECT_EQ(Replace("new", options), "");
  EXPECT_EQ(Content(path_), ToBytes("new"));
  EXPECT_EQ(Content(other), ToBytes("old content"));

  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  EXPECT_EQ(Replace("newer"),
            "is read-only (mode 0444); --replace-read-only allows replacing "
            "it");
  options.replace_read_only = true;
  EXPECT_EQ(Replace("newer", options), "");
  EXPECT_EQ(Content(path_), ToBytes("newer"));
  EXPECT_EQ(files_->Look(path_)->mode, 0100444u);

  const std::string target = path_;
  path_ = folder_ + "/link";
  ASSERT_EQ(symlink("a.dll", path_.c_str()), 0);
  EXPECT_EQ(Replace("newest", options),
            "is a symbolic link; name the file that it points to");
  EXPECT_EQ(Content(target), ToBytes("newer"));
  EXPECT_EQ(Count(), 3u);
}

TEST_F(PosixFilesTest, WritesANewFileOnce) {
  const FileState like = *files_->Look(path_);
  const std::string out = folder_ + "/out.dll";
  const Bytes bytes = ToBytes("patched");
  WriteOutcome outcome = WriteNewFile(*files_, out, like, bytes, std::nullopt);
  EXPECT_FALSE(outcome.error) << outcome.error->message;
  EXPECT_EQ(Content(out), bytes);
  EXPECT_EQ(files_->Look(out)->modified_ns, like.modified_ns);
  EXPECT_EQ(files_->Look(out)->mode, like.mode);
  outcome =
      WriteNewFile(*files_, out, like, ToBytes("something"), std::nullopt);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->message, out + " exists and has other content");
  EXPECT_EQ(Content(out), bytes);
  EXPECT_EQ(Count(), 2u);
}

TEST_F(PosixFilesTest, ReadsAPartAsFarAsThereIsOne) {
  EXPECT_EQ(*files_->ReadPart(path_, 4, 3), ToBytes("con"));
  EXPECT_EQ(*files_->ReadPart(path_, 8, 100), ToBytes("ent"));
  EXPECT_EQ(*files_->ReadPart(path_, 11, 1), Bytes());
  EXPECT_EQ(*files_->ReadPart(path_, 1 << 20, 1), Bytes());
  EXPECT_EQ(files_->ReadPart(folder_, 0, 1).error().message,
            "is a folder, not a regular file");
}

TEST_F(PosixFilesTest, AppendsBehindWhatOthersAppend) {
  const Result<std::unique_ptr<OutputFile>> one = files_->OpenToAppend(path_);
  const Result<std::unique_ptr<OutputFile>> two = files_->OpenToAppend(path_);
  ASSERT_TRUE(one && two);
  ASSERT_TRUE((*one)->Write(ToBytes(" 1")));
  ASSERT_TRUE((*two)->Write(ToBytes(" 2")));
  ASSERT_TRUE((*one)->Write(ToBytes(" 3")));
  EXPECT_EQ(Content(path_), ToBytes("old content 1 2 3"));
}

TEST_F(PosixFilesTest, MakesTheFileToAppendToAsAnyProgramDoes) {
  const std::string made = folder_ + "/new.jsonl";
  ASSERT_TRUE(files_->OpenToAppend(made));
  EXPECT_EQ(files_->Look(made)->mode & 07777, NewFileMode());
  EXPECT_EQ(files_->OpenToAppend(folder_ + "/none/x").error().message,
            "No such file or directory (2)");
}

}  // namespace
}  // namespace detachfix
