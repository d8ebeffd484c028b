// SPDX-License-Identifier: Apache-2.0
// Which states another one covers, so that they need not be followed.
#include <gtest/gtest.h>

#include "disasm/quadword.h"
#include "tests/disasm/state_fixture.h"

namespace detachfix::test {
namespace {

class StateCovers : public StateTest {
 protected:
  /// The same of two states that have these in one register.
  bool ValueCovers(const Value& general, const Value& specific) {
    State a = NewState();
    a.at(kEax) = general;
    State b = NewState();
    b.at(kEax) = specific;
    return Covers(a, b);
  }
};

TEST_F(StateCovers, WhatIsUnknownCoversEverything) {
  State known = NewState();
  known.at(kEax) = ConstantValue(1);
  known.memory.Store(Data(0), 4, ConstantValue(1));
  State open = NewState();
  open.memory.Forget(Data(0), 4);
  EXPECT_TRUE(Covers(open, known));
  EXPECT_FALSE(Covers(known, open));
}

TEST_F(StateCovers, AFreshSymbolStandsForOneValueOnly) {
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

TEST_F(StateCovers, ABlockStandsForBlocksAndNullOnly) {
  const Symbol one = kSym | kBlockBit;
  const Symbol two = (kSym + 1) | kBlockBit;
  const Value block = SymbolicValue(one);
  EXPECT_TRUE(ValueCovers(block, ConstantValue(0)));
  EXPECT_TRUE(ValueCovers(block, SymbolicValue(two)));
  EXPECT_TRUE(ValueCovers(block, SymbolicValue(two, 8)));
  EXPECT_FALSE(ValueCovers(block, ConstantValue(kBase)));
  EXPECT_FALSE(ValueCovers(block, SymbolicValue(kSym)));
  const Value there = SymbolicValue(one, 0, true);
  EXPECT_FALSE(ValueCovers(there, ConstantValue(0)));
  EXPECT_FALSE(ValueCovers(there, SymbolicValue(two)));
  EXPECT_FALSE(ValueCovers(there, SymbolicValue(two, 8)));
  EXPECT_TRUE(ValueCovers(there, SymbolicValue(two, 0, true)));
}

// What is written through an address reaches nothing through a symbol.
TEST_F(StateCovers, ANumberStandsForNoAddress) {
  const Value number = SymbolicValue(kSym);
  Value any = number;
  any.from_image = true;
  const Value data = ConstantValue(kBase + kDataRva);
  EXPECT_FALSE(ValueCovers(number, data));
  EXPECT_TRUE(ValueCovers(any, data));
  EXPECT_FALSE(ValueCovers(number, SymbolicValue(kStackSymbol, 8)));
  EXPECT_FALSE(ValueCovers(number, SymbolicValue((kSym + 1) | kBlockBit)));
  EXPECT_TRUE(ValueCovers(number, ConstantValue(7)));
}

TEST_F(StateCovers, TwoBlocksStandForTwo) {
  const Value one = SymbolicValue(kSym | kBlockBit);
  const Value two = SymbolicValue((kSym + 1) | kBlockBit);
  State general = NewState();
  general.at(kEax) = one;
  general.at(kEcx) = two;
  State specific = NewState();
  specific.at(kEax) = specific.at(kEcx) = two;
  EXPECT_FALSE(Covers(general, specific));
  specific.at(kEax) = SymbolicValue((kSym + 2) | kBlockBit);
  EXPECT_TRUE(Covers(general, specific));
}

// The general state knows nothing of a word that is an address in the other.
TEST_F(StateCovers, AWordOfABlockThatIsNotKnownIsNoAddress) {
  const MemoryAddress word{kSym | kBlockBit, 4};
  const State general = NewState();
  State specific = NewState();
  specific.memory.Store(word, 4, ConstantValue(7));
  EXPECT_TRUE(Covers(general, specific));
  specific.memory.Store(word, 4, ConstantValue(kBase + kDataRva));
  EXPECT_FALSE(Covers(general, specific));
}

TEST_F(StateCovers, ASymbolWithAMeaningStandsForItself) {
  State general = NewState();
  general.at(kEax) = SymbolicValue(kStackSymbol, 4);
  State specific = NewState();
  specific.at(kEax) = ConstantValue(4);
  EXPECT_FALSE(Covers(general, specific));
  specific.at(kEax) = SymbolicValue(kStackSymbol, 4);
  EXPECT_TRUE(Covers(general, specific));
}

TEST_F(StateCovers, ANonzeroSymbolDoesNotCoverZero) {
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

TEST_F(StateCovers, KnownBitsCoverWhatHasThem) {
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

TEST_F(StateCovers, WhatTheImageHoldsCountsAsKnown) {
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

TEST_F(StateCovers, AnOverwrittenSlotIsNotCoveredByAWholeOne) {
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
TEST_F(StateCovers, WordsThatOneAloneKeepsAreNotThere) {
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
TEST_F(StateCovers, ASymbolInSharedContentStandsForItself) {
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

TEST_F(StateCovers, SectionsAndTheirCallSitesAreCompared) {
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

TEST_F(StateCovers, AnotherCallerIsAnotherState) {
  State general = NewState();
  State specific = NewState();
  specific.calls.Push(0x1234, Frame());
  EXPECT_FALSE(Covers(general, specific));
}

}  // namespace
}  // namespace detachfix::test
