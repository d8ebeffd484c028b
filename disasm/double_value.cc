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
