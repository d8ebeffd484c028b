// SPDX-License-Identifier: Apache-2.0
// The commands, and the way from a command line to an exit status.
#ifndef DETACHFIX_PATCHER_COMMANDS_H_
#define DETACHFIX_PATCHER_COMMANDS_H_

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "patcher/command_line.h"
#include "patcher/console.h"
#include "patcher/files.h"

namespace detachfix {

/// Every command, in the order of the help text.
std::span<const Command> CommandTable();

/// Runs the command line `words` (without the program's name) and gives the
/// exit status.
int RunDetachfix(const std::vector<std::string>& words, Files& files,
                 Console& console);

/// The status of `run`. An exception that leaves it is a bug of ours, or the
/// memory is used up: says so on `err` and gives the status for it.
int RunAndReportBugs(const std::function<int()>& run, std::ostream& err);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_COMMANDS_H_
