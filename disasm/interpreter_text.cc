// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about text: its length, how two compare, and
// what becomes of it in another form. Where a character is not known, neither
// is the answer that rests on it.

#include <algorithm>

#include "disasm/interpreter.h"
#include "disasm/interpreter_limits.h"
#include "disasm/process.h"

namespace detachfix {
namespace {

constexpr size_t kMaxText = 512;
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

}  // namespace

/// The character string at `pointer`, of characters of `width` bytes; nothing
/// where it is not known, is not ASCII or does not end.
std::optional<std::string> Interpreter::TextAt(const State& state,
                                               const Value& pointer,
                                               uint32_t width) const {
  const std::optional<MemoryAddress> address = AddressOf(pointer);
  if (!address) return std::nullopt;
  std::string text;
  while (text.size() < kMaxText) {
    const std::optional<uint32_t> character =
        CharacterAt(state, *address, text.size(), width);
    if (!character || *character > 0x7e) return std::nullopt;
    if (*character == 0) return text;
    text += static_cast<char>(*character);
  }
  return std::nullopt;
}

/// Writes `text` as characters of `width` bytes.
void Interpreter::WriteText(State& state, MemoryAddress address,
                            std::string_view text, uint32_t width) {
  Count(text.size());
  for (const char character : text) {
    StoreAt(state, address, width,
            ConstantValue(static_cast<uint8_t>(character)));
    address.offset += width;
  }
}

/// The characters at argument `first`, whose number argument `first` + 1 says
/// (-1: up to a 0, which counts); nothing where that is not known. Each one
/// may be unknown by itself.
std::optional<std::vector<Value>> Interpreter::CharactersAt(
    const State& state, size_t first, uint32_t width) const {
  const std::optional<MemoryAddress> from = AddressOf(Argument(state, first));
  const Value length = Argument(state, first + 1);
  if (!from || !length.IsConstant()) return std::nullopt;
  const bool to_end = (length.bits & LowBits(32)) == LowBits(32);
  if (!to_end && length.bits > kMaxText) return std::nullopt;
  std::vector<Value> text;
  while (to_end || text.size() < length.bits) {
    const Value character = LoadCharacter(state, *from, text.size(), width);
    if (to_end && (!character.IsConstant() || text.size() == kMaxText)) {
      return std::nullopt;
    }
    text.push_back(character);
    if (to_end && character.bits == 0) break;
  }
  return text;
}

/// Writes what `make` makes of each character to where `to` points, as numbers
/// of `width` bytes.
bool Interpreter::WriteEach(State& state, const std::vector<Value>& characters,
                            const Value& to, uint32_t width,
                            const std::function<uint32_t(uint32_t)>& make) {
  std::optional<MemoryAddress> address = AddressOf(to);
  if (!address) return false;
  Count(characters.size());
  ForgetIfInImage(state, to);
  for (const Value& character : characters) {
    const bool known = character.IsConstant() && character.bits <= 0xff;
    StoreAt(state, *address, width,
            known ? ConstantValue(make(static_cast<uint32_t>(character.bits)))
                  : UnknownValue());
    address->offset += width;
  }
  return true;
}

/// MultiByteToWideChar and back: (code page, flags, from, length, to, room or
/// 0, ...). LCMapString: the same without the first one.
std::optional<Value> Interpreter::Convert(State& state, size_t flags_at,
                                          uint32_t from_width,
                                          uint32_t to_width) {
  const std::optional<std::vector<Value>> text =
      CharactersAt(state, flags_at + 1, from_width);
  const Value flags = Argument(state, flags_at);
  const Value room = Argument(state, flags_at + 4);
  if (!text || !room.IsConstant() || !flags.IsConstant()) return std::nullopt;
  const bool maps = from_width == to_width;
  if (maps ? (flags.bits & kSortKey) != 0
           : !IsPlainText(Argument(state, 0), *text)) {
    return std::nullopt;
  }
  const Value count = ConstantValue(text->size());
  if (room.bits == 0) return count;
  const uint32_t map_flags = maps ? static_cast<uint32_t>(flags.bits) : 0;
  const bool written =
      text->size() <= room.bits &&
      WriteEach(state, *text, Argument(state, flags_at + 3), to_width,
                [map_flags](uint32_t c) { return MapCharacter(c, map_flags); });
  if (!written) return std::nullopt;
  if (from_width > to_width) {
    // lpUsedDefaultChar: every character could be converted.
    const Value used = Argument(state, 7);
    if (const std::optional<MemoryAddress> at = AddressOf(used)) {
      ForgetIfInImage(state, used);
      if (!used.IsConstant(0)) StoreAt(state, *at, 4, ConstantValue(0));
    }
  }
  return count;
}

/// GetStringType: (type, from, length, to), from argument `first` on.
std::optional<Value> Interpreter::WriteTypes(State& state, size_t first,
                                             uint32_t width) {
  constexpr uint32_t kCType1 = 1;
  const std::optional<std::vector<Value>> text =
      CharactersAt(state, first + 1, width);
  if (!text || !Argument(state, first).IsConstant(kCType1) ||
      !WriteEach(state, *text, Argument(state, first + 3), 2, CharacterType)) {
    return std::nullopt;
  }
  return ConstantValue(1);
}

/// Character `index` of the text at `address`.
Value Interpreter::LoadCharacter(const State& state, MemoryAddress address,
                                 uint64_t index, uint32_t width) const {
  if (index % kCharactersPerStep == 0) Count(1);
  address.offset += static_cast<int64_t>(index * width);
  return state.memory.Load(address, width);
}

/// The same; nothing where it is not known.
std::optional<uint32_t> Interpreter::CharacterAt(const State& state,
                                                 MemoryAddress address,
                                                 uint64_t index,
                                                 uint32_t width) const {
  const Value character = LoadCharacter(state, address, index, width);
  if (!character.IsConstant()) return std::nullopt;
  return static_cast<uint32_t>(character.bits);
}

/// How many characters argument 2 allows, where the function counts; nothing
/// where that is not known.
std::optional<uint64_t> Interpreter::TextLimit(const State& state,
                                               const Answer& answer) const {
  if (!answer.counted) return kMaxCompared;
  const Value count = Argument(state, 2);
  if (!count.IsConstant() || count.bits > kMaxCompared) return std::nullopt;
  return count.bits;
}

/// strcmp and its like: below 0, 0 or above.
std::optional<Value> Interpreter::CompareTexts(const State& state,
                                               const Answer& answer) const {
  const std::optional<MemoryAddress> a = AddressOf(Argument(state, 0));
  const std::optional<MemoryAddress> b = AddressOf(Argument(state, 1));
  const std::optional<uint64_t> limit = TextLimit(state, answer);
  if (!a || !b || !limit) return std::nullopt;
  for (uint64_t i = 0; i < *limit; ++i) {
    std::optional<uint32_t> of_a = CharacterAt(state, *a, i, answer.number);
    std::optional<uint32_t> of_b = CharacterAt(state, *b, i, answer.number);
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
std::optional<Value> Interpreter::FindCharacter(const State& state,
                                                const Answer& answer) const {
  const Value text = Argument(state, 0);
  const Value wanted = Argument(state, 1);
  const std::optional<MemoryAddress> at = AddressOf(text);
  const std::optional<uint64_t> limit = TextLimit(state, answer);
  if (!at || !limit || !wanted.IsConstant()) return std::nullopt;
  const uint32_t character =
      static_cast<uint32_t>(wanted.bits & LowBits(8 * answer.number));
  Value found = ConstantValue(0);
  for (uint64_t i = 0; i < *limit; ++i) {
    const std::optional<uint32_t> here =
        CharacterAt(state, *at, i, answer.number);
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
std::optional<Value> Interpreter::CopyText(State& state, const Answer& answer) {
  const Value target = Argument(state, 0);
  std::optional<MemoryAddress> to = AddressOf(target);
  std::optional<std::string> text =
      TextAt(state, Argument(state, 1), answer.number);
  const std::optional<uint64_t> limit = TextLimit(state, answer);
  if (!to || !text || !limit) return std::nullopt;
  if (answer.appends) {
    const std::optional<std::string> before =
        TextAt(state, target, answer.number);
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
  ForgetIfInImage(state, target);
  WriteText(state, *to, *text, answer.number);
  return target;
}

/// strdup.
std::optional<Value> Interpreter::DuplicateText(State& state,
                                                const Answer& answer) {
  const std::optional<std::string> text =
      TextAt(state, Argument(state, 0), answer.number);
  if (!text) return std::nullopt;
  const Value block =
      NewBlock(state, ConstantValue((text->size() + 1) * answer.number));
  WriteText(state, AddressOf(block).value_or(MemoryAddress{}), *text + '\0',
            answer.number);
  return block;
}

/// isalpha and its like, with the bits of CharacterType in `number`; tolower
/// and toupper, with the flags of MapCharacter.
std::optional<Value> Interpreter::JudgeCharacter(const State& state,
                                                 const Answer& answer) const {
  const Value character = Argument(state, 0);
  // Beyond ASCII it hangs on the locale, which may be "C" or the user's.
  if (!character.IsConstant() || character.bits > 0x7f) return std::nullopt;
  const uint32_t c = static_cast<uint32_t>(character.bits);
  return ConstantValue(answer.kind == AnswerKind::kMapCharacter
                           ? MapCharacter(c, answer.number)
                           : CharacterType(c) & answer.number);
}

/// The same of the functions on texts and characters.
std::optional<Value> Interpreter::AnswerAboutText(State& state,
                                                  const Answer& answer) {
  std::optional<Value> number;
  switch (answer.kind) {
    case AnswerKind::kLength:
      if (const std::optional<std::string> text =
              TextAt(state, Argument(state, 0), answer.number)) {
        number = ConstantValue(text->size());
      }
      break;
    case AnswerKind::kCompareTexts:
      number = CompareTexts(state, answer);
      break;
    case AnswerKind::kFindCharacter:
      number = FindCharacter(state, answer);
      break;
    case AnswerKind::kCopyText:
      number = CopyText(state, answer);
      break;
    case AnswerKind::kDuplicateText:
      number = DuplicateText(state, answer);
      break;
    case AnswerKind::kCharacterType:
    case AnswerKind::kMapCharacter:
      number = JudgeCharacter(state, answer);
      break;
    case AnswerKind::kWiden:
      number = Convert(state, 1, 1, 2);
      break;
    case AnswerKind::kNarrow:
      number = Convert(state, 1, 2, 1);
      break;
    case AnswerKind::kWideTypes:
      number = WriteTypes(state, answer.number, 2);
      break;
    case AnswerKind::kByteTypes:
      number = WriteTypes(state, answer.number, 1);
      break;
    case AnswerKind::kWideMap:
      number = Convert(state, answer.number, 2, 2);
      break;
    case AnswerKind::kByteMap:
      number = Convert(state, answer.number, 1, 1);
      break;
    default:
      break;
  }
  return number;
}

}  // namespace detachfix
