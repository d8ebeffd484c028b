// SPDX-License-Identifier: Apache-2.0
#include "disasm/state.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/disasm/state_fixture.h"

namespace detachfix::test {
namespace {

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
}  // namespace detachfix::test
