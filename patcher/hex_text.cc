// SPDX-License-Identifier: Apache-2.0
#include "patcher/hex_text.h"

namespace detachfix {

namespace {

constexpr char kDigits[] = "0123456789abcdef";

}  // namespace

std::string HexBytes(std::span<const uint8_t> bytes,
                     const std::string& separator) {
  std::string text;
  for (uint8_t byte : bytes) {
    if (!text.empty()) text += separator;
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
  return text;
}

}  // namespace detachfix
