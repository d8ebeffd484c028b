// SPDX-License-Identifier: Apache-2.0
// How a run leaves room for others: no more files or bytes a second than asked,
// and a low priority for the disk.
#ifndef DETACHFIX_PATCHER_BATCH_PACE_H_
#define DETACHFIX_PATCHER_BATCH_PACE_H_

#include <chrono>
#include <mutex>

namespace detachfix {

/// Spreads amounts over time. Safe to use from several threads.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;

  /// `rate` amounts a second; none is held back when it is not above 0.
  explicit Pace(double rate) : rate_(rate) {}

  /// Notes that `amount` is used from `now` on. What was not used in the past
  /// is not saved up.
  void Charge(double amount, Clock::time_point now);

  /// When the next may begin.
  Clock::time_point NextAt() const;

 private:
  const double rate_;
  mutable std::mutex mutex_;
  Clock::time_point next_{};
};

/// Puts this thread, and those that it starts, last in the queue for the disk
/// (ioprio_set(2)): lowest of the best-effort class, which is served as soon
/// as nobody else waits. Does nothing where the system has no such order.
void LowerDiskPriority();

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_PACE_H_
