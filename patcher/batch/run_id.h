// SPDX-License-Identifier: Apache-2.0
// What tells one run from every other.
#ifndef DETACHFIX_PATCHER_BATCH_RUN_ID_H_
#define DETACHFIX_PATCHER_BATCH_RUN_ID_H_

#include <string>

namespace detachfix {

/// Now, in UTC: "2000-12-24T09:30:05Z" (RFC 3339).
std::string UtcNow();

/// A new id, e.g. "20001224-093005-4711-1a2b": the time, the process and a
/// random number, so that it is unique among all hosts that share a ledger,
/// and sorts by time.
std::string NewRunId();

/// Whether the process that made `id` on this machine is running: another
/// program that was given its number since does not count.
bool IsRunning(const std::string& id);

/// The name of this machine.
std::string HostName();

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_RUN_ID_H_
