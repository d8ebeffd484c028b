// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_BATCH_GO_ON_H_
#define DETACHFIX_PATCHER_BATCH_GO_ON_H_

#include <string>

#include "patcher/batch/batch_item.h"
#include "patcher/command_line.h"

namespace detachfix {

/// How the interrupted run of `head`, which has its place in a ledger, is
/// brought to its end: "to go on: detachfix batch --resume RUN". The command is
/// whole, and quoted as a shell takes it.
std::string GoOnText(const BatchHead& head, const Options& options);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_GO_ON_H_
