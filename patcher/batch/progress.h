// SPDX-License-Identifier: Apache-2.0
// What a long run says of itself while it goes on: a line that is written over
// on a terminal, one every ten seconds in a log, and one whenever SIGUSR1 asks.
#ifndef DETACHFIX_PATCHER_BATCH_PROGRESS_H_
#define DETACHFIX_PATCHER_BATCH_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "patcher/batch/batch_item.h"

namespace detachfix {

struct ProgressFacts {
  BatchCounts counts;
  uint64_t seen = 0;              ///< names that the walk has looked at
  uint64_t done = 0;              ///< files judged, those without an item too
  std::optional<uint64_t> total;  ///< files to judge, when that is known
  std::chrono::milliseconds elapsed{0};
};

/// "1,234 files, 57/s, 3 leak, 2 patched, 1 failed, 98,765 names seen, 1,197
/// remaining, 21 s left", without a line end. What is zero is left out.
std::string ProgressText(const ProgressFacts& facts);

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  /// `err` is a terminal or not; with neither it only answers SIGUSR1.
  Progress(std::ostream& err, bool terminal, bool wanted,
           Clock::time_point begun);

  /// Prints what is due at `now`.
  void Tick(ProgressFacts facts, Clock::time_point now);
  /// Takes the line from the terminal, before something else is printed.
  void Clear();

 private:
  std::ostream& err_;
  const bool terminal_;
  const bool wanted_;
  const Clock::time_point begun_;
  Clock::time_point printed_;
  bool on_screen_ = false;
};

/// From now on SIGUSR1 asks for a line of progress.
void WatchForProgressRequests();
/// Whether one came since the last call.
bool TakeProgressRequest();

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_PROGRESS_H_
