// SPDX-License-Identifier: Apache-2.0
// What is printed for a command line that runs nothing.
#ifndef DETACHFIX_PATCHER_COMMAND_HELP_H_
#define DETACHFIX_PATCHER_COMMAND_HELP_H_

#include <span>
#include <string>
#include <vector>

#include "patcher/command_line.h"

namespace detachfix {

inline constexpr char kExitStatusHelp[] =
    "Exit status: 0 every file is fixed or has nothing to fix, and every "
    "revert\n"
    "gave the original back, 1 a file leaks and was not patched, 2 a file is\n"
    "undecided or was refused, 3 a file could not be read or written, 64 "
    "wrong\n"
    "command line, 70 a bug, 130 interrupted. The largest that applies.\n";

/// "; did you mean 'verify'?", or nothing when no name is near.
std::string Suggestion(const std::string& word,
                       const std::vector<std::string>& names);

/// The answer to a wrong line for `command`, which may be empty.
Answer UsageError(const std::string& command, const std::string& message);

/// The answer to a line that names no command: help, or what is wrong.
Answer WithoutCommand(const std::vector<std::string>& words,
                      std::span<const Command> table);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_COMMAND_HELP_H_
