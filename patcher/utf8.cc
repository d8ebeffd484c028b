// SPDX-License-Identifier: Apache-2.0
#include "patcher/utf8.h"

#include <algorithm>
#include <array>

namespace detachfix {

namespace {

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

}  // namespace

Character FirstCharacter(std::string_view text) {
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

bool IsUnseen(uint32_t code) {
  return std::any_of(std::begin(kUnseen), std::end(kUnseen),
                     [&](const CodeRange& range) {
                       return code >= range.first && code <= range.last;
                     });
}

}  // namespace detachfix
