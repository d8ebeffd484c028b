// SPDX-License-Identifier: Apache-2.0
// A handler may call only what signal-safety(7) lists: unlink and _exit are
// there, anything that allocates is not. So the paths to remove stand in plain
// memory that was filled before.
#include "patcher/interrupt.h"

#include <limits.h>
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
  std::atomic<bool> taken = false;
  char path[PATH_MAX] = {};
};

std::array<Slot, RemoveOnInterrupt::kMaxGuarded> slots;
std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free,
              "only lock-free atomics may be used in a signal handler");

void OnSignal(int) {
  if (!interrupted.exchange(true)) return;
  for (const Slot& slot : slots) {
    if (slot.taken) unlink(slot.path);
  }
  _exit(kExitInterrupted);
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
  const sigset_t ours = OurSignals();
  pthread_sigmask(SIG_BLOCK, &ours, &old_);
}

HoldInterrupts::~HoldInterrupts() {
  pthread_sigmask(SIG_SETMASK, &old_, nullptr);
}

RemoveOnInterrupt::RemoveOnInterrupt(const std::string& path) : slot_(0) {
  // A path of PATH_MAX bytes or more cannot have been opened.
  assert(path.size() < PATH_MAX);
  while (slots[static_cast<size_t>(slot_)].taken) {
    ++slot_;
    assert(slot_ < kMaxGuarded);
  }
  Slot& slot = slots[static_cast<size_t>(slot_)];
  std::memcpy(slot.path, path.c_str(), path.size() + 1);
  slot.taken = true;
}

RemoveOnInterrupt::~RemoveOnInterrupt() {
  slots[static_cast<size_t>(slot_)].taken = false;
}

}  // namespace detachfix
