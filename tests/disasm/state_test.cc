// SPDX-License-Identifier: Apache-2.0
#include "disasm/state.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "disasm/quadword.h"

namespace detachfix {
namespace {

constexpr uint32_t kBase = 0x400000;
constexpr uint32_t kDataRva = 0x1000;
constexpr uint32_t kDataSize = 0x20;
constexpr Symbol kSym = kFirstFreshSymbol;
constexpr Place kEax{0};
constexpr Place kEcx{1};

Value Is(Symbol symbol, uint64_t bits, bool negated = false) {
  Value value;
  value.kind = Value::Kind::kCondition;
  value.symbol = symbol;
  value.bits = bits;
  value.negated = negated;
  return value;
}

class StateTest : public testing::Test {
 protected:
  StateTest() {
    view_.machine = kMachineI386;
    view_.image_base = kBase;
    view_.image_size = 0x2000;
    view_.regions = {
        {Rva{kDataRva}, kDataSize, std::span(content_), false, true}};
  }

  static MemoryAddress Data(int64_t offset) {
    return {kAbsolute, int64_t{kBase} + kDataRva + offset};
  }

  State NewState() { return State(view_); }

  std::array<uint8_t, kDataSize> content_ = {1, 2, 3, 4, 5, 6, 7, 8};
  CodeView view_;
};

// Assume.

struct AssumeRow {
  const char* what;
  Value condition;
  bool is_true;
  Value eax;  ///< what EAX, which held the symbol, holds then
};

TEST_F(StateTest, AssumeWritesWhatABranchShowed) {
  const Value symbol = SymbolicValue(kSym);
  const Value nonzero = SymbolicValue(kSym, 0, true);
  const AssumeRow rows[] = {
      {"the symbol is 5", Is(kSym, 5), true, ConstantValue(5)},
      {"the symbol is not 5", Is(kSym, 5), false, symbol},
      {"not (the symbol is not 5)", Is(kSym, 5, true), false, ConstantValue(5)},
      {"the symbol is not 0", Is(kSym, 0, true), true, nonzero},
      {"the symbol is 0", Is(kSym, 0), true, ConstantValue(0)},
      {"the symbol itself is true", symbol, true, nonzero},
      {"the symbol itself is false", symbol, false, ConstantValue(0)},
      {"symbol + 4 is true", SymbolicValue(kSym, 4), true, symbol},
      {"symbol + 4 is false", SymbolicValue(kSym, 4), false,
       ConstantValue(0xfffffffc)},
      {"another symbol is 5", Is(kSym + 1, 5), true, symbol},
      {"a constant", ConstantValue(1), true, symbol},
      {"nothing known", UnknownValue(), true, symbol},
  };
  for (const AssumeRow& row : rows) {
    State state = NewState();
    state.at(kEax) = symbol;
    state.at(kEcx) = SymbolicValue(kSym, 4);
    state.memory.Store(Data(0), 4, symbol);
    Assume(state, row.condition, row.is_true);
    EXPECT_EQ(state.at(kEax), row.eax) << row.what;
    EXPECT_EQ(state.memory.Load(Data(0), 4), row.eax) << row.what;
    const Value moved = row.eax.IsConstant()
                            ? ConstantValue((row.eax.bits + 4) & LowBits(32))
                            : SymbolicValue(kSym, 4);
    EXPECT_EQ(state.at(kEcx), moved) << row.what;
  }
}

TEST_F(StateTest, AssumeLeavesSymbolsWithAMeaning) {
  for (const Symbol symbol :
       {kStackSymbol, kReservedSymbol, kFirstRegisterSymbol}) {
    State state = NewState();
    state.at(kEax) = SymbolicValue(symbol);
    Assume(state, Is(symbol, 0), true);
    EXPECT_EQ(state.at(kEax), SymbolicValue(symbol)) << symbol;
  }
}

TEST_F(StateTest, AssumeDecidesEqualConditions) {
  State state = NewState();
  state.at(kEax) = Is(kSym, 5);
  state.at(kEcx) = Is(kSym, 6);
  Assume(state, Is(kSym, 5), true);
  EXPECT_EQ(state.at(kEax), ConstantValue(1));
  EXPECT_EQ(state.at(kEcx), ConstantValue(0));
}

// Covers.

TEST_F(StateTest, WhatIsUnknownCoversEverything) {
  State known = NewState();
  known.at(kEax) = ConstantValue(1);
  known.memory.Store(Data(0), 4, ConstantValue(1));
  State open = NewState();
  open.memory.Forget(Data(0), 4);
  EXPECT_TRUE(Covers(open, known));
  EXPECT_FALSE(Covers(known, open));
}

TEST_F(StateTest, AFreshSymbolStandsForOneValueOnly) {
  State general = NewState();
  general.at(kEax) = general.at(kEcx) = SymbolicValue(kSym);
  State specific = NewState();
  specific.at(kEax) = specific.at(kEcx) = ConstantValue(7);
  EXPECT_TRUE(Covers(general, specific));
  specific.at(kEcx) = ConstantValue(8);
  EXPECT_FALSE(Covers(general, specific));
  general.at(kEcx) = SymbolicValue(kSym, 1);
  EXPECT_TRUE(Covers(general, specific));
}

TEST_F(StateTest, ABlockStandsForBlocksAndNullOnly) {
  const auto covers = [this](const Value& general, const Value& specific) {
    State a = NewState();
    a.at(kEax) = general;
    State b = NewState();
    b.at(kEax) = specific;
    return Covers(a, b);
  };
  const Symbol one = kSym | kBlockBit;
  const Symbol two = (kSym + 1) | kBlockBit;
  const Value block = SymbolicValue(one);
  EXPECT_TRUE(covers(block, ConstantValue(0)));
  EXPECT_TRUE(covers(block, SymbolicValue(two)));
  EXPECT_TRUE(covers(block, SymbolicValue(two, 8)));
  EXPECT_FALSE(covers(block, ConstantValue(kBase)));
  EXPECT_FALSE(covers(block, SymbolicValue(kSym)));
  const Value there = SymbolicValue(one, 0, true);
  EXPECT_FALSE(covers(there, ConstantValue(0)));
  EXPECT_FALSE(covers(there, SymbolicValue(two)));
  EXPECT_FALSE(covers(there, SymbolicValue(two, 8)));
  EXPECT_TRUE(covers(there, SymbolicValue(two, 0, true)));
  // A number may be a block's address.
  EXPECT_TRUE(covers(SymbolicValue(kSym), block));
}

TEST_F(StateTest, ASymbolWithAMeaningStandsForItself) {
  State general = NewState();
  general.at(kEax) = SymbolicValue(kStackSymbol, 4);
  State specific = NewState();
  specific.at(kEax) = ConstantValue(4);
  EXPECT_FALSE(Covers(general, specific));
  specific.at(kEax) = SymbolicValue(kStackSymbol, 4);
  EXPECT_TRUE(Covers(general, specific));
}

TEST_F(StateTest, ANonzeroSymbolDoesNotCoverZero) {
  State general = NewState();
  general.at(kEax) = SymbolicValue(kSym, 0, true);
  State specific = NewState();
  specific.at(kEax) = ConstantValue(0);
  EXPECT_FALSE(Covers(general, specific));
  specific.at(kEax) = ConstantValue(1);
  EXPECT_TRUE(Covers(general, specific));
  specific.at(kEax) = SymbolicValue(kSym);
  EXPECT_FALSE(Covers(general, specific));
}

TEST_F(StateTest, KnownBitsCoverWhatHasThem) {
  Value low_byte;
  low_byte.kind = Value::Kind::kPartial;
  low_byte.known = ~LowBits(32) | 0xff;
  low_byte.bits = 0x41;
  State general = NewState();
  general.at(kEax) = low_byte;
  State specific = NewState();
  specific.at(kEax) = ConstantValue(0x1241);
  EXPECT_TRUE(Covers(general, specific));
  EXPECT_FALSE(Covers(specific, general));
  specific.at(kEax) = ConstantValue(0x1242);
  EXPECT_FALSE(Covers(general, specific));
  specific.at(kEax) = SymbolicValue(kSym);
  EXPECT_FALSE(Covers(general, specific));
  specific.at(kEax) = UnknownValue();
  EXPECT_FALSE(Covers(general, specific));
}

TEST_F(StateTest, WhatTheImageHoldsCountsAsKnown) {
  const State loaded = NewState();
  State written = NewState();
  written.memory.Store(Data(0), 4, ConstantValue(0x04030201));  // as it was
  EXPECT_TRUE(Covers(loaded, written));
  EXPECT_TRUE(Covers(written, loaded));
  written.memory.Store(Data(0), 1, ConstantValue(9));
  EXPECT_FALSE(Covers(loaded, written));
  EXPECT_FALSE(Covers(written, loaded));
  State open = NewState();
  open.memory.Forget(Data(0), kDataSize);
  EXPECT_FALSE(Covers(loaded, open));
  EXPECT_TRUE(Covers(open, loaded));
}

TEST_F(StateTest, AnOverwrittenSlotIsNotCoveredByAWholeOne) {
  view_.import_slots[Rva{kDataRva + 8}] = {"kernel32.dll", "Sleep", {}};
  const State whole = NewState();
  State lost = NewState();
  lost.memory.Forget(Data(8), 4);
  EXPECT_FALSE(Covers(whole, lost));
  EXPECT_TRUE(Covers(lost, whole));
  // Also when a wider piece was forgotten in both since.
  State wide = NewState();
  const Memory::Range all = {Data(0).offset, Data(0).offset + kDataSize};
  wide.memory.ForgetImage(all, {});
  lost.memory.ForgetImage(all, {});
  EXPECT_FALSE(Covers(wide, lost));
  EXPECT_TRUE(Covers(lost, wide));
  EXPECT_TRUE(Covers(Join(wide, lost), lost));
}

// Words of a register are looked at where they were kept on both paths alone.
TEST_F(StateTest, WordsThatOneAloneKeepsAreNotThere) {
  const Place place{3};
  const State none = NewState();
  State kept = NewState();
  KeepWords(kept, place, {SymbolicValue(kSym), ConstantValue(7)});
  EXPECT_FALSE(Covers(kept, none));
  EXPECT_FALSE(KeptWords(Join(kept, none), place));
  EXPECT_FALSE(KeptWords(Join(none, kept), place));
  const std::optional<Words> both = KeptWords(Join(kept, kept), place);
  ASSERT_TRUE(both);
  EXPECT_EQ(both->low, SymbolicValue(kSym));
  // Where nothing is known of the words themselves, only that mark tells.
  State unknown = none;
  unknown.kept_words = kept.kept_words;
  EXPECT_FALSE(Covers(unknown, none));
}

// Content that both took over from one state is not compared again; a symbol in
// it stands for itself all the same.
TEST_F(StateTest, ASymbolInSharedContentStandsForItself) {
  const Place place{0};
  const MemoryAddress on_stack{kStackSymbol, -4};
  State general = NewState();
  const Value symbol = SymbolicValue(kSym);
  general.at(place) = symbol;
  State other = general;
  other.memory.Store(on_stack, 4, symbol);
  State specific = other;
  specific.at(place) = ConstantValue(5);
  EXPECT_TRUE(Covers(general, specific));
  general = other;
  EXPECT_FALSE(Covers(general, specific));
  specific.memory.Store(on_stack, 4, ConstantValue(5));
  EXPECT_TRUE(Covers(general, specific));

  State in_region = NewState();
  const Value block = SymbolicValue(kSym, 0, true);
  in_region.at(place) = block;
  in_region.memory.Store({block.symbol, 0}, 4, ConstantValue(1));
  specific = in_region;
  specific.at(place) = ConstantValue(0x500000);
  EXPECT_FALSE(Covers(in_region, specific));
}

TEST_F(StateTest, SectionsAndTheirCallSitesAreCompared) {
  State general = NewState();
  State specific = NewState();
  specific.sections.Change()[Data(0)].live = true;
  EXPECT_FALSE(Covers(general, specific));
  EXPECT_FALSE(Covers(specific, general));
  EXPECT_FALSE(SameSections(general, specific));
  general.sections.Change()[Data(0)].live = true;
  EXPECT_TRUE(Covers(general, specific));
  specific.sections.Change()[Data(0)].initialised_at = {Rva{0x10}};
  EXPECT_FALSE(Covers(general, specific));
  general.sections.Change()[Data(0)].initialised_at = {Rva{0x10}, Rva{0x20}};
  EXPECT_TRUE(Covers(general, specific));
  EXPECT_TRUE(SameSections(general, specific));
}

TEST_F(StateTest, AnotherCallerIsAnotherState) {
  State general = NewState();
  State specific = NewState();
  specific.calls.Push(0x1234, Frame());
  EXPECT_FALSE(Covers(general, specific));
}

// Laws, on random states.

class StateLaws : public StateTest {
 protected:
  static constexpr uint32_t kSeed = 20240613;
  static constexpr int kRounds = 4000;

  uint32_t Random() { return static_cast<uint32_t>(random_()); }

  Value RandomValue() {
    switch (Random() % 6) {
      case 0:
        return UnknownValue();
      case 1: {
        Value partial;
        partial.kind = Value::Kind::kPartial;
        partial.known = ~LowBits(32) | (Random() % 2 == 0 ? 0xff : 0xf0);
        partial.bits = Random() & partial.known & 0xff;
        return partial;
      }
      case 2:
        return SymbolicValue(kStackSymbol, uint64_t{4} * (Random() % 3));
      case 3:
        return SymbolicValue(kSym + Random() % 3, uint64_t{4} * (Random() % 2),
                             Random() % 4 == 0);
      case 4:
        return Is(kSym + Random() % 3, Random() % 2, Random() % 2 == 0);
      default:
        return ConstantValue(Random() % 3);
    }
  }

  MemoryAddress RandomAddress() {
    constexpr std::array<Symbol, 3> kRegions = {kStackSymbol, kSym, kSym + 1};
    if (Random() % 2 == 0) return Data(Random() % (kDataSize - 4));
    return {kRegions[Random() % 3], static_cast<int64_t>(Random() % 12)};
  }

  /// A cell to write to. With `words_only_`, always a whole word.
  MemoryAddress RandomCell(uint32_t& size) {
    MemoryAddress address = RandomAddress();
    if (!words_only_) return address;
    address.offset -= address.offset % 4;
    size = (size + 3) / 4 * 4;
    return address;
  }

  /// What two paths from one place differ in: few things.
  void Change(State& state) {
    for (uint32_t i = Random() % 4; i > 0; --i) {
      state.places[Random() % 6] = RandomValue();
    }
    for (uint32_t i = Random() % 4; i > 0; --i) {
      uint32_t size = std::array<uint32_t, 3>{1, 2, 4}[Random() % 3];
      const MemoryAddress address = RandomCell(size);
      state.memory.Store(address, size, RandomValue());
    }
    if (Random() % 4 == 0) {
      uint32_t size = Random() % 12;
      const MemoryAddress address = RandomCell(size);
      state.memory.Forget(address, size);
    }
    SectionState& section = state.sections.Change()[Data(0)];
    section.live = true;
    section.initialised_at.insert(Rva{Random() % 3});
    if (Random() % 2 == 0) section.deleted_at.insert(Rva{Random() % 3});
  }

  State RandomState() {
    State state = NewState();
    Change(state);
    Change(state);
    return state;
  }

  /// Without what a word may point into: a word that is overwritten in part
  /// loses that, and whether it is depends on the order.
  static Value Known(Value value) {
    if (value.IsUnknown()) value.bits = value.known = 0;
    if (!value.HasSymbol()) value.symbol = 0;
    return value;
  }

  /// "" when the two say the same: registers, sections and what every byte and
  /// word of memory is known to be.
  static std::string Difference(const State& a, const State& b) {
    for (size_t i = 0; i < a.places.size(); ++i) {
      if (!(a.places[i] == b.places[i])) return "place " + std::to_string(i);
    }
    std::vector<MemoryAddress> addresses;
    for (uint32_t i = 0; i < kDataSize; ++i) addresses.push_back(Data(i));
    for (const Symbol region : {kStackSymbol, kSym, kSym + 1}) {
      for (int64_t i = 0; i < 16; ++i) addresses.push_back({region, i});
    }
    for (const MemoryAddress& address : addresses) {
      for (const uint32_t size : {1u, 2u, 4u}) {
        if (!(Known(a.memory.Load(address, size)) ==
              Known(b.memory.Load(address, size)))) {
          return "region " + std::to_string(address.region) + " offset " +
                 std::to_string(address.offset) + " size " +
                 std::to_string(size);
        }
      }
    }
    for (const auto& [address, section] : a.sections.all()) {
      const auto other = b.sections.all().find(address);
      if (other == b.sections.all().end() ||
          other->second.live != section.live ||
          other->second.initialised_at != section.initialised_at ||
          other->second.deleted_at != section.deleted_at) {
        return "sections";
      }
    }
    return a.sections.all().size() == b.sections.all().size() ? "" : "sections";
  }

  std::string Where(int round) const {
    return "seed " + std::to_string(kSeed) + " round " + std::to_string(round);
  }

  bool words_only_ = false;
  std::mt19937 random_{kSeed};
};

TEST_F(StateLaws, AStateCoversItself) {
  for (int round = 0; round < kRounds; ++round) {
    const State a = RandomState();
    ASSERT_TRUE(Covers(a, a)) << Where(round);
  }
}

TEST_F(StateLaws, JoinIsIdempotent) {
  for (int round = 0; round < kRounds; ++round) {
    const State a = RandomState();
    ASSERT_EQ(Difference(Join(a, a), a), "") << Where(round);
  }
}

TEST_F(StateLaws, JoinCoversBoth) {
  for (int round = 0; round < kRounds; ++round) {
    const State a = RandomState();
    State b = Random() % 4 == 0 ? RandomState() : a;
    Change(b);
    const State joined = Join(a, b);
    ASSERT_TRUE(Covers(joined, a)) << Where(round);
    ASSERT_TRUE(Covers(joined, b)) << Where(round);
  }
}

TEST_F(StateLaws, JoinCommutes) {
  for (int round = 0; round < kRounds; ++round) {
    const State a = RandomState();
    State b = a;
    Change(b);
    ASSERT_EQ(Difference(Join(a, b), Join(b, a)), "") << Where(round);
  }
}

TEST_F(StateLaws, JoinIsAssociative) {
  // Of words that overlap in part, the order decides how many bytes are lost:
  // a word goes as a whole.
  words_only_ = true;
  for (int round = 0; round < kRounds; ++round) {
    const State a = RandomState();
    State b = a;
    Change(b);
    State c = b;
    Change(c);
    ASSERT_EQ(Difference(Join(Join(a, b), c), Join(a, Join(b, c))), "")
        << Where(round);
  }
}

TEST_F(StateLaws, CoversIsTransitive) {
  int chains = 0;
  for (int round = 0; round < kRounds; ++round) {
    const State a = RandomState();
    State b = a;
    Change(b);
    State c = a;
    Change(c);
    const State ab = Join(a, b);
    const State abc = Join(ab, c);
    if (!Covers(abc, ab)) continue;
    ++chains;
    ASSERT_TRUE(Covers(abc, a)) << Where(round);
    ASSERT_TRUE(Covers(abc, b)) << Where(round);
  }
  EXPECT_GT(chains, kRounds / 2);
}

}  // namespace
}  // namespace detachfix
