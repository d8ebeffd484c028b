// SPDX-License-Identifier: Apache-2.0
// Numbers (HexNumber) and bytes as the reports print them.
#ifndef DETACHFIX_PATCHER_HEX_TEXT_H_
#define DETACHFIX_PATCHER_HEX_TEXT_H_

#include <cstdint>
#include <span>
#include <string>

#include "disasm/hex_number.h"  // HexNumber

namespace detachfix {

/// "8b ff 55": two digits a byte, separated by `separator`.
std::string HexBytes(std::span<const uint8_t> bytes,
                     const std::string& separator);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_HEX_TEXT_H_
