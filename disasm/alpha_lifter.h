// SPDX-License-Identifier: Apache-2.0
// The lifter of alpha_lift.cc, which has memory, branches and jumps, and of
// alpha_lift_operate.cc, which has what works on registers alone.
#ifndef DETACHFIX_DISASM_ALPHA_LIFTER_H_
#define DETACHFIX_DISASM_ALPHA_LIFTER_H_

#include <cstdint>
#include <vector>

#include "disasm/alpha_decode.h"
#include "disasm/op_builder.h"

namespace detachfix {

inline constexpr uint8_t kZeroRegister = 31;
inline constexpr uint8_t kQuad = 64;
inline constexpr uint8_t kLong = 32;

/// Turns one Alpha instruction into operations. One object an instruction.
class AlphaLifter : private OpBuilder {
 public:
  AlphaLifter(const AlphaInstruction& instruction, uint64_t va)
      : i_(instruction), va_(va) {}

  /// The operations; to be called once.
  std::vector<Op> Run();

 private:
  /// What branches and conditional moves test a register for.
  enum class Test : uint8_t { kZero, kNegative, kPositive, kEven };

  Place ExtendLong(Operand value) {
    const Place t = NewTemporary();
    Emit(SignExtend{kLong, kQuad, t, value});
    return t;
  }

  Operand Read(uint8_t number) const {
    if (number == kZeroRegister) return uint64_t{0};
    return Place{number};
  }
  void Write(uint8_t number, Operand value) {
    if (number != kZeroRegister) Emit(Assign{Place{number}, value});
  }
  void ForgetRegister(uint8_t number) {
    if (number != kZeroRegister) Emit(Forget{Place{number}});
  }
  Operand First() const { return Read(i_.ra()); }
  Operand Second() const {
    return i_.has_literal() ? Operand{uint64_t{i_.literal()}} : Read(i_.rb());
  }
  bool IsSameRegister() const {
    return !i_.has_literal() && i_.ra() == i_.rb();
  }
  Operand Address(int64_t displacement);
  Place Holds(Test test);  ///< of Ra

  // Groups; each returns whether the instruction belongs to it.
  bool LiftMemory();
  bool LiftStore();
  bool LiftConditionalBranch();
  bool LiftJump();
  bool LiftArithmetic();
  bool LiftComparison();
  bool LiftLogic();
  bool LiftConditionalMove();
  bool LiftShift();
  bool LiftBytes();
  void LiftPal();

  void LoadTo(uint8_t size, Operand address);
  void StoreConditional(uint8_t size);
  void Add(BinaryOp op, uint8_t width, uint64_t scale);
  void Logic(BinaryOp op, Operand b);
  Place HighProduct();
  Place LessBytes(Operand a, Operand b);
  Place ZapMask();
  void Link();

  const AlphaInstruction& i_;
  const uint64_t va_;
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_ALPHA_LIFTER_H_
