// SPDX-License-Identifier: Apache-2.0
#include "disasm/value.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/disasm/value_notation.h"

namespace detachfix {
namespace {

struct Row {
  BinaryOp op;
  uint8_t width;
  Value a;
  Value b;
  Value result;
};

void ExpectRows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(Text(Evaluate(row.op, row.width, row.a, row.b)), Text(row.result))
        << Text(row.a) << " " << Name(row.op) << int{row.width} << " "
        << Text(row.b);
  }
}

TEST(Evaluate, FoldsConstantsAtTheirWidth) {
  ExpectRows({
      {BinaryOp::kAdd, 32, C(0xffffffff), C(2), C(1)},
      {BinaryOp::kAdd, 8, C(0x1ff), C(1), C(0)},
      {BinaryOp::kSub, 16, C(0), C(1), C(0xffff)},
      {BinaryOp::kMul, 32, C(0x10001), C(0x10001), C(0x20001)},
      {BinaryOp::kAnd, 8, C(0xff0f), C(0x33), C(0x03)},
      {BinaryOp::kOr, 16, C(0xf0000), C(0x0f), C(0x0f)},
      {BinaryOp::kXor, 1, C(3), C(1), C(0)},
      {BinaryOp::kShiftLeft, 8, C(0x81), C(1), C(2)},
      {BinaryOp::kShiftLeft, 32, C(1), C(32), C(0)},
      {BinaryOp::kShiftRight, 8, C(0x1ff), C(4), C(0x0f)},
      {BinaryOp::kShiftRightSigned, 8, C(0x80), C(7), C(0xff)},
      {BinaryOp::kShiftRightSigned, 16, C(0x8000), C(99), C(0xffff)},
      {BinaryOp::kShiftRightSigned, 16, C(0x7fff), C(99), C(0)},
      {BinaryOp::kRotateRight, 8, C(0x181), C(1), C(0xc0)},
      {BinaryOp::kRotateRight, 32, C(1), C(0xf8), C(0x100)},
      {BinaryOp::kRotateRight, 32, C(5), C(32), C(5)},
      {BinaryOp::kTrailingZeros, 32, C(0x50), C(7), C(4)},
      {BinaryOp::kTrailingZeros, 8, C(0x100), C(7), C(7)},
      {BinaryOp::kLeadingZeros, 16, C(0x150), C(7), C(7)},
      {BinaryOp::kLeadingZeros, 32, C(0), C(7), C(7)},
      {BinaryOp::kEqual, 8, C(0x100), C(0), C(1)},
      {BinaryOp::kEqual, 16, C(0x100), C(0), C(0)},
      {BinaryOp::kLessUnsigned, 32, C(1), C(0xffffffff), C(1)},
      {BinaryOp::kLessSigned, 32, C(1), C(0xffffffff), C(0)},
      {BinaryOp::kLessSigned, 8, C(0x80), C(0x7f), C(1)},
  });
}

TEST(EvaluateLanes, ComputesEachAlone) {
  const auto lanes = [](BinaryOp op, uint8_t lane, uint64_t a, uint64_t b) {
    return EvaluateLanes(op, 32, lane, C(a), C(b));
  };
  EXPECT_EQ(lanes(BinaryOp::kAdd, 8, 0x01ff7f80, 0x01010180), C(0x02008000));
  EXPECT_EQ(lanes(BinaryOp::kSub, 16, 0x00010000, 0x00020001), C(0xffffffff));
  EXPECT_EQ(lanes(BinaryOp::kEqual, 8, 0x11223344, 0x11003300), C(0xff00ff00));
  EXPECT_EQ(lanes(BinaryOp::kLessSigned, 16, 0x80007fff, 0x00000000),
            C(0xffff0000));
  EXPECT_EQ(lanes(BinaryOp::kShiftLeft, 16, 0x80018001, 0x00010001),
            C(0x00020002));
}

TEST(EvaluateLanes, NotesWhatMayBeAnAddress) {
  const Value sum =
      EvaluateLanes(BinaryOp::kAdd, 32, 32, C(0x401000), UnknownValue());
  EXPECT_TRUE(sum.IsUnknown());
  EXPECT_TRUE(sum.MayBeInImage());
}

TEST(Evaluate, OrdersAddressesInABlock) {
  const auto minus = [](uint64_t bytes) { return uint64_t{0} - bytes; };
  ExpectRows({
      {BinaryOp::kLessUnsigned, 32, B(), B(4), C(1)},
      {BinaryOp::kLessUnsigned, 32, B(4), B(4), C(0)},
      {BinaryOp::kLessUnsigned, 32, B(4), B(), C(0)},
      // The block may be NULL: then 4 bytes before it is the end of memory.
      {BinaryOp::kLessUnsigned, 32, B(minus(4)), B(), kUnknown},
      {BinaryOp::kLessUnsigned, 32, B(minus(4)), B(0, true), C(1)},
      {BinaryOp::kLessUnsigned, 32, B(minus(4), true), B(), C(1)},
      {BinaryOp::kLessUnsigned, 32, B(minus(0x20000)), B(0, true), kUnknown},
      {BinaryOp::kLessUnsigned, 32, B(), B(0x7fffffff), kUnknown},
      {BinaryOp::kLessUnsigned, 16, B(), B(4), kUnknown},
      // A number may wrap, and two blocks may lie in either order.
      {BinaryOp::kLessUnsigned, 32, S(), S(4), kUnknown},
      {BinaryOp::kLessUnsigned, 32, B(), S(4), kUnknown},
      {BinaryOp::kLessUnsigned, 32, B(), C(0x401000), kUnknown},
      {BinaryOp::kLessUnsigned, 32, SymbolicValue(kStackSymbol, minus(8)),
       SymbolicValue(kStackSymbol), C(1)},
  });
}

TEST(Evaluate, KeepsBlocksApartFromTheImage) {
  ExpectRows({
      {BinaryOp::kEqual, 32, B(), C(0x401000), C(0)},
      {BinaryOp::kEqual, 32, B(8), C(0), C(0)},
      {BinaryOp::kEqual, 32, B(0, true), C(0), C(0)},
      {BinaryOp::kAdd, 32, B(0, true), C(8), B(8, true)},
      {BinaryOp::kSub, 32, B(8, true), C(8), B(0, true)},
      {BinaryOp::kAdd, 32, S(0, true), C(8), S(8)},
  });
}

TEST(Evaluate, MovesAndComparesSymbols) {
  ExpectRows({
      {BinaryOp::kAdd, 32, S(), C(8), S(8)},
      {BinaryOp::kAdd, 32, C(8), S(), S(8)},
      {BinaryOp::kSub, 32, S(8), C(8), S()},
      {BinaryOp::kSub, 32, S(12), S(4), C(8)},
      {BinaryOp::kSub, 32, S(), SymbolicValue(kOther), kUnknown},
      {BinaryOp::kAdd, 32, S(), S(), kUnknown},
      {BinaryOp::kAdd, 16, S(), C(8), kUnknown},
      {BinaryOp::kXor, 32, S(), C(0), S()},
      {BinaryOp::kAnd, 32, S(), S(), S()},
      {BinaryOp::kOr, 32, S(4), S(4), S(4)},
      {BinaryOp::kAnd, 32, S(), C(0xffffffff), S()},
      {BinaryOp::kEqual, 32, S(), S(), C(1)},
      {BinaryOp::kEqual, 32, S(4), S(), C(0)},
      {BinaryOp::kEqual, 32, S(), C(7), Is(7)},
      {BinaryOp::kEqual, 32, C(7), S(2), Is(5)},
      {BinaryOp::kEqual, 32, S(2), C(1), Is(0xffffffff)},
      {BinaryOp::kEqual, 8, S(), C(7), kUnknown},
      {BinaryOp::kEqual, 32, S(), SymbolicValue(kOther), kUnknown},
      {BinaryOp::kLessUnsigned, 32, S(), C(1), Is(0)},
      {BinaryOp::kLessUnsigned, 32, C(0), S(), Is(0, true)},
      {BinaryOp::kLessUnsigned, 32, S(), C(0), C(0)},
      {BinaryOp::kLessUnsigned, 32, S(), C(2), kUnknown},
      {BinaryOp::kLessSigned, 32, S(), C(0), kUnknown},
  });
}

TEST(Evaluate, KeepsWhatIsKnownNotToBeZero) {
  ExpectRows({
      {BinaryOp::kEqual, 32, S(0, true), C(0), C(0)},
      {BinaryOp::kAdd, 32, S(0, true), C(0), S(0, true)},
      {BinaryOp::kAdd, 32, S(0, true), C(4), S(4)},
      {BinaryOp::kEqual, 32, SymbolicValue(kStackSymbol, 4), C(0), C(0)},
      {BinaryOp::kEqual, 32, SymbolicValue(kImportSymbol, 0x3000), C(0), C(0)},
      {BinaryOp::kLessUnsigned, 32, C(0), S(0, true), C(1)},
  });
}

TEST(Evaluate, CalculatesWithConditions) {
  ExpectRows({
      {BinaryOp::kXor, 1, Is(3), C(1), Is(3, true)},
      {BinaryOp::kXor, 32, Is(3, true), C(1), Is(3)},
      {BinaryOp::kEqual, 8, Is(3), C(0), Is(3, true)},
      {BinaryOp::kEqual, 8, Is(3), C(1), Is(3)},
      {BinaryOp::kEqual, 8, Is(3), C(2), C(0)},
      {BinaryOp::kAnd, 32, Is(3), C(0xff), Is(3)},
      {BinaryOp::kAnd, 32, Is(3), C(2), C(0)},
      {BinaryOp::kAdd, 32, Is(3), C(0), Is(3)},
      {BinaryOp::kMul, 32, Is(3), C(1), Is(3)},
      {BinaryOp::kShiftRight, 32, Is(3), C(1), C(0)},
      {BinaryOp::kLessSigned, 32, Is(3), C(0), C(0)},
      {BinaryOp::kLessSigned, 32, C(0), Is(3), Is(3)},
      {BinaryOp::kLessSigned, 1, C(0), Is(3), C(0)},
      {BinaryOp::kXor, 32, S(8), S(8), C(0)},
      {BinaryOp::kXor, 32, S(8), S(12), kUnknown},
      {BinaryOp::kXor, 8, S(8), S(8), kUnknown},
  });
}

TEST(Evaluate, KeepsTheKnownBitsOfAWord) {
  ExpectRows({
      // A byte written into a register of which nothing is known.
      {BinaryOp::kAnd, 32, kUnknown, C(0xffffff00), P(0, 0xff)},
      {BinaryOp::kOr, 32, P(0, 0xff), C(0x41), P(0x41, 0xff)},
      {BinaryOp::kAnd, 32, P(0x41, 0xff), C(0xff), C(0x41)},
      {BinaryOp::kEqual, 8, P(0x41, 0xff), C(0x41), C(1)},
      {BinaryOp::kEqual, 32, P(0x41, 0xff), C(0x42), C(0)},
      {BinaryOp::kEqual, 32, P(0x41, 0xff), C(0x41), kUnknown},
      {BinaryOp::kXor, 32, P(0x41, 0xff), C(0x41), P(0, 0xff)},
      {BinaryOp::kShiftLeft, 32, kUnknown, C(24), P(0, 0xffffff)},
      {BinaryOp::kShiftRight, 32, kUnknown, C(31), P(0, 0xfffffffe)},
      {BinaryOp::kShiftLeft, 8, P(0xf1, 0xff), C(4), C(0x10)},
      {BinaryOp::kOr, 32, kUnknown, C(0xffffffff), C(0xffffffff)},
      {BinaryOp::kAnd, 32, kUnknown, C(0), C(0)},
      {BinaryOp::kMul, 32, kUnknown, C(0), C(0)},
      {BinaryOp::kAdd, 32, kUnknown, C(1), kUnknown},
  });
}

TEST(Evaluate, ComparesWhatTheKnownBitsLeave) {
  const Value byte = P(0, 0xffffff00);
  const Value negative = P(0x80000000, 0x80000000);
  const Value positive = P(0, 0x80000000);
  ExpectRows({
      {BinaryOp::kLessUnsigned, 32, byte, C(0x100), C(1)},
      {BinaryOp::kLessUnsigned, 32, byte, C(0xff), kUnknown},
      {BinaryOp::kLessUnsigned, 32, C(0xff), byte, C(0)},
      {BinaryOp::kLessUnsigned, 32, C(0xfe), byte, kUnknown},
      {BinaryOp::kLessUnsigned, 32, positive, negative, C(1)},
      {BinaryOp::kLessUnsigned, 32, negative, positive, C(0)},
      {BinaryOp::kLessSigned, 32, positive, negative, C(0)},
      {BinaryOp::kLessSigned, 32, negative, positive, C(1)},
      {BinaryOp::kLessSigned, 32, positive, C(0), C(0)},
      {BinaryOp::kLessSigned, 32, negative, C(0), C(1)},
      {BinaryOp::kLessSigned, 8, P(0x80, 0x80), C(0), C(1)},
      {BinaryOp::kLessSigned, 32, byte, C(0), C(0)},
      {BinaryOp::kLessSigned, 32, P(1, 1), C(0), kUnknown},
  });
}

TEST(Evaluate, AlignsTheStackOnly) {
  const Value stack = SymbolicValue(kStackSymbol, 0xfffffff4);  // -12
  ExpectRows({
      {BinaryOp::kAnd, 32, stack, C(0xfffffff0),
       SymbolicValue(kStackSymbol, 0xfffffff0)},
      {BinaryOp::kAnd, 32, stack, C(0xfffff000),
       SymbolicValue(kStackSymbol, 0xfffff000)},
      {BinaryOp::kAnd, 32, stack, C(0xffffe000), P(0, 0x1fff)},
      {BinaryOp::kAnd, 32, stack, C(0xfffffff4), P(0, 0x0b)},
      {BinaryOp::kAnd, 32, S(12), C(0xfffffff0), P(0, 0x0f)},
  });
}

TEST(EvaluateSignExtend, TakesTheLowBits) {
  struct {
    uint8_t from;
    uint8_t to;
    Value value;
    Value result;
  } const rows[] = {
      {8, 32, C(0x80), C(0xffffff80)},
      {8, 32, C(0x17f), C(0x7f)},
      {8, 16, C(0xff), C(0xffff)},
      {16, 32, C(0x8000), C(0xffff8000)},
      {8, 32, P(0x80, 0xff), C(0xffffff80)},
      {8, 32, P(0x80, 0xf0), kUnknown},
      {8, 32, Is(3), Is(3)},
      {1, 32, Is(3), kUnknown},
      {8, 32, S(), kUnknown},
      {8, 32, kUnknown, kUnknown},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Text(EvaluateSignExtend(row.from, row.to, row.value)),
              Text(row.result))
        << Text(row.value) << " from " << int{row.from};
  }
}

TEST(TruthOf, IsOpenWhereZeroIsPossible) {
  struct {
    Value value;
    Truth truth;
  } const rows[] = {
      {C(0), Truth::kFalse},
      {C(0x80000000), Truth::kTrue},
      {kUnknown, Truth::kOpen},
      {S(), Truth::kOpen},
      {S(4), Truth::kOpen},
      {S(0, true), Truth::kTrue},
      {SymbolicValue(kStackSymbol, 0xfffffff0), Truth::kTrue},
      {SymbolicValue(kReservedSymbol), Truth::kOpen},
      {Is(3), Truth::kOpen},
      {P(0x10, 0xf0), Truth::kTrue},
      {P(0, 0xff), Truth::kOpen},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(TruthOf(row.value), row.truth) << Text(row.value);
  }
}

}  // namespace
}  // namespace detachfix
