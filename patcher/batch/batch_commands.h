// SPDX-License-Identifier: Apache-2.0
// `detachfix batch`, `history`, and `revert --run`.
#ifndef DETACHFIX_PATCHER_BATCH_BATCH_COMMANDS_H_
#define DETACHFIX_PATCHER_BATCH_BATCH_COMMANDS_H_

#include "patcher/command_line.h"

namespace detachfix {

// Each gives the exit status.
int RunBatchCommand(const Options& options, Files& files, Console& console);
int RunHistory(const Options& options, Files& files, Console& console);
int RunRevertRun(const Options& options, Files& files, Console& console);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_BATCH_COMMANDS_H_
