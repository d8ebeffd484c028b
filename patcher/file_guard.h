// SPDX-License-Identifier: Apache-2.0
// Files::Guard on a POSIX system.
#ifndef DETACHFIX_PATCHER_FILE_GUARD_H_
#define DETACHFIX_PATCHER_FILE_GUARD_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "patcher/files.h"

namespace detachfix {

/// How long another holder of a lock or of a lease is waited for.
inline constexpr std::chrono::milliseconds kGuardPatience{10'000};

/// An flock(2) on the file at `path`, which still stands there when this
/// returns.
Result<std::unique_ptr<FileGuard>> GuardFile(
    const std::string& path,
    std::chrono::milliseconds patience = kGuardPatience);

/// open(2) with O_NONBLOCK among the `flags`. That asks the holder of a lease,
/// as a Samba server has for a client with an oplock, to give it up; so it is
/// waited for. Gives what open gives, and sets errno.
int OpenPastLease(const std::string& path, int flags, unsigned mode = 0,
                  std::chrono::milliseconds patience = kGuardPatience);

/// What open(2) with O_NONBLOCK failed with. A lease for writing keeps readers
/// out too.
Error CannotOpen(int error);

/// The names that temporary files for `path` begin with, without the folder;
/// numbers follow.
std::string TemporaryStem(const std::string& path);

/// Which temporary files nobody needs any more.
enum class OrphansAre : uint8_t {
  kAll,       ///< the caller has the guard without which none are made
  kUnlocked,  ///< who made one and lives has locked it
};

/// Removes the temporary files for `paths`, which are all in one folder. What
/// cannot be removed stays.
void RemoveOrphans(const std::vector<std::string>& paths, OrphansAre which);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_FILE_GUARD_H_
