// SPDX-License-Identifier: Apache-2.0
// The exit statuses, which are stable: README.md lists them for scripts.
#ifndef DETACHFIX_PATCHER_EXIT_STATUS_H_
#define DETACHFIX_PATCHER_EXIT_STATUS_H_

namespace detachfix {

/// Fixed now, or nothing to fix; or, when that was asked for, the original.
inline constexpr int kExitFixed = 0;
inline constexpr int kExitLeaks = 1;          ///< leaks and was not patched
inline constexpr int kExitUndecided = 2;      ///< undecided, or refused
inline constexpr int kExitFileError = 3;      ///< could not be read or written
inline constexpr int kExitUsage = 64;         ///< as EX_USAGE of sysexits.h
inline constexpr int kExitBug = 70;           ///< as EX_SOFTWARE of sysexits.h
inline constexpr int kExitInterrupted = 130;  ///< as a shell reports SIGINT

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_EXIT_STATUS_H_
