// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/plain_text.h"

#include <algorithm>
#include <cstdio>

#include "patcher/utf8.h"

namespace detachfix {

namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";  // U+FFFD

std::string NumberOf(uint32_t code) {
  char text[16];
  std::snprintf(text, sizeof text, "\\u{%x}", code);
  return text;
}

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

}  // namespace

std::string Visible(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Character character = FirstCharacter(text);
    if (character.valid && IsUnseen(character.code)) {
      result += NumberOf(character.code);
    } else {
      result += character.valid ? text.substr(0, character.size) : kReplacement;
    }
    text.remove_prefix(character.size);
  }
  return result;
}

std::string PercentEncoded(std::string_view path) {
  std::string result;
  for (const char c : path) {
    if (IsUnreserved(c) || c == '/') {
      result += c;
    } else {
      char code[4];
      std::snprintf(code, sizeof code, "%%%02X", static_cast<uint8_t>(c));
      result += code;
    }
  }
  return result;
}

std::string Base64(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? bytes[i + k] : 0u);
    }
    for (size_t k = 0; k < 4; ++k) {
      const uint32_t digit = group >> (18 - 6 * k) & 0x3f;
      result += k <= count ? kDigits[digit] : '=';
    }
  }
  return result;
}

}  // namespace detachfix
