// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/agenda.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

namespace detachfix {
namespace {

TEST(FolderAgenda, WhatFailsInAThreadReachesTheOneThatTakes) {
  auto top = std::make_unique<SearchFolder>();
  top->listing.names = std::string("a\0b\0", 4);
  top->listing.entries = {{0, 0, EntryKind::kFolder},
                          {2, 0, EntryKind::kFolder}};
  const std::thread::id taker = std::this_thread::get_id();
  std::atomic<bool> failed = false;
  // The taker waits in its folder until the other thread has failed in one.
  const auto read = [&](FolderReader&, SearchFolder&) {
    if (std::this_thread::get_id() != taker) {
      failed = true;
      throw std::runtime_error("no memory");
    }
    while (!failed) std::this_thread::yield();
  };
  FolderAgenda agenda(std::move(top), 2, {}, read);
  const auto take_both = [&] {
    for (int i = 0; i < 2; ++i) agenda.Take(agenda.top());
  };
  EXPECT_THROW(take_both(), std::runtime_error);
}

}  // namespace
}  // namespace detachfix
