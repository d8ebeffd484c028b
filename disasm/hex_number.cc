// SPDX-License-Identifier: Apache-2.0
#include "disasm/hex_number.h"

#include <array>
#include <cstdio>

namespace detachfix {

std::string HexNumber(uint64_t value) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%llx",
                static_cast<unsigned long long>(value));
  return text.data();
}

}  // namespace detachfix
