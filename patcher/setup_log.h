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

/// The one line of `log` for the file `name` (in lower case) in a folder called
/// "system32".
struct SetupLogLine {
  size_t offset = 0;         ///< of the line in the log, bytes
  std::string text;          ///< without its line end
  size_t number_offset = 0;  ///< of the checksum in `text`
  size_t number_size = 0;    ///< digits
  uint32_t check_sum = 0;
};

/// Fails when there is no such line, or several, or one without a checksum, and
/// when the log is not text in bytes (Setup of NT 4.0 writes no UTF-16).
Result<SetupLogLine> FindSetupLogLine(std::string_view log,
                                      const std::string& name);

/// The text of `line` with `check_sum` in place of its number; digits above 9
/// in the case that they had.
std::string WithCheckSum(const SetupLogLine& line, uint32_t check_sum);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SETUP_LOG_H_
