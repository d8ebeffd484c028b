// SPDX-License-Identifier: Apache-2.0
// Names for what is not known.
//
// Which symbol a value gets depends on where it comes from and not on the path
// that led there: two paths that allocate the same block have the same symbol
// for it, so that what is known of the block survives when they are joined. A
// symbol is given again only in a state that does not speak of it any more: in
// one state a symbol stands for one value.

#include <algorithm>

#include "disasm/interpreter.h"
#include "disasm/interpreter_limits.h"

namespace detachfix {
namespace {

/// Of so many values from one place that a state has, names are looked for;
/// further ones get a symbol of their own.
constexpr size_t kMaxOfOneOrigin = 16;

}  // namespace

size_t Interpreter::HashOrigin::operator()(const Origin& origin) const {
  size_t hash = HashPoint()(origin.point) ^ (origin.nth * 31 + origin.op);
  if (origin.word) {
    hash ^= (static_cast<uint64_t>(origin.word->offset) ^
             (uint64_t{origin.word->region} << 32)) *
            0x9e3779b97f4a7c15;
  }
  return hash;
}

/// Temporaries count too: they live until the instruction is done.
bool Interpreter::HasSymbol(const State& state, Symbol symbol) {
  size_t cells = 0;
  const bool mentions = Mentions(state, symbol, cells);
  work_ += cells;
  return mentions || temporary_words_.Mentions(symbol) ||
         std::ranges::any_of(temporaries_, [symbol](const Value& value) {
           return value.HasSymbol() && value.symbol == symbol;
         });
}

Symbol Interpreter::NewSymbol(const State& state, Origin origin) {
  // A loop that makes another one each time: to look for names again would take
  // longer each time.
  const bool in_use = all_in_use_.contains(origin);
  const Origin first = origin;
  for (; !in_use && origin.nth < kMaxOfOneOrigin; ++origin.nth) {
    const auto [named, is_new] =
        symbols_.try_emplace(origin, next_symbol_ | origin.bits);
    if (is_new) {
      if (origin.word) words_.emplace(named->second, *origin.word);
      ++next_symbol_;
      return named->second;
    }
    if (!HasSymbol(state, named->second)) return named->second;
  }
  all_in_use_.insert(first);
  const Symbol symbol = next_symbol_++ | origin.bits;
  if (origin.word) words_.emplace(symbol, *origin.word);
  return symbol;
}

/// What the current operation gives.
Value Interpreter::Fresh(const State& state, bool nonzero) {
  const Origin origin{
      .point = {state.pc, state.calls}, .op = op_index_, .word = {}};
  return SymbolicValue(NewSymbol(state, origin), 0, nonzero);
}

/// The address of the block that the current operation allocates.
Value Interpreter::FreshBlock(State& state, const Value& size, bool nonzero) {
  if (setting_ == Setting::kOrdinary)
    return process_.NewBlock(*this, state, size);
  const Origin origin{.point = {state.pc, state.calls},
                      .op = op_index_,
                      .word = {},
                      .bits = kBlockBit};
  return SymbolicValue(NewSymbol(state, origin), 0, nonzero);
}

/// The index into thread-local storage that the current operation allocates.
Value Interpreter::FreshIndex(State& state) {
  if (setting_ == Setting::kOrdinary) return ConstantValue(++state.indexes);
  const Origin origin{.point = {state.pc, state.calls},
                      .op = op_index_,
                      .word = {},
                      .bits = kThreadIndexBit};
  return SymbolicValue(NewSymbol(state, origin));
}

/// What the word at `address` holds.
Value Interpreter::FreshWord(const State& state, MemoryAddress address) {
  return SymbolicValue(NewSymbol(state, {.point = {}, .word = address}));
}

/// `value` hidden by `op` with a number, or what stands behind it where that
/// undoes how it was hidden.
Value Interpreter::Hide(BinaryOp op, const Value& value, uint64_t by) {
  const bool rotates = op == BinaryOp::kRotateRight;
  Hidden hidden{op, value, by & LowBits(rotates ? 5 : 32)};
  if (value.symbol != kImportSymbol) {
    const Hidden& before = hidden_[value.symbol - kFirstHiddenSymbol];
    if (before.op == op) {
      hidden.value = before.value;
      hidden.by = rotates ? (before.by + by) % 32 : before.by ^ hidden.by;
    }
  }
  if (hidden.by == 0) return hidden.value;
  auto it = std::ranges::find(hidden_, hidden);
  if (it == hidden_.end()) {
    if (hidden_.size() == kFirstFreshSymbol - kFirstHiddenSymbol) {
      return UnknownValue();
    }
    it = hidden_.insert(it, hidden);
  }
  return SymbolicValue(kFirstHiddenSymbol +
                       static_cast<Symbol>(it - hidden_.begin()));
}

/// Microsoft's C runtimes keep the functions that they looked up behind the
/// cookie: xor and a rotation (_encode_pointer and its like).
std::optional<Value> Interpreter::HiddenImport(BinaryOp op, const Value& a,
                                               const Value& b) {
  if (op == BinaryOp::kXor && a.IsConstant() && b.IsSymbolic()) {
    return HiddenImport(op, b, a);
  }
  if (op != BinaryOp::kXor && op != BinaryOp::kRotateRight) return {};
  const bool is_import = a.IsSymbolic() && a.symbol == kImportSymbol;
  const bool is_hidden = a.IsSymbolic() && a.bits == 0 &&
                         a.symbol >= kFirstHiddenSymbol &&
                         a.symbol < kFirstFreshSymbol;
  if (!b.IsConstant() || (!is_import && !is_hidden)) return {};
  return Hide(op, a, b.bits);
}

}  // namespace detachfix
