// SPDX-License-Identifier: Apache-2.0
// On real files: what a lock is, only the kernel says. The other program is a
// second open file here, which flock(2) and leases tell apart just as well.
#include "patcher/file_guard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "patcher/descriptor.h"

namespace detachfix {
namespace {

using std::chrono::milliseconds;

class FileGuardTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "guard-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/Security.dll";
    std::ofstream(path_) << "content";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Descriptor Open(int flags) { return Descriptor(open(path_.c_str(), flags)); }
  std::string ErrorOf(const Result<std::unique_ptr<FileGuard>>& guard) {
    return guard ? "none" : guard.error().message;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(FileGuardTest, ASecondOneWaitsForTheFirst) {
  Result<std::unique_ptr<FileGuard>> first = GuardFile(path_);
  ASSERT_TRUE(first);
  EXPECT_EQ(ErrorOf(GuardFile(path_, milliseconds(50))),
            "is in use: another program has locked it");
  first->reset();
  EXPECT_TRUE(GuardFile(path_, milliseconds(50)));
}

TEST_F(FileGuardTest, LocksWhatWasPutInThePlaceMeanwhile) {
  Result<std::unique_ptr<FileGuard>> first = GuardFile(path_);
  ASSERT_TRUE(first);
  Result<std::unique_ptr<FileGuard>> second = Error{"not run"};
  std::thread waiter([&] { second = GuardFile(path_); });
  std::this_thread::sleep_for(milliseconds(60));
  std::ofstream(folder_ + "/new") << "other";
  std::filesystem::rename(folder_ + "/new", path_);
  first->reset();
  waiter.join();
  ASSERT_TRUE(second);
  // The lock is on the new file: nobody else gets it.
  const Descriptor other = Open(O_RDONLY);
  EXPECT_NE(flock(other.number(), LOCK_EX | LOCK_NB), 0);
}

TEST_F(FileGuardTest, SaysThatAnotherProgramWrites) {
  const Descriptor writer = Open(O_RDWR);
  EXPECT_EQ(ErrorOf(GuardFile(path_, milliseconds(50))),
            "is in use: another program has it open for writing");
}

TEST_F(FileGuardTest, AReaderIsNoHindrance) {
  const Descriptor reader = Open(O_RDONLY);
  EXPECT_TRUE(GuardFile(path_, milliseconds(50)));
}

TEST_F(FileGuardTest, SaysThatAnotherProgramHasALease) {
  for (const int kind : {F_RDLCK, F_WRLCK}) {
    const Descriptor holder = Open(O_RDONLY);
    fcntl(holder.number(), F_SETSIG, SIGURG);
    ASSERT_EQ(fcntl(holder.number(), F_SETLEASE, kind), 0) << strerror(errno);
    EXPECT_EQ(ErrorOf(GuardFile(path_, milliseconds(50))),
              "is in use: another program has a lease on it");
    fcntl(holder.number(), F_SETLEASE, F_UNLCK);
  }
}

// To open the file asks for the lease, which fcntl(F_GETLEASE) then shows.
void GiveUpWhenAsked(int holder, int kind) {
  while (fcntl(holder, F_GETLEASE) == kind) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  fcntl(holder, F_SETLEASE, F_UNLCK);
}

TEST_F(FileGuardTest, WaitsForALeaseThatIsGivenUp) {
  for (const int kind : {F_RDLCK, F_WRLCK}) {
    const Descriptor holder = Open(O_RDONLY);
    fcntl(holder.number(), F_SETSIG, SIGURG);
    ASSERT_EQ(fcntl(holder.number(), F_SETLEASE, kind), 0) << strerror(errno);
    std::thread owner([&] { GiveUpWhenAsked(holder.number(), kind); });
    EXPECT_EQ(ErrorOf(GuardFile(path_)), "none");
    owner.join();
  }
}

TEST_F(FileGuardTest, AFileIsReadOnceALeaseIsGivenUp) {
  const Descriptor holder = Open(O_RDONLY);
  fcntl(holder.number(), F_SETSIG, SIGURG);
  ASSERT_EQ(fcntl(holder.number(), F_SETLEASE, F_WRLCK), 0) << strerror(errno);
  std::thread owner([&] { GiveUpWhenAsked(holder.number(), F_WRLCK); });
  EXPECT_TRUE(PosixFiles()->Read(path_, 100));
  owner.join();
}

TEST_F(FileGuardTest, SaysThatBytesAreLocked) {
  const Descriptor holder = Open(O_RDONLY);
  struct flock lock = {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  lock.l_len = 4;
  ASSERT_EQ(fcntl(holder.number(), F_OFD_SETLK, &lock), 0);
  EXPECT_EQ(ErrorOf(GuardFile(path_, milliseconds(50))),
            "is in use: another program has locked bytes of it");
}

TEST_F(FileGuardTest, AFileThatIsNotThereCannotBeGuarded) {
  EXPECT_EQ(ErrorOf(GuardFile(folder_ + "/none", milliseconds(50))),
            "cannot be opened: No such file or directory (2)");
}

TEST_F(FileGuardTest, RemovesOnlyTemporaryFilesOfThePathsNamed) {
  const std::vector<std::string> stay = {
      ".Security.dll.detachfix-x-0", "Security.dll.detachfix-undo",
      ".Security.dll2.detachfix-1-0", ".Security.dll.detachfix-",
      ".other.detachfix-12-0"};
  const auto make = [this](const std::string& name) {
    const std::ofstream file(folder_ + "/" + name);
    ASSERT_TRUE(file) << name;
  };
  for (const std::string& name : stay) make(name);
  make(".Security.dll.detachfix-4711-0");
  make(".Security.dll.detachfix-undo.detachfix-4711-1");
  RemoveOrphans({path_, path_ + ".detachfix-undo"}, OrphansAre::kAll);
  EXPECT_FALSE(
      std::filesystem::exists(folder_ + "/.Security.dll.detachfix-4711-0"));
  EXPECT_FALSE(std::filesystem::exists(
      folder_ + "/.Security.dll.detachfix-undo.detachfix-4711-1"));
  for (const std::string& name : stay) {
    EXPECT_TRUE(std::filesystem::exists(folder_ + "/" + name)) << name;
  }
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(FileGuardTest, RemovesNoTemporaryFileThatIsLocked) {
  const std::unique_ptr<Files> files = PosixFiles();
  std::unique_ptr<OutputFile> living =
      std::move(*files->CreateUnseenBeside(path_));
  ASSERT_TRUE(living->Appear());
  ASSERT_TRUE(living->Close());
  const std::string dead = folder_ + "/.Security.dll.detachfix-4711-0";
  std::ofstream(dead) << "half";
  PosixFiles()->RemoveLeftovers(path_);
  EXPECT_TRUE(std::filesystem::exists(living->path()));
  EXPECT_FALSE(std::filesystem::exists(dead));
  living.reset();
  PosixFiles()->RemoveLeftovers(path_);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(FileGuardTest, AnUnseenFileHasNoNameBeforeItAppears) {
  const std::unique_ptr<Files> files = PosixFiles();
  const std::unique_ptr<OutputFile> file =
      std::move(*files->CreateUnseenBeside(path_));
  const auto names = [&] {
    return std::distance(std::filesystem::directory_iterator(folder_), {});
  };
  EXPECT_EQ(names(), 1);
  const Bytes bytes = {1, 2, 3};
  ASSERT_TRUE(file->Write(bytes));
  EXPECT_EQ(*files->ReadPart(file->path(), 1, 9), (Bytes{2, 3}));
  ASSERT_TRUE(file->Appear());
  EXPECT_EQ(names(), 2);
  ASSERT_TRUE(file->Close());
  ASSERT_TRUE(files->Rename(file->path(), path_));
  EXPECT_EQ(files->Read(path_, 100)->bytes, bytes);
}

}  // namespace
}  // namespace detachfix
