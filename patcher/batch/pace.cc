// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/pace.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace detachfix {

void Pace::Charge(double amount, Clock::time_point now) {
  if (rate_ <= 0) return;
  const std::chrono::duration<double> seconds(amount / rate_);
  const std::lock_guard lock(mutex_);
  next_ = std::max(next_, now) +
          std::chrono::duration_cast<Clock::duration>(seconds);
}

Pace::Clock::time_point Pace::NextAt() const {
  const std::lock_guard lock(mutex_);
  return next_;
}

void LowerDiskPriority() {
  // ioprio_set(2) has no wrapper in the C library; the numbers are those of
  // <linux/ioprio.h>.
  constexpr int kWhoProcess = 1;
  constexpr int kClassBestEffort = 2;
  constexpr int kClassShift = 13;
  constexpr int kLowest = 7;
  syscall(SYS_ioprio_set, kWhoProcess, 0,
          (kClassBestEffort << kClassShift) | kLowest);
}

}  // namespace detachfix
