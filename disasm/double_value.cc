// SPDX-License-Identifier: Apache-2.0
#include "disasm/double_value.h"

#include <bit>
#include <cmath>

namespace detachfix {
namespace {

/// A double that is a number; which of the others comes is up to the machine.
Value NumberOf(double result) {
  if (std::isnan(result)) return UnknownValue();
  return ConstantValue(std::bit_cast<uint64_t>(result));
}

/// Whether a binary32 has the number too, far from its limits: no precision or
/// range that the x87 can be set to changes it.
bool IsSingle(double number) {
  constexpr double kLarge = 0x1p100;
  const double size = std::fabs(number);
  return number == 0 ||
         (size <= kLarge && size >= 1 / kLarge &&
          static_cast<double>(static_cast<float>(number)) == number);
}

/// a + b. The error of a sum is a double (Knuth, TAOCP volume 2, 4.2.2).
Value ExactSum(double a, double b) {
  const double sum = a + b;
  const double of_b = sum - a;
  const double error = (a - (sum - of_b)) + (b - of_b);
  if (!IsSingle(sum) || error != 0) return UnknownValue();
  // How it is rounded decides the sign of 0, but where both have it.
  if (sum == 0 && std::signbit(a) != std::signbit(b)) return UnknownValue();
  return NumberOf(sum);
}

/// `result`, of an operation of which `error` is what fma leaves.
Value ExactOr(double result, double error) {
  return IsSingle(result) && error == 0 ? NumberOf(result) : UnknownValue();
}

/// a * b. Below every double a product is 0, and so is its error.
Value ExactProduct(double a, double b) {
  const double product = a * b;
  if (product == 0 && a != 0 && b != 0) return UnknownValue();
  return ExactOr(product, std::fma(a, b, -product));
}

Value ToSingle(double number) {
  const float single = static_cast<float>(number);
  if (static_cast<double>(single) != number) return UnknownValue();
  return ConstantValue(std::bit_cast<uint32_t>(single));
}

/// A normal number of the x87 (SDM volume 1, 4.2.2), or zero, without the
/// digits that a double lacks.
Value FromExtended(uint64_t significand, uint64_t head) {
  constexpr uint64_t kIntegerBit = uint64_t{1} << 63;
  constexpr uint64_t kSign = 0x8000;
  constexpr uint64_t kBiasBeyond = 16383 - 1023;
  constexpr uint64_t kLargestExponent = 2046;
  const uint64_t sign = (head & kSign) << 48;
  const uint64_t exponent = head & ~kSign;
  if (significand == 0 && exponent == 0) return ConstantValue(sign);
  const bool is_normal = (significand & kIntegerBit) != 0 &&
                         exponent > kBiasBeyond &&
                         exponent <= kBiasBeyond + kLargestExponent;
  if (!is_normal) return UnknownValue();
  return ConstantValue(sign | (exponent - kBiasBeyond) << 52 |
                       (significand & ~kIntegerBit) >> 11);
}

}  // namespace

Value EvaluateDoubles(BinaryOp op, uint64_t left, uint64_t right) {
  const double a = std::bit_cast<double>(left);
  const double b = std::bit_cast<double>(right);
  switch (op) {
    case BinaryOp::kFloatAdd:
      return NumberOf(a + b);
    case BinaryOp::kFloatSub:
      return NumberOf(a - b);
    case BinaryOp::kFloatMul:
      return NumberOf(a * b);
    case BinaryOp::kFloatDivide:
      return NumberOf(a / b);
    case BinaryOp::kFloatAddExact:
      return ExactSum(a, b);
    case BinaryOp::kFloatSubExact:
      return ExactSum(a, -b);
    case BinaryOp::kFloatMulExact:
      return ExactProduct(a, b);
    case BinaryOp::kFloatDivideExact:
      return ExactOr(a / b, std::fma(a / b, b, -a));
    case BinaryOp::kFloatFromSingle:
      return NumberOf(std::bit_cast<float>(static_cast<uint32_t>(left)));
    case BinaryOp::kFloatToSingle:
      return ToSingle(a);
    case BinaryOp::kFloatRound: {
      if (std::isnan(a)) return UnknownValue();
      const float single = static_cast<float>(a);
      return ConstantValue(std::bit_cast<uint32_t>(single));
    }
    case BinaryOp::kFloatRoot:
      return NumberOf(std::sqrt(a));
    case BinaryOp::kFloatWhole:
      return std::trunc(a) == a ? NumberOf(a) : UnknownValue();
    case BinaryOp::kFloatFromExtended:
      return FromExtended(left, right);
    case BinaryOp::kFloatFromSigned:
      return NumberOf(static_cast<double>(static_cast<int64_t>(left)));
    case BinaryOp::kFloatToSigned: {
      constexpr double kBeyond = 2147483648.0;  // 2^31
      const double whole = std::trunc(a);
      const bool fits = whole >= -kBeyond && whole < kBeyond;
      return ConstantValue(
          fits ? static_cast<uint32_t>(static_cast<int32_t>(whole))
               : 0x80000000);
    }
    case BinaryOp::kFloatEqual:
      return ConstantValue(a == b ? 1 : 0);
    case BinaryOp::kFloatLess:
      return ConstantValue(a < b ? 1 : 0);
    case BinaryOp::kFloatUnordered:
      return ConstantValue(std::isunordered(a, b) ? 1 : 0);
    default:
      return UnknownValue();
  }
}

}  // namespace detachfix
