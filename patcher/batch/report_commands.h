// SPDX-License-Identifier: Apache-2.0
// `detachfix report merge`.
#ifndef DETACHFIX_PATCHER_BATCH_REPORT_COMMANDS_H_
#define DETACHFIX_PATCHER_BATCH_REPORT_COMMANDS_H_

#include "patcher/command_line.h"

namespace detachfix {

/// Merges all but the first of the paths into the first. Gives the exit status
/// that the runs together call for.
int RunReportMerge(const Options& options, Files& files, Console& console);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_REPORT_COMMANDS_H_
