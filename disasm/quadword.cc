// SPDX-License-Identifier: Apache-2.0
#include "disasm/quadword.h"

#include <algorithm>

namespace detachfix {
namespace {

constexpr uint8_t kWord = 32;
constexpr uint32_t kWordBytes = 4;

MemoryAddress AddressOfWords(Place place) {
  return {kWideRegistersSymbol, int64_t{place.id} * 2 * kWordBytes};
}

uint64_t BitOf(Place place) { return uint64_t{1} << place.id; }

/// What the entry's caller left in a register may be wider than a word.
bool IsWord(const Value& value) {
  return value.IsSymbolic() && (value.symbol < kFirstRegisterSymbol ||
                                value.symbol >= kFirstHiddenSymbol);
}

}  // namespace

Words Split(const Value& value) {
  if (value.kind == Value::Kind::kCondition) return {value, ConstantValue(0)};
  if (IsWord(value)) return {value, UnknownValue()};
  Words words = {Blurred(value), Blurred(value)};
  const bool is_partial = value.kind == Value::Kind::kPartial;
  if (!value.IsConstant() && !is_partial) return words;
  const uint64_t known = is_partial ? value.known : ~uint64_t{0};
  const auto with = [](const Value& blurred, uint64_t bits, uint64_t of) {
    Value word = PartialValue(bits, of, kWord);
    if (word.IsUnknown()) return blurred;
    if (word.IsConstant()) return word;
    word.from_image = blurred.from_image;
    word.symbol = blurred.symbol;
    return word;
  };
  return {with(words.low, value.bits, known),
          with(words.high, value.bits >> kWord, known >> kWord)};
}

bool IsWorthKeeping(const Words& words) {
  return words.low.IsSymbolic() || words.high.IsSymbolic();
}

std::optional<Words> EvaluateWords(BinaryOp op, const Words& a, const Value& b,
                                   const Words& b_words) {
  Words result;
  switch (op) {
    case BinaryOp::kAnd:
    case BinaryOp::kOr:
    case BinaryOp::kXor:
      result = {Evaluate(op, kWord, a.low, b_words.low),
                Evaluate(op, kWord, a.high, b_words.high)};
      break;
    case BinaryOp::kShiftLeft:
      if (!b.IsConstant(kWord)) return std::nullopt;
      result = {ConstantValue(0), a.low};
      break;
    case BinaryOp::kShiftRight:
      if (!b.IsConstant(kWord)) return std::nullopt;
      result = {a.high, ConstantValue(0)};
      break;
    default:
      return std::nullopt;
  }
  if (!IsWorthKeeping(result)) return std::nullopt;
  return result;
}

std::optional<Words> KeptWords(const State& state, Place place) {
  if ((state.kept_words & BitOf(place)) == 0) return std::nullopt;
  const MemoryAddress at = AddressOfWords(place);
  return Words{
      state.memory.Load(at, kWordBytes),
      state.memory.Load({at.region, at.offset + kWordBytes}, kWordBytes)};
}

void KeepWords(State& state, Place place, const Words& words) {
  const MemoryAddress at = AddressOfWords(place);
  state.memory.Store(at, kWordBytes, words.low);
  state.memory.Store({at.region, at.offset + kWordBytes}, kWordBytes,
                     words.high);
  state.kept_words |= BitOf(place);
}

void DropWords(State& state, Place place) {
  if ((state.kept_words & BitOf(place)) == 0) return;
  state.memory.Forget(AddressOfWords(place), 2 * kWordBytes);
  state.kept_words &= ~BitOf(place);
}

void DropAllWords(State& state) {
  for (uint8_t id = 0; state.kept_words >> id != 0; ++id) {
    DropWords(state, Place{id});
  }
}

void TemporaryWords::Keep(Place place, const Words& words) {
  kept_.emplace_back(place, words);
}

void TemporaryWords::Drop(Place place) {
  std::erase_if(kept_,
                [place](const auto& kept) { return kept.first == place; });
}

std::optional<Words> TemporaryWords::At(Place place) const {
  const auto it = std::ranges::find_if(
      kept_, [place](const auto& kept) { return kept.first == place; });
  if (it == kept_.end()) return std::nullopt;
  return it->second;
}

bool TemporaryWords::Mentions(Symbol symbol) const {
  const auto speaks = [symbol](const Value& value) {
    return value.HasSymbol() && value.symbol == symbol;
  };
  return std::ranges::any_of(kept_, [&](const auto& kept) {
    return speaks(kept.second.low) || speaks(kept.second.high);
  });
}

}  // namespace detachfix
