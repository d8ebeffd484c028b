// SPDX-License-Identifier: Apache-2.0
// What one ordinary process answers about languages (process.h), and the
// strings that the image has in one.

#include <algorithm>

#include "disasm/interpreter.h"
#include "disasm/interpreter_limits.h"
#include "disasm/process.h"
#include "disasm/resource_strings.h"

namespace detachfix {

/// Whether argument 0 names the user's locale, which NULL does too.
bool Interpreter::IsLocale(const State& state, const Answer& answer) const {
  const Value name = Argument(state, 0);
  if (name.IsConstant(0)) return true;
  const std::optional<std::string> text = TextAt(state, name, 2);
  return text && LowerCase(*text) == LowerCase(std::string(answer.text));
}

/// GetLocaleInfo, of the user's and the system's locale by any of its numbers.
std::optional<Value> Interpreter::TellLocale(State& state,
                                             const Answer& answer) {
  const Value locale = Argument(state, 0);
  const Value type = Argument(state, 1);
  if (!locale.IsConstant() || !IsOwnLocale(locale.bits) || !type.IsConstant()) {
    return std::nullopt;
  }
  const std::optional<std::string_view> text =
      LocaleText(static_cast<uint32_t>(type.bits));
  if (!text) return std::nullopt;
  const Value room = Argument(state, 3);
  if (!room.IsConstant(0) &&
      (!room.IsConstant() || room.bits <= text->size())) {
    return std::nullopt;
  }
  if (room.bits != 0 && !WritePath(state, *text, answer.number, 2, 3)) {
    return std::nullopt;
  }
  return ConstantValue(text->size() + 1);
}

/// Where there is no room, the function fails and says how much it takes.
std::optional<Value> Interpreter::FillSized(State& state,
                                            const Answer& answer) {
  constexpr uint32_t kInsufficientBuffer = 122;  // winerror.h
  const Value buffer = Argument(state, answer.text_at);
  const Value size = Argument(state, answer.number);
  const std::optional<MemoryAddress> size_at = AddressOf(size);
  if (!size_at) return std::nullopt;
  const Value room = state.memory.Load(*size_at, 4);
  const bool asks = buffer.IsConstant(0) && answer.may_ask;
  if (!asks && !room.IsConstant()) return std::nullopt;
  const bool fits = !asks && room.bits >= answer.text.size();
  const std::optional<MemoryAddress> to = AddressOf(buffer);
  if (fits && !to) return std::nullopt;
  ForgetIfInImage(state, size);
  if (fits) {
    ForgetIfInImage(state, buffer);
    WriteText(state, *to, answer.text, answer.width);
  }
  StoreAt(state, *size_at, 4, ConstantValue(answer.text.size()));
  if (!fits && !asks) state.last_error = kInsufficientBuffer;
  return ConstantValue(fits || asks ? 1 : 0);
}

/// LoadString(module, id, buffer, room), of the image's own strings.
std::optional<Value> Interpreter::LoadOwnString(State& state, uint32_t width) {
  constexpr char16_t kAscii = 0x7f;
  const Value id = Argument(state, 1);
  const Value room = Argument(state, 3);
  const std::optional<MemoryAddress> to = AddressOf(Argument(state, 2));
  if (!Argument(state, 0).IsConstant(view_.image_base) || !id.IsConstant() ||
      id.bits > 0xffff || !to || !room.IsConstant() || room.bits == 0) {
    return std::nullopt;
  }
  size_t looked = 0;
  const std::optional<std::u16string> text = StringResource(
      view_, static_cast<uint16_t>(id.bits), room.bits - 1, looked);
  Count(looked / kCharactersPerStep);
  if (!text) return std::nullopt;
  if (width == 1 &&
      std::ranges::any_of(*text, [](char16_t c) { return c > kAscii; })) {
    return std::nullopt;
  }
  ForgetIfInImage(state, Argument(state, 2));
  Count(text->size());
  MemoryAddress at = *to;
  for (const char16_t character : *text + u'\0') {
    StoreAt(state, at, width, ConstantValue(character));
    at.offset += width;
  }
  return ConstantValue(text->size());
}

/// GetSystemMetrics, of what an English system is not.
std::optional<Value> Interpreter::IsEastern(const Value& metric) {
  constexpr uint64_t kDbcsEnabled = 42, kMidEastEnabled = 74;  // winuser.h
  if (!metric.IsConstant(kDbcsEnabled) && !metric.IsConstant(kMidEastEnabled)) {
    return std::nullopt;
  }
  return ConstantValue(0);
}

}  // namespace detachfix
