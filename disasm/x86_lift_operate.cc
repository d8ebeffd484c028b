// SPDX-License-Identifier: Apache-2.0
// Arithmetic, the flags that it sets, and what tests them. A flag is computed
// with the result, whether or not something reads it; see x86_lift.cc.
#include "disasm/x86_lifter.h"

namespace detachfix {

void X86Lifter::ForgetFlags() {
  for (const Place flag : {kZf, kCf, kSf, kOf, kParity}) Emit(Forget{flag});
}

/// PF: whether the byte has an even number of bits set.
Operand X86Lifter::Parity() {
  Operand folded = kParity;
  for (const uint64_t half : {4u, 2u, 1u}) {
    folded = Compute(BinaryOp::kXor, 8, folded,
                     Compute(BinaryOp::kShiftRight, 8, folded, half));
  }
  return Not(Compute(BinaryOp::kAnd, 8, folded, 1u));
}

/// lahf: SF, ZF, AF, PF and CF in AH, where bit 1 is set.
void X86Lifter::LoadFlags() {
  Operand byte = Compute(BinaryOp::kAnd, 8, Unknown(), 0x10u);
  byte = Compute(BinaryOp::kOr, 8, byte, 2u);
  const auto add = [&](Operand bit, uint64_t at) {
    byte = Compute(BinaryOp::kOr, 8, byte,
                   Compute(BinaryOp::kShiftLeft, 8, bit, at));
  };
  add(kSf, 7u);
  add(kZf, 6u);
  add(Parity(), 2u);
  add(kCf, 0u);
  WriteRegister({kEax.id, 8, 8}, byte);
}

/// sahf: the other way.
void X86Lifter::StoreFlags() {
  const Operand byte = ReadRegister({kEax.id, 8, 8});
  const auto bit = [&](uint64_t at) {
    return Compute(BinaryOp::kAnd, 8,
                   Compute(BinaryOp::kShiftRight, 8, byte, at), 1u);
  };
  SetFlag(kSf, bit(7));
  SetFlag(kZf, bit(6));
  SetFlag(kParity, Not(bit(2)));
  SetFlag(kCf, bit(0));
}

Operand X86Lifter::SignBit(uint8_t bits, Operand value) {
  const Place shifted = Compute(BinaryOp::kShiftRight, bits, value,
                                static_cast<uint64_t>(bits - 1));
  return Compute(BinaryOp::kAnd, 8, shifted, 1u);
}

void X86Lifter::SetResultFlags(uint8_t bits, Operand result) {
  Emit(Binary{BinaryOp::kEqual, bits, kZf, result, 0u});
  Emit(Binary{BinaryOp::kLessSigned, bits, kSf, result, 0u});
  SetParity(result);
}

void X86Lifter::SetParity(Operand result) {
  Emit(Binary{BinaryOp::kAnd, 8, kParity, result, 0xffu});
}

void X86Lifter::SetAddFlags(uint8_t bits, Operand a, Operand b, Operand sum) {
  Emit(Binary{BinaryOp::kLessUnsigned, bits, kCf, sum, a});
  // Overflow: both operands have one sign and the sum has the other.
  const Place da = Compute(BinaryOp::kXor, bits, a, sum);
  const Place db = Compute(BinaryOp::kXor, bits, b, sum);
  const Place both = Compute(BinaryOp::kAnd, bits, da, db);
  SetFlag(kOf, SignBit(bits, both));
  SetResultFlags(bits, sum);
}

void X86Lifter::SetSubFlags(uint8_t bits, Operand a, Operand b,
                            Operand difference) {
  // Compared directly, not through the difference: what is known of a symbol
  // is known of the symbol itself.
  Emit(Binary{BinaryOp::kEqual, bits, kZf, a, b});
  Emit(Binary{BinaryOp::kLessUnsigned, bits, kCf, a, b});
  Emit(Binary{BinaryOp::kLessSigned, bits, kSf, difference, 0u});
  SetParity(difference);
  const Place less = Compute(BinaryOp::kLessSigned, bits, a, b);
  Emit(Binary{BinaryOp::kXor, 1, kOf, less, kSf});
}

/// What a jcc, setcc or cmovcc tests.
Operand X86Lifter::Condition() {
  const auto flags = [&]() -> Operand {
    switch (i_.test) {
      case X86Test::kOverflow:
        return kOf;
      case X86Test::kBelow:
        return kCf;
      case X86Test::kZero:
        return kZf;
      case X86Test::kBelowOrEqual:
        return Compute(BinaryOp::kOr, 1, kCf, kZf);
      case X86Test::kSign:
        return kSf;
      case X86Test::kParity:
        return Parity();
      case X86Test::kLess:
        return Compute(BinaryOp::kXor, 1, kSf, kOf);
      case X86Test::kLessOrEqual:
        return Compute(BinaryOp::kOr, 1, kZf,
                       Compute(BinaryOp::kXor, 1, kSf, kOf));
    }
    return Unknown();
  };
  const Operand condition = flags();
  return i_.test_negated ? Not(condition) : condition;
}

/// add, sub, cmp. `keep`: the result is written back.
void X86Lifter::AddOrSub(BinaryOp op, bool keep) {
  const uint8_t bits = width(0);
  const Place a = NewTemporary();
  Emit(Assign{a, Read(0)});
  const Operand b = Read(1);
  const Place result = Compute(op, bits, a, b);
  if (op == BinaryOp::kSub) {
    SetSubFlags(bits, a, b, result);
  } else {
    SetAddFlags(bits, a, b, result);
  }
  if (keep) Write(0, result);
}

/// CF and OF of adc and sbb, whose result is `plain` with the carry.
void X86Lifter::SetCarryFlags(BinaryOp op, Operand a, Operand b, Operand plain,
                              Operand result, Operand carry) {
  const uint8_t bits = width(0);
  const bool adds = op == BinaryOp::kAdd;
  const Place first = adds ? Compute(BinaryOp::kLessUnsigned, bits, plain, a)
                           : Compute(BinaryOp::kLessUnsigned, bits, a, b);
  const Place second =
      adds ? Compute(BinaryOp::kLessUnsigned, bits, result, plain)
           : Compute(BinaryOp::kLessUnsigned, bits, plain, carry);
  Emit(Binary{BinaryOp::kOr, 1, kCf, first, second});
  // Overflow: as for add, with the sign that is added.
  const Place da = Compute(BinaryOp::kXor, bits, a, result);
  const Place db = adds ? Compute(BinaryOp::kXor, bits, b, result)
                        : Compute(BinaryOp::kXor, bits, a, b);
  SetFlag(kOf, SignBit(bits, Compute(BinaryOp::kAnd, bits, da, db)));
}

/// adc, sbb.
void X86Lifter::AddOrSubCarry(BinaryOp op) {
  const uint8_t bits = width(0);
  const Place a = NewTemporary();
  Emit(Assign{a, Read(0)});
  const Operand b = Read(1);
  // `sbb r, r` spreads the carry, whatever r held.
  const bool spreads = op == BinaryOp::kSub && IsSameRegister();
  const Place plain = spreads ? NewTemporary() : Compute(op, bits, a, b);
  if (spreads) Emit(Assign{plain, 0u});
  const Place carry = NewTemporary();
  Emit(Assign{carry, kCf});
  const Place result = Compute(op, bits, plain, carry);
  if (spreads) {
    SetFlag(kOf, 0u);
    SetFlag(kCf, carry);
  } else {
    SetCarryFlags(op, a, b, plain, result, carry);
  }
  SetResultFlags(bits, result);
  Write(0, result);
}

void X86Lifter::Logic(BinaryOp op, bool keep) {
  const uint8_t bits = width(0);
  Operand result;
  if (IsSameRegister() && op == BinaryOp::kXor) {
    result = uint64_t{0};
  } else if (IsSameRegister()) {
    result = Read(0);
  } else {
    const Operand a = Read(0);
    result = Compute(op, bits, a, Read(1));
  }
  SetResultFlags(bits, result);
  SetFlag(kCf, 0u);
  SetFlag(kOf, 0u);
  if (keep) Write(0, result);
}

void X86Lifter::IncOrDec(BinaryOp op) {
  // CF stays as it was (SDM, INC and DEC).
  const uint8_t bits = width(0);
  const Place a = NewTemporary();
  Emit(Assign{a, Read(0)});
  const Place result = Compute(op, bits, a, 1u);
  const uint64_t limit =
      op == BinaryOp::kAdd ? Mask(bits) >> 1 : (Mask(bits) >> 1) + 1;
  Emit(Binary{BinaryOp::kEqual, bits, kOf, a, limit});
  // As for cmp: equality is stated on the symbol itself.
  const uint64_t zero_at = op == BinaryOp::kAdd ? Mask(bits) : 1;
  Emit(Binary{BinaryOp::kEqual, bits, kZf, a, zero_at});
  Emit(Binary{BinaryOp::kLessSigned, bits, kSf, result, 0u});
  SetParity(result);
  Write(0, result);
}

void X86Lifter::Negate() {
  const uint8_t bits = width(0);
  const Place a = NewTemporary();
  Emit(Assign{a, Read(0)});
  const Place result = Compute(BinaryOp::kSub, bits, uint64_t{0}, a);
  SetSubFlags(bits, uint64_t{0}, a, result);
  Write(0, result);
}

/// A number of so many bits as 64, by its sign where the instruction counts
/// with signs.
Operand X86Lifter::Wide(Operand value, uint8_t bits) {
  if (i_.op != X86Op::kImul && i_.op != X86Op::kIdiv) return value;
  const Place wide = NewTemporary();
  Emit(SignExtend{bits, 64, wide, value});
  return wide;
}

/// To AL and AH, AX and DX, or EAX and EDX, by the width of the operand.
void X86Lifter::WritePair(Operand low, Operand high) {
  const uint8_t bits = width(0);
  WriteRegister({kEax.id, 0, bits}, low);
  WriteRegister(
      bits == 8 ? X86Register{kEax.id, 8, 8} : X86Register{kEdx.id, 0, bits},
      high);
}

/// EDX:EAX = EAX times the operand, or the same of 8 or 16 bits.
void X86Lifter::MultiplyWide() {
  const uint8_t bits = width(0);
  const Operand a = Wide(ReadRegister({kEax.id, 0, bits}), bits);
  const Place product = Compute(BinaryOp::kMul, 64, a, Wide(Read(0), bits));
  SetProductFlags(product, bits);
  WritePair(Compute(BinaryOp::kAnd, 64, product, Mask(bits)),
            Compute(BinaryOp::kAnd, 64,
                    Compute(BinaryOp::kShiftRight, 64, product, uint64_t{bits}),
                    Mask(bits)));
}

/// CF and OF say whether the product needs more than `bits`.
void X86Lifter::SetProductFlags(Operand product, uint8_t bits) {
  const Operand low =
      Wide(Compute(BinaryOp::kAnd, 64, product, Mask(bits)), bits);
  const Operand fits = Compute(BinaryOp::kEqual, 64, product, low);
  ForgetFlags();
  SetFlag(kCf, Not(fits));
  SetFlag(kOf, Not(fits));
}

/// EAX = EDX:EAX divided by the operand, EDX = what remains; or the same of 16
/// bits, or of 8, where the dividend is AX.
void X86Lifter::Divide() {
  const uint8_t bits = width(0);
  const bool with_sign = i_.op == X86Op::kIdiv;
  const Operand divisor = Wide(Read(0), bits);
  const Operand low = ReadRegister({kEax.id, 0, bits});
  const Operand high = ReadRegister(bits == 8 ? X86Register{kEax.id, 8, 8}
                                              : X86Register{kEdx.id, 0, bits});
  const Place shifted = Compute(BinaryOp::kShiftLeft, 64, high, uint64_t{bits});
  const Operand dividend = Wide(Compute(BinaryOp::kOr, 64, shifted, low),
                                static_cast<uint8_t>(2 * bits));
  const Place quotient =
      Compute(with_sign ? BinaryOp::kDivideSigned : BinaryOp::kDivideUnsigned,
              64, dividend, divisor);
  const Place rest = Compute(
      with_sign ? BinaryOp::kRemainderSigned : BinaryOp::kRemainderUnsigned, 64,
      dividend, divisor);
  ForgetFlags();
  WritePair(Compute(BinaryOp::kAnd, 64, quotient, Mask(bits)),
            Compute(BinaryOp::kAnd, 64, rest, Mask(bits)));
}

void X86Lifter::Multiply() {
  if (i_.visible_count < 2) {
    MultiplyWide();
    return;
  }
  const size_t first = i_.visible_count == 3 ? 1 : 0;
  const Operand a = Read(first);
  const Operand b = Read(first + 1);
  const Place result = Compute(BinaryOp::kMul, width(0), a, b);
  const uint8_t bits = width(0);
  SetProductFlags(Compute(BinaryOp::kMul, 64, Wide(a, bits), Wide(b, bits)),
                  bits);
  Write(0, result);
}

bool X86Lifter::LiftArithmetic() {
  switch (i_.op) {
    case X86Op::kAdd:
      AddOrSub(BinaryOp::kAdd, true);
      return true;
    case X86Op::kSub:
      AddOrSub(BinaryOp::kSub, true);
      return true;
    case X86Op::kCmp:
      AddOrSub(BinaryOp::kSub, false);
      return true;
    case X86Op::kAdc:
      AddOrSubCarry(BinaryOp::kAdd);
      return true;
    case X86Op::kSbb:
      AddOrSubCarry(BinaryOp::kSub);
      return true;
    case X86Op::kInc:
      IncOrDec(BinaryOp::kAdd);
      return true;
    case X86Op::kDec:
      IncOrDec(BinaryOp::kSub);
      return true;
    case X86Op::kNeg:
      Negate();
      return true;
    case X86Op::kMul:
      MultiplyWide();
      return true;
    case X86Op::kImul:
      Multiply();
      return true;
    case X86Op::kDiv:
    case X86Op::kIdiv:
      Divide();
      return true;
    default:
      return false;
  }
}

bool X86Lifter::LiftLogic() {
  switch (i_.op) {
    case X86Op::kAnd:
      Logic(BinaryOp::kAnd, true);
      return true;
    case X86Op::kTest:
      Logic(BinaryOp::kAnd, false);
      return true;
    case X86Op::kOr:
      Logic(BinaryOp::kOr, true);
      return true;
    case X86Op::kXor:
      Logic(BinaryOp::kXor, true);
      return true;
    case X86Op::kNot:
      Write(0, Compute(BinaryOp::kXor, width(0), Read(0), Mask(width(0))));
      return true;
    default:
      return false;
  }
}

bool X86Lifter::LiftConditional() {
  if (i_.op != X86Op::kSetcc && i_.op != X86Op::kCmovcc) return false;
  const Operand condition = Condition();
  if (i_.op == X86Op::kSetcc) {
    Write(0, condition);
    return true;
  }
  const Operand yes = Read(1);
  const Operand no = Read(0);
  const Place chosen = NewTemporary();
  Emit(Choose{chosen, condition, yes, no});
  Write(0, chosen);
  return true;
}

void X86Lifter::ExchangeAdd() {
  const Place old = NewTemporary();
  Emit(Assign{old, Read(0)});
  const Operand addend = Read(1);
  const Place sum = Compute(BinaryOp::kAdd, width(0), old, addend);
  SetAddFlags(width(0), old, addend, sum);
  // In memory the destination goes first, since its address may rest on the
  // source register; in registers it goes last and wins (SDM, XADD).
  const bool in_memory = operand(0).kind == Kind::kMemory;
  if (in_memory) Write(0, sum);
  Write(1, old);
  if (!in_memory) Write(0, sum);
}

void X86Lifter::CompareExchange() {
  const uint8_t bits = width(0);
  const X86Register accumulator{kEax.id, 0, bits};
  const Place old = NewTemporary();
  Emit(Assign{old, Read(0)});
  const Place expected = NewTemporary();
  Emit(Assign{expected, ReadRegister(accumulator)});
  const Place difference = Compute(BinaryOp::kSub, bits, expected, old);
  SetSubFlags(bits, expected, old, difference);
  const Operand wanted = Read(1);
  const Place stored = NewTemporary();
  Emit(Choose{stored, kZf, wanted, old});
  const Place left = NewTemporary();
  Emit(Choose{left, kZf, expected, old});
  // As with XADD: the address may rest on the accumulator. Where that is the
  // destination itself, what was stored stays.
  const bool in_memory = operand(0).kind == Kind::kMemory;
  if (in_memory) Write(0, stored);
  WriteRegister(accumulator, left);
  if (!in_memory) Write(0, stored);
}

/// EDX:EAX against eight bytes of memory. Of the flags only ZF changes.
void X86Lifter::CompareExchangeWide() {
  const Operand low_at = Address(operand(0));
  const Place high_at = Compute(BinaryOp::kAdd, 32, low_at, 4u);
  const Place low = NewTemporary();
  const Place high = NewTemporary();
  Emit(Load{4, low, low_at});
  Emit(Load{4, high, high_at});
  const Place low_is = Compute(BinaryOp::kEqual, 32, low, kEax);
  const Place high_is = Compute(BinaryOp::kEqual, 32, high, kEdx);
  Emit(Binary{BinaryOp::kAnd, 1, kZf, low_is, high_is});
  const Place new_low = NewTemporary();
  const Place new_high = NewTemporary();
  Emit(Choose{new_low, kZf, kEbx, low});
  Emit(Choose{new_high, kZf, kEcx, high});
  Emit(Store{4, low_at, Operand{new_low}});
  Emit(Store{4, high_at, Operand{new_high}});
  Emit(Choose{kEax, kZf, kEax, low});
  Emit(Choose{kEdx, kZf, kEdx, high});
}

bool X86Lifter::LiftAtomic() {
  if (i_.op == X86Op::kCmpxchg8b) {
    CompareExchangeWide();
    return true;
  }
  if (i_.op == X86Op::kXadd) {
    ExchangeAdd();
    return true;
  }
  if (i_.op == X86Op::kCmpxchg) {
    CompareExchange();
    return true;
  }
  return false;
}

}  // namespace detachfix
