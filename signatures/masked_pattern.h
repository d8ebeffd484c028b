// SPDX-License-Identifier: Apache-2.0
// Bytes of code with those masked that base relocations rewrite.
#ifndef DETACHFIX_SIGNATURES_MASKED_PATTERN_H_
#define DETACHFIX_SIGNATURES_MASKED_PATTERN_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace detachfix {

/// One byte of a pattern; nothing stands for any byte.
using MaskedPattern = std::vector<std::optional<uint8_t>>;

/// Reads "55 8b ec ?? 0c": two hexadecimal digits or "??" a byte, separated by
/// blanks or ends of lines. Nothing when it is not that, or has no byte.
std::optional<MaskedPattern> ParsePattern(std::string_view text);

/// "55 8b ec ?? 0c".
std::string PatternText(const MaskedPattern& pattern);

/// Bytes that are not masked.
size_t FixedBytes(const MaskedPattern& pattern);

/// Whether `bytes` begin with what the pattern asks for.
bool Matches(const MaskedPattern& pattern, std::span<const uint8_t> bytes);

/// The pattern's bytes with the masked ones as 0.
std::vector<uint8_t> WithMaskedAsZero(const MaskedPattern& pattern);

}  // namespace detachfix

#endif  // DETACHFIX_SIGNATURES_MASKED_PATTERN_H_
