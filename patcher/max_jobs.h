// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_MAX_JOBS_H_
#define DETACHFIX_PATCHER_MAX_JOBS_H_

namespace detachfix {

/// How many files can be worked on at the same time: the greatest -j.
inline constexpr unsigned kMaxJobs = 256;

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_MAX_JOBS_H_
