// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/progress.h"

#include <signal.h>

#include <atomic>
#include <cmath>

namespace detachfix {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kOnTerminal{200};
constexpr seconds kInLog{10};
// Before that a rate says little.
constexpr milliseconds kSettled{500};

std::atomic<bool> requested = false;
static_assert(std::atomic<bool>::is_always_lock_free,
              "only lock-free atomics may be used in a signal handler");

void OnRequest(int) { requested = true; }

/// "1,234,567".
std::string Grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

void AddCount(std::string& text, uint64_t count, const char* what) {
  if (count > 0) text += ", " + Grouped(count) + " " + what;
}

}  // namespace

std::string ProgressText(const ProgressFacts& facts) {
  const BatchCounts& counts = facts.counts;
  std::string text =
      Grouped(counts.files) + (counts.files == 1 ? " file" : " files");
  const double elapsed = static_cast<double>(facts.elapsed.count()) / 1000;
  const bool settled = facts.elapsed >= kSettled;
  const double rate = settled ? static_cast<double>(counts.files) / elapsed : 0;
  if (settled) {
    text += ", " + Grouped(static_cast<uint64_t>(std::llround(rate))) + "/s";
  }
  AddCount(text, counts.leaks, "leak");
  AddCount(text, counts.would_patch, "would be patched");
  AddCount(text, counts.patched, "patched");
  AddCount(text, counts.unknown, "unknown");
  AddCount(text, counts.refused, "refused");
  AddCount(text, counts.failed, "failed");
  AddCount(text, facts.seen, "names seen");
  if (facts.total && *facts.total >= counts.files && rate > 0) {
    const double left = static_cast<double>(*facts.total - counts.files) / rate;
    text +=
        ", " + Grouped(static_cast<uint64_t>(std::llround(left))) + " s left";
  }
  return text;
}

Progress::Progress(std::ostream& err, bool terminal, bool wanted,
                   Clock::time_point begun)
    : err_(err),
      terminal_(terminal),
      wanted_(wanted),
      begun_(begun),
      printed_(begun) {}

void Progress::Tick(ProgressFacts facts, Clock::time_point now) {
  facts.elapsed = std::chrono::duration_cast<milliseconds>(now - begun_);
  if (TakeProgressRequest()) {
    Clear();
    err_ << "detachfix: " << ProgressText(facts) << "\n" << std::flush;
    return;
  }
  const Clock::duration between =
      terminal_ ? Clock::duration(kOnTerminal) : Clock::duration(kInLog);
  if (!wanted_ || now - printed_ < between) return;
  printed_ = now;
  if (!terminal_) {
    err_ << "detachfix: " << ProgressText(facts) << "\n" << std::flush;
    return;
  }
  // ECMA-48: CR, and EL (erase to the end of the line).
  err_ << "\r" << ProgressText(facts) << "\x1b[K" << std::flush;
  on_screen_ = true;
}

void Progress::Clear() {
  if (!on_screen_) return;
  err_ << "\r\x1b[K" << std::flush;
  on_screen_ = false;
}

void WatchForProgressRequests() {
  struct sigaction action = {};
  action.sa_handler = OnRequest;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
}

bool TakeProgressRequest() { return requested.exchange(false); }

}  // namespace detachfix
