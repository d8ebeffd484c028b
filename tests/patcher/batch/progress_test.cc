// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/progress.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <sstream>

#include "patcher/batch/pace.h"

namespace detachfix {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ProgressFacts Facts() {
  ProgressFacts facts;
  facts.counts.files = 1234;
  facts.counts.leaks = 3;
  facts.seen = 1234567;
  facts.elapsed = seconds(10);
  return facts;
}

TEST(ProgressText, SaysWhatIsKnown) {
  EXPECT_EQ(ProgressText(Facts()),
            "1,234 files, 123/s, 3 leak, 1,234,567 names seen");
  ProgressFacts facts = Facts();
  facts.done = 2000;  // some of them no images, and so no items
  facts.total = 6000;
  EXPECT_EQ(ProgressText(facts),
            "1,234 files, 123/s, 3 leak, 1,234,567 names seen, 4,000 "
            "remaining, 20 s left");
  facts.elapsed = milliseconds(100);
  EXPECT_EQ(ProgressText(facts),
            "1,234 files, 3 leak, 1,234,567 names seen, 4,000 remaining");
  EXPECT_EQ(ProgressText(ProgressFacts()), "0 files");
}

class ProgressTest : public testing::Test {
 protected:
  Progress::Clock::time_point At(milliseconds since) { return begun_ + since; }

  const Progress::Clock::time_point begun_ = Progress::Clock::now();
  std::ostringstream err_;
};

TEST_F(ProgressTest, ALogGetsALineEveryTenSeconds) {
  Progress progress(err_, false, true, begun_);
  for (int tenth = 0; tenth <= 250; ++tenth) {
    progress.Tick(ProgressFacts(), At(milliseconds(100) * tenth));
  }
  EXPECT_EQ(err_.str(), "detachfix: 0 files, 0/s\ndetachfix: 0 files, 0/s\n");
}

TEST_F(ProgressTest, ATerminalHasOneLineThatIsTakenAway) {
  Progress progress(err_, true, true, begun_);
  progress.Tick(ProgressFacts(), At(milliseconds(250)));
  EXPECT_EQ(err_.str(), "\r0 files\x1b[K");
  err_.str("");
  progress.Clear();
  progress.Clear();
  EXPECT_EQ(err_.str(), "\r\x1b[K");
}

TEST_F(ProgressTest, ASignalAsksForALineEvenOfAQuietRun) {
  WatchForProgressRequests();
  Progress progress(err_, false, false, begun_);
  progress.Tick(ProgressFacts(), At(seconds(60)));
  EXPECT_EQ(err_.str(), "");
  raise(SIGUSR1);
  progress.Tick(ProgressFacts(), At(seconds(61)));
  progress.Tick(ProgressFacts(), At(seconds(62)));
  EXPECT_EQ(err_.str(), "detachfix: 0 files, 0/s\n");
}

TEST(Pace, SpreadsWhatIsUsed) {
  const Pace::Clock::time_point now = Pace::Clock::now();
  Pace pace(10);
  EXPECT_LE(pace.NextAt(), now);
  pace.Charge(1, now);
  pace.Charge(4, now);
  EXPECT_EQ(pace.NextAt(), now + milliseconds(500));
}

TEST(Pace, SavesNothingUp) {
  const Pace::Clock::time_point now = Pace::Clock::now();
  Pace pace(10);
  pace.Charge(1, now);
  pace.Charge(1, now + seconds(100));
  EXPECT_EQ(pace.NextAt(), now + seconds(100) + milliseconds(100));
}

TEST(Pace, WithoutARateNothingIsHeldBack) {
  Pace pace(0);
  pace.Charge(1e9, Pace::Clock::now());
  EXPECT_LE(pace.NextAt(), Pace::Clock::now());
}

}  // namespace
}  // namespace detachfix
