// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about strings of Automation: wide characters
// behind their length in bytes, with a NUL that does not count (BSTR, MSDN).

#include "disasm/process/answers.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

constexpr uint32_t kWide = 2;
constexpr uint32_t kLengthSize = 4;

/// A new string, of which each character may be unknown by itself.
Value NewBstr(const ProcessCall& call, const std::vector<Value>& characters) {
  const uint64_t size = characters.size() * kWide;
  const Value block = call.NewBlock(ConstantValue(kLengthSize + size + kWide));
  MemoryAddress at = AddressOf(block).value_or(MemoryAddress{});
  call.Count(characters.size());
  call.StoreAt(at, kLengthSize, ConstantValue(size));
  at.offset += kLengthSize;
  for (const Value& character : characters) {
    call.StoreAt(at, kWide, character);
    at.offset += kWide;
  }
  call.StoreAt(at, kWide, ConstantValue(0));
  return Evaluate(BinaryOp::kAdd, 32, block, ConstantValue(kLengthSize));
}

}  // namespace

/// SysAllocString(text), which is not counted, or SysAllocStringLen(text,
/// length).
std::optional<Value> AllocateBstr(const ProcessCall& call,
                                  const Answer& answer) {
  const bool counted = answer.counted;
  const Value source = call.Argument(0);
  if (source.IsConstant(0) && !counted) return ConstantValue(0);
  std::vector<Value> characters;
  if (counted) {
    std::optional<std::vector<Value>> known = call.CharactersAt(0, kWide);
    // No string is as long as -1 says, which is "all" to other functions.
    if (!known || known->size() != call.Argument(1).bits) return std::nullopt;
    characters = std::move(*known);
  } else {
    const std::optional<std::string> text = call.TextAt(source, kWide);
    if (!text) return std::nullopt;
    for (const char c : *text) {
      characters.push_back(ConstantValue(static_cast<uint8_t>(c)));
    }
  }
  return NewBstr(call, characters);
}

/// SysStringLen and SysStringByteLen, by the bytes of what they count.
std::optional<Value> MeasureBstr(const ProcessCall& call,
                                 const Answer& answer) {
  const Value bstr = call.Argument(0);
  if (bstr.IsConstant(0)) return ConstantValue(0);
  std::optional<MemoryAddress> at = AddressOf(bstr);
  if (!at) return std::nullopt;
  at->offset -= kLengthSize;
  const Value size = call.Load(*at, kLengthSize);
  if (!size.IsConstant()) return std::nullopt;
  return ConstantValue(size.bits / answer.number);
}

/// VarBstrFromBool(value, locale, flags, string): English where no flag asks
/// for the locale's words.
std::optional<Value> WriteBoolBstr(const ProcessCall& call, const Answer&) {
  const Value value = call.Argument(0);
  const std::optional<MemoryAddress> to = call.Pointed(3);
  if (!value.IsConstant() || !call.Argument(2).IsConstant(0) || !to) {
    return std::nullopt;
  }
  std::vector<Value> characters;
  const bool is_true = (value.bits & LowBits(16)) != 0;
  for (const char c : std::string_view(is_true ? "True" : "False")) {
    characters.push_back(ConstantValue(static_cast<uint8_t>(c)));
  }
  call.ForgetIfInImage(call.Argument(3));
  call.StoreAt(*to, 4, NewBstr(call, characters));
  return ConstantValue(0);
}

/// VariantClear(variant) of a number, a string or nothing: to clear an object
/// runs its code.
std::optional<Value> ClearVariant(const ProcessCall& call,
                                  const Answer& answer) {
  const std::optional<MemoryAddress> variant = call.Pointed(0);
  if (!variant) return std::nullopt;
  // VARENUM (wtypes.h); those left out hold or point to something else.
  constexpr uint64_t kBstr = 8, kError = 10, kBool = 11, kI1 = 16, kUint = 23;
  const Value type = call.Load(*variant, 2);
  const bool no_object =
      type.IsConstant() &&
      (type.bits <= kBstr || type.bits == kError || type.bits == kBool ||
       (type.bits >= kI1 && type.bits <= kUint));
  return no_object ? std::optional(ConstantValue(answer.number)) : std::nullopt;
}

}  // namespace detachfix
