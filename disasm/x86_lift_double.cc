// SPDX-License-Identifier: Apache-2.0
// SSE2 with fractions of 64 bits: what start-up code of C++ and Rust computes
// the sizes of its tables with.
#include "disasm/x86_lifter.h"

namespace detachfix {

Operand X86Lifter::ReadDouble(size_t n) {
  const Words words = ReadVector(n, 2);
  return Compute(BinaryOp::kOr, 64, words[0],
                 Compute(BinaryOp::kShiftLeft, 64, words[1], 32u));
}

/// To the lower half of operand 0.
void X86Lifter::WriteDouble(Operand value) {
  Words words = Zeros();
  words[0] = Compute(BinaryOp::kAnd, 64, value, Mask(32));
  words[1] = Compute(BinaryOp::kShiftRight, 64, value, 32u);
  WriteVector(0, words, 2);
}

bool X86Lifter::LiftDouble() {
  const auto combine = [this](BinaryOp op) {
    const Operand a = ReadDouble(0);
    WriteDouble(Compute(op, 64, a, ReadDouble(1)));
    return true;
  };
  switch (i_.op) {
    case X86Op::kAddsd:
      return combine(BinaryOp::kFloatAdd);
    case X86Op::kSubsd:
      return combine(BinaryOp::kFloatSub);
    case X86Op::kMulsd:
      return combine(BinaryOp::kFloatMul);
    case X86Op::kDivsd:
      return combine(BinaryOp::kFloatDivide);
    case X86Op::kCvtsi2sd: {
      const Place number = NewTemporary();
      Emit(SignExtend{32, 64, number, Read(1)});
      WriteDouble(Compute(BinaryOp::kFloatFromSigned, 64, number, 0u));
      return true;
    }
    case X86Op::kCvttsd2si:
      Write(0, Compute(BinaryOp::kFloatToSigned, 64, ReadDouble(1), 0u));
      return true;
    case X86Op::kUcomisd: {
      // All three are set where one is not a number (SDM, UCOMISD).
      const Operand a = ReadDouble(0);
      const Operand b = ReadDouble(1);
      const Place none = Compute(BinaryOp::kFloatUnordered, 64, a, b);
      const Place less = Compute(BinaryOp::kFloatLess, 64, a, b);
      const Place equal = Compute(BinaryOp::kFloatEqual, 64, a, b);
      Emit(Binary{BinaryOp::kOr, 1, kZf, equal, none});
      Emit(Binary{BinaryOp::kOr, 1, kCf, less, none});
      SetFlag(kParity, Not(none));
      SetFlag(kOf, 0u);
      SetFlag(kSf, 0u);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace detachfix
