// SPDX-License-Identifier: Apache-2.0
// Letters without regard to case, whatever the locale says: names in PE files
// and on shares compare so.
#ifndef DETACHFIX_PATCHER_ASCII_TEXT_H_
#define DETACHFIX_PATCHER_ASCII_TEXT_H_

#include <algorithm>
#include <string>
#include <string_view>

namespace detachfix {

constexpr bool IsUpperAscii(char c) { return c >= 'A' && c <= 'Z'; }

/// A to Z in lower case; every other byte as it is.
constexpr char LowerAscii(char c) {
  return IsUpperAscii(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string LowerAscii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = LowerAscii(c);
  return lower;
}

constexpr bool EqualNoCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](char x, char y) { return LowerAscii(x) == LowerAscii(y); });
}

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_ASCII_TEXT_H_
