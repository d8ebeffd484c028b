// SPDX-License-Identifier: Apache-2.0
// Words in registers of 64 bits and quadwords in memory: what Alpha adds to
// the values, the memory and the states that value_test.cc, memory_test.cc and
// state_test.cc speak of.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "disasm/state.h"

namespace detachfix {
namespace {

constexpr uint32_t kBase = 0x400000;
constexpr uint32_t kDataRva = 0x1000;
constexpr Symbol kSym = kFirstFreshSymbol;

Value C(uint64_t bits) { return ConstantValue(bits); }
Value S(uint64_t offset = 0) { return SymbolicValue(kSym, offset); }
Value Stack(uint64_t offset) { return SymbolicValue(kStackSymbol, offset); }
Value Is(uint64_t bits) {
  Value value;
  value.kind = Value::Kind::kCondition;
  value.symbol = kSym;
  value.bits = bits;
  return value;
}

TEST(Quadword, SymbolsAreAddedAndComparedAsWords) {
  struct {
    BinaryOp op;
    Value a;
    Value b;
    Value result;
  } const rows[] = {
      {BinaryOp::kAdd, S(8), C(~uint64_t{31}), S(0xffffffe8)},
      {BinaryOp::kAdd, C(4), S(8), S(12)},
      {BinaryOp::kAdd, S(8), C(uint64_t{1} << 32), UnknownValue()},
      {BinaryOp::kSub, S(8), C(0x80000000), UnknownValue()},
      {BinaryOp::kSub, S(8), S(12), C(~uint64_t{3})},
      {BinaryOp::kEqual, S(), C(5), Is(5)},
      {BinaryOp::kEqual, S(1), C(5), Is(4)},
      {BinaryOp::kEqual, S(), C(0xffffffff80000000), Is(0x80000000)},
      // No sign-extended word: it depends on how wide the sum really is.
      {BinaryOp::kEqual, S(), C(0x80000000), UnknownValue()},
      {BinaryOp::kEqual, S(1), C(0xffffffff80000000), UnknownValue()},
      {BinaryOp::kAnd, S(), C(0xffffffff),
       PartialValue(0, ~uint64_t{0xffffffff}, 64)},
      {BinaryOp::kAnd, S(), C(~uint64_t{0}), S()},
      {BinaryOp::kAnd, Stack(0x12), C(7), C(2)},
      {BinaryOp::kAnd, Stack(0x12), C(~uint64_t{7}), Stack(0x10)},
      {BinaryOp::kShiftLeft, C(1), C(63), C(uint64_t{1} << 63)},
      {BinaryOp::kShiftRightSigned, C(uint64_t{1} << 63), C(63),
       C(~uint64_t{0})},
  };
  for (size_t i = 0; i < std::size(rows); ++i) {
    EXPECT_EQ(Evaluate(rows[i].op, 64, rows[i].a, rows[i].b), rows[i].result)
        << "row " << i;
  }
}

// An element of an array in the image, nobody knows which.
TEST(Quadword, AnAddressInTheImageStaysOne) {
  constexpr uint64_t kArray = 0x10010000;
  for (const BinaryOp op : {BinaryOp::kAdd, BinaryOp::kSub, BinaryOp::kOr}) {
    EXPECT_TRUE(Evaluate(op, 64, C(kArray), UnknownValue()).MayBeInImage());
  }
  const Value element = Evaluate(BinaryOp::kAdd, 64, UnknownValue(), C(kArray));
  EXPECT_TRUE(Evaluate(BinaryOp::kAdd, 64, element, C(4)).MayBeInImage());
  EXPECT_TRUE(EvaluateSignExtend(32, 64, element).MayBeInImage());
  EXPECT_TRUE(
      Evaluate(BinaryOp::kAnd, 64, element, C(~uint64_t{7})).MayBeInImage());
  EXPECT_FALSE(Evaluate(BinaryOp::kAnd, 64, element, C(0xffff)).MayBeInImage());
  EXPECT_FALSE(EvaluateSignExtend(8, 64, element).MayBeInImage());
}

TEST(Quadword, AWordStaysItselfWhenItsSignIsExtended) {
  EXPECT_EQ(EvaluateSignExtend(32, 64, S(8)), S(8));
  EXPECT_EQ(EvaluateSignExtend(32, 64, C(0x80000000)), C(0xffffffff80000000));
  // What the entry's caller left in a register may be a quadword.
  EXPECT_TRUE(EvaluateSignExtend(32, 64, SymbolicValue(kFirstRegisterSymbol))
                  .IsUnknown());
}

class QuadwordMemory : public testing::Test {
 protected:
  QuadwordMemory() {
    view_.machine = kMachineAlpha;
    view_.image_base = kBase;
    view_.image_size = 0x2000;
    view_.regions = {{Rva{kDataRva}, 0x20, std::span(content_), false, true}};
    view_.import_slots[Rva{kDataRva + 0x10}] = {"kernel32.dll", "Sleep", {}};
  }
  static MemoryAddress Data(int64_t offset) {
    return {kAbsolute, int64_t{kBase} + kDataRva + offset};
  }
  static MemoryAddress Frame(int64_t offset) { return {kStackSymbol, offset}; }

  std::array<uint8_t, 0x20> content_ = {1, 2, 3, 4, 5, 6, 7, 8};
  CodeView view_;
};

TEST_F(QuadwordMemory, ASavedRegisterComesBack) {
  Memory memory(view_);
  const Value saved = SymbolicValue(kFirstRegisterSymbol + 9);
  memory.Store(Frame(-8), 8, saved);
  EXPECT_EQ(memory.Load(Frame(-8), 8), saved);
  memory.Store(Frame(-4), 1, C(0));
  EXPECT_TRUE(memory.Load(Frame(-8), 8).kind == Value::Kind::kPartial);
  EXPECT_EQ(memory.Load(Frame(-8), 4), saved) << "its low word is untouched";
}

TEST_F(QuadwordMemory, ItsLowWordIsTheWord) {
  Memory memory(view_);
  memory.Store(Frame(0), 8, S(4));
  EXPECT_EQ(memory.Load(Frame(0), 4), S(4));
  EXPECT_TRUE(memory.Load(Frame(4), 4).IsUnknown());
  memory.Store(Frame(0), 8, C(0x8877665544332211));
  EXPECT_EQ(memory.Load(Frame(0), 4), C(0x44332211));
  EXPECT_EQ(memory.Load(Frame(4), 4), C(0x88776655));
  EXPECT_EQ(memory.Load(Frame(3), 2), C(0x5544));
  memory.Store(Frame(0), 4, C(0xffffffff00000001));
  EXPECT_EQ(memory.Load(Frame(0), 8), C(0x8877665500000001));
}

// ldq_u, mskbl, insbl, bis, stq_u: a byte is stored with its neighbours.
TEST_F(QuadwordMemory, KnownBytesAreKeptBesideUnknownOnes) {
  Memory memory(view_);
  memory.Store(Data(4), 4, S());
  const Value quad = memory.Load(Data(0), 8);
  EXPECT_EQ(quad, PartialValue(0x04030201, 0xffffffff, 64));
  const Value cleared =
      Evaluate(BinaryOp::kAnd, 64, quad, C(~(uint64_t{0xff} << 8)));
  memory.Store(Data(0), 8,
               Evaluate(BinaryOp::kOr, 64, cleared, C(uint64_t{9} << 8)));
  EXPECT_EQ(memory.Load(Data(0), 4), C(0x04030901));
  EXPECT_TRUE(memory.Load(Data(4), 4).IsUnknown());
}

TEST_F(QuadwordMemory, ASlotThatAQuadwordOverwritesIsLost) {
  for (const int64_t at : {0x09, 0x0c, 0x10, 0x13}) {
    Memory memory(view_);
    EXPECT_TRUE(memory.Load(Data(0x10), 4).IsSymbolic());
    memory.Store(Data(at), 8, C(0));
    EXPECT_FALSE(memory.Load(Data(0x10), 4).IsSymbolic()) << at;
  }
}

TEST_F(QuadwordMemory, WhatABranchShowsIsSignExtendedInRegisters) {
  State state(view_);
  state.register_width = 64;
  state.places[1] = S();
  state.places[2] = S(1);
  state.memory.Store(Data(0), 4, S());
  state.memory.Store(Data(8), 8, S());
  Assume(state, Is(0xfffffffe), true);
  EXPECT_EQ(state.places[1], C(~uint64_t{1}));
  EXPECT_EQ(state.places[2], C(~uint64_t{0}));
  EXPECT_EQ(state.memory.Load(Data(0), 4), C(0xfffffffe));
  EXPECT_EQ(state.memory.Load(Data(8), 8), C(~uint64_t{1}));
}

TEST_F(QuadwordMemory, ASymbolDoesNotStandForAWiderNumber) {
  State general(view_);
  general.register_width = 64;
  State specific = general;
  general.places[1] = S();
  specific.places[1] = C(0xffffffffffffffff);
  EXPECT_TRUE(Covers(general, specific));
  specific.places[1] = C(0xffffffff);
  EXPECT_FALSE(Covers(general, specific));
}

}  // namespace
}  // namespace detachfix
