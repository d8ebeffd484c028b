// SPDX-License-Identifier: Apache-2.0
// What options must be beyond what their types say, and which belong together.
#ifndef DETACHFIX_PATCHER_OPTION_CHECKS_H_
#define DETACHFIX_PATCHER_OPTION_CHECKS_H_

#include <cstdint>
#include <string>

#include "patcher/command_line.h"

namespace detachfix {

/// What is wrong with the options that only a batch or the revert of one has,
/// or an empty string. `bits`: the options that the command has.
std::string CheckBatchOptions(uint32_t bits, const Options& options);

/// The same of what `signatures learn` is told about a file.
std::string CheckRowOptions(const Options& options);

/// The same of -o and --backup, which name files to be made.
std::string CheckNewFiles(const Options& options);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_OPTION_CHECKS_H_
