// SPDX-License-Identifier: Apache-2.0
#include "signatures/masked_pattern.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace detachfix {

namespace {

bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

}  // namespace

std::optional<MaskedPattern> ParsePattern(std::string_view text) {
  MaskedPattern pattern;
  for (size_t at = 0; at < text.size();) {
    if (IsBlank(text[at])) {
      ++at;
      continue;
    }
    const std::string_view word = text.substr(at, 2);
    at += 2;
    if (word.size() < 2 || (at < text.size() && !IsBlank(text[at]))) {
      return std::nullopt;
    }
    if (word == "??") {
      pattern.emplace_back(std::nullopt);
      continue;
    }
    uint8_t byte = 0;
    const auto [end, error] =
        std::from_chars(word.data(), word.data() + 2, byte, 16);
    if (error != std::errc() || end != word.data() + 2) return std::nullopt;
    pattern.emplace_back(byte);
  }
  if (pattern.empty()) return std::nullopt;
  return pattern;
}

std::string PatternText(const MaskedPattern& pattern) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::optional<uint8_t>& byte : pattern) {
    if (!text.empty()) text += ' ';
    if (byte) {
      text += kDigits[*byte >> 4];
      text += kDigits[*byte & 15];
    } else {
      text += "??";
    }
  }
  return text;
}

size_t FixedBytes(const MaskedPattern& pattern) {
  return static_cast<size_t>(std::ranges::count_if(
      pattern,
      [](const std::optional<uint8_t>& byte) { return byte.has_value(); }));
}

bool Matches(const MaskedPattern& pattern, std::span<const uint8_t> bytes) {
  if (bytes.size() < pattern.size()) return false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] && *pattern[i] != bytes[i]) return false;
  }
  return true;
}

std::vector<uint8_t> WithMaskedAsZero(const MaskedPattern& pattern) {
  std::vector<uint8_t> bytes;
  bytes.reserve(pattern.size());
  for (const std::optional<uint8_t>& byte : pattern) {
    bytes.push_back(byte.value_or(0));
  }
  return bytes;
}

}  // namespace detachfix
