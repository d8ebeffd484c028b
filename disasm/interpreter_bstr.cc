// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about strings of Automation: wide characters
// behind their length in bytes, with a NUL that does not count (BSTR, MSDN).

#include "disasm/interpreter.h"
#include "disasm/process.h"

namespace detachfix {
namespace {

constexpr uint32_t kWide = 2;
constexpr uint32_t kLengthSize = 4;

}  // namespace

/// A new string, of which each character may be unknown by itself.
Value Interpreter::NewBstr(State& state, const std::vector<Value>& characters) {
  const uint64_t size = characters.size() * kWide;
  const Value block =
      NewBlock(state, ConstantValue(kLengthSize + size + kWide));
  MemoryAddress at = AddressOf(block).value_or(MemoryAddress{});
  Count(characters.size());
  StoreAt(state, at, kLengthSize, ConstantValue(size));
  at.offset += kLengthSize;
  for (const Value& character : characters) {
    StoreAt(state, at, kWide, character);
    at.offset += kWide;
  }
  StoreAt(state, at, kWide, ConstantValue(0));
  return Evaluate(BinaryOp::kAdd, 32, block, ConstantValue(kLengthSize));
}

/// SysAllocString(text), which is not counted, or SysAllocStringLen(text,
/// length).
std::optional<Value> Interpreter::AllocateBstr(State& state, bool counted) {
  const Value source = Argument(state, 0);
  if (source.IsConstant(0) && !counted) return ConstantValue(0);
  std::vector<Value> characters;
  if (counted) {
    std::optional<std::vector<Value>> known = CharactersAt(state, 0, kWide);
    // No string is as long as -1 says, which is "all" to other functions.
    if (!known || known->size() != Argument(state, 1).bits) return std::nullopt;
    characters = std::move(*known);
  } else {
    const std::optional<std::string> text = TextAt(state, source, kWide);
    if (!text) return std::nullopt;
    for (const char c : *text) {
      characters.push_back(ConstantValue(static_cast<uint8_t>(c)));
    }
  }
  return NewBstr(state, characters);
}

/// SysStringLen and SysStringByteLen, by the bytes of what they count.
std::optional<Value> Interpreter::MeasureBstr(const State& state,
                                              uint32_t width) const {
  const Value bstr = Argument(state, 0);
  if (bstr.IsConstant(0)) return ConstantValue(0);
  std::optional<MemoryAddress> at = AddressOf(bstr);
  if (!at) return std::nullopt;
  at->offset -= kLengthSize;
  const Value size = state.memory.Load(*at, kLengthSize);
  if (!size.IsConstant()) return std::nullopt;
  return ConstantValue(size.bits / width);
}

/// VarBstrFromBool(value, locale, flags, string): English where no flag asks
/// for the locale's words.
std::optional<Value> Interpreter::WriteBoolBstr(State& state) {
  const Value value = Argument(state, 0);
  const std::optional<MemoryAddress> to = AddressOf(Argument(state, 3));
  if (!value.IsConstant() || !Argument(state, 2).IsConstant(0) || !to) {
    return std::nullopt;
  }
  std::vector<Value> characters;
  const bool is_true = (value.bits & LowBits(16)) != 0;
  for (const char c : std::string_view(is_true ? "True" : "False")) {
    characters.push_back(ConstantValue(static_cast<uint8_t>(c)));
  }
  ForgetIfInImage(state, Argument(state, 3));
  StoreAt(state, *to, 4, NewBstr(state, characters));
  return ConstantValue(0);
}

/// Whether the VARIANT at argument 0 holds a number, a string or nothing: to
/// clear an object runs its code.
bool Interpreter::HoldsNoObject(const State& state) const {
  const std::optional<MemoryAddress> variant = AddressOf(Argument(state, 0));
  if (!variant) return false;
  // VARENUM (wtypes.h); those left out hold or point to something else.
  constexpr uint64_t kBstr = 8, kError = 10, kBool = 11, kI1 = 16, kUint = 23;
  const Value type = state.memory.Load(*variant, 2);
  return type.IsConstant() &&
         (type.bits <= kBstr || type.bits == kError || type.bits == kBool ||
          (type.bits >= kI1 && type.bits <= kUint));
}

}  // namespace detachfix
