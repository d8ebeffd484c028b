// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about text: its length, how two compare, and
// what becomes of it in another form. Where a character is not known, neither
// is the answer that rests on it.

#include <algorithm>

#include "disasm/interpreter_limits.h"
#include "disasm/process/answers.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

/// Characters that are compared and searched.
constexpr uint64_t kMaxCompared = 0x10000;
constexpr uint32_t kLowercase = 0x100;  // LCMAP_LOWERCASE (winnls.h)

/// LCMAP_SORTKEY (winnls.h): what is written then is no text.
constexpr uint64_t kSortKey = 0x400;

/// Whether characters are converted one by one and keep their numbers: those of
/// ASCII, and in the code pages that are taken for ISO 8859-1 the others.
bool IsPlainText(const Value& code_page, const std::vector<Value>& text) {
  const bool is_latin = std::ranges::any_of(
      std::initializer_list<uint64_t>{0, 1, 3, 1252, 20127, 28591},
      [&](uint64_t page) { return code_page.IsConstant(page); });
  return std::ranges::all_of(text, [&](const Value& character) {
    return character.IsConstant() &&
           character.bits <= (is_latin ? 0xffu : 0x7fu);
  });
}

/// Writes what `make` makes of each character to where `to` points, as numbers
/// of `width` bytes.
bool WriteEach(const ProcessCall& call, const std::vector<Value>& characters,
               const Value& to, uint32_t width,
               const std::function<uint32_t(uint32_t)>& make) {
  std::optional<MemoryAddress> address = AddressOf(to);
  if (!address) return false;
  call.Count(characters.size());
  call.ForgetIfInImage(to);
  for (const Value& character : characters) {
    const bool known = character.IsConstant() && character.bits <= 0xff;
    call.StoreAt(
        *address, width,
        known ? ConstantValue(make(static_cast<uint32_t>(character.bits)))
              : UnknownValue());
    address->offset += width;
  }
  return true;
}

/// MultiByteToWideChar and back: (code page, flags, from, length, to, room or
/// 0, ...). LCMapString: the same without the first one.
std::optional<Value> Convert(const ProcessCall& call, size_t flags_at,
                             uint32_t from_width, uint32_t to_width) {
  const std::optional<std::vector<Value>> text =
      call.CharactersAt(flags_at + 1, from_width);
  const Value flags = call.Argument(flags_at);
  const Value room = call.Argument(flags_at + 4);
  if (!text || !room.IsConstant() || !flags.IsConstant()) return std::nullopt;
  const bool maps = from_width == to_width;
  if (maps ? (flags.bits & kSortKey) != 0
           : !IsPlainText(call.Argument(0), *text)) {
    return std::nullopt;
  }
  const Value count = ConstantValue(text->size());
  if (room.bits == 0) return count;
  const uint32_t map_flags = maps ? static_cast<uint32_t>(flags.bits) : 0;
  const bool written =
      text->size() <= room.bits &&
      WriteEach(call, *text, call.Argument(flags_at + 3), to_width,
                [map_flags](uint32_t c) { return MapCharacter(c, map_flags); });
  if (!written) return std::nullopt;
  if (from_width > to_width) {
    // lpUsedDefaultChar: every character could be converted.
    const Value used = call.Argument(7);
    if (const std::optional<MemoryAddress> at = AddressOf(used)) {
      call.ForgetIfInImage(used);
      if (!used.IsConstant(0)) call.StoreAt(*at, 4, ConstantValue(0));
    }
  }
  return count;
}

/// GetStringType: (type, from, length, to), from argument `first` on.
std::optional<Value> WriteTypes(const ProcessCall& call, size_t first,
                                uint32_t width) {
  constexpr uint32_t kCType1 = 1;
  const std::optional<std::vector<Value>> text =
      call.CharactersAt(first + 1, width);
  if (!text || !call.Argument(first).IsConstant(kCType1) ||
      !WriteEach(call, *text, call.Argument(first + 3), 2, CharacterType)) {
    return std::nullopt;
  }
  return ConstantValue(1);
}

/// How many characters argument 2 allows, where the function counts; nothing
/// where that is not known.
std::optional<uint64_t> TextLimit(const ProcessCall& call,
                                  const Answer& answer) {
  if (!answer.counted) return kMaxCompared;
  const Value count = call.Argument(2);
  if (!count.IsConstant() || count.bits > kMaxCompared) return std::nullopt;
  return count.bits;
}

}  // namespace

/// strcmp and its like: below 0, 0 or above.
std::optional<Value> CompareTexts(const ProcessCall& call,
                                  const Answer& answer) {
  const std::optional<MemoryAddress> a = call.Pointed(0);
  const std::optional<MemoryAddress> b = call.Pointed(1);
  const std::optional<uint64_t> limit = TextLimit(call, answer);
  if (!a || !b || !limit) return std::nullopt;
  for (uint64_t i = 0; i < *limit; ++i) {
    std::optional<uint32_t> of_a = call.CharacterAt(*a, i, answer.number);
    std::optional<uint32_t> of_b = call.CharacterAt(*b, i, answer.number);
    if (!of_a || !of_b) return std::nullopt;
    if (answer.any_case) {
      of_a = MapCharacter(*of_a, kLowercase);
      of_b = MapCharacter(*of_b, kLowercase);
    }
    if (*of_a != *of_b) return ConstantValue(*of_a < *of_b ? 0xffffffff : 1);
    if (*of_a == 0 && answer.ends_at_zero) return ConstantValue(0);
  }
  // Texts that are longer than what is looked at are not decided.
  if (!answer.counted) return std::nullopt;
  return ConstantValue(0);
}

/// strchr, strrchr and memchr: where argument 1 stands, or NULL.
std::optional<Value> FindCharacter(const ProcessCall& call,
                                   const Answer& answer) {
  const Value text = call.Argument(0);
  const Value wanted = call.Argument(1);
  const std::optional<MemoryAddress> at = AddressOf(text);
  const std::optional<uint64_t> limit = TextLimit(call, answer);
  if (!at || !limit || !wanted.IsConstant()) return std::nullopt;
  const uint32_t character =
      static_cast<uint32_t>(wanted.bits & LowBits(8 * answer.number));
  Value found = ConstantValue(0);
  for (uint64_t i = 0; i < *limit; ++i) {
    const std::optional<uint32_t> here =
        call.CharacterAt(*at, i, answer.number);
    if (!here) return std::nullopt;
    if (*here == character) {
      found =
          Evaluate(BinaryOp::kAdd, 32, text, ConstantValue(i * answer.number));
      if (!answer.last) return found;
    }
    if (*here == 0 && answer.ends_at_zero) return found;
  }
  if (!answer.counted) return std::nullopt;
  return found;
}

/// strcpy, strcat, strncat, strncpy, lstrcpyn: writes the text at argument 1 to
/// argument 0.
std::optional<Value> CopyText(const ProcessCall& call, const Answer& answer) {
  const Value target = call.Argument(0);
  std::optional<MemoryAddress> to = AddressOf(target);
  std::optional<std::string> text =
      call.TextAt(call.Argument(1), answer.number);
  const std::optional<uint64_t> limit = TextLimit(call, answer);
  if (!to || !text || !limit) return std::nullopt;
  if (answer.appends) {
    const std::optional<std::string> before =
        call.TextAt(target, answer.number);
    if (!before) return std::nullopt;
    to->offset += static_cast<int64_t>(before->size() * answer.number);
  }
  uint64_t length = text->size();
  if (answer.counted) {
    if (answer.counts_nul && *limit == 0) return target;
    length = std::min(length, *limit - (answer.counts_nul ? 1 : 0));
  }
  // strncpy fills up what it was given, and ends only what is shorter.
  const bool fills = answer.counted && !answer.counts_nul && !answer.appends;
  text->resize(length);
  text->resize(fills ? *limit : length + 1);
  call.ForgetIfInImage(target);
  call.WriteText(*to, *text, answer.number);
  return target;
}

/// strdup.
std::optional<Value> DuplicateText(const ProcessCall& call,
                                   const Answer& answer) {
  const std::optional<std::string> text =
      call.TextAt(call.Argument(0), answer.number);
  if (!text) return std::nullopt;
  const Value block =
      call.NewBlock(ConstantValue((text->size() + 1) * answer.number));
  call.WriteText(AddressOf(block).value_or(MemoryAddress{}), *text + '\0',
                 answer.number);
  return block;
}

std::optional<Value> TextLength(const ProcessCall& call, const Answer& answer) {
  const std::optional<std::string> text =
      call.TextAt(call.Argument(0), answer.number);
  if (!text) return std::nullopt;
  return ConstantValue(text->size());
}

/// isalpha and its like, with the bits of CharacterType in `number`; tolower
/// and toupper, with the flags of MapCharacter.
std::optional<Value> JudgeCharacter(const ProcessCall& call,
                                    const Answer& answer) {
  const Value character = call.Argument(0);
  // Beyond ASCII it hangs on the locale, which may be "C" or the user's.
  if (!character.IsConstant() || character.bits > 0x7f) return std::nullopt;
  const uint32_t c = static_cast<uint32_t>(character.bits);
  return ConstantValue(answer.kind == AnswerKind::kMapCharacter
                           ? MapCharacter(c, answer.number)
                           : CharacterType(c) & answer.number);
}

std::optional<Value> Widen(const ProcessCall& call, const Answer&) {
  return Convert(call, 1, 1, 2);
}

std::optional<Value> Narrow(const ProcessCall& call, const Answer&) {
  return Convert(call, 1, 2, 1);
}

std::optional<Value> WriteWideTypes(const ProcessCall& call,
                                    const Answer& answer) {
  return WriteTypes(call, answer.number, 2);
}

std::optional<Value> WriteByteTypes(const ProcessCall& call,
                                    const Answer& answer) {
  return WriteTypes(call, answer.number, 1);
}

std::optional<Value> MapWide(const ProcessCall& call, const Answer& answer) {
  return Convert(call, answer.number, 2, 2);
}

std::optional<Value> MapBytes(const ProcessCall& call, const Answer& answer) {
  return Convert(call, answer.number, 1, 1);
}

}  // namespace detachfix
