// SPDX-License-Identifier: Apache-2.0
// What the lifters share.
#ifndef DETACHFIX_DISASM_OP_BUILDER_H_
#define DETACHFIX_DISASM_OP_BUILDER_H_

#include <cassert>
#include <cstdint>
#include <utility>
#include <vector>

#include "disasm/ir.h"

namespace detachfix {

/// The operations of one instruction in the making. A lifter is one, for one
/// instruction.
class OpBuilder {
 protected:
  template <typename T>
  void Emit(T op) {
    ops_.emplace_back(std::move(op));
  }
  Place NewTemporary() {
    assert(next_temporary_ < kPlaceCount);
    return Place{next_temporary_++};
  }
  Place Compute(BinaryOp op, uint8_t bits, Operand a, Operand b) {
    const Place t = NewTemporary();
    Emit(Binary{op, bits, t, a, b});
    return t;
  }
  Place Not(Operand bit) { return Compute(BinaryOp::kXor, 1, bit, 1u); }

  void DropOps() { ops_.clear(); }
  std::vector<Op> TakeOps() { return std::move(ops_); }

 private:
  std::vector<Op> ops_;
  uint8_t next_temporary_ = kFirstTemporary;
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_OP_BUILDER_H_
