// SPDX-License-Identifier: Apache-2.0
#include "signatures/signature.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace detachfix {

namespace {

// Machine numbers: PE/COFF specification, "Machine Types".
constexpr uint16_t kI386 = 0x014c;
constexpr uint16_t kAlpha = 0x0184;

constexpr std::string_view kLevels[] = {
    "RTM", "SP1", "SP2", "SP3", "SP4", "SP5", "SP6", "SP6a", "before-SP6"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string DigestText(const Digest& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::optional<Digest> ParseDigest(const std::string& text) {
  Digest digest{};
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (size_t i = 0; i < digest.size(); ++i) {
    const char* begin = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(begin, begin + 2, digest[i], 16);
    if (error != std::errc() || end != begin + 2) return std::nullopt;
  }
  // One spelling only, so that tables can be searched as text.
  if (DigestText(digest) != text) return std::nullopt;
  return digest;
}

const char* ToText(BuildState state) {
  switch (state) {
    case BuildState::kLeaks:
      return "leaks";
    case BuildState::kFixed:
      return "fixed";
    case BuildState::kNotStated:
      return "";
  }
  return "";
}

std::string DateText(const Date& date) {
  char text[16];
  snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
           static_cast<unsigned>(date.month()),
           static_cast<unsigned>(date.day()));
  return text;
}

std::string MachineName(uint16_t machine) {
  if (machine == kI386) return "i386";
  if (machine == kAlpha) return "alpha";
  char text[8];
  snprintf(text, sizeof text, "0x%x", static_cast<unsigned>(machine));
  return text;
}

std::optional<std::string> ProductText(const std::string& product) {
  if (product == "nt4") return "Windows NT 4.0";
  if (product == "nt4-tse") return "Windows NT 4.0 Terminal Server Edition";
  return std::nullopt;
}

bool IsRowId(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-';
  });
}

bool IsLevel(std::string_view text) {
  if (std::ranges::find(kLevels, text) != std::end(kLevels)) return true;
  return text.size() >= 6 && text[0] == 'Q' &&
         std::ranges::all_of(text.substr(1), IsDigit);
}

bool IsCrypto(uint32_t bits) { return bits == 40 || bits == 56 || bits == 128; }

std::string BuildText(const Signature& row) {
  std::string text = ProductText(row.product).value_or(row.product);
  for (const std::string& level : row.levels) {
    text += (&level == &row.levels.front() ? " " : "/") + level;
  }
  text += ", " + MachineName(row.machine);
  if (row.crypto) text += ", " + std::to_string(*row.crypto) + "-bit";
  return text;
}

}  // namespace detachfix
