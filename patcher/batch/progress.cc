// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/progress.h"

#include <signal.h>

#include <atomic>
#include <cmath>

#include "patcher/batch/counts_text.h"

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

std::string Rounded(double number) {
  return Grouped(static_cast<uint64_t>(std::llround(number)));
}

/// Nothing while it is not known how many files there are.
std::string RemainingText(const ProgressFacts& facts, double elapsed) {
  if (!facts.total || *facts.total < facts.done) return "";
  const uint64_t remaining = *facts.total - facts.done;
  std::string text = ", " + Grouped(remaining) + " remaining";
  if (facts.elapsed < kSettled || facts.done == 0) return text;
  const double rate = static_cast<double>(facts.done) / elapsed;
  return text + ", " + Rounded(static_cast<double>(remaining) / rate) +
         " s left";
}

}  // namespace

std::string ProgressText(const ProgressFacts& facts) {
  const BatchCounts& counts = facts.counts;
  std::string text = FilesText(counts.files);
  const double elapsed = static_cast<double>(facts.elapsed.count()) / 1000;
  if (facts.elapsed >= kSettled) {
    const double rate = static_cast<double>(counts.files) / elapsed;
    text += ", " + Rounded(rate) + "/s";
  }
  const std::string ends = EndsText(counts, Ends::kToWatch);
  if (!ends.empty()) text += ", " + ends;
  if (facts.seen > 0) text += ", " + Grouped(facts.seen) + " names seen";
  return text + RemainingText(facts, elapsed);
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
