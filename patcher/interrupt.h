// SPDX-License-Identifier: Apache-2.0
// Signals that ask for the program's end. The first lets the file at hand be
// finished; the second ends the program at once, with exit status 130 and
// without leaving half-made files behind.
#ifndef DETACHFIX_PATCHER_INTERRUPT_H_
#define DETACHFIX_PATCHER_INTERRUPT_H_

#include <string>

#include "patcher/max_jobs.h"

namespace detachfix {

/// From now on the first SIGINT, SIGTERM or SIGHUP only sets Interrupted(); a
/// second one removes every file that a RemoveOnInterrupt guards and ends the
/// program with status 130. A signal that the program was started with as
/// ignored (as nohup does) stays ignored.
void WatchForInterrupts();

/// Whether such a signal has come.
bool Interrupted();

/// While one lives, in whichever thread, a signal does not end the program; one
/// that comes ends it when the last is gone. For steps that belong together,
/// e.g. creating a file and guarding it.
class HoldInterrupts {
 public:
  HoldInterrupts();
  ~HoldInterrupts();
  HoldInterrupts(const HoldInterrupts&) = delete;
  HoldInterrupts& operator=(const HoldInterrupts&) = delete;
};

/// While it lives, `path` is removed when a signal ends the program. Of more
/// than kMaxGuarded at one time, in all threads, those above are not.
class RemoveOnInterrupt {
 public:
  /// Of one file that is worked on: what takes its place, its backup and its
  /// undo record.
  static constexpr int kMaxPerFile = 3;
  /// Where a file system cannot make them without a name. --report may be given
  /// more often.
  static constexpr int kMaxReports = 64;
  static constexpr int kMaxGuarded =
      static_cast<int>(kMaxJobs) * kMaxPerFile + kMaxReports;

  explicit RemoveOnInterrupt(const std::string& path);
  ~RemoveOnInterrupt();
  RemoveOnInterrupt(const RemoveOnInterrupt&) = delete;
  RemoveOnInterrupt& operator=(const RemoveOnInterrupt&) = delete;

 private:
  int slot_;  // negative: none was free
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_INTERRUPT_H_
