// SPDX-License-Identifier: Apache-2.0
#include "disasm/state.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "disasm/isa.h"

namespace detachfix {
namespace {

/// What the fresh symbols of the general state stand for in the specific one.
class Matching {
 public:
  /// Both are of `width` bits.
  bool Matches(const Value& general, const Value& specific, uint8_t width) {
    if (general.IsUnknown()) {
      return (general.from_image || !specific.MayBeInImage()) &&
             CoversRegion(general, specific);
    }
    if (general.kind == Value::Kind::kPartial) {
      const bool has_bits =
          specific.IsConstant() || specific.kind == Value::Kind::kPartial;
      const uint64_t known =
          specific.IsConstant() ? ~uint64_t{0} : specific.known;
      return has_bits && (general.known & ~known) == 0 &&
             (general.from_image || !specific.MayBeInImage()) &&
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

  /// Symbols that stand for something else than themselves, if any.
  SymbolFilter renamed() const { return renamed_; }

  /// Memory is compared region by region, by name: a region that a fresh symbol
  /// names must be the same one in both.
  bool MatchesRegion(const MemoryAddress& address) {
    return address.region < kFirstFreshSymbol ||
           MatchesSymbol(SymbolicValue(address.region),
                         SymbolicValue(address.region));
  }

 private:
  /// Whether an unknown value may point wherever on the stack `specific` may.
  /// Of blocks that is not asked: dead words that still hold their addresses
  /// would keep too many paths apart.
  static bool CoversRegion(const Value& general, const Value& specific) {
    const Symbol near = RegionNear(specific);
    if (near == 0 || IsBlock(near) || general.symbol == kSomewhereSymbol)
      return true;
    if (general.symbol != near) return false;
    const bool same_base = general.bits == specific.bits &&
                           (specific.IsSymbolic() || specific.known == 1);
    return near != kStackSymbol || general.known == 0 || same_base;
  }

  static bool IsBlockOrNull(const Value& value, bool nonzero) {
    if (value.IsConstant(0)) return !nonzero;
    return value.IsSymbolic() && IsBlock(value.symbol) &&
           (value.nonzero || !nonzero);
  }

  bool MatchesSymbol(const Value& general, const Value& specific,
                     uint8_t width = 32) {
    const bool is_block = IsBlock(general.symbol);
    if (general.nonzero && !is_block && !specific.IsNonzero()) return false;
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
    // Nor is what says that there is no index one.
    if (IsThreadIndex(general.symbol) && base.IsConstant() &&
        base.bits > kMaxThreadIndex) {
      return false;
    }
    if (is_block && !IsBlockOrNull(base, general.nonzero)) return false;
    Value plain = base;
    plain.nonzero = false;
    const bool is_same = plain == SymbolicValue(general.symbol);
    // What is written through an address reaches nothing through a symbol.
    const bool is_address =
        specific.MayBeInImage() || RegionNear(specific) != 0;
    if (!is_block && !is_same && !general.from_image && is_address)
      return false;
    for (const auto& [symbol, meaning] : meanings_) {
      if (symbol == general.symbol) return meaning == plain;
      // Two blocks are never one.
      if (is_block && meaning == plain && plain.IsSymbolic()) return false;
    }
    meanings_.emplace_back(general.symbol, plain);
    if (!(plain == SymbolicValue(general.symbol))) renamed_.Add(general.symbol);
    return true;
  }

  std::vector<std::pair<Symbol, Value>> meanings_;
  SymbolFilter renamed_;
};

/// Bits of the values in a cell; symbols are in words and quadwords only.
uint8_t WidthOf(const Cell& cell) { return cell.size > 4 ? 64 : 32; }

/// What only the specific memory has written must be what the image held.
bool HoldsNothingElse(const Memory& general, const Memory& specific,
                      const CellMap::Entry& entry, Matching& matching) {
  const auto& [address, cell] = entry;
  if (!specific.HasInitialContent(address, cell.size)) {
    // To the general one what it may hold is no address.
    const bool is_address =
        cell.value.MayBeInImage() || RegionNear(cell.value) != 0;
    const bool counts =
        IsBlock(address.region) || address.region == kStackSymbol;
    if (!counts || !is_address) return true;
  }
  if (cell.size > kMaxKnownSize) return general.IsForgotten(address, cell.size);
  return matching.Matches(general.Load(address, cell.size), cell.value,
                          WidthOf(cell));
}

bool CoversMemory(const State& general, const State& specific,
                  Matching& matching) {
  if (!std::ranges::includes(general.memory.lost_slots(),
                             specific.memory.lost_slots())) {
    return false;
  }
  const auto covers = [&](const CellMap::Entry& entry) {
    if (entry.cell.value.IsUnknown()) return true;
    return matching.MatchesRegion(entry.address) &&
           matching.Matches(
               entry.cell.value,
               specific.memory.Load(entry.address, entry.cell.size),
               WidthOf(entry.cell));
  };
  const auto covers_difference = [&](const CellMap::Entry* in_general,
                                     const CellMap::Entry* in_specific) {
    return (in_general == nullptr || covers(*in_general)) &&
           (in_specific == nullptr ||
            HoldsNothingElse(general.memory, specific.memory, *in_specific,
                             matching));
  };
  if (!CellMap::AllDifferences(general.memory.cells(), specific.memory.cells(),
                               covers_difference)) {
    return false;
  }
  // What stands in both alike speaks of the same symbols.
  return matching.renamed().empty() ||
         general.memory.cells().AllOf(matching.renamed(), covers);
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

Value WordAt(const State& state, const Value& pointer) {
  const std::optional<MemoryAddress> at = AddressOf(pointer);
  return at ? state.memory.Load(*at, 4) : UnknownValue();
}

bool Mentions(const State& state, Symbol symbol, size_t& cells) {
  const auto speaks = [symbol](const Value& value) {
    return value.HasSymbol() && value.symbol == symbol;
  };
  if (std::ranges::any_of(state.places, speaks) ||
      state.calls.Mentions(symbol)) {
    return true;
  }
  SymbolFilter filter;
  filter.Add(symbol);
  const auto silent = [&](const CellMap::Entry& entry) {
    ++cells;
    return entry.address.region != symbol && !speaks(entry.cell.value);
  };
  return !state.memory.cells().AllOf(filter, silent) ||
         std::ranges::any_of(state.sections.all(), [symbol](const auto& entry) {
           return entry.first.region == symbol;
         });
}

void Replace(State& state, Symbol symbol, const Value& by) {
  const uint8_t width = state.register_width;
  for (Value& value : state.places) {
    value = SubstituteIn(value, symbol, by, width);
  }
  state.calls.Substitute(symbol, by, width);
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

const SectionMap::Map& SectionMap::all() const {
  static const Map kNone;
  return node_ ? node_->map : kNone;
}

SectionMap::Map& SectionMap::Change() {
  if (!node_) node_ = SharedNode<Node>(new Node);
  Node& node = node_.Own();
  node.live_hash.reset();
  return node.map;
}

uint64_t SectionMap::LiveHash() const {
  if (!node_) return 0;
  if (!node_->live_hash) {
    uint64_t hash = 0;
    for (const auto& [address, section] : node_->map) {
      if (!section.live) continue;
      hash = (hash ^ address.region) * 0x9e3779b97f4a7c15;
      hash =
          (hash ^ static_cast<uint64_t>(address.offset)) * 0x9e3779b97f4a7c15;
      hash ^= hash >> 32;
    }
    node_->live_hash = hash;
  }
  return *node_->live_hash;
}

bool SameSections(const State& a, const State& b) {
  if (a.sections.Shares(b.sections)) return true;
  // A loop that makes another one each turn compares each state with all.
  if (a.sections.LiveHash() != b.sections.LiveHash()) return false;
  const SectionMap::Map& of_a = a.sections.all();
  const SectionMap::Map& of_b = b.sections.all();
  const auto is_live = [](const auto& entry) { return entry.second.live; };
  auto at_a = std::ranges::find_if(of_a, is_live);
  auto at_b = std::ranges::find_if(of_b, is_live);
  while (at_a != of_a.end() && at_b != of_b.end()) {
    if (at_a->first != at_b->first) return false;
    at_a = std::find_if(std::next(at_a), of_a.end(), is_live);
    at_b = std::find_if(std::next(at_b), of_b.end(), is_live);
  }
  return at_a == of_a.end() && at_b == of_b.end();
}

bool SamePointers(const State& a, const State& b) {
  const auto is_import = [](const Value& value) {
    return value.IsSymbolic() && value.symbol == kImportSymbol;
  };
  const auto is_block = [](const Value& value) {
    return value.IsSymbolic() && IsBlock(value.symbol);
  };
  const auto same_of = [](const auto& counts) {
    return [&counts](const CellMap::Entry* in_a, const CellMap::Entry* in_b) {
      if (in_a == nullptr || in_b == nullptr) return true;
      const Value& x = in_a->cell.value;
      const Value& y = in_b->cell.value;
      return x == y || (!counts(x) && !counts(y));
    };
  };
  for (size_t i = 0; i < a.places.size(); ++i) {
    const bool counts = is_import(a.places[i]) || is_import(b.places[i]);
    if (counts && !(a.places[i] == b.places[i])) return false;
  }
  const CellMap& of_a = a.memory.cells();
  const CellMap& of_b = b.memory.cells();
  return CellMap::AllDifferencesIn(kStackSymbol, of_a, of_b,
                                   same_of(is_import)) &&
         CellMap::AllDifferencesIn(kAbsolute, of_a, of_b, same_of(is_block));
}

/// Which call made or deleted a section is part of what is reported.
static bool CoversSections(const State& general, const State& specific) {
  if (general.sections.Shares(specific.sections)) return true;
  for (const auto& [address, section] : specific.sections.all()) {
    const auto it = general.sections.all().find(address);
    if (it == general.sections.all().end()) return false;
    if (!std::ranges::includes(it->second.initialised_at,
                               section.initialised_at) ||
        !std::ranges::includes(it->second.deleted_at, section.deleted_at)) {
      return false;
    }
  }
  return true;
}

bool Covers(const State& general, const State& specific) {
  assert(general.pc == specific.pc);
  if (!general.calls.SameReturns(specific.calls)) return false;
  if (!SameSections(general, specific)) return false;
  if (general.last_error && general.last_error != specific.last_error) {
    return false;
  }
  if (!CoversSections(general, specific)) return false;
  if ((general.kept_words & ~specific.kept_words) != 0) return false;
  Matching matching;
  for (const auto& [address, section] : general.sections.all()) {
    if (!matching.MatchesRegion(address)) return false;
  }
  const uint8_t width = general.register_width;
  for (size_t i = 0; i < general.places.size(); ++i) {
    if (!matching.Matches(general.places[i], specific.places[i], width)) {
      return false;
    }
  }
  return general.calls.AllPairs(specific.calls, [&](const Value& a,
                                                    const Value& b) {
    return matching.Matches(a, b, width);
  }) && CoversMemory(general, specific, matching);
}

static void JoinSections(SectionMap::Map& into, const SectionMap::Map& other) {
  for (const auto& [address, section] : other) {
    SectionState& joined = into[address];
    joined.live = section.live;
    joined.initialised_at.insert(section.initialised_at.begin(),
                                 section.initialised_at.end());
    joined.deleted_at.insert(section.deleted_at.begin(),
                             section.deleted_at.end());
  }
}

State Join(const State& a, const State& b, size_t* differing) {
  assert(SameSections(a, b));
  State joined = a;
  for (size_t i = 0; i < joined.places.size(); ++i) {
    joined.places[i] = JoinValues(a.places[i], b.places[i]);
  }
  joined.calls.Join(b.calls);
  joined.memory = Join(a.memory, b.memory, differing);
  if (!joined.sections.Shares(b.sections)) {
    JoinSections(joined.sections.Change(), b.sections.all());
  }
  // The words themselves are memory; those of one alone are not looked at.
  joined.kept_words &= b.kept_words;
  joined.exit_tables.insert(b.exit_tables.begin(), b.exit_tables.end());
  joined.open_branches = std::max(a.open_branches, b.open_branches);
  joined.blocks_end = std::max(a.blocks_end, b.blocks_end);
  joined.pages_end = std::max(a.pages_end, b.pages_end);
  joined.indexes = std::max(a.indexes, b.indexes);
  joined.ticks = std::max(a.ticks, b.ticks);
  if (a.last_error != b.last_error) joined.last_error = std::nullopt;
  return joined;
}

}  // namespace detachfix
