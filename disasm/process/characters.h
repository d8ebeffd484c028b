// SPDX-License-Identifier: Apache-2.0
// What the system says of characters: those of ASCII, of Latin-1 and of the
// code page 1252. Nothing is said of others, nor where systems differ.
#ifndef DETACHFIX_DISASM_PROCESS_CHARACTERS_H_
#define DETACHFIX_DISASM_PROCESS_CHARACTERS_H_

#include <cstdint>
#include <optional>

namespace detachfix {

/// LCMAP_LOWERCASE, LCMAP_UPPERCASE (winnls.h).
inline constexpr uint32_t kLowercase = 0x100;
inline constexpr uint32_t kUppercase = 0x200;

/// What CT_CTYPE1 says of a character, and the C runtime's tables with it
/// (GetStringType, winnls.h).
std::optional<uint32_t> CharacterType(uint32_t character);

/// The character in the case that `flags` name, one of the two.
std::optional<uint32_t> MapCharacter(uint32_t character, uint32_t flags);

/// What the byte stands for in code page 1252, and back; where no byte stands
/// for the character, the one that comes next to it (unicode.org,
/// bestfit1252.txt).
uint32_t FromAnsi(uint8_t byte);
std::optional<uint32_t> ToAnsi(uint32_t character);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_PROCESS_CHARACTERS_H_
