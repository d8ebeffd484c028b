// SPDX-License-Identifier: Apache-2.0
#include "patcher/interrupt.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

namespace detachfix {
namespace {

// Each body runs in a process of its own: EXPECT_EXIT forks.
class InterruptDeathTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "interrupt-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    path_ = folder + "/half-made";
    std::ofstream(path_) << "x";
  }
  void TearDown() override {
    std::filesystem::remove_all(std::filesystem::path(path_).parent_path());
  }
  std::string path_;
};

TEST_P(InterruptDeathTest, TheFirstSignalOnlySetsTheFlag) {
  EXPECT_EXIT(
      {
        WatchForInterrupts();
        const RemoveOnInterrupt guard(path_);
        raise(GetParam());
        _exit(Interrupted() ? 7 : 8);
      },
      testing::ExitedWithCode(7), "");
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_P(InterruptDeathTest, TheSecondRemovesWhatIsGuardedAndEnds) {
  EXPECT_EXIT(
      {
        WatchForInterrupts();
        const RemoveOnInterrupt guard(path_);
        raise(GetParam());
        raise(GetParam());
        _exit(8);
      },
      testing::ExitedWithCode(130), "");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_P(InterruptDeathTest, AllThatTheMostJobsMakeIsGuarded) {
  EXPECT_EXIT(
      {
        WatchForInterrupts();
        constexpr unsigned kGuards = kMaxJobs * RemoveOnInterrupt::kMaxPerFile;
        std::vector<std::unique_ptr<RemoveOnInterrupt>> guards;
        for (unsigned i = 1; i < kGuards; ++i) {
          guards.push_back(std::make_unique<RemoveOnInterrupt>("/none"));
        }
        guards.push_back(std::make_unique<RemoveOnInterrupt>(path_));
        // More are not guarded, and end nothing.
        for (int i = 0; i < RemoveOnInterrupt::kMaxGuarded; ++i) {
          guards.push_back(std::make_unique<RemoveOnInterrupt>("/none"));
        }
        raise(GetParam());
        raise(GetParam());
        _exit(8);
      },
      testing::ExitedWithCode(130), "");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_P(InterruptDeathTest, WhatIsNoLongerGuardedStays) {
  EXPECT_EXIT(
      {
        WatchForInterrupts();
        std::make_unique<RemoveOnInterrupt>(path_).reset();
        raise(GetParam());
        raise(GetParam());
        _exit(8);
      },
      testing::ExitedWithCode(130), "");
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_P(InterruptDeathTest, AHeldSignalComesAfterwards) {
  EXPECT_EXIT(
      {
        WatchForInterrupts();
        raise(GetParam());
        std::unique_ptr<HoldInterrupts> hold =
            std::make_unique<HoldInterrupts>();
        raise(GetParam());
        std::filesystem::remove(path_);
        hold.reset();
        _exit(8);
      },
      testing::ExitedWithCode(130), "");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_P(InterruptDeathTest, AnIgnoredSignalStaysIgnored) {
  EXPECT_EXIT(
      {
        signal(GetParam(), SIG_IGN);
        WatchForInterrupts();
        raise(GetParam());
        raise(GetParam());
        _exit(Interrupted() ? 8 : 7);
      },
      testing::ExitedWithCode(7), "");
}

INSTANTIATE_TEST_SUITE_P(Signals, InterruptDeathTest,
                         testing::Values(SIGINT, SIGTERM, SIGHUP));

}  // namespace
}  // namespace detachfix
