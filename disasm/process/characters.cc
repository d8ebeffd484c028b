// SPDX-License-Identifier: Apache-2.0
#include "disasm/process/characters.h"

#include <algorithm>
#include <array>
#include <utility>

namespace detachfix {
namespace {

// C1_UPPER and its like (winnls.h).
constexpr uint32_t kUpper = 0x1, kLower = 0x2, kDigit = 0x4, kSpace = 0x8,
                   kPunctuation = 0x10, kControl = 0x20, kBlank = 0x40,
                   kHex = 0x80, kLetter = 0x100, kDefined = 0x200;

constexpr uint32_t kFirstLatin = 0xa0;

/// Bytes 0x80 to 0x9f (unicode.org, bestfit1252.txt). Five stand for none, and
/// keep their numbers.
constexpr uint32_t kFirstAnsi = 0x80;
constexpr std::array<uint32_t, 32> kAnsi = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008d, 0x017d, 0x008f,
    0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178};

/// U+0192 is of that page, its upper case is not; there the one stands for
/// both.
constexpr uint32_t kHook = 0x192, kUpperHook = 0x191;

/// Letters of that page in upper and lower case that are not kCase apart.
constexpr std::pair<uint32_t, uint32_t> kPairs[] = {{0x152, 0x153},
                                                    {0x160, 0x161},
                                                    {0x178, 0xff},
                                                    {0x17d, 0x17e},
                                                    {kUpperHook, kHook}};

uint32_t AsciiType(uint32_t character) {
  const auto in = [character](uint32_t first, uint32_t last) {
    return character >= first && character <= last;
  };
  uint32_t type = kDefined;
  if (in(0x09, 0x0d) || character == ' ') type |= kSpace;
  if (character == '\t' || character == ' ') type |= kBlank;
  if (in(0, 0x1f) || character == 0x7f) return type | kControl;
  if (in('0', '9')) return type | kDigit | kHex;
  if (in('A', 'F') || in('a', 'f')) type |= kHex;
  if (in('A', 'Z')) return type | kUpper | kLetter;
  if (in('a', 'z')) return type | kLower | kLetter;
  return (type & kSpace) != 0 ? type : type | kPunctuation;
}

/// From 0x80 to 0xff.
uint32_t LatinType(uint32_t character) {
  switch (character) {
    case 0x85:  // next line
      return kDefined | kControl | kSpace;
    case 0xa0:  // no-break space
      return kDefined | kSpace | kBlank;
    case 0xaa:  // ordinal indicators, micro sign
    case 0xb5:
    case 0xba:
      return kDefined | kLetter | kLower | kPunctuation;
    case 0xad:  // soft hyphen
      return kDefined | kControl | kPunctuation;
    case 0xb2:  // superscript digits
    case 0xb3:
    case 0xb9:
      return kDefined | kDigit | kPunctuation;
    case 0xd7:  // signs of multiplication and division
    case 0xf7:
      return kDefined | kPunctuation;
    default:
      break;
  }
  if (character < kFirstLatin) return kDefined | kControl;
  if (character < 0xc0) return kDefined | kPunctuation;
  return kDefined | kLetter | (character < 0xdf ? kUpper : kLower);
}

bool IsOfAnsi(uint32_t character) {
  return std::ranges::find(kAnsi, character) != kAnsi.end();
}

}  // namespace

std::optional<uint32_t> CharacterType(uint32_t character) {
  constexpr uint32_t kCircumflex = 0x2c6, kTilde = 0x2dc;
  constexpr uint32_t kLastQuote = 0x203a;
  if (character < 0x80) return AsciiType(character);
  if (character <= 0xff) return LatinType(character);
  for (const auto& [upper, lower] : kPairs) {
    if (character == upper) return kDefined | kLetter | kUpper;
    if (character == lower) return kDefined | kLetter | kLower;
  }
  if (!IsOfAnsi(character)) return std::nullopt;
  if (character == kCircumflex) return kDefined | kLetter;  // a modifier
  // Symbols beyond Latin-1 are no punctuation: as Wine has it (C1_DEFINED).
  const bool is_symbol = character == kTilde || character > kLastQuote;
  return is_symbol ? kDefined : kDefined | kPunctuation;
}

std::optional<uint32_t> MapCharacter(uint32_t character, uint32_t flags) {
  constexpr uint32_t kCase = 0x20, kFirstLetter = 0xc0, kSharp = 0xdf;
  const bool to_lower = flags == kLowercase;
  for (const auto& [upper, lower] : kPairs) {
    if (character == upper || character == lower)
      return to_lower ? lower : upper;
  }
  if (character > 0xff) {
    return IsOfAnsi(character) ? std::optional(character) : std::nullopt;
  }
  // Without LCMAP_LINGUISTIC_CASING what does not come back from the other case
  // stays as it is: the micro sign, and others below the letters.
  const bool has_case = character < 0x80 || character >= kFirstLetter;
  const uint32_t type = has_case ? CharacterType(character).value_or(0) : 0;
  if (to_lower && (type & kUpper) != 0) return character + kCase;
  if (!to_lower && (type & kLower) != 0 && character != kSharp) {
    return character - kCase;
  }
  return character;
}

uint32_t FromAnsi(uint8_t byte) {
  const bool is_other = byte >= kFirstAnsi && byte < kFirstLatin;
  return is_other ? kAnsi[byte - kFirstAnsi] : byte;
}

std::optional<uint32_t> ToAnsi(uint32_t character) {
  const bool is_same =
      character < kFirstAnsi || (character >= kFirstLatin && character <= 0xff);
  if (is_same) return character;
  if (character == kUpperHook) character = kHook;
  const auto* found = std::ranges::find(kAnsi, character);
  if (found == kAnsi.end()) return std::nullopt;
  return kFirstAnsi + static_cast<uint32_t>(found - kAnsi.begin());
}

}  // namespace detachfix
