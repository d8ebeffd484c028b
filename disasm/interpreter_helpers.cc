// SPDX-License-Identifier: Apache-2.0
// Functions that compilers call instead of writing their code out: numbers of
// 64 bits on a machine of 32, room on the stack, the frame of a function with
// an exception handler. They keep no calling convention but their own (Wine,
// dlls/ntdll/large_int.c and signal_i386.c, dlls/msvcrt/except_i386.c; libgcc,
// "Integer library routines").

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

/// What a helper leaves; what is not known is left out.
struct LongResult {
  std::optional<uint64_t> number;
  std::optional<uint64_t> rest;  ///< beside a quotient
};

std::optional<uint64_t> LongOf(const Value& low, const Value& high) {
  if (!low.IsConstant() || !high.IsConstant()) return std::nullopt;
  return (high.bits << 32) | (low.bits & LowBits(32));
}

Value HalfOf(const std::optional<uint64_t>& number, int shift) {
  if (!number) return UnknownValue();
  return ConstantValue((*number >> shift) & LowBits(32));
}

/// Whether it takes its operands as signed numbers.
bool IsSigned(ApiEffect effect) {
  return effect == ApiEffect::kDivideLong ||
         effect == ApiEffect::kRemainderLong ||
         effect == ApiEffect::kDivideBothLong;
}

/// Quotient and remainder; nothing of a division by zero, which does not
/// return. A signed quotient is rounded to zero, and the remainder has the
/// dividend's sign.
LongResult Divide(uint64_t a, uint64_t b, bool is_signed) {
  if (b == 0) return {};
  const bool a_negative = is_signed && a >> 63 != 0;
  const bool b_negative = is_signed && b >> 63 != 0;
  const uint64_t dividend = a_negative ? 0 - a : a;
  const uint64_t divisor = b_negative ? 0 - b : b;
  const uint64_t quotient = dividend / divisor;
  const uint64_t rest = dividend % divisor;
  return {a_negative != b_negative ? 0 - quotient : quotient,
          a_negative ? 0 - rest : rest};
}

/// The bits go out where `count` is 64 or more; of a signed one its sign is
/// left.
uint64_t Shift(ApiEffect effect, uint64_t number, uint64_t count) {
  const bool is_negative =
      effect == ApiEffect::kShiftRightLong && number >> 63 != 0;
  const uint64_t filled = is_negative ? ~uint64_t{0} : 0;
  if (count >= 64) return filled;
  if (count == 0) return number;
  if (effect == ApiEffect::kShiftLeftLong) return number << count;
  return (number >> count) | (filled << (64 - count));
}

/// Of the arguments `a` and `b`.
LongResult Calculate(ApiEffect effect, uint64_t a, uint64_t b) {
  if (effect == ApiEffect::kMultiplyLong) return {a * b, std::nullopt};
  const LongResult divided = Divide(a, b, IsSigned(effect));
  switch (effect) {
    case ApiEffect::kRemainderLong:
    case ApiEffect::kRemainderUnsignedLong:
      return {divided.rest, std::nullopt};
    default:
      return divided;
  }
}

}  // namespace

/// Nothing where the function is no helper.
std::optional<Interpreter::Step> Interpreter::CallHelper(
    State& state, const ImportName& import, const Api& api) {
  if (!isa_.convention().helper_places) return std::nullopt;
  switch (api.effect) {
    case ApiEffect::kMultiplyLong:
    case ApiEffect::kDivideLong:
    case ApiEffect::kDivideUnsignedLong:
    case ApiEffect::kRemainderLong:
    case ApiEffect::kRemainderUnsignedLong:
    case ApiEffect::kDivideBothLong:
    case ApiEffect::kDivideBothUnsignedLong:
    case ApiEffect::kShiftLeftLong:
    case ApiEffect::kShiftRightLong:
    case ApiEffect::kShiftRightUnsignedLong:
      return CalculateLong(state, api);
    case ApiEffect::kMakeStackRoom:
      return MakeStackRoom(state);
    case ApiEffect::kEnterFrame:
      return EnterFrame(state);
    case ApiEffect::kUnwinds:
      Incomplete("calls " + ToText(import) +
                 ", which runs code that only tables name, at " + Site());
      return Step::kPathEnds;
    default:
      return std::nullopt;
  }
}

Interpreter::Step Interpreter::CalculateLong(State& state, const Api& api) {
  const CallingConvention& convention = isa_.convention();
  const CallingConvention::HelperPlaces& places = *convention.helper_places;
  LongResult result;
  if (api.effect == ApiEffect::kShiftLeftLong ||
      api.effect == ApiEffect::kShiftRightLong ||
      api.effect == ApiEffect::kShiftRightUnsignedLong) {
    const auto number =
        LongOf(state.at(convention.result), state.at(places.high));
    const Value count = Evaluate(BinaryOp::kAnd, 32, state.at(places.count),
                                 ConstantValue(0xff));
    if (number && count.IsConstant()) {
      result.number = Shift(api.effect, *number, count.bits);
    }
  } else {
    const auto a = LongOf(Argument(state, 0), Argument(state, 1));
    const auto b = LongOf(Argument(state, 2), Argument(state, 3));
    if (a && b) result = Calculate(api.effect, *a, *b);
  }
  ForgetScratch(state);
  state.at(convention.result) =
      result.number ? HalfOf(result.number, 0) : Fresh(state);
  state.at(places.high) = HalfOf(result.number, 32);
  const Step step = ReturnFromImport(state, api);
  // Not before: what the caller shall find again is restored on the way.
  if (step == Step::kInstructionDone &&
      (api.effect == ApiEffect::kDivideBothLong ||
       api.effect == ApiEffect::kDivideBothUnsignedLong)) {
    state.at(places.rest) = HalfOf(result.rest, 0);
    state.at(places.rest_high) = HalfOf(result.rest, 32);
  }
  return step;
}

/// The return address is all that the new room begins with, until the helper
/// has returned. It keeps the registers that arguments may come in, and no
/// flags.
Interpreter::Step Interpreter::MakeStackRoom(State& state) {
  const CallingConvention& convention = isa_.convention();
  Value& stack = state.at(convention.stack_pointer);
  const std::optional<MemoryAddress> top = AddressOf(stack);
  if (!top) {
    Incomplete("the stack pointer is not known at " + Site());
    return Step::kPathEnds;
  }
  const Value target = state.memory.Load(*top, convention.word_size);
  const Value size = state.at(convention.result);
  stack =
      Evaluate(BinaryOp::kAdd, 32, stack, ConstantValue(convention.word_size));
  stack = Evaluate(BinaryOp::kSub, 32, stack, size);
  const Value high = state.at(convention.helper_places->high);
  ForgetScratch(state);  // but what ForgetScratch leaves for an import to read
  state.at(convention.helper_places->high) = high;
  return GoBack(state, target);
}

/// `push -1; push eax; push fs:[0]; mov fs:[0], esp`, after which the frame
/// pointer of the caller stands where the return address was.
Interpreter::Step Interpreter::EnterFrame(State& state) {
  const CallingConvention& convention = isa_.convention();
  Value& frame = state.at(convention.helper_places->frame_pointer);
  const Value stack = state.at(convention.stack_pointer);
  const std::optional<MemoryAddress> top = AddressOf(stack);
  const std::optional<MemoryAddress> chain =
      AddressOf(state.at(*convention.thread_block));
  if (!top || !chain) {
    Incomplete("the stack pointer is not known at " + Site());
    return Step::kPathEnds;
  }
  const auto below = [&](int words) {
    return MemoryAddress{top->region,
                         top->offset - int64_t{words} * convention.word_size};
  };
  constexpr int kRegistration = 3;  // words of the handler's registration
  const Value target = state.memory.Load(*top, 4);
  StoreAt(state, below(0), 4, frame);
  StoreAt(state, below(1), 4, ConstantValue(LowBits(32)));
  StoreAt(state, below(2), 4, state.at(convention.result));
  StoreAt(state, below(kRegistration), 4, state.memory.Load(*chain, 4));
  frame = stack;
  state.at(convention.stack_pointer) =
      Evaluate(BinaryOp::kSub, 32, stack,
               ConstantValue(kRegistration * uint64_t{convention.word_size}));
  StoreAt(state, *chain, 4, state.at(convention.stack_pointer));
  state.at(convention.result) = UnknownValue();
  return GoBack(state, target);
}

}  // namespace detachfix
