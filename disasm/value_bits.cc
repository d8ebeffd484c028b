// SPDX-License-Identifier: Apache-2.0
#include "disasm/value_bits.h"

namespace detachfix {
namespace {

/// A value of `width` bits of which `known` are certain.
Value FromKnownBits(KnownBits k, uint8_t width) {
  return PartialValue(k.bits, k.known, width);
}

/// Whether every value that `a` may be is less, or none is.
Value CompareRanges(KnownBits a, KnownBits b, uint64_t mask) {
  const auto least = [mask](KnownBits k) { return k.bits & k.known & mask; };
  const auto most = [mask](KnownBits k) { return (k.bits | ~k.known) & mask; };
  if (most(a) < least(b)) return ConstantValue(1);
  if (least(a) >= most(b)) return ConstantValue(0);
  return UnknownValue();
}

}  // namespace

KnownBits KnownBitsOf(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kConstant:
      return {value.bits, ~uint64_t{0}};
    case Value::Kind::kPartial:
      return {value.bits, value.known};
    case Value::Kind::kCondition:
      return {0, ~uint64_t{1}};
    case Value::Kind::kSymbolic:
    case Value::Kind::kUnknown:
      break;
  }
  return {};
}

uint64_t RotateRight(uint64_t bits, uint64_t count, unsigned width) {
  bits &= LowBits(width);
  count %= width;
  if (count == 0) return bits;
  return ((bits >> count) | (bits << (width - count))) & LowBits(width);
}

Value EvaluateBits(BinaryOp op, uint8_t width, const Value& left,
                   const Value& right) {
  const KnownBits a = KnownBitsOf(left);
  const KnownBits b = KnownBitsOf(right);
  const uint64_t mask = LowBits(width);
  const bool count_known = right.IsConstant() && (right.bits & mask) < width;
  const uint64_t count = right.bits & mask;
  switch (op) {
    case BinaryOp::kAnd: {
      const uint64_t zeros = (a.known & ~a.bits) | (b.known & ~b.bits);
      return FromKnownBits({a.bits & b.bits, zeros | (a.known & b.known)},
                           width);
    }
    case BinaryOp::kOr: {
      const uint64_t ones = (a.known & a.bits) | (b.known & b.bits);
      return FromKnownBits({ones, ones | (a.known & b.known)}, width);
    }
    case BinaryOp::kXor:
      return FromKnownBits({a.bits ^ b.bits, a.known & b.known}, width);
    case BinaryOp::kShiftLeft:
      if (!count_known) break;
      return FromKnownBits(
          {a.bits << count, (a.known << count) | LowBits(unsigned(count))},
          width);
    case BinaryOp::kShiftRight:
      if (!count_known) break;
      return FromKnownBits({(a.bits & mask) >> count,
                            ((a.known & mask) >> count) | ~(mask >> count)},
                           width);
    case BinaryOp::kRotateRight:
      if (!right.IsConstant()) break;
      return FromKnownBits({RotateRight(a.bits, b.bits, width),
                            RotateRight(a.known, b.bits, width)},
                           width);
    case BinaryOp::kEqual:
      if (((a.bits ^ b.bits) & a.known & b.known & mask) != 0) {
        return ConstantValue(0);
      }
      break;
    case BinaryOp::kLessUnsigned:
      return CompareRanges(a, b, mask);
    case BinaryOp::kLessSigned: {
      const uint64_t sign = mask ^ (mask >> 1);
      return CompareRanges({a.bits ^ sign, a.known}, {b.bits ^ sign, b.known},
                           mask);
    }
    default:
      break;
  }
  return UnknownValue();
}

Value PartialValue(uint64_t bits, uint64_t known, uint8_t width) {
  const uint64_t mask = LowBits(width);
  if ((known & mask) == mask) return ConstantValue(bits & mask);
  if ((known & mask) == 0) return UnknownValue();
  Value value;
  value.kind = Value::Kind::kPartial;
  value.known = known | ~mask;
  value.bits = bits & known & mask;
  return value;
}

}  // namespace detachfix
