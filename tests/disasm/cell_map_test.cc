// SPDX-License-Identifier: Apache-2.0
// The map against std::map, over random changes of several copies.
#include "disasm/cell_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace detachfix {
namespace {

using Plain = std::map<MemoryAddress, Cell>;

MemoryAddress At(int64_t offset) { return {kAbsolute, offset}; }

Cell Number(uint64_t number) { return {4, ConstantValue(number)}; }

Plain ContentOf(const CellMap& map) {
  Plain content;
  for (const CellMap::Entry* entry = map.First(); entry != nullptr;
       entry = map.After(entry->address)) {
    content.emplace(entry->address, entry->cell);
  }
  return content;
}

/// Addresses that stand in only one of them or with another cell.
std::set<MemoryAddress> DifferencesOf(const Plain& a, const Plain& b) {
  std::set<MemoryAddress> addresses;
  for (const auto& [address, cell] : a) {
    const auto other = b.find(address);
    if (other == b.end() || !(other->second == cell)) addresses.insert(address);
  }
  for (const auto& [address, cell] : b) {
    if (!a.contains(address)) addresses.insert(address);
  }
  return addresses;
}

struct Pair {
  CellMap map;
  Plain plain;
};

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t Below(uint32_t limit) {
    return static_cast<uint32_t>(engine_() % limit);
  }
  MemoryAddress Address() {
    const Symbol regions[] = {kAbsolute, kStackSymbol, kFirstFreshSymbol};
    return {regions[Below(3)], int64_t{Below(60)} - 20};
  }
  Cell AnyCell() {
    if (Below(2) == 0) return Number(Below(4));
    return {4, SymbolicValue(kFirstFreshSymbol + Below(70), Below(2))};
  }

 private:
  std::mt19937 engine_;
};

void Change(Pair& pair, Random& random) {
  const MemoryAddress at = random.Address();
  if (random.Below(5) > 0) {
    const Cell cell = random.AnyCell();
    pair.map.Set(at, cell);
    pair.plain.insert_or_assign(at, cell);
    return;
  }
  const MemoryAddress end{at.region, at.offset + random.Below(8)};
  pair.map.Erase(at, end);
  pair.plain.erase(pair.plain.lower_bound(at), pair.plain.lower_bound(end));
}

void CheckLookUps(const Pair& pair, MemoryAddress at) {
  const auto after = pair.plain.upper_bound(at);
  const auto from = pair.plain.lower_bound(at);
  const CellMap::Entry* entry = pair.map.After(at);
  ASSERT_EQ(entry == nullptr, after == pair.plain.end());
  if (entry != nullptr) {
    EXPECT_EQ(entry->address, after->first);
  }
  entry = pair.map.AtOrAfter(at);
  ASSERT_EQ(entry == nullptr, from == pair.plain.end());
  if (entry != nullptr) {
    EXPECT_EQ(entry->address, from->first);
  }
  entry = pair.map.AtOrBefore(at);
  ASSERT_EQ(entry == nullptr, after == pair.plain.begin());
  if (entry != nullptr) {
    EXPECT_EQ(entry->address, std::prev(after)->first);
  }
}

void CheckDifferences(const Pair& a, const Pair& b) {
  std::vector<MemoryAddress> seen;
  CellMap::AllDifferences(
      a.map, b.map,
      [&](const CellMap::Entry* in_a, const CellMap::Entry* in_b) {
        const MemoryAddress at =
            in_a != nullptr ? in_a->address : in_b->address;
        EXPECT_EQ(in_a != nullptr, a.plain.contains(at));
        EXPECT_EQ(in_b != nullptr, b.plain.contains(at));
        seen.push_back(at);
        return true;
      });
  const std::set<MemoryAddress> expected = DifferencesOf(a.plain, b.plain);
  EXPECT_EQ(seen, std::vector(expected.begin(), expected.end()));
}

TEST(CellMap, IsAnOrderedMapWhoseCopiesAreIndependent) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<Pair> pairs(4);
    for (int step = 0; step < 400; ++step) {
      Pair& pair = pairs[random.Below(4)];
      if (random.Below(20) == 0) pair = pairs[random.Below(4)];
      Change(pair, random);
      CheckLookUps(pair, random.Address());
    }
    for (const Pair& pair : pairs) EXPECT_EQ(ContentOf(pair.map), pair.plain);
    for (const Pair& pair : pairs) CheckDifferences(pairs[0], pair);
  }
}

TEST(CellMap, LooksAtTheDifferencesOfOneRegion) {
  CellMap a;
  CellMap b;
  a.Set(At(4), Number(1));
  a.Set({kStackSymbol, -4}, Number(1));
  b.Set({kStackSymbol, -4}, Number(2));
  b.Set({kFirstFreshSymbol, 0}, Number(1));
  std::vector<MemoryAddress> seen;
  CellMap::AllDifferencesIn(kStackSymbol, a, b,
                            [&](const CellMap::Entry* in_a, auto*) {
                              seen.push_back(in_a->address);
                              return true;
                            });
  EXPECT_EQ(seen, (std::vector<MemoryAddress>{{kStackSymbol, -4}}));
}

TEST(CellMap, StopsAtTheFirstDifferenceThatIsRefused) {
  CellMap a;
  for (int64_t i = 0; i < 10; ++i) a.Set(At(i), Number(0));
  int seen = 0;
  EXPECT_FALSE(CellMap::AllDifferences(a, CellMap(), [&](auto*, auto*) {
    ++seen;
    return seen < 3;
  }));
  EXPECT_EQ(seen, 3);
}

// Words that code reads in a row have symbols in a row: to look for one of them
// must not take longer the more there are.
TEST(CellMap, LooksForASymbolInFewOfManyCells) {
  constexpr Symbol kCells = 4096;
  CellMap map;
  for (Symbol i = 0; i < kCells; ++i) {
    map.Set(At(4 * int64_t{i}), {4, SymbolicValue(kFirstFreshSymbol + i)});
  }
  for (const Symbol i : {Symbol{0}, Symbol{1000}, kCells - 1}) {
    SymbolFilter filter;
    filter.Add(kFirstFreshSymbol + i);
    size_t looked_at = 0;
    bool is_found = false;
    map.AllOf(filter, [&](const CellMap::Entry& entry) {
      ++looked_at;
      is_found |= entry.address == At(4 * int64_t{i});
      return true;
    });
    EXPECT_TRUE(is_found);
    EXPECT_LT(looked_at, 100u);
  }
}

TEST(CellMap, FindsEveryCellThatSpeaksOfASymbol) {
  constexpr Symbol kWanted = kFirstFreshSymbol + 5;
  constexpr Symbol kAlike = kWanted + 64;  // the same bit of the filter
  CellMap map;
  for (int64_t i = 0; i < 100; ++i) map.Set(At(4 * i), Number(0));
  map.Set(At(40), {4, SymbolicValue(kWanted, 8)});
  map.Set(At(80), {4, SymbolicValue(kAlike)});
  map.Set({kWanted, 0}, Number(0));
  SymbolFilter filter;
  filter.Add(kWanted);
  std::set<MemoryAddress> seen;
  map.AllOf(filter, [&](const CellMap::Entry& entry) {
    seen.insert(entry.address);
    return true;
  });
  EXPECT_TRUE(seen.contains(At(40)));
  EXPECT_TRUE(seen.contains(MemoryAddress{kWanted, 0}));

  const CellMap before = map;
  map.Change(filter, [](Cell& cell) {
    if (cell.value.symbol == kWanted) cell.value = ConstantValue(7);
  });
  Plain expected = ContentOf(before);
  expected[At(40)] = Number(7);
  EXPECT_EQ(ContentOf(map), expected);
  EXPECT_EQ(ContentOf(before).at(At(40)).value, SymbolicValue(kWanted, 8));
}

}  // namespace
}  // namespace detachfix
