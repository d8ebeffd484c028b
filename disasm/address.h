// SPDX-License-Identifier: Apache-2.0
// Addresses inside a PE image, as their own type so that they cannot be mixed
// with file offsets or with virtual addresses.
#ifndef DETACHFIX_DISASM_ADDRESS_H_
#define DETACHFIX_DISASM_ADDRESS_H_

#include <compare>
#include <cstdint>

namespace detachfix {

/// Relative virtual address: bytes from the image base (PE/COFF, "General
/// Concepts").
struct Rva {
  uint32_t value = 0;

  friend auto operator<=>(const Rva&, const Rva&) = default;
};

/// `rva` moved by `delta` bytes, modulo 2^32. Callers that add numbers read
/// from a file check the range first.
constexpr Rva operator+(Rva rva, uint32_t delta) {
  return Rva{rva.value + delta};
}

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_ADDRESS_H_
