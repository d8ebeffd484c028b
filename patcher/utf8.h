// SPDX-License-Identifier: Apache-2.0
// Names from disks and from files, a character at a time.
#ifndef DETACHFIX_PATCHER_UTF8_H_
#define DETACHFIX_PATCHER_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace detachfix {

/// One character, or one byte that belongs to none.
struct Character {
  size_t size = 1;    ///< bytes
  uint32_t code = 0;  ///< its number
  bool valid = false;
};

/// The first character of `text`, which is not empty.
Character FirstCharacter(std::string_view text);

/// Whether the character of this number is not seen, or moves others: controls,
/// direction marks, what has no width.
bool IsUnseen(uint32_t code);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_UTF8_H_
