// SPDX-License-Identifier: Apache-2.0
#include "disasm/state.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <optional>

#include "disasm/isa.h"

namespace detachfix {
namespace {

/// What the fresh symbols of the general state stand for in the specific one.
class Matching {
 public:
  /// Both are of `width` bits.
  bool Matches(const Value& general, const Value& specific, uint8_t width) {
    if (general.IsUnknown()) {
      return general.from_image || !specific.MayBeInImage();
    }
    if (general.kind == Value::Kind::kPartial) {
      const bool has_bits =
          specific.IsConstant() || specific.kind == Value::Kind::kPartial;
      const uint64_t known =
          specific.IsConstant() ? ~uint64_t{0} : specific.known;
      return has_bits && (general.known & ~known) == 0 &&
             ((general.bits ^ specific.bits) & general.known) == 0;
    }
    if (general.IsSymbolic() && general.symbol >= kFirstFreshSymbol) {
      return MatchesSymbol(general, specific, width);
    }
    if (general.kind == Value::Kind::kCondition &&
        general.symbol >= kFirstFreshSymbol) {
      // The symbol itself may stand for anything: so may its comparison. A
      // later branch on it constrains only the general state's symbol, which
      // covers both outcomes.
      return general == specific &&
             MatchesSymbol(SymbolicValue(general.symbol),
                           SymbolicValue(specific.symbol));
    }
    return general == specific;
  }

  /// Memory is compared region by region, by name: a region that a fresh symbol
  /// names must be the same one in both.
  bool MatchesRegion(const MemoryAddress& address) {
    return address.region < kFirstFreshSymbol ||
           MatchesSymbol(SymbolicValue(address.region),
                         SymbolicValue(address.region));
  }

 private:
  bool MatchesSymbol(const Value& general, const Value& specific,
                     uint8_t width = 32) {
    if (general.nonzero && !specific.IsNonzero()) return false;
    // A symbol is a word: it cannot stand for a wider number.
    if (specific.IsConstant() &&
        !(EvaluateSignExtend(32, width, specific) == specific)) {
      return false;
    }
    const Value base = general.bits == 0 && !specific.IsConstant()
                           ? specific
                           : Evaluate(BinaryOp::kSub, 32, specific,
                                      ConstantValue(general.bits));
    if (base.IsUnknown()) return false;
    Value plain = base;
    plain.nonzero = false;
    const auto [it, added] = meaning_.emplace(general.symbol, plain);
    return added || it->second == plain;
  }

  std::map<Symbol, Value> meaning_;
};

/// Bits of the values in a cell; symbols are in words and quadwords only.
uint8_t WidthOf(const Cell& cell) { return cell.size > 4 ? 64 : 32; }

bool CoversMemory(const State& general, const State& specific,
                  Matching& matching) {
  if (!std::ranges::includes(general.memory.lost_slots(),
                             specific.memory.lost_slots())) {
    return false;
  }
  for (const auto& [address, cell] : general.memory.cells()) {
    if (cell.value.IsUnknown()) continue;
    if (!matching.MatchesRegion(address)) return false;
    const Value there = specific.memory.Load(address, cell.size);
    if (!matching.Matches(cell.value, there, WidthOf(cell))) return false;
  }
  // What only the specific state has written must be what the image held.
  for (const auto& [address, cell] : specific.memory.cells()) {
    if (!specific.memory.HasInitialContent(address, cell.size)) continue;
    if (cell.size > kMaxKnownSize) {
      if (!general.memory.IsForgotten(address, cell.size)) return false;
      continue;
    }
    const Value here = general.memory.Load(address, cell.size);
    if (!matching.Matches(here, cell.value, WidthOf(cell))) return false;
  }
  return true;
}

}  // namespace

Frame MakeFrame(const State& state, const CallingConvention& convention) {
  Frame frame;
  frame.stack = state.at(convention.stack_pointer);
  assert(convention.preserved.size() <= frame.preserved.size());
  for (size_t i = 0; i < convention.preserved.size(); ++i) {
    frame.preserved[i] = state.at(convention.preserved[i]);
  }
  return frame;
}

void Replace(State& state, Symbol symbol, const Value& by) {
  const uint8_t width = state.register_width;
  for (Value& value : state.places) {
    value = SubstituteIn(value, symbol, by, width);
  }
  for (Frame& frame : state.frames) {
    frame.stack = SubstituteIn(frame.stack, symbol, by, width);
    for (Value& value : frame.preserved) {
      value = SubstituteIn(value, symbol, by, width);
    }
  }
  state.memory.Substitute(symbol, by);
}

void Assume(State& state, const Value& condition, bool is_true) {
  Value base;
  Symbol symbol = 0;
  if (condition.kind == Value::Kind::kCondition) {
    const bool equal = is_true != condition.negated;
    symbol = condition.symbol;
    if (equal) {
      base = ConstantValue(condition.bits);
    } else if (condition.bits == 0) {
      base = SymbolicValue(symbol, 0, true);
    } else {
      return;
    }
  } else if (condition.IsSymbolic()) {
    symbol = condition.symbol;
    if (is_true) {
      if (condition.bits != 0) return;
      base = SymbolicValue(symbol, 0, true);
    } else {
      base = ConstantValue((uint64_t{0} - condition.bits) & LowBits(32));
    }
  } else {
    return;
  }
  if (symbol < kFirstFreshSymbol) return;
  Replace(state, symbol, base);
}

bool SameSections(const State& a, const State& b) {
  const auto is_live = [](const auto& entry) { return entry.second.live; };
  auto at_a = std::ranges::find_if(a.sections, is_live);
  auto at_b = std::ranges::find_if(b.sections, is_live);
  while (at_a != a.sections.end() && at_b != b.sections.end()) {
    if (at_a->first != at_b->first) return false;
    at_a = std::find_if(std::next(at_a), a.sections.end(), is_live);
    at_b = std::find_if(std::next(at_b), b.sections.end(), is_live);
  }
  return at_a == a.sections.end() && at_b == b.sections.end();
}

bool SameImports(const State& a, const State& b) {
  const auto is_import = [](const Value& value) {
    return value.IsSymbolic() && value.symbol == kImportSymbol;
  };
  const auto differ = [&](const Value& x, const Value& y) {
    return (is_import(x) || is_import(y)) && !(x == y);
  };
  for (size_t i = 0; i < a.places.size(); ++i) {
    if (differ(a.places[i], b.places[i])) return false;
  }
  const auto end_a =
      a.memory.cells().lower_bound({kStackSymbol + 1, INT64_MIN});
  const auto end_b =
      b.memory.cells().lower_bound({kStackSymbol + 1, INT64_MIN});
  auto it_a = a.memory.cells().lower_bound({kStackSymbol, INT64_MIN});
  auto it_b = b.memory.cells().lower_bound({kStackSymbol, INT64_MIN});
  while (it_a != end_a && it_b != end_b) {
    if (it_a->first < it_b->first) {
      ++it_a;
    } else if (it_b->first < it_a->first) {
      ++it_b;
    } else {
      if (differ(it_a->second.value, it_b->second.value)) return false;
      ++it_a;
      ++it_b;
    }
  }
  return true;
}

bool Covers(const State& general, const State& specific) {
  assert(general.pc == specific.pc);
  if (general.call_stack != specific.call_stack) return false;
  if (!SameSections(general, specific)) return false;
  // Which call made or deleted a section is part of what is reported.
  for (const auto& [address, section] : specific.sections) {
    const auto it = general.sections.find(address);
    if (it == general.sections.end()) return false;
    if (!std::ranges::includes(it->second.initialised_at,
                               section.initialised_at) ||
        !std::ranges::includes(it->second.deleted_at, section.deleted_at)) {
      return false;
    }
  }
  Matching matching;
  for (const auto& [address, section] : general.sections) {
    if (!matching.MatchesRegion(address)) return false;
  }
  const uint8_t width = general.register_width;
  for (size_t i = 0; i < general.places.size(); ++i) {
    if (!matching.Matches(general.places[i], specific.places[i], width)) {
      return false;
    }
  }
  for (size_t i = 0; i < general.frames.size(); ++i) {
    const Frame& a = general.frames[i];
    const Frame& b = specific.frames[i];
    if (!matching.Matches(a.stack, b.stack, width)) return false;
    for (size_t k = 0; k < a.preserved.size(); ++k) {
      if (!matching.Matches(a.preserved[k], b.preserved[k], width))
        return false;
    }
  }
  return CoversMemory(general, specific, matching);
}

State Join(const State& a, const State& b) {
  assert(SameSections(a, b) && a.call_stack == b.call_stack);
  State joined = a;
  joined.next_symbol = std::max(a.next_symbol, b.next_symbol);
  for (size_t i = 0; i < joined.places.size(); ++i) {
    joined.places[i] = JoinValues(a.places[i], b.places[i]);
  }
  for (size_t i = 0; i < joined.frames.size(); ++i) {
    Frame& frame = joined.frames[i];
    const Frame& other = b.frames[i];
    frame.stack = JoinValues(frame.stack, other.stack);
    for (size_t k = 0; k < frame.preserved.size(); ++k) {
      frame.preserved[k] = JoinValues(frame.preserved[k], other.preserved[k]);
    }
  }
  joined.memory = Join(a.memory, b.memory);
  for (const auto& [address, section] : b.sections) {
    SectionState& into = joined.sections[address];
    into.live = section.live;
    into.initialised_at.insert(section.initialised_at.begin(),
                               section.initialised_at.end());
    into.deleted_at.insert(section.deleted_at.begin(),
                           section.deleted_at.end());
  }
  joined.open_branches = std::max(a.open_branches, b.open_branches);
  return joined;
}

}  // namespace detachfix
