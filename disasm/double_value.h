// SPDX-License-Identifier: Apache-2.0
// What operations give on doubles whose bits are known. The machine that the
// analysis runs on computes them: IEEE 754 leaves it no choice, but for which
// of those that are no number comes.
#ifndef DETACHFIX_DISASM_DOUBLE_VALUE_H_
#define DETACHFIX_DISASM_DOUBLE_VALUE_H_

#include <cstdint>

#include "disasm/ir.h"
#include "disasm/value.h"

namespace detachfix {

constexpr bool IsOfDoubles(BinaryOp op) {
  return (op >= BinaryOp::kFloatAdd && op <= BinaryOp::kFloatToSigned) ||
         op >= BinaryOp::kFloatEqual;
}

/// left op right, each the bits of a double or what `op`, which is one of
/// doubles, takes instead (ir.h). Unknown where the result is no number.
Value EvaluateDoubles(BinaryOp op, uint64_t left, uint64_t right);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_DOUBLE_VALUE_H_
