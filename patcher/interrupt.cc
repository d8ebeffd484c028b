// SPDX-License-Identifier: Apache-2.0
// A handler may call only what signal-safety(7) lists: unlink and _exit are
// there, anything that allocates is not. So the paths to remove stand in plain
// memory that was filled before.
#include "patcher/interrupt.h"

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cassert>
#include <cstring>

#include "patcher/exit_status.h"

namespace detachfix {
namespace {

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};

struct Slot {
  enum State : int { kFree, kFilling, kGuarded };
  std::atomic<int> state = kFree;
  char path[PATH_MAX] = {};
};

std::array<Slot, RemoveOnInterrupt::kMaxGuarded> slots;
std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free,
              "only lock-free atomics may be used in a signal handler");

// How many threads hold the end back, and whether it was asked for. Of a thread
// that begins to hold and a handler at the same time, one sees the other.
std::atomic<int> holders = 0;
std::atomic<bool> end_asked = false;
thread_local int hold_depth = 0;
static_assert(std::atomic<int>::is_always_lock_free);

[[noreturn]] void End() {
  for (const Slot& slot : slots) {
    if (slot.state == Slot::kGuarded) unlink(slot.path);
  }
  _exit(kExitInterrupted);
}

void OnSignal(int) {
  if (!interrupted.exchange(true)) return;
  end_asked = true;
  if (holders == 0) End();
}

sigset_t OurSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kSignals) sigaddset(&set, signal);
  return set;
}

}  // namespace

void WatchForInterrupts() {
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_mask = OurSignals();
  action.sa_flags = SA_RESTART;  // no system call is cut short
  for (const int signal : kSignals) {
    struct sigaction before = {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
}

bool Interrupted() { return interrupted; }

HoldInterrupts::HoldInterrupts() {
  if (hold_depth++ > 0) return;
  ++holders;
  if (!end_asked) return;
  // Too late to begin anything: the last holder ends the program.
  if (--holders == 0) End();
  while (true) pause();
}

HoldInterrupts::~HoldInterrupts() {
  if (--hold_depth > 0) return;
  if (--holders == 0 && end_asked) End();
}

RemoveOnInterrupt::RemoveOnInterrupt(const std::string& path) : slot_(0) {
  // A path of PATH_MAX bytes or more cannot have been opened.
  assert(path.size() < PATH_MAX);
  int free = Slot::kFree;
  while (!slots[static_cast<size_t>(slot_)].state.compare_exchange_strong(
      free, Slot::kFilling)) {
    free = Slot::kFree;
    if (++slot_ < kMaxGuarded) continue;
    slot_ = -1;
    return;
  }
  Slot& slot = slots[static_cast<size_t>(slot_)];
  std::memcpy(slot.path, path.c_str(), path.size() + 1);
  slot.state = Slot::kGuarded;
}

RemoveOnInterrupt::~RemoveOnInterrupt() {
  if (slot_ >= 0) slots[static_cast<size_t>(slot_)].state = Slot::kFree;
}

}  // namespace detachfix
