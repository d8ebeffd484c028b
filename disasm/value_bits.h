// SPDX-License-Identifier: Apache-2.0
// What is certain of a word's single bits, and what follows from it.
#ifndef DETACHFIX_DISASM_VALUE_BITS_H_
#define DETACHFIX_DISASM_VALUE_BITS_H_

#include <cstdint>

#include "disasm/ir.h"
#include "disasm/value.h"

namespace detachfix {

/// The bits of a value that are certain, whatever its kind.
struct KnownBits {
  uint64_t bits = 0;
  uint64_t known = 0;
};

KnownBits KnownBitsOf(const Value& value);

/// The low `width` bits, rotated by `count` modulo `width`.
uint64_t RotateRight(uint64_t bits, uint64_t count, unsigned width);

/// left op right on `width` bits: what is certain of the result although an
/// operand is not.
Value EvaluateBits(BinaryOp op, uint8_t width, const Value& left,
                   const Value& right);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_VALUE_BITS_H_
