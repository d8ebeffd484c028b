// SPDX-License-Identifier: Apache-2.0
#include "disasm/stored_addresses.h"

#include <gtest/gtest.h>

#include "disasm/cell_map.h"

namespace detachfix {
namespace {

constexpr int64_t kWord = 0x10001000;
constexpr Symbol kBlock = kBlockBit | kFirstFreshSymbol;

Value Near(Symbol region) {
  Value value = UnknownValue();
  value.symbol = region;
  return value;
}

Value InImage() {
  Value value = UnknownValue();
  value.from_image = true;
  return value;
}

TEST(StoredAddresses, TellsTheFunctionsOfAWord) {
  StoredAddresses stored;
  const Value first = ConstantValue(0x10002000);
  const Value second = SymbolicValue(kImportSymbol, 0x3000);
  EXPECT_FALSE(stored.StoreFunction(kWord, first));
  EXPECT_FALSE(stored.StoreFunction(kWord, second));
  EXPECT_EQ(stored.FunctionsAt(kWord), (std::vector<Value>{first, second}));
  EXPECT_EQ(stored.FunctionsAt(kWord + 4), std::vector<Value>{});
}

TEST(StoredAddresses, SaysWhenAnAnswerWouldBeAnotherOne) {
  StoredAddresses stored;
  const Value first = ConstantValue(0x10002000);
  stored.FunctionsAt(kWord);
  EXPECT_TRUE(stored.StoreFunction(kWord, first));
  EXPECT_FALSE(stored.StoreFunction(kWord, first)) << "known";
  EXPECT_FALSE(stored.StoreFunction(kWord + 4, first)) << "nobody asked";
  EXPECT_TRUE(stored.StoreStranger(kWord));
  EXPECT_FALSE(stored.StoreStranger(kWord)) << "known";
  EXPECT_EQ(stored.FunctionsAt(kWord), std::nullopt);
  EXPECT_TRUE(stored.StrewFunctions());
  EXPECT_FALSE(stored.StrewFunctions()) << "known";
  EXPECT_EQ(stored.FunctionsAt(kWord + 4), std::nullopt);
}

TEST(StoredAddresses, AnUnaskedStrewingChangesNoAnswer) {
  StoredAddresses stored;
  EXPECT_FALSE(stored.StrewFunctions());
  EXPECT_TRUE(stored.functions_are_strewn());
}

TEST(StoredAddresses, SuspectsTheRegionsThatAPointerMayLieIn) {
  StoredAddresses stored;
  EXPECT_EQ(stored.MayBeStrewn(UnknownValue(), kBlock), UnknownValue());
  EXPECT_TRUE(stored.StrewPointer(Near(kBlock)));
  EXPECT_FALSE(stored.StrewPointer(Near(kBlock))) << "known";
  EXPECT_EQ(stored.MayBeStrewn(UnknownValue(), kBlock), Near(kSomewhereSymbol));
  EXPECT_EQ(stored.MayBeStrewn(UnknownValue(), kSomewhereSymbol),
            Near(kSomewhereSymbol));
  EXPECT_EQ(stored.MayBeStrewn(UnknownValue(), kAbsolute), UnknownValue());
  EXPECT_EQ(stored.MayBeStrewn(ConstantValue(7), kBlock), ConstantValue(7));
  EXPECT_TRUE(stored.StrewData(InImage()));
  EXPECT_EQ(stored.MayBeStrewn(UnknownValue(), kAbsolute), InImage());
  EXPECT_TRUE(stored.StrewData(Near(kSomewhereSymbol)));
  EXPECT_TRUE(stored.MayBeStrewn(UnknownValue(), kStackSymbol).from_image);
}

TEST(StoredAddresses, RemembersWhatThreadsWereAskedFor) {
  StoredAddresses unasked;
  EXPECT_FALSE(unasked.StoreDataInThread());
  EXPECT_TRUE(unasked.ThreadMayHoldData());
  StoredAddresses asked;
  EXPECT_FALSE(asked.ThreadMayHoldData());
  EXPECT_TRUE(asked.StoreDataInThread());
  EXPECT_FALSE(asked.StoreDataInThread()) << "known";
}

}  // namespace
}  // namespace detachfix
