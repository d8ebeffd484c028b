// SPDX-License-Identifier: Apache-2.0
#include "disasm/call_stack.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <unordered_set>

namespace detachfix {
namespace {

constexpr Symbol kFirst = kFirstFreshSymbol;

Frame FrameAt(const Value& stack) {
  Frame frame;
  frame.stack = stack;
  return frame;
}

CallStack InEntry() {
  CallStack calls;
  calls.EnterFirst(FrameAt(SymbolicValue(kStackSymbol)));
  return calls;
}

bool Equal(const CallStack& a, const CallStack& b) {
  return a.SameReturns(b) &&
         a.AllPairs(b, [](const Value& x, const Value& y) { return x == y; });
}

TEST(CallStack, CountsOpenCallsWithoutTheEntry) {
  CallStack calls = InEntry();
  EXPECT_EQ(calls.depth(), 0u);
  calls.Push(0x401005, FrameAt(SymbolicValue(kStackSymbol, 4)));
  EXPECT_EQ(calls.depth(), 1u);
  EXPECT_EQ(calls.return_va(), 0x401005u);
  EXPECT_TRUE(calls.ReturnsTo(0x401005));
  EXPECT_FALSE(calls.ReturnsTo(0));
  calls.Pop();
  EXPECT_EQ(calls.depth(), 0u);
  EXPECT_EQ(calls.frame().stack, SymbolicValue(kStackSymbol));
  calls.Clear();
  EXPECT_EQ(calls.depth(), 0u);
}

TEST(CallStack, ComparesReturnsWhereverTheyWerePushed) {
  CallStack a = InEntry();
  CallStack b = InEntry();
  for (const uint64_t va : {0x401000u, 0x402000u}) {
    a.Push(va, Frame());
    b.Push(va, Frame());
  }
  EXPECT_TRUE(a.SameReturns(b));
  EXPECT_EQ(a.hash(), b.hash());
  b.Pop();
  EXPECT_FALSE(a.SameReturns(b));
  b.Push(0x402004, Frame());
  EXPECT_FALSE(a.SameReturns(b));
}

TEST(CallStack, ChangesOneCopyOnly) {
  CallStack a = InEntry();
  a.Push(0x401000, FrameAt(SymbolicValue(kFirst)));
  a.Push(0x402000, Frame());
  CallStack b = a;
  b.CallersFrame().guess = 8;
  b.Substitute(kFirst, ConstantValue(3), 32);
  b.Pop();
  a.Pop();
  EXPECT_EQ(b.frame().guess, 8u);
  EXPECT_EQ(b.frame().stack, ConstantValue(3));
  EXPECT_EQ(a.frame().guess, 0u);
  EXPECT_EQ(a.frame().stack, SymbolicValue(kFirst));
}

TEST(CallStack, JoinsWhatDiffers) {
  CallStack a = InEntry();
  a.Push(0x401000, FrameAt(ConstantValue(1)));
  CallStack b = a;
  a.Push(0x402000, FrameAt(ConstantValue(2)));
  b.Push(0x402000, FrameAt(ConstantValue(3)));
  a.Join(b);
  CallStack expected = InEntry();
  expected.Push(0x401000, FrameAt(ConstantValue(1)));
  expected.Push(0x402000, FrameAt(UnknownValue()));
  EXPECT_TRUE(Equal(a, expected));
}

// Two frames may be one and the same object and yet not be the same to who
// asks: a symbol in them may stand for something else in one of them.
TEST(CallStack, GivesSharedFramesThatSpeakOfSymbols) {
  CallStack calls = InEntry();
  calls.Push(0x401000, FrameAt(SymbolicValue(kFirst)));
  int pairs = 0;
  calls.AllPairs(calls, [&](const Value&, const Value&) {
    ++pairs;
    return true;
  });
  EXPECT_EQ(pairs, 9);  // of the inner frame; the entry's has no symbol
}

TEST(CallStack, AddsTheHashesOfWhatIsLeftAfterEachReturn) {
  CallStack calls = InEntry();
  std::unordered_set<uint64_t> expected = {calls.hash()};
  calls.Push(0x1000, FrameAt(SymbolicValue(kStackSymbol)));
  expected.insert(calls.hash());
  CallStack other = calls;
  calls.Push(0x2000, FrameAt(SymbolicValue(kStackSymbol)));
  other.Push(0x3000, FrameAt(SymbolicValue(kStackSymbol)));
  expected.insert(calls.hash());
  std::unordered_set<uint64_t> hashes;
  calls.AddHashes(hashes);
  EXPECT_EQ(hashes, expected);
  other.AddHashes(hashes);
  expected.insert(other.hash());
  EXPECT_EQ(hashes, expected);
  EXPECT_EQ(hashes.size(), 4u);
}

}  // namespace
}  // namespace detachfix
