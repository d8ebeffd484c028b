// SPDX-License-Identifier: Apache-2.0
// What one ordinary process answers about languages (process.h), and the
// strings that the image has in one.

#include <algorithm>

#include "disasm/interpreter_limits.h"
#include "disasm/process/answers.h"
#include "disasm/process/process.h"
#include "disasm/resource_strings.h"

namespace detachfix {
namespace {

constexpr uint32_t kInsufficientBuffer = 122;  // winerror.h

/// Whether argument 0 names the user's locale, which NULL does too.
bool IsLocale(const ProcessCall& call, const Answer& answer) {
  const Value name = call.Argument(0);
  if (name.IsConstant(0)) return true;
  const std::optional<std::string> text = call.TextAt(name, 2);
  return text && LowerCase(*text) == LowerCase(std::string(answer.text));
}

/// The locale's name and its NUL, which counts; 0 where argument `room` says
/// that there is too little.
std::optional<Value> FillWithName(const ProcessCall& call, const Answer& answer,
                                  size_t room) {
  const std::optional<Value> length =
      call.FillBuffer(answer.text, 2, answer.text_at, room);
  if (!length) return std::nullopt;
  if (length->bits == answer.text.size()) {
    return ConstantValue(answer.text.size() + 1);
  }
  call.state.last_error = kInsufficientBuffer;
  return ConstantValue(0);
}

}  // namespace

/// GetLocaleInfo, of the user's and the system's locale by any of its numbers.
std::optional<Value> TellLocale(const ProcessCall& call, const Answer& answer) {
  const Value locale = call.Argument(0);
  const Value type = call.Argument(1);
  if (!locale.IsConstant() || !IsOwnLocale(locale.bits) || !type.IsConstant()) {
    return std::nullopt;
  }
  const std::optional<std::string_view> text =
      LocaleText(static_cast<uint32_t>(type.bits));
  if (!text) return std::nullopt;
  const Value room = call.Argument(3);
  if (!room.IsConstant(0) &&
      (!room.IsConstant() || room.bits <= text->size())) {
    return std::nullopt;
  }
  if (room.bits != 0 && !call.FillBuffer(*text, answer.number, 2, 3)) {
    return std::nullopt;
  }
  return ConstantValue(text->size() + 1);
}

/// setlocale(category, name): what "" stands for is the user's to say, and
/// other names may not be there.
std::optional<Value> SetLocale(const ProcessCall& call, const Answer& answer) {
  const Value pointer = call.Argument(1);
  const bool asks = pointer.IsConstant(0);
  if (!asks && call.TextAt(pointer, 1) != "C") {
    call.process.NoteLocale();
    return std::nullopt;
  }
  if (asks &&
      (call.process.has_locale() || call.process.HasCalled("_wsetlocale"))) {
    return std::nullopt;
  }
  return OwnMemory(call, answer);
}

/// Where there is no room, the function fails and says how much it takes.
std::optional<Value> FillSized(const ProcessCall& call, const Answer& answer) {
  const Value buffer = call.Argument(answer.text_at);
  const Value size = call.Argument(answer.number);
  const std::optional<MemoryAddress> size_at = AddressOf(size);
  if (!size_at) return std::nullopt;
  const Value room = call.Load(*size_at, 4);
  const bool asks = buffer.IsConstant(0) && answer.may_ask;
  if (!asks && !room.IsConstant()) return std::nullopt;
  const bool fits = !asks && room.bits >= answer.text.size();
  const std::optional<MemoryAddress> to = AddressOf(buffer);
  if (fits && !to) return std::nullopt;
  call.ForgetIfInImage(size);
  if (fits) {
    call.ForgetIfInImage(buffer);
    call.WriteText(*to, answer.text, answer.width);
  }
  call.StoreAt(*size_at, 4, ConstantValue(answer.text.size()));
  if (!fits && !asks) call.state.last_error = kInsufficientBuffer;
  return ConstantValue(fits || asks ? 1 : 0);
}

/// LoadString(module, id, buffer, room), of the image's own strings.
std::optional<Value> LoadOwnString(const ProcessCall& call,
                                   const Answer& answer) {
  const uint32_t width = answer.number;
  constexpr char16_t kAscii = 0x7f;
  const Value id = call.Argument(1);
  const Value room = call.Argument(3);
  const std::optional<MemoryAddress> to = call.Pointed(2);
  if (!call.Argument(0).IsConstant(call.view().image_base) ||
      !id.IsConstant() || id.bits > 0xffff || !to || !room.IsConstant() ||
      room.bits == 0) {
    return std::nullopt;
  }
  size_t looked = 0;
  const std::optional<std::u16string> text = StringResource(
      call.view(), static_cast<uint16_t>(id.bits), room.bits - 1, looked);
  call.Count(looked / kCharactersPerStep);
  if (!text) return std::nullopt;
  if (width == 1 &&
      std::ranges::any_of(*text, [](char16_t c) { return c > kAscii; })) {
    return std::nullopt;
  }
  call.ForgetIfInImage(call.Argument(2));
  call.Count(text->size());
  MemoryAddress at = *to;
  for (const char16_t character : *text + u'\0') {
    call.StoreAt(at, width, ConstantValue(character));
    at.offset += width;
  }
  return ConstantValue(text->size());
}

/// GetSystemMetrics, of what an English system is not.
std::optional<Value> IsEastern(const ProcessCall& call, const Answer&) {
  const Value metric = call.Argument(0);
  constexpr uint64_t kDbcsEnabled = 42, kMidEastEnabled = 74;  // winuser.h
  if (!metric.IsConstant(kDbcsEnabled) && !metric.IsConstant(kMidEastEnabled)) {
    return std::nullopt;
  }
  return ConstantValue(0);
}

std::optional<Value> OfOwnLocale(const ProcessCall& call,
                                 const Answer& answer) {
  const Value locale = call.Argument(0);
  if (!locale.IsConstant() || !IsOwnLocale(locale.bits)) return std::nullopt;
  return ConstantValue(answer.number);
}

std::optional<Value> LocaleNumber(const ProcessCall& call,
                                  const Answer& answer) {
  if (!IsLocale(call, answer)) return std::nullopt;
  return ConstantValue(answer.number);
}

/// LCIDToLocaleName(locale, buffer, room, flags); who has no room at all asks
/// for how much it takes.
std::optional<Value> TellLocaleName(const ProcessCall& call,
                                    const Answer& answer) {
  if (!call.Argument(0).IsConstant(answer.number)) return std::nullopt;
  if (call.Argument(2).IsConstant(0)) {
    return ConstantValue(answer.text.size() + 1);
  }
  return FillWithName(call, answer, 2);
}

/// GetUserDefaultLocaleName(buffer, room), which cannot be asked (MSDN).
std::optional<Value> TellOwnLocaleName(const ProcessCall& call,
                                       const Answer& answer) {
  if (call.Argument(1).IsConstant(0)) return std::nullopt;
  return FillWithName(call, answer, 1);
}

}  // namespace detachfix
