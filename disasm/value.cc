// SPDX-License-Identifier: Apache-2.0
#include "disasm/value.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "disasm/double_value.h"
#include "disasm/value_bits.h"

namespace detachfix {
namespace {

int64_t Signed(uint64_t bits, unsigned width) {
  if (width >= 64) return static_cast<int64_t>(bits);
  const uint64_t sign = uint64_t{1} << (width - 1);
  return static_cast<int64_t>((bits & LowBits(width)) ^ sign) -
         static_cast<int64_t>(sign);
}

/// The quotient or the remainder of a division. Of one that raises an exception
/// (SDM, DIV and IDIV) it means nothing.
uint64_t Divide(BinaryOp op, unsigned width, uint64_t a, uint64_t b) {
  if (b == 0) return 0;
  const bool is_signed =
      op == BinaryOp::kDivideSigned || op == BinaryOp::kRemainderSigned;
  if (!is_signed) return op == BinaryOp::kDivideUnsigned ? a / b : a % b;
  const int64_t dividend = Signed(a, width);
  const int64_t divisor = Signed(b, width);
  if (divisor == -1) {  // the least number has no negative
    return op == BinaryOp::kDivideSigned ? 0 - a : 0;
  }
  return static_cast<uint64_t>(
      op == BinaryOp::kDivideSigned ? dividend / divisor : dividend % divisor);
}

uint64_t Fold(BinaryOp op, uint8_t width, uint64_t a, uint64_t b) {
  const uint64_t mask = LowBits(width);
  a &= mask;
  b &= mask;
  switch (op) {
    case BinaryOp::kAdd:
      return (a + b) & mask;
    case BinaryOp::kSub:
      return (a - b) & mask;
    case BinaryOp::kMul:
      return (a * b) & mask;
    case BinaryOp::kDivideUnsigned:
    case BinaryOp::kDivideSigned:
    case BinaryOp::kRemainderUnsigned:
    case BinaryOp::kRemainderSigned:
      return Divide(op, width, a, b) & mask;
    case BinaryOp::kAnd:
      return a & b;
    case BinaryOp::kOr:
      return a | b;
    case BinaryOp::kXor:
      return a ^ b;
    case BinaryOp::kShiftLeft:
      return b >= width ? 0 : (a << b) & mask;
    case BinaryOp::kShiftRight:
      return b >= width ? 0 : a >> b;
    case BinaryOp::kShiftRightSigned: {
      const uint64_t count = b >= width ? width - 1u : b;
      return static_cast<uint64_t>(Signed(a, width) >> count) & mask;
    }
    case BinaryOp::kRotateRight:
      return RotateRight(a, b, width);
    case BinaryOp::kTrailingZeros:
      return a == 0 ? b : static_cast<uint64_t>(std::countr_zero(a));
    case BinaryOp::kLeadingZeros:
      return a == 0 ? b
                    : static_cast<uint64_t>(std::countl_zero(a)) - (64 - width);
    case BinaryOp::kEqual:
      return a == b ? 1 : 0;
    case BinaryOp::kLessUnsigned:
      return a < b ? 1 : 0;
    case BinaryOp::kLessSigned:
      return Signed(a, width) < Signed(b, width) ? 1 : 0;
    default:
      return 0;  // of doubles: double_value.h
  }
}

/// Bits of a symbol: both machines hold addresses of 32 bits.
constexpr uint8_t kWord = 32;

uint64_t SignExtendWord(uint64_t bits) {
  return static_cast<uint64_t>(Signed(bits, kWord));
}

/// How far from a block or from the stack pointer an address is believed to be
/// one: code does not compute others.
constexpr int32_t kMaxObjectSize = 1 << 28;
/// No object lies in the first 64 KiB (Windows SDK, /BASE).
constexpr int32_t kLowestAddress = 0x10000;

bool IsInObject(const Value& value) {
  const int32_t offset = static_cast<int32_t>(value.bits);
  return value.IsSymbolic() &&
         (IsBlock(value.symbol) || value.symbol == kStackSymbol) &&
         offset < kMaxObjectSize && offset > -kMaxObjectSize;
}

/// Whether the value is the address of a byte of a block, or near to it: then
/// it is not 0 even where the block may be NULL.
bool IsPastBlock(const Value& value) {
  const int32_t offset = static_cast<int32_t>(value.bits);
  return IsInObject(value) && IsBlock(value.symbol) && offset != 0 &&
         offset > -kLowestAddress;
}

/// a < b for two addresses in one object, which does not wrap: the distance
/// decides. In front of a block that may be NULL lies the end of the address
/// space.
Value CompareAddresses(const Value& a, const Value& b) {
  if (!IsInObject(a) || !IsInObject(b) || a.symbol != b.symbol) {
    return UnknownValue();
  }
  const int32_t of_a = static_cast<int32_t>(a.bits);
  const int32_t of_b = static_cast<int32_t>(b.bits);
  const int32_t lowest = std::min(of_a, of_b);
  const bool is_there = a.nonzero || b.nonzero || a.symbol == kStackSymbol;
  if (lowest < 0 && !is_there) return UnknownValue();
  if (lowest <= -kLowestAddress && IsBlock(a.symbol)) return UnknownValue();
  return ConstantValue(of_a < of_b ? 1 : 0);
}

/// symbol == constant. A full-width comparison only: a part of a symbol is not
/// the symbol.
Value CompareSymbol(const Value& symbolic, uint64_t constant, uint8_t width) {
  if (constant == 0 && symbolic.IsNonzero()) return ConstantValue(0);
  if (width > kWord) {
    // With 64 bits the sum equals the constant exactly when its low word does,
    // unless one of them is outside the range of a sign-extended word.
    const uint64_t base = constant - SignExtendWord(symbolic.bits);
    if (SignExtendWord(constant) != constant || SignExtendWord(base) != base) {
      return UnknownValue();
    }
  }
  // An import is code of another image: above the first 64 KiB, which none
  // reaches into, and below the last.
  const bool is_address =
      constant >= kLowestAddress && constant < LowBits(kWord) - kLowestAddress;
  if (symbolic.symbol == kImportSymbol && !is_address) return ConstantValue(0);
  // Nor is one that was hidden by a random number any that code knows, but for
  // one chance in 2^32.
  if (symbolic.symbol >= kFirstHiddenSymbol &&
      symbolic.symbol < kFirstFreshSymbol) {
    return ConstantValue(0);
  }
  Value condition;
  condition.kind = Value::Kind::kCondition;
  condition.symbol = symbolic.symbol;
  condition.bits = (constant - symbolic.bits) & LowBits(kWord);
  if (IsBlock(symbolic.symbol) && condition.bits != 0) return ConstantValue(0);
  if (IsThreadIndex(symbolic.symbol) && condition.bits > kMaxThreadIndex) {
    return ConstantValue(0);
  }
  return condition;
}

Value Negate(Value condition) {
  condition.negated = !condition.negated;
  return condition;
}

/// Whether both are addresses of functions of other DLLs, by different slots:
/// one function may have two, or be another one's forwarder.
bool AreTwoImports(const Value& a, const Value& b) {
  return a.IsSymbolic() && b.IsSymbolic() && a.symbol == kImportSymbol &&
         b.symbol == kImportSymbol && a.bits != b.bits;
}

Value CompareEqual(uint8_t width, const Value& a, const Value& b) {
  if (a.kind == Value::Kind::kCondition && b.IsConstant()) {
    const uint64_t bits = b.bits & LowBits(width);
    if (bits == 1) return a;
    if (bits == 0) return Negate(a);
    return ConstantValue(0);
  }
  if (width < kWord || AreTwoImports(a, b)) return UnknownValue();
  if (a.IsSymbolic() && b.IsSymbolic() && a.symbol == b.symbol) {
    return ConstantValue(((a.bits - b.bits) & LowBits(kWord)) == 0 ? 1 : 0);
  }
  if (a.IsSymbolic() && b.IsConstant()) {
    return CompareSymbol(a, b.bits & LowBits(width), width);
  }
  return UnknownValue();
}

/// Whether nothing says of the symbol that it is an address.
bool IsNumber(Symbol symbol) {
  return symbol >= kFirstRegisterSymbol && !IsBlock(symbol) &&
         (symbol < kFirstHiddenSymbol || symbol >= kFirstFreshSymbol);
}

/// Whether the bits that are known leave nothing that may be an address.
bool IsBelowImages(const Value& value) {
  return value.kind == Value::Kind::kPartial &&
         (value.bits | (~value.known & LowBits(kWord))) < kLowestImage;
}

/// symbol - symbol, symbol + constant and the like, on full words.
Value AddSymbolic(BinaryOp op, uint8_t width, const Value& a, const Value& b) {
  Value sum = a;
  sum.nonzero = false;
  if (b.IsConstant()) {
    // A number that is no sign-extended word takes the sum out of their range.
    const uint64_t added = b.bits & LowBits(width);
    if (width > kWord && SignExtendWord(added) != added) return UnknownValue();
    // A number that is not known, as an index into an array of the image's.
    sum.from_image |= IsNumber(a.symbol) && b.MayBeInImage();
    sum.bits = (op == BinaryOp::kAdd ? a.bits + b.bits : a.bits - b.bits) &
               LowBits(kWord);
    sum.nonzero = a.nonzero && ((b.bits & LowBits(width)) == 0 ||
                                (IsBlock(a.symbol) && IsInObject(sum)));
    return sum;
  }
  if (op == BinaryOp::kSub && b.IsSymbolic() && a.symbol == b.symbol &&
      !AreTwoImports(a, b)) {
    return ConstantValue(SignExtendWord(a.bits - b.bits) & LowBits(width));
  }
  return UnknownValue();
}

/// The stack is aligned by clearing low bits: `and esp, -16`. The entry's stack
/// pointer counts as aligned to a page: where a frame really starts decides
/// only which of its bytes stay unused.
Value AlignStack(const Value& a, uint64_t mask, uint8_t width) {
  constexpr uint64_t kPageMask = 0xfff;
  const uint64_t cleared = ~mask & LowBits(width);
  if (a.symbol != kStackSymbol || cleared > kPageMask ||
      !std::has_single_bit(cleared + 1)) {
    return UnknownValue();
  }
  Value aligned = a;
  aligned.bits &= mask;
  return aligned;
}

/// `symbol & mask` on full words: an address of the stack aligned, or how far
/// from alignment it is.
Value AndSymbolic(const Value& a, uint64_t mask, uint8_t width) {
  constexpr uint64_t kStackAlignment = 16;
  if (a.symbol == kStackSymbol && mask < kStackAlignment) {
    return ConstantValue(a.bits & mask);
  }
  return AlignStack(a, mask, width);
}

/// What does not need both operands: x & 0, x | ~0, x * 0, x ^ 1 of a bit.
Value EvaluateWithConstant(BinaryOp op, uint8_t width, const Value& a,
                           uint64_t b) {
  const uint64_t mask = LowBits(width);
  b &= mask;
  const bool is_bit = a.kind == Value::Kind::kCondition;
  const bool whole = is_bit || (width >= kWord && !a.IsUnknown());
  switch (op) {
    case BinaryOp::kAnd:
      if (b == 0) return ConstantValue(0);
      if (whole && b == mask) return a;
      if (is_bit) return (b & 1) != 0 ? a : ConstantValue(0);
      if (a.IsSymbolic() && width >= kWord) return AndSymbolic(a, b, width);
      return UnknownValue();
    case BinaryOp::kOr:
      if (b == mask) return ConstantValue(mask);
      if (whole && b == 0) return a;
      return UnknownValue();
    case BinaryOp::kMul:
      if (b == 0) return ConstantValue(0);
      if (whole && b == 1) return a;
      return UnknownValue();
    case BinaryOp::kXor:
      if (whole && b == 0) return a;
      if (is_bit && b == 1) return Negate(a);
      return UnknownValue();
    case BinaryOp::kShiftLeft:
    case BinaryOp::kShiftRight:
    case BinaryOp::kShiftRightSigned:
      if (whole && b == 0) return a;
      return UnknownValue();
    case BinaryOp::kRotateRight:
      if (whole && b % width == 0) return a;
      return UnknownValue();
    case BinaryOp::kLessUnsigned:
      // Nothing is below 0; below 1 is only 0.
      if (b == 0) return ConstantValue(0);
      if (b == 1) return CompareEqual(width, a, ConstantValue(0));
      return UnknownValue();
    case BinaryOp::kLessSigned:
      // A bit is never negative.
      if (is_bit && b == 0 && width > 1) return ConstantValue(0);
      return UnknownValue();
    default:
      return UnknownValue();
  }
}

bool Commutes(BinaryOp op) {
  return op == BinaryOp::kAdd || op == BinaryOp::kMul || op == BinaryOp::kAnd ||
         op == BinaryOp::kOr || op == BinaryOp::kXor || op == BinaryOp::kEqual;
}

}  // namespace

bool Value::IsNonzero() const {
  if (IsConstant() || kind == Kind::kPartial) return bits != 0;
  if (!IsSymbolic()) return false;
  return nonzero || IsPastBlock(*this) || symbol == kStackSymbol ||
         symbol == kImportSymbol || symbol == kReturnSymbol;
}

namespace {

/// What follows from symbols, conditions and neutral elements.
Value EvaluateWhole(BinaryOp op, uint8_t width, const Value& left,
                    const Value& right) {
  const KnownBits known_left = KnownBitsOf(left);
  const KnownBits known_right = KnownBitsOf(right);
  if ((known_left.known & known_right.known & LowBits(width)) ==
      LowBits(width)) {
    return ConstantValue(Fold(op, width, known_left.bits, known_right.bits));
  }
  const bool swap = Commutes(op) && left.IsConstant();
  const Value& a = swap ? right : left;
  const Value& b = swap ? left : right;
  if (op == BinaryOp::kLessUnsigned && a.IsConstant(0)) {
    // 0 < b means that b is not 0 (`neg` and `sbb` chains).
    const Value zero = CompareEqual(width, b, ConstantValue(0));
    return Evaluate(BinaryOp::kXor, 1, zero, ConstantValue(1));
  }
  // 0 is less than a bit where that is set.
  if (op == BinaryOp::kLessSigned && a.IsConstant(0) && width > 1 &&
      b.kind == Value::Kind::kCondition) {
    return b;
  }
  if (op == BinaryOp::kXor && a.IsSymbolic() && a == b && width >= kWord) {
    return ConstantValue(0);
  }
  if (op == BinaryOp::kEqual) return CompareEqual(width, a, b);
  if (op == BinaryOp::kLessUnsigned && width >= kWord) {
    const Value less = CompareAddresses(a, b);
    if (!less.IsUnknown()) return less;
  }
  if ((op == BinaryOp::kAdd || op == BinaryOp::kSub) && a.IsSymbolic() &&
      width >= kWord) {
    return AddSymbolic(op, width, a, b);
  }
  if ((op == BinaryOp::kAdd || op == BinaryOp::kSub) && b.IsConstant(0) &&
      a.kind == Value::Kind::kCondition) {
    return a;
  }
  if ((op == BinaryOp::kAnd || op == BinaryOp::kOr) && a == b &&
      !a.IsUnknown() && width >= kWord) {
    return a;
  }
  if (b.IsConstant()) {
    return EvaluateWithConstant(op, width, a, b.bits);
  }
  return UnknownValue();
}

}  // namespace

Value Evaluate(BinaryOp op, uint8_t width, const Value& left,
               const Value& right) {
  if (IsOfDoubles(op)) {
    const bool known = left.IsConstant() && right.IsConstant();
    return known ? EvaluateDoubles(op, left.bits, right.bits) : UnknownValue();
  }
  const Value whole = EvaluateWhole(op, width, left, right);
  if (!whole.IsUnknown()) return whole;
  Value result = EvaluateBits(op, width, left, right);
  if (!result.IsConstant() && width >= kWord && !IsComparison(op) &&
      !IsBelowImages(result)) {
    // The right operand of `and` is a mask where it is a number; a product and
    // what is shifted or turned is an address only where it was one before.
    const bool is_sum = op == BinaryOp::kAdd || op == BinaryOp::kOr;
    const bool may_be_right = is_sum || (!right.IsConstant() && Commutes(op));
    const bool may_be_left = is_sum || op == BinaryOp::kSub ||
                             op == BinaryOp::kAnd || !left.IsConstant();
    result.from_image = (may_be_left && left.MayBeInImage()) ||
                        (may_be_right && right.MayBeInImage());
    MoveNear(left, result);
    if (may_be_right) MoveNear(right, result);
  }
  return result;
}

Value EvaluateLanes(BinaryOp op, uint8_t width, uint8_t lane, const Value& a,
                    const Value& b) {
  if (!a.IsConstant() || !b.IsConstant()) {
    Value result = UnknownValue();
    result.from_image = a.MayBeInImage() || b.MayBeInImage();
    MoveNear(a, result);
    MoveNear(b, result);
    return result;
  }
  const uint64_t ones = LowBits(lane);
  uint64_t result = 0;
  for (unsigned at = 0; at < width; at += lane) {
    const uint64_t part = Fold(op, lane, a.bits >> at, b.bits >> at);
    const uint64_t whole = IsComparison(op) && part != 0 ? ones : part;
    result |= whole << at;
  }
  return ConstantValue(result);
}

bool Value::MayBeInImage() const {
  if (IsConstant()) {
    const uint64_t address = bits & LowBits(32);
    return address >= kLowestImage && address < 0xffff0000;
  }
  return from_image;
}

Value EvaluateSignExtend(uint8_t from, uint8_t to, const Value& value) {
  const KnownBits known = KnownBitsOf(value);
  if ((known.known & LowBits(from)) == LowBits(from)) {
    return ConstantValue(static_cast<uint64_t>(Signed(known.bits, from)) &
                         LowBits(to));
  }
  // A bit has no sign in anything wider than a bit.
  if (value.kind == Value::Kind::kCondition && from > 1) return value;
  // What the entry's caller left in a register may be wider than a word.
  const bool is_word =
      value.IsSymbolic() && (value.symbol < kFirstRegisterSymbol ||
                             value.symbol >= kFirstHiddenSymbol);
  if (is_word && from == kWord) return value;
  // The address of an element of an array, say.
  return from == kWord ? Blurred(value) : UnknownValue();
}

Truth TruthOf(const Value& value) {
  if (value.IsConstant()) {
    return value.bits != 0 ? Truth::kTrue : Truth::kFalse;
  }
  return value.IsNonzero() ? Truth::kTrue : Truth::kOpen;
}

}  // namespace detachfix
