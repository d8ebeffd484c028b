// SPDX-License-Identifier: Apache-2.0
// Functions of the C runtime that return a double. (Visual C++'s hash tables
// ask for ceil to find how many buckets they need.)

#include <bit>
#include <cmath>

#include "disasm/interpreter.h"

namespace detachfix {

/// ceil and floor, which give the same whatever precision is set: of a number
/// that is finite, unless a zero's sign would come from rounding.
void Interpreter::RoundDouble(State& state, ApiEffect effect) {
  const CallingConvention& convention = isa_.convention();
  state.at(convention.result) = UnknownValue();
  const Value low = Argument(state, 0);
  const Value high = Argument(state, 1);
  if (!convention.double_result || !convention.wide_registers ||
      !low.IsConstant() || !high.IsConstant()) {
    return;
  }
  const double number =
      std::bit_cast<double>((high.bits << 32) | (low.bits & LowBits(32)));
  const double rounded =
      effect == ApiEffect::kRoundUp ? std::ceil(number) : std::floor(number);
  const std::optional<MemoryAddress> registers =
      AddressOf(state.at(*convention.wide_registers));
  if (!registers || !std::isfinite(number) || (rounded == 0 && number != 0)) {
    return;
  }
  const auto put = [&](int64_t offset, uint64_t word) {
    state.memory.Store({registers->region, registers->offset + offset}, 4,
                       ConstantValue(word));
  };
  const auto bits = std::bit_cast<uint64_t>(rounded);
  put(convention.double_result->low, bits & LowBits(32));
  put(convention.double_result->high, bits >> 32);
  put(convention.double_result->form, convention.double_result->is_double);
}

}  // namespace detachfix
