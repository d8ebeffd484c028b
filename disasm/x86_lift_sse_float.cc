// SPDX-License-Identifier: Apache-2.0
// SSE with fractions, of 32 and of 64 bits: what start-up code of C++ and Rust
// computes the sizes of its tables with. All are computed as doubles; a sum,
// difference, product, quotient or root of singles that is rounded to a double
// first is, rounded to a single, the right one (S. Figueroa, "When is double
// rounding innocuous?", 1995). The way to round is taken to be the usual one.
#include "disasm/x86_lifter.h"

namespace detachfix {

/// Lane `n` of those in `words`, as a double.
Operand X86Lifter::LaneAsDouble(const Words& words, size_t n) {
  if (i_.lane == 32) {
    return Compute(BinaryOp::kFloatFromSingle, 64, words[n], 0u);
  }
  return Compute(BinaryOp::kOr, 64, words[2 * n],
                 Compute(BinaryOp::kShiftLeft, 64, words[2 * n + 1], 32u));
}

/// Puts a double into lane `n` of `width` bits.
void X86Lifter::PutLane(uint8_t width, size_t n, Operand value, Words& words) {
  if (width == 32) {
    words[n] = Compute(BinaryOp::kFloatRound, 64, value, 0u);
    return;
  }
  words[2 * n] = Compute(BinaryOp::kAnd, 64, value, Mask(32));
  words[2 * n + 1] = Compute(BinaryOp::kShiftRight, 64, value, 32u);
}

/// Writes to each lane of operand 0 what `make` makes of it and that of operand
/// 1.
template <typename Make>
void X86Lifter::EachFraction(Make make) {
  const uint8_t count = static_cast<uint8_t>(i_.lanes * i_.lane / 32);
  const Words a = ReadVector(0, count);
  const Words b = ReadVector(1, count);
  Words words = Zeros();
  for (size_t n = 0; n < i_.lanes; ++n) {
    PutLane(i_.lane, n, make(LaneAsDouble(a, n), LaneAsDouble(b, n)), words);
  }
  WriteVector(0, words, count);
}

/// From lanes of one width to those of the other. Above them are zeros, but
/// above a single one what was there.
void X86Lifter::ConvertFractions() {
  const uint8_t width = i_.lane == 32 ? 64 : 32;
  const Words from =
      ReadVector(1, static_cast<uint8_t>(i_.lanes * i_.lane / 32));
  Words words = Zeros();
  for (size_t n = 0; n < i_.lanes; ++n) {
    PutLane(width, n, LaneAsDouble(from, n), words);
  }
  WriteVector(0, words,
              i_.lanes == 1 ? static_cast<uint8_t>(width / 32) : kVectorWords);
}

/// From numbers with a sign, of 32 bits each.
void X86Lifter::ConvertFromSigned() {
  const Words from = ReadVector(1, i_.lanes);
  Words words = Zeros();
  for (size_t n = 0; n < i_.lanes; ++n) {
    const Place number = NewTemporary();
    Emit(SignExtend{32, 64, number, from[n]});
    const Place fraction = Compute(BinaryOp::kFloatFromSigned, 64, number, 0u);
    PutLane(i_.lane, n, fraction, words);
  }
  WriteVector(
      0, words,
      i_.lanes == 1 ? static_cast<uint8_t>(i_.lane / 32) : kVectorWords);
}

/// To such numbers, towards 0.
void X86Lifter::Truncate() {
  const Words from =
      ReadVector(1, static_cast<uint8_t>(i_.lanes * i_.lane / 32));
  Words words = Zeros();
  for (size_t n = 0; n < i_.lanes; ++n) {
    words[n] = Compute(BinaryOp::kFloatToSigned, 64, LaneAsDouble(from, n), 0u);
  }
  WriteVector(0, words, kVectorWords);
}

/// comiss and its like. All three flags are set where one is not a number (SDM,
/// UCOMISD).
void X86Lifter::CompareFractions() {
  const uint8_t count = static_cast<uint8_t>(i_.lane / 32);
  const Operand a = LaneAsDouble(ReadVector(0, count), 0);
  const Operand b = LaneAsDouble(ReadVector(1, count), 0);
  const Place none = Compute(BinaryOp::kFloatUnordered, 64, a, b);
  const Place less = Compute(BinaryOp::kFloatLess, 64, a, b);
  const Place equal = Compute(BinaryOp::kFloatEqual, 64, a, b);
  Emit(Binary{BinaryOp::kOr, 1, kZf, equal, none});
  Emit(Binary{BinaryOp::kOr, 1, kCf, less, none});
  SetFlag(kParity, Not(none));
  SetFlag(kOf, 0u);
  SetFlag(kSf, 0u);
}

/// Whether one of the eight predicates holds (SDM, CMPSD): equal, less, less or
/// equal, one is no number, and the opposites of these.
Operand X86Lifter::HoldsOf(uint32_t predicate, Operand a, Operand b) {
  constexpr uint32_t kOpposite = 4;
  const auto holds = [&]() -> Place {
    switch (predicate % kOpposite) {
      case 0:
        return Compute(BinaryOp::kFloatEqual, 64, a, b);
      case 1:
        return Compute(BinaryOp::kFloatLess, 64, a, b);
      case 2:
        return Compute(BinaryOp::kOr, 1,
                       Compute(BinaryOp::kFloatLess, 64, a, b),
                       Compute(BinaryOp::kFloatEqual, 64, a, b));
      default:
        return Compute(BinaryOp::kFloatUnordered, 64, a, b);
    }
  };
  const Place held = holds();
  return predicate < kOpposite ? Operand{held} : Operand{Not(held)};
}

/// All bits of a lane, or none.
void X86Lifter::MaskFractions() {
  constexpr uint32_t kPredicates = 8;
  const uint32_t predicate =
      static_cast<uint32_t>(operand(2).number) % kPredicates;
  const uint8_t each = static_cast<uint8_t>(i_.lane / 32);
  const uint8_t count = static_cast<uint8_t>(i_.lanes * each);
  const Words a = ReadVector(0, count);
  const Words b = ReadVector(1, count);
  Words words = Zeros();
  for (size_t n = 0; n < i_.lanes; ++n) {
    const Operand holds =
        HoldsOf(predicate, LaneAsDouble(a, n), LaneAsDouble(b, n));
    const Operand mask = Compute(BinaryOp::kSub, 32, uint64_t{0}, holds);
    for (size_t word = 0; word < each; ++word) words[each * n + word] = mask;
  }
  WriteVector(0, words, count);
}

bool X86Lifter::LiftFractions() {
  const auto combine = [this](BinaryOp op) {
    EachFraction([&](Operand a, Operand b) { return Compute(op, 64, a, b); });
    return true;
  };
  // Operand 1 where they are equal, or one is not a number (SDM, MINSD).
  const auto choose = [this](bool smaller) {
    EachFraction([&](Operand a, Operand b) {
      const Place first = smaller ? Compute(BinaryOp::kFloatLess, 64, a, b)
                                  : Compute(BinaryOp::kFloatLess, 64, b, a);
      return ChooseOf(first, a, b);
    });
    return true;
  };
  switch (i_.op) {
    case X86Op::kAddFractions:
      return combine(BinaryOp::kFloatAdd);
    case X86Op::kSubFractions:
      return combine(BinaryOp::kFloatSub);
    case X86Op::kMulFractions:
      return combine(BinaryOp::kFloatMul);
    case X86Op::kDivFractions:
      return combine(BinaryOp::kFloatDivide);
    case X86Op::kRootOfFractions:
      EachFraction([this](Operand, Operand b) {
        return Compute(BinaryOp::kFloatRoot, 64, b, 0u);
      });
      return true;
    case X86Op::kMinFractions:
    case X86Op::kMaxFractions:
      return choose(i_.op == X86Op::kMinFractions);
    case X86Op::kConvertFractions:
      ConvertFractions();
      return true;
    case X86Op::kConvertFromSigned:
      ConvertFromSigned();
      return true;
    case X86Op::kTruncateFractions:
      Truncate();
      return true;
    case X86Op::kCompareFractions:
      CompareFractions();
      return true;
    case X86Op::kMaskFractions:
      MaskFractions();
      return true;
    default:
      return false;
  }
}

}  // namespace detachfix
