// SPDX-License-Identifier: Apache-2.0
// What the values of single options must be, beyond what their types say.
#ifndef DETACHFIX_PATCHER_OPTION_CHECKS_H_
#define DETACHFIX_PATCHER_OPTION_CHECKS_H_

#include <string>

#include "patcher/command_line.h"

namespace detachfix {

/// What is wrong with the patterns of --include, --exclude and --only, or an
/// empty string. One that is taken for something else than was meant would
/// repair what was to be spared.
std::string CheckPatterns(const BatchOptions& batch);

/// The same of --shard.
std::string CheckShard(const BatchOptions& batch);

/// The same of what `signatures learn` is told about a file.
std::string CheckRowOptions(const Options& options);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_OPTION_CHECKS_H_
