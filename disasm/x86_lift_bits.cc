// SPDX-License-Identifier: Apache-2.0
// Shifts, rotations, and what tests and finds single bits.
#include "disasm/x86_lifter.h"

namespace detachfix {

/// rol and ror leave ZF and SF as they are (SDM, RCL/RCR/ROL/ROR).
bool X86Lifter::LiftRotate() {
  if (i_.op != X86Op::kRol && i_.op != X86Op::kRor) return false;
  const uint8_t bits = width(0);
  const Operand value = Read(0);
  Operand count = Compute(BinaryOp::kAnd, 8, Read(1), 31u);
  if (i_.op == X86Op::kRol) count = Compute(BinaryOp::kSub, 8, 0u, count);
  const Place result = Compute(BinaryOp::kRotateRight, bits, value, count);
  Emit(Forget{kCf});
  Emit(Forget{kOf});
  Write(0, result);
  return true;
}

bool X86Lifter::LiftShift() {
  BinaryOp op;
  switch (i_.op) {
    case X86Op::kShl:
      op = BinaryOp::kShiftLeft;
      break;
    case X86Op::kShr:
      op = BinaryOp::kShiftRight;
      break;
    case X86Op::kSar:
      op = BinaryOp::kShiftRightSigned;
      break;
    default:
      return false;
  }
  const uint8_t bits = width(0);
  const Operand value = Read(0);
  // The count is taken modulo 32 (SDM, SAL/SAR/SHL/SHR).
  const Place count = Compute(BinaryOp::kAnd, 8, Read(1), 31u);
  const Place result = Compute(op, bits, value, count);
  // With a count of 0 the flags stay: they are only known when it is known
  // not to be 0, which the constant counts of compilers are.
  const uint32_t known =
      operand(1).kind == Kind::kImmediate ? operand(1).number & 31 : 0;
  if (known != 0 && known <= bits) {
    // The last bit that was shifted out.
    const uint64_t last = op == BinaryOp::kShiftLeft ? bits - known : known - 1;
    const Place out =
        Compute(op == BinaryOp::kShiftLeft ? BinaryOp::kShiftRight : op, bits,
                value, last);
    Emit(Binary{BinaryOp::kAnd, bits, kCf, out, 1u});
  } else {
    Emit(Forget{kCf});
  }
  Emit(Forget{kOf});
  if (known != 0) {
    SetResultFlags(bits, result);
  } else {
    Emit(Forget{kZf});
    Emit(Forget{kSf});
    Emit(Forget{kParity});
  }
  Write(0, result);
  return true;
}

/// rcl and rcr by one, through CF; ZF and SF stay as they are.
bool X86Lifter::LiftCarryRotate() {
  if (i_.op != X86Op::kRcl && i_.op != X86Op::kRcr) return false;
  if (operand(1).kind != Kind::kImmediate || operand(1).number != 1) {
    return false;
  }
  const uint8_t bits = width(0);
  const bool left = i_.op == X86Op::kRcl;
  const Operand value = Read(0);
  const Place shifted = Compute(
      left ? BinaryOp::kShiftLeft : BinaryOp::kShiftRight, bits, value, 1u);
  const Place carry = NewTemporary();
  Emit(Assign{carry, kCf});
  const Operand in = left ? Operand{carry}
                          : Compute(BinaryOp::kShiftLeft, bits, carry,
                                    static_cast<uint64_t>(bits - 1));
  const Place result = Compute(BinaryOp::kOr, bits, shifted, in);
  SetFlag(kCf, left ? SignBit(bits, value)
                    : Operand{Compute(BinaryOp::kAnd, bits, value, 1u)});
  Emit(Forget{kOf});
  Write(0, result);
  return true;
}

/// shld and shrd of words: bits of the second operand come in where those of
/// the first go out.
bool X86Lifter::LiftDoubleShift() {
  if (i_.op != X86Op::kShld && i_.op != X86Op::kShrd) return false;
  if (width(0) != 32) return false;
  const bool left = i_.op == X86Op::kShld;
  const BinaryOp out = left ? BinaryOp::kShiftLeft : BinaryOp::kShiftRight;
  const BinaryOp in = left ? BinaryOp::kShiftRight : BinaryOp::kShiftLeft;
  const Operand value = Read(0);
  const Place count = Compute(BinaryOp::kAnd, 32, Read(2), 31u);
  const Place rest = Compute(BinaryOp::kSub, 32, 32u, count);
  const Place kept = Compute(out, 32, value, count);
  const Place result =
      Compute(BinaryOp::kOr, 32, kept, Compute(in, 32, Read(1), rest));
  const bool sets_flags =
      operand(2).kind == Kind::kImmediate && (operand(2).number & 31) != 0;
  ForgetFlags();
  if (sets_flags) {
    // The last bit that went out: what would come in at the other end.
    const Place last = Compute(in, 32, value, rest);
    SetFlag(kCf, left ? Operand{Compute(BinaryOp::kAnd, 32, last, 1u)}
                      : SignBit(32, last));
    SetResultFlags(32, result);
  }
  Write(0, result);
  return true;
}

/// Where the bit is that a register counts from operand 0 in memory, which may
/// be far from it: the word that holds it (SDM volume 2, section 3.1.1.9).
Operand X86Lifter::BitAddress() {
  const Operand address = Address(operand(0));
  if (operand(1).kind == Kind::kImmediate) return address;
  const uint8_t bits = width(0);
  const Place count = NewTemporary();
  Emit(SignExtend{bits, 32, count, Read(1)});
  const Place words =
      Compute(BinaryOp::kShiftRightSigned, 32, count, bits == 32 ? 5u : 4u);
  return Compute(BinaryOp::kAdd, 32, address,
                 Compute(BinaryOp::kMul, 32, words, uint64_t{bits} / 8));
}

/// bt, bts, btr, btc: the bit becomes CF, and is set, cleared or turned.
bool X86Lifter::LiftBitTest() {
  if (i_.op != X86Op::kBt && i_.op != X86Op::kBts && i_.op != X86Op::kBtr &&
      i_.op != X86Op::kBtc) {
    return false;
  }
  const uint8_t bits = width(0);
  const uint8_t bytes = bits / 8;
  const bool in_memory = operand(0).kind == Kind::kMemory;
  const Place value = NewTemporary();
  const Operand address = in_memory ? BitAddress() : Operand{uint64_t{0}};
  if (in_memory) {
    Emit(Load{bytes, value, address});
  } else {
    Emit(Assign{value, Read(0)});
  }
  const Place count = Compute(BinaryOp::kAnd, 32, Read(1), uint64_t{bits} - 1);
  const Place shifted = Compute(BinaryOp::kShiftRight, bits, value, count);
  const Place bit = Compute(BinaryOp::kShiftLeft, bits, 1u, count);
  Operand result = Compute(BinaryOp::kOr, bits, value, bit);
  if (i_.op != X86Op::kBts) {  // turned, from a bit that is set for btr
    result = Compute(BinaryOp::kXor, bits,
                     i_.op == X86Op::kBtc ? Operand{value} : result, bit);
  }
  Emit(Binary{BinaryOp::kAnd, bits, kCf, shifted, 1u});
  Emit(Forget{kOf});
  Emit(Forget{kSf});
  Emit(Forget{kParity});
  if (i_.op == X86Op::kBt) return true;
  if (in_memory) {
    Emit(Store{bytes, address, result});
  } else {
    Write(0, result);
  }
  return true;
}

/// bsf, bsr, tzcnt. Of 0 the first two give nothing that is defined, and tzcnt
/// is bsf on older processors: there only what both give is known.
bool X86Lifter::LiftBitScan() {
  const bool down = i_.op == X86Op::kBsr;
  if (!down && i_.op != X86Op::kBsf && i_.op != X86Op::kTzcnt) return false;
  const uint8_t bits = width(0);
  const Operand value = Read(1);
  Operand place =
      Compute(down ? BinaryOp::kLeadingZeros : BinaryOp::kTrailingZeros, bits,
              value, 0u);
  if (down) {
    place =
        Compute(BinaryOp::kSub, bits, static_cast<uint64_t>(bits - 1), place);
  }
  const Place is_zero = Compute(BinaryOp::kEqual, bits, value, 0u);
  const Place result = NewTemporary();
  Emit(Choose{result, is_zero, Unknown(), place});
  ForgetFlags();
  if (i_.op != X86Op::kTzcnt) SetFlag(kZf, is_zero);
  Write(0, result);
  return true;
}

bool X86Lifter::LiftBits() {
  return LiftShift() || LiftRotate() || LiftCarryRotate() ||
         LiftDoubleShift() || LiftBitTest() || LiftBitScan();
}

}  // namespace detachfix
