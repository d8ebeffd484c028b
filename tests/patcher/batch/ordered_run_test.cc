// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/ordered_run.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>

namespace detachfix {
namespace {

using std::chrono::milliseconds;
using Pool = OrderedRun<int, int>;

/// 0, 1, … below `end`.
Pool::NextInput Numbers(int end) {
  return [end, at = 0]() mutable -> std::optional<int> {
    if (at == end) return std::nullopt;
    return at++;
  };
}

std::vector<int> Outputs(Pool& run) {
  std::vector<int> outputs;
  int out = 0;
  while (true) {
    const Pool::Got got = run.Next(out, milliseconds(10'000));
    if (got == Pool::Got::kEnd) return outputs;
    EXPECT_EQ(got, Pool::Got::kOutput);
    outputs.push_back(out);
  }
}

TEST(OrderedRun, OutputsComeInOrderWhateverTheThreads) {
  for (const unsigned threads : {1u, 2u, 7u}) {
    Pool run(threads, {5, 5}, Numbers(200), [](unsigned, int number) {
      // The earlier ones of each five take longest.
      std::this_thread::sleep_for(milliseconds(number % 5 == 0 ? 2 : 0));
      return number * number;
    });
    const std::vector<int> outputs = Outputs(run);
    ASSERT_EQ(outputs.size(), 200u);
    for (int i = 0; i < 200; ++i)
      EXPECT_EQ(outputs[static_cast<size_t>(i)], i * i);
  }
}

TEST(OrderedRun, NoMoreThanTheWindowIsUnderWay) {
  std::atomic<int> begun = 0;
  std::atomic<int> most = 0;
  std::atomic<int> taken = 0;
  Pool run(
      3, {4, 4},
      [&, at = 0]() mutable -> std::optional<int> {
        if (at == 100) return std::nullopt;
        most = std::max<int>(most, ++begun - taken);
        return at++;
      },
      [](unsigned, int number) { return number; });
  int out = 0;
  while (run.Next(out, milliseconds(10'000)) == Pool::Got::kOutput) ++taken;
  EXPECT_EQ(taken, 100);
  EXPECT_LE(most, 5);  // four, and the one that was just taken
}

TEST(OrderedRun, WhatWasBegunComesOutAfterAStop) {
  std::atomic<bool> go = false;
  std::atomic<int> begun = 0;
  Pool run(2, {10, 10}, Numbers(1000), [&](unsigned, int number) {
    ++begun;
    while (!go) std::this_thread::yield();
    return number;
  });
  while (begun < 2) std::this_thread::yield();
  run.Stop();
  go = true;
  EXPECT_EQ(Outputs(run), (std::vector<int>{0, 1}));
}

TEST(OrderedRun, NoneIsBegunFarAheadOfTheOneThatIsDue) {
  std::atomic<bool> go = false;
  std::atomic<int> begun = 0;
  Pool run(4, {100, 3}, Numbers(50), [&](unsigned, int number) {
    ++begun;
    while (number == 0 && !go) std::this_thread::yield();
    return number;
  });
  while (begun < 3 || !run.InputEnded()) std::this_thread::yield();
  std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(begun, 3);
  go = true;
  EXPECT_EQ(Outputs(run).size(), 50u);
}

TEST(OrderedRun, SaysWhenNothingIsReadyYet) {
  std::atomic<bool> go = false;
  Pool run(1, {1, 1}, Numbers(1), [&](unsigned, int number) {
    while (!go) std::this_thread::yield();
    return number;
  });
  int out = 0;
  EXPECT_EQ(run.Next(out, milliseconds(5)), Pool::Got::kNothingYet);
  go = true;
  EXPECT_EQ(run.Next(out, milliseconds(10'000)), Pool::Got::kOutput);
  EXPECT_EQ(run.Next(out, milliseconds(10'000)), Pool::Got::kEnd);
}

TEST(OrderedRun, NextWorksWhereNoThreadDoes) {
  const std::thread::id caller = std::this_thread::get_id();
  Pool run(0, {5, 5}, Numbers(200), [&](unsigned, int number) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    if (number == 150) run.Stop();
    return number;
  });
  std::vector<int> expected(151);
  std::iota(expected.begin(), expected.end(), 0);
  std::vector<int> outputs;
  int out = 0;
  while (true) {
    // It waits for inputs only.
    const Pool::Got got = run.Next(out, milliseconds(10'000));
    if (got == Pool::Got::kEnd) break;
    if (got == Pool::Got::kOutput) outputs.push_back(out);
  }
  EXPECT_EQ(outputs, expected);
}

TEST(OrderedRun, AnExceptionReachesTheCaller) {
  Pool run(2, {3, 3}, Numbers(10), [](unsigned, int number) -> int {
    if (number == 4) throw std::runtime_error("four");
    return number;
  });
  EXPECT_THROW(Outputs(run), std::runtime_error);
}

}  // namespace
}  // namespace detachfix
