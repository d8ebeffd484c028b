// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/plain_text.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace detachfix {

namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";  // U+FFFD

/// One character, or one byte that belongs to none.
struct Character {
  size_t size = 1;    ///< bytes
  uint32_t code = 0;  ///< its number
  bool valid = false;
};

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

/// Bytes of the character that begins with `lead`; 0 where none does: RFC 3629,
/// section 4.
size_t SizeFor(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

/// The first character of `text`, which is not empty.
Character First(std::string_view text) {
  const uint8_t lead = static_cast<uint8_t>(text[0]);
  const size_t size = SizeFor(lead);
  if (size == 0 || size > text.size()) return {};
  // The lead byte has 7, 5, 4 or 3 bits of the number.
  uint32_t code = size == 1 ? lead : lead & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if (!IsContinuation(text[i])) return {};
    code = code << 6 | (static_cast<uint8_t>(text[i]) & 0x3f);
  }
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeast[size] || code > 0x10ffff || surrogate) return {};
  return {size, code, true};
}

struct CodeRange {
  uint32_t first;
  uint32_t last;
};

// The Unicode Character Database: general categories Cc, Zl, Zp, and those of
// Cf and others that are drawn as nothing or turn the direction of the rest
// (Unicode Standard Annex 9, "Bidirectional Algorithm", section 2).
constexpr CodeRange kUnseen[] = {
    {0x00, 0x1f},       {0x7f, 0x9f},      {0xad, 0xad},     {0x34f, 0x34f},
    {0x61c, 0x61c},     {0x115f, 0x1160},  {0x17b4, 0x17b5}, {0x180b, 0x180f},
    {0x200b, 0x200f},   {0x2028, 0x202e},  {0x2060, 0x206f}, {0x3164, 0x3164},
    {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},  {0xfff9, 0xfffb}, {0xffa0, 0xffa0},
    {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};

bool IsUnseen(uint32_t code) {
  return std::any_of(std::begin(kUnseen), std::end(kUnseen),
                     [&](const CodeRange& range) {
                       return code >= range.first && code <= range.last;
                     });
}

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

std::string ToUtf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Character character = First(text);
    result += character.valid ? text.substr(0, character.size) : kReplacement;
    text.remove_prefix(character.size);
  }
  return result;
}

std::string Visible(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Character character = First(text);
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
