// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_JOINED_H_
#define DETACHFIX_PATCHER_JOINED_H_

#include <string>
#include <vector>

namespace detachfix {

/// "a, b, c".
inline std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : ", ") + word;
  }
  return text;
}

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_JOINED_H_
