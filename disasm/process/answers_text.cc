// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about text: its length, how two compare,
// copies of it. Where a character is not known, neither is the answer that
// rests on it.

#include <algorithm>

#include "disasm/interpreter_limits.h"
#include "disasm/process/answers.h"
#include "disasm/process/characters.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

/// Characters that are compared and searched.
constexpr uint64_t kMaxCompared = 0x10000;

/// To lower case.
uint32_t FoldAscii(uint32_t character) {
  return character >= 'A' && character <= 'Z' ? character - 'A' + 'a'
                                              : character;
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
      // Beyond ASCII it hangs on the locale, which of "C" folds nothing.
      if (*of_a != *of_b && std::max(*of_a, *of_b) > 0x7f) return std::nullopt;
      of_a = FoldAscii(*of_a);
      of_b = FoldAscii(*of_b);
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

/// isalpha and its like, by the bits of CharacterType in `number`; tolower
/// and toupper, with the flags of MapCharacter.
std::optional<Value> JudgeCharacter(const ProcessCall& call,
                                    const Answer& answer) {
  const Value character = call.Argument(0);
  // Beyond ASCII it hangs on the locale, which may be "C" or the user's.
  if (!character.IsConstant() || character.bits > 0x7f) return std::nullopt;
  const uint32_t c = static_cast<uint32_t>(character.bits);
  if (answer.kind == AnswerKind::kMapCharacter) {
    return ConstantValue(MapCharacter(c, answer.number).value_or(c));
  }
  // Which number says so is not documented, and differs between runtimes.
  const bool is_one = (CharacterType(c).value_or(0) & answer.number) != 0;
  return is_one ? call.runner.Fresh(call.state, true) : ConstantValue(0);
}

}  // namespace detachfix
