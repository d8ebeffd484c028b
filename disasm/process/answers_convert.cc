// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about text in another form: other code
// pages, the types of its characters, upper and lower case.

#include <algorithm>
#include <functional>

#include "disasm/process/answers.h"
#include "disasm/process/characters.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

// MB_ERR_INVALID_CHARS, WC_NO_BEST_FIT_CHARS (winnls.h)
constexpr uint64_t kStrict = 8, kNoBestFit = 0x400;

/// What a character becomes; nothing where that is not known.
using Conversion = std::function<std::optional<uint32_t>(uint32_t)>;

Value Converted(const Value& character, const Conversion& convert) {
  if (!character.IsConstant()) return UnknownValue();
  const std::optional<uint32_t> to =
      convert(static_cast<uint32_t>(character.bits));
  return to ? ConstantValue(*to) : UnknownValue();
}

/// Writes what becomes of each character to where `to` points, as numbers of
/// `width` bytes.
bool WriteEach(const ProcessCall& call, const std::vector<Value>& characters,
               const Value& to, uint32_t width, const Conversion& convert) {
  std::optional<MemoryAddress> address = AddressOf(to);
  if (!address) return false;
  call.Count(characters.size());
  call.ForgetIfInImage(to);
  for (const Value& character : characters) {
    call.StoreAt(*address, width, Converted(character, convert));
    address->offset += width;
  }
  return true;
}

/// The same to argument `to_at`, which has room for as many characters as the
/// next one says: how many there are. Where that is 0, they are only counted.
std::optional<Value> WriteConverted(const ProcessCall& call,
                                    const std::vector<Value>& characters,
                                    size_t to_at, uint32_t width,
                                    const Conversion& convert) {
  const Value room = call.Argument(to_at + 1);
  if (!room.IsConstant()) return std::nullopt;
  if (room.bits != 0 &&
      (characters.size() > room.bits ||
       !WriteEach(call, characters, call.Argument(to_at), width, convert))) {
    return std::nullopt;
  }
  return ConstantValue(characters.size());
}

/// Code pages, by how their characters are known.
enum class CodePage : uint8_t { kOther, kOem, kAscii, kLatin, kAnsi, kUtf8 };

/// CP_ACP and CP_THREAD_ACP are 1252, CP_OEMCP is 437 (winnls.h; GetACP and
/// GetOEMCP agree).
CodePage CodePageOf(const Value& number) {
  if (!number.IsConstant()) return CodePage::kOther;
  switch (number.bits) {
    case 0:
    case 3:
    case 1252:
      return CodePage::kAnsi;
    case 28591:
      return CodePage::kLatin;
    case 1:
    case 437:
    case 850:
      return CodePage::kOem;
    case 20127:
      return CodePage::kAscii;
    case 65001:
      return CodePage::kUtf8;
    default:
      return CodePage::kOther;
  }
}

/// A byte of the page in UTF-16. ASCII has bytes of seven bits, and the eighth
/// is ignored (c_20127.nls), unless it is to be `strict`. Of 1252 five bytes
/// keep their numbers, and are valid all the same (bestfit1252.txt).
std::optional<uint32_t> WidenByPage(CodePage page, uint32_t byte, bool strict) {
  if (byte < 0x80) return byte;
  if (page == CodePage::kLatin && byte >= 0xa0) return byte;
  if (page == CodePage::kAscii && !strict) return byte & 0x7f;
  if (page != CodePage::kAnsi) return std::nullopt;
  return FromAnsi(static_cast<uint8_t>(byte));
}

/// The other way; with the byte of another character only if it `may_fit`.
std::optional<uint32_t> NarrowByPage(CodePage page, uint32_t character,
                                     bool may_fit) {
  if (character < 0x80) return character;
  const bool is_latin = character >= 0xa0 && character <= 0xff;
  if (page == CodePage::kLatin && is_latin) return character;
  if (page != CodePage::kAnsi) return std::nullopt;
  const std::optional<uint32_t> byte = ToAnsi(character);
  const bool is_exact =
      byte && FromAnsi(static_cast<uint8_t>(*byte)) == character;
  return is_exact || may_fit ? byte : std::nullopt;
}

bool AreKnown(const std::vector<Value>& characters, const Conversion& convert) {
  return std::ranges::all_of(characters, [&](const Value& character) {
    return Converted(character, convert).IsConstant();
  });
}

/// Whether the flags in argument 1 change nothing of what the page converts.
/// With others, or those of another page, the function may fail (MSDN).
bool HasPlainFlags(const ProcessCall& call, CodePage page, bool widens) {
  // MB_PRECOMPOSED; WC_ERR_INVALID_CHARS; WC_DISCARDNS, _SEPCHARS,
  // _DEFAULTCHAR, _COMPOSITECHECK, _NO_BEST_FIT_CHARS (winnls.h)
  constexpr uint64_t kComposed = 1, kStrictBack = 0x80, kOfComposed = 0x670;
  const Value flags = call.Argument(1);
  if (!flags.IsConstant()) return false;
  const bool is_utf8 = page == CodePage::kUtf8;
  const uint64_t to_wide = is_utf8 ? kStrict : kComposed | kStrict;
  const uint64_t from_wide = is_utf8 ? kStrictBack : kOfComposed;
  return (flags.bits & ~(widens ? to_wide : from_wide)) == 0;
}

/// lpUsedDefaultChar: every character could be converted.
void NoteNoDefault(const ProcessCall& call) {
  const Value used = call.Argument(7);
  if (used.IsConstant(0)) return;
  call.ForgetIfInImage(used);
  if (const std::optional<MemoryAddress> at = AddressOf(used)) {
    call.StoreAt(*at, 4, ConstantValue(0));
  }
}

/// Whether bytes from 0x80 on are those of code page 1252: of the locale in
/// argument 0, whose page it is (LOCALE_NEUTRAL is the user's).
bool IsOfAnsiLocale(const ProcessCall& call) {
  const Value locale = call.Argument(0);
  return locale.IsConstant(0) ||
         (locale.IsConstant() && IsOwnLocale(locale.bits));
}

/// GetStringType: (type, from, length, to), from argument `first` on.
std::optional<Value> WriteTypes(const ProcessCall& call, size_t first,
                                uint32_t width, const Conversion& convert) {
  constexpr uint32_t kCType1 = 1;
  const std::optional<std::vector<Value>> text =
      call.CharactersAt(first + 1, width);
  if (!text || text->empty() || !call.Argument(first).IsConstant(kCType1) ||
      !WriteEach(call, *text, call.Argument(first + 3), 2, convert)) {
    return std::nullopt;
  }
  return ConstantValue(1);
}

/// LCMapString(locale, flags, from, length, to, room), from the flags on: to
/// upper or to lower case, and nothing else.
std::optional<Value> WriteMapped(const ProcessCall& call, size_t flags_at,
                                 uint32_t width, const Conversion& convert) {
  const std::optional<std::vector<Value>> text =
      call.CharactersAt(flags_at + 1, width);
  const Value flags = call.Argument(flags_at);
  if (!text || (!flags.IsConstant(kLowercase) && !flags.IsConstant(kUppercase)))
    return std::nullopt;
  return WriteConverted(call, *text, flags_at + 3, width, convert);
}

}  // namespace

/// MultiByteToWideChar(code page, flags, from, length, to, room).
std::optional<Value> Widen(const ProcessCall& call, const Answer&) {
  const CodePage page = CodePageOf(call.Argument(0));
  const std::optional<std::vector<Value>> text = call.CharactersAt(2, 1);
  const bool strict = (call.Argument(1).bits & kStrict) != 0;
  const Conversion convert = [page, strict](uint32_t c) {
    return WidenByPage(page, c, strict);
  };
  if (!text || page == CodePage::kOther || !HasPlainFlags(call, page, true) ||
      !AreKnown(*text, convert)) {
    return std::nullopt;
  }
  return WriteConverted(call, *text, 4, 2, convert);
}

/// WideCharToMultiByte(code page, flags, from, length, to, room, default
/// character, whether it was used).
std::optional<Value> Narrow(const ProcessCall& call, const Answer&) {
  const CodePage page = CodePageOf(call.Argument(0));
  const std::optional<std::vector<Value>> text = call.CharactersAt(2, 2);
  const bool may_fit = (call.Argument(1).bits & kNoBestFit) == 0;
  const Conversion convert = [page, may_fit](uint32_t c) {
    return NarrowByPage(page, c, may_fit);
  };
  // With UTF-8 the last two have to be NULL (MSDN).
  const bool is_valid =
      page != CodePage::kUtf8 ||
      (call.Argument(6).IsConstant(0) && call.Argument(7).IsConstant(0));
  if (!text || page == CodePage::kOther || !is_valid ||
      !HasPlainFlags(call, page, false) || !AreKnown(*text, convert)) {
    return std::nullopt;
  }
  const std::optional<Value> count = WriteConverted(call, *text, 4, 1, convert);
  if (count) NoteNoDefault(call);
  return count;
}

std::optional<Value> WriteWideTypes(const ProcessCall& call,
                                    const Answer& answer) {
  return WriteTypes(call, answer.number, 2, CharacterType);
}

std::optional<Value> WriteByteTypes(const ProcessCall& call,
                                    const Answer& answer) {
  const bool is_ansi = IsOfAnsiLocale(call);
  return WriteTypes(call, answer.number, 1,
                    [is_ansi](uint32_t c) -> std::optional<uint32_t> {
                      if (c >= 0x80 && !is_ansi) return std::nullopt;
                      return CharacterType(FromAnsi(static_cast<uint8_t>(c)));
                    });
}

std::optional<Value> MapWide(const ProcessCall& call, const Answer& answer) {
  const uint32_t flags =
      static_cast<uint32_t>(call.Argument(answer.number).bits);
  return WriteMapped(call, answer.number, 2,
                     [flags](uint32_t c) { return MapCharacter(c, flags); });
}

std::optional<Value> MapBytes(const ProcessCall& call, const Answer& answer) {
  const bool is_ansi = IsOfAnsiLocale(call);
  const uint32_t flags =
      static_cast<uint32_t>(call.Argument(answer.number).bits);
  return WriteMapped(call, answer.number, 1,
                     [is_ansi, flags](uint32_t c) -> std::optional<uint32_t> {
                       if (c >= 0x80 && !is_ansi) return std::nullopt;
                       const std::optional<uint32_t> mapped = MapCharacter(
                           FromAnsi(static_cast<uint8_t>(c)), flags);
                       return mapped ? ToAnsi(*mapped) : std::nullopt;
                     });
}

}  // namespace detachfix
