// SPDX-License-Identifier: Apache-2.0
// SETUP.LOG, in which NT 4.0's Setup noted the checksum of each file.
#ifndef DETACHFIX_PATCHER_SETUP_LOG_H_
#define DETACHFIX_PATCHER_SETUP_LOG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "patcher/result.h"

namespace detachfix {

/// The checksum that `log` (%SystemRoot%\Repair\Setup.log) has for the file
/// called `name`, in lower case. Fails when it has none or several.
Result<uint32_t> RecordedCheckSum(std::string_view log,
                                  const std::string& name);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SETUP_LOG_H_
