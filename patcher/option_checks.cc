// SPDX-License-Identifier: Apache-2.0
#include "patcher/option_checks.h"

#include <utility>
#include <vector>

#include "patcher/batch/glob.h"

namespace detachfix {

std::string CheckPatterns(const BatchOptions& batch) {
  const std::pair<const char*, const std::vector<std::string>&> options[] = {
      {"--include", batch.include},
      {"--exclude", batch.exclude},
      {"--only", batch.only}};
  for (const auto& [name, patterns] : options) {
    for (const std::string& pattern : patterns) {
      const std::string problem = NamePattern(pattern).Problem();
      if (!problem.empty()) {
        return std::string(name) + ": '" + pattern + "' " + problem;
      }
    }
  }
  return "";
}

}  // namespace detachfix
