// SPDX-License-Identifier: Apache-2.0
// Numbers and bytes as the reports print them.
#ifndef DETACHFIX_PATCHER_HEX_TEXT_H_
#define DETACHFIX_PATCHER_HEX_TEXT_H_

#include <cstdint>
#include <span>
#include <string>

namespace detachfix {

/// "0x1a2b": lower case, no leading zeros.
std::string HexNumber(uint64_t number);

/// "8b ff 55": two digits a byte, separated by `separator`.
std::string HexBytes(std::span<const uint8_t> bytes,
                     const std::string& separator);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_HEX_TEXT_H_
