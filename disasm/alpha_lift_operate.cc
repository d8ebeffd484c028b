// SPDX-License-Identifier: Apache-2.0
// The operate instructions; alpha_lift.cc says what is odd about the machine.
#include "disasm/alpha_lifter.h"

namespace detachfix {
namespace {

/// The eight bytes that a mask of eight bits stands for.
uint64_t BytesOf(uint8_t mask) {
  uint64_t bytes = 0;
  for (int i = 0; i < 8; ++i) {
    if (((mask >> i) & 1) != 0) bytes |= uint64_t{0xff} << (8 * i);
  }
  return bytes;
}

/// Bit i of byte i.
constexpr uint64_t kDiagonal = 0x8040201008040201;
constexpr uint64_t kEachByte = 0x0101010101010101;

}  // namespace

/// Rc = Ra * scale op Rb, on `width` bits.
void AlphaLifter::Add(BinaryOp op, uint8_t width, uint64_t scale) {
  Operand a = First();
  if (scale != 1) a = Compute(BinaryOp::kMul, width, a, scale);
  const Place result = Compute(op, width, a, Second());
  Write(i_.rc(), width == kLong ? ExtendLong(result) : result);
}

bool AlphaLifter::LiftArithmetic() {
  switch (i_.op) {
    case AlphaOp::kAddl:
      Add(BinaryOp::kAdd, kLong, 1);
      return true;
    case AlphaOp::kS4addl:
      Add(BinaryOp::kAdd, kLong, 4);
      return true;
    case AlphaOp::kS8addl:
      Add(BinaryOp::kAdd, kLong, 8);
      return true;
    case AlphaOp::kSubl:
      Add(BinaryOp::kSub, kLong, 1);
      return true;
    case AlphaOp::kS4subl:
      Add(BinaryOp::kSub, kLong, 4);
      return true;
    case AlphaOp::kS8subl:
      Add(BinaryOp::kSub, kLong, 8);
      return true;
    case AlphaOp::kAddq:
      Add(BinaryOp::kAdd, kQuad, 1);
      return true;
    case AlphaOp::kS4addq:
      Add(BinaryOp::kAdd, kQuad, 4);
      return true;
    case AlphaOp::kS8addq:
      Add(BinaryOp::kAdd, kQuad, 8);
      return true;
    case AlphaOp::kSubq:
      Add(BinaryOp::kSub, kQuad, 1);
      return true;
    case AlphaOp::kS4subq:
      Add(BinaryOp::kSub, kQuad, 4);
      return true;
    case AlphaOp::kS8subq:
      Add(BinaryOp::kSub, kQuad, 8);
      return true;
    case AlphaOp::kMull:
      Add(BinaryOp::kMul, kLong, 1);
      return true;
    case AlphaOp::kMulq:
      Add(BinaryOp::kMul, kQuad, 1);
      return true;
    case AlphaOp::kUmulh:
      Write(i_.rc(), HighProduct());
      return true;
    default:
      return LiftComparison();
  }
}

/// The upper half of Ra * Rb, from the products of their halves.
Place AlphaLifter::HighProduct() {
  const auto low = [&](Operand a) {
    return Compute(BinaryOp::kAnd, kQuad, a, uint64_t{0xffffffff});
  };
  const auto high = [&](Operand a) {
    return Compute(BinaryOp::kShiftRight, kQuad, a, uint64_t{32});
  };
  const auto product = [&](Operand a, Operand b) {
    return Compute(BinaryOp::kMul, kQuad, a, b);
  };
  const auto sum = [&](Operand a, Operand b) {
    return Compute(BinaryOp::kAdd, kQuad, a, b);
  };
  const Operand a = First();
  const Operand b = Second();
  const Place lowest = product(low(a), low(b));
  const Place middle = sum(product(high(a), low(b)), high(lowest));
  const Place other = sum(product(low(a), high(b)), low(middle));
  return sum(sum(product(high(a), high(b)), high(middle)), high(other));
}

/// Ones in each byte of which that of `a` is less.
Place AlphaLifter::LessBytes(Operand a, Operand b) {
  const Place t = NewTemporary();
  Emit(Binary{BinaryOp::kLessUnsigned, kQuad, t, a, b, 8});
  return t;
}

bool AlphaLifter::LiftComparison() {
  const Operand a = First();
  const Operand b = Second();
  switch (i_.op) {
    case AlphaOp::kCmpeq:
      Write(i_.rc(), Compute(BinaryOp::kEqual, kQuad, a, b));
      return true;
    case AlphaOp::kCmplt:
      Write(i_.rc(), Compute(BinaryOp::kLessSigned, kQuad, a, b));
      return true;
    case AlphaOp::kCmple:
      Write(i_.rc(), Not(Compute(BinaryOp::kLessSigned, kQuad, b, a)));
      return true;
    case AlphaOp::kCmpult:
      Write(i_.rc(), Compute(BinaryOp::kLessUnsigned, kQuad, a, b));
      return true;
    case AlphaOp::kCmpule:
      Write(i_.rc(), Not(Compute(BinaryOp::kLessUnsigned, kQuad, b, a)));
      return true;
    case AlphaOp::kCmpbge: {
      const Place not_less =
          Compute(BinaryOp::kXor, kQuad, LessBytes(a, b), ~uint64_t{0});
      const Place bits = Compute(BinaryOp::kAnd, kQuad, not_less, kDiagonal);
      const Place all = Compute(BinaryOp::kMul, kQuad, bits, kEachByte);
      Write(i_.rc(), Compute(BinaryOp::kShiftRight, kQuad, all, uint64_t{56}));
      return true;
    }
    default:
      return false;
  }
}

void AlphaLifter::Logic(BinaryOp op, Operand b) {
  Write(i_.rc(), Compute(op, kQuad, First(), b));
}

bool AlphaLifter::LiftLogic() {
  const auto inverted = [&] {
    return Compute(BinaryOp::kXor, kQuad, Second(), ~uint64_t{0});
  };
  switch (i_.op) {
    case AlphaOp::kAnd:
      Logic(BinaryOp::kAnd, Second());
      return true;
    case AlphaOp::kBic:
      Logic(BinaryOp::kAnd, inverted());
      return true;
    case AlphaOp::kBis:
      if (i_.ra() == kZeroRegister || IsSameRegister()) {
        Write(i_.rc(), Second());  // a move, of whatever it is
      } else {
        Logic(BinaryOp::kOr, Second());
      }
      return true;
    case AlphaOp::kOrnot:
      Logic(BinaryOp::kOr, inverted());
      return true;
    case AlphaOp::kXor:
      if (IsSameRegister()) {
        Write(i_.rc(), uint64_t{0});
      } else {
        Logic(BinaryOp::kXor, Second());
      }
      return true;
    case AlphaOp::kEqv:
      Logic(BinaryOp::kXor, inverted());
      return true;
    case AlphaOp::kSextb:
    case AlphaOp::kSextw: {
      const uint8_t from = i_.op == AlphaOp::kSextb ? 8 : 16;
      const Place result = NewTemporary();
      Emit(SignExtend{from, kQuad, result, Read(i_.rb())});
      Write(i_.rc(), result);
      return true;
    }
    default:
      return false;
  }
}

bool AlphaLifter::LiftConditionalMove() {
  const auto move_if = [&](Place condition) {
    const Place chosen = NewTemporary();
    Emit(Choose{chosen, condition, Second(), Read(i_.rc())});
    Write(i_.rc(), chosen);
    return true;
  };
  switch (i_.op) {
    case AlphaOp::kCmoveq:
      return move_if(Holds(Test::kZero));
    case AlphaOp::kCmovne:
      return move_if(Not(Holds(Test::kZero)));
    case AlphaOp::kCmovlt:
      return move_if(Holds(Test::kNegative));
    case AlphaOp::kCmovge:
      return move_if(Not(Holds(Test::kNegative)));
    case AlphaOp::kCmovgt:
      return move_if(Holds(Test::kPositive));
    case AlphaOp::kCmovle:
      return move_if(Not(Holds(Test::kPositive)));
    case AlphaOp::kCmovlbc:
      return move_if(Holds(Test::kEven));
    case AlphaOp::kCmovlbs:
      return move_if(Not(Holds(Test::kEven)));
    default:
      return false;
  }
}

bool AlphaLifter::LiftShift() {
  BinaryOp op;
  switch (i_.op) {
    case AlphaOp::kSll:
      op = BinaryOp::kShiftLeft;
      break;
    case AlphaOp::kSrl:
      op = BinaryOp::kShiftRight;
      break;
    case AlphaOp::kSra:
      op = BinaryOp::kShiftRightSigned;
      break;
    default:
      return false;
  }
  Logic(op, Compute(BinaryOp::kAnd, kQuad, Second(), uint64_t{63}));
  return true;
}

/// The bytes that the low bits of Rb stand for.
Place AlphaLifter::ZapMask() {
  const Place low = Compute(BinaryOp::kAnd, kQuad, Second(), uint64_t{0xff});
  const Place all = Compute(BinaryOp::kMul, kQuad, low, kEachByte);
  return LessBytes(uint64_t{0}, Compute(BinaryOp::kAnd, kQuad, all, kDiagonal));
}

/// ext, ins and msk: the low half works on the quadword with the first byte,
/// the high half on the next one. The mask of bytes is shifted out of range
/// where a quadword has none of them.
bool AlphaLifter::LiftBytes() {
  if (i_.op == AlphaOp::kZap || i_.op == AlphaOp::kZapnot) {
    Operand bytes =
        i_.has_literal() ? Operand{BytesOf(i_.literal())} : Operand{ZapMask()};
    if (i_.op == AlphaOp::kZap) {
      bytes = Compute(BinaryOp::kXor, kQuad, bytes, ~uint64_t{0});
    }
    Logic(BinaryOp::kAnd, bytes);
    return true;
  }
  const uint8_t count = i_.byte_count();
  const uint64_t bytes = BytesOf(static_cast<uint8_t>((1u << count) - 1));
  const auto up = [&] {
    return Compute(BinaryOp::kShiftLeft, kQuad,
                   Compute(BinaryOp::kAnd, kQuad, Second(), uint64_t{7}),
                   uint64_t{3});
  };
  const auto down = [&] {
    return Compute(BinaryOp::kSub, kQuad, uint64_t{64}, up());
  };
  const auto shifted = [&](BinaryOp op, Operand value, Operand by) {
    return Compute(op, kQuad, value, by);
  };
  const auto masked = [&](Operand value, Operand mask) {
    return Compute(BinaryOp::kAnd, kQuad, value, mask);
  };
  const auto inverted = [&](Operand mask) {
    return Compute(BinaryOp::kXor, kQuad, mask, ~uint64_t{0});
  };
  constexpr BinaryOp kLeft = BinaryOp::kShiftLeft;
  constexpr BinaryOp kRight = BinaryOp::kShiftRight;
  switch (i_.op) {
    case AlphaOp::kExtLow:
      Write(i_.rc(), masked(shifted(kRight, First(), up()), bytes));
      return true;
    case AlphaOp::kExtHigh:
      Write(
          i_.rc(),
          masked(shifted(kLeft, First(), masked(down(), uint64_t{63})), bytes));
      return true;
    case AlphaOp::kInsLow:
      Write(i_.rc(), shifted(kLeft, masked(First(), bytes), up()));
      return true;
    case AlphaOp::kInsHigh:
      Write(i_.rc(), shifted(kRight, masked(First(), bytes), down()));
      return true;
    case AlphaOp::kMskLow:
      Write(i_.rc(), masked(First(), inverted(shifted(kLeft, bytes, up()))));
      return true;
    case AlphaOp::kMskHigh:
      Write(i_.rc(), masked(First(), inverted(shifted(kRight, bytes, down()))));
      return true;
    default:
      return false;
  }
}

}  // namespace detachfix
