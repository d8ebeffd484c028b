// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_DISASM_HEX_NUMBER_H_
#define DETACHFIX_DISASM_HEX_NUMBER_H_

#include <cstdint>
#include <string>

namespace detachfix {

/// "0x1a2b": lower case, no leading zeros.
std::string HexNumber(uint64_t value);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_HEX_NUMBER_H_
