// SPDX-License-Identifier: Apache-2.0
#include "disasm/process/stack_place.h"

namespace detachfix {

Value PlacedStack(const Value& value) {
  if (!value.IsSymbolic() || value.symbol != kStackSymbol) return value;
  return ConstantValue((kStack + value.bits) & LowBits(32));
}

Value StackFromPlace(const Value& value) {
  const Value number = PlacedStack(value);
  if (!number.IsConstant()) return value;
  if (number.bits - kStackPlace >= kStackPlaceSize) return number;
  return SymbolicValue(kStackSymbol, (number.bits - kStack) & LowBits(32));
}

Value InPlace(const Binary& op, const Value& a, const Value& b,
              const Value& result) {
  const bool of_stack = result.HasSymbol() && result.symbol == kStackSymbol;
  if (result.IsSymbolic() && of_stack) return StackFromPlace(result);
  if (result.IsConstant() || (result.HasSymbol() && !of_stack)) return result;
  return StackFromPlace(
      Evaluate(op.op, op.width, PlacedStack(a), PlacedStack(b)));
}

}  // namespace detachfix
