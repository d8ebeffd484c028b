// SPDX-License-Identifier: Apache-2.0
#include "disasm/value.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace detachfix {
namespace {

constexpr Symbol kSym = kFirstFreshSymbol;
constexpr Symbol kOther = kFirstFreshSymbol + 1;
constexpr Symbol kBlock = (kFirstFreshSymbol + 2) | kBlockBit;

const Value kUnknown = UnknownValue();

Value C(uint64_t bits) { return ConstantValue(bits); }
Value S(uint64_t offset = 0, bool nonzero = false) {
  return SymbolicValue(kSym, offset, nonzero);
}
Value B(uint64_t offset = 0, bool nonzero = false) {
  return SymbolicValue(kBlock, offset & LowBits(32), nonzero);
}
Value P(uint64_t bits, uint64_t known) {
  Value value;
  value.kind = Value::Kind::kPartial;
  value.bits = bits;
  value.known = known | ~LowBits(32);
  return value;
}
/// 1 when the symbol is `bits`.
Value Is(uint64_t bits, bool negated = false) {
  Value value;
  value.kind = Value::Kind::kCondition;
  value.symbol = kSym;
  value.bits = bits;
  value.negated = negated;
  return value;
}

std::string Text(const Value& value) {
  const auto number = [](uint64_t n) { return std::to_string(n); };
  switch (value.kind) {
    case Value::Kind::kUnknown:
      return "unknown";
    case Value::Kind::kConstant:
      return number(value.bits);
    case Value::Kind::kPartial:
      return number(value.bits) + " where " + number(value.known);
    case Value::Kind::kSymbolic:
      return "s" + number(value.symbol) + "+" + number(value.bits) +
             (value.nonzero ? " nonzero" : "");
    case Value::Kind::kCondition:
      return "s" + number(value.symbol) + (value.negated ? "!=" : "==") +
             number(value.bits);
  }
  return "?";
}

const char* Name(BinaryOp op) {
  constexpr std::array<const char*, 13> kNames = {
      "add", "sub", "mul", "and", "or",    "xor", "shl",
      "shr", "sar", "ror", "eq",  "below", "less"};
  return kNames[static_cast<size_t>(op)];
}
constexpr std::array kAllOps = {
    BinaryOp::kAdd,         BinaryOp::kSub,        BinaryOp::kMul,
    BinaryOp::kAnd,         BinaryOp::kOr,         BinaryOp::kXor,
    BinaryOp::kShiftLeft,   BinaryOp::kShiftRight, BinaryOp::kShiftRightSigned,
    BinaryOp::kRotateRight, BinaryOp::kEqual,      BinaryOp::kLessUnsigned,
    BinaryOp::kLessSigned};

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
      {BinaryOp::kEqual, 8, C(0x100), C(0), C(1)},
      {BinaryOp::kEqual, 16, C(0x100), C(0), C(0)},
      {BinaryOp::kLessUnsigned, 32, C(1), C(0xffffffff), C(1)},
      {BinaryOp::kLessSigned, 32, C(1), C(0xffffffff), C(0)},
      {BinaryOp::kLessSigned, 8, C(0x80), C(0x7f), C(1)},
  });
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

TEST(Evaluate, AlignsTheStackOnly) {
  const Value stack = SymbolicValue(kStackSymbol, 0xfffffff4);  // -12
  ExpectRows({
      {BinaryOp::kAnd, 32, stack, C(0xfffffff0),
       SymbolicValue(kStackSymbol, 0xfffffff0)},
      {BinaryOp::kAnd, 32, stack, C(0xffffff80), P(0, 0x7f)},
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

// Soundness: whatever the symbols and the unknown bits stand for, the result
// that the machine computes is one that the abstract result stands for.

/// What each symbol stands for in one run.
using Meaning = std::map<Symbol, uint32_t>;

bool Contains(const Value& value, const Meaning& meaning, uint64_t concrete) {
  switch (value.kind) {
    case Value::Kind::kUnknown:
      return true;
    case Value::Kind::kConstant:
      return value.bits == concrete;
    case Value::Kind::kPartial:
      return ((value.bits ^ concrete) & value.known) == 0;
    case Value::Kind::kSymbolic:
      return ((meaning.at(value.symbol) + value.bits) & LowBits(32)) ==
                 concrete &&
             (!value.nonzero || concrete != 0);
    case Value::Kind::kCondition:
      return uint64_t{(meaning.at(value.symbol) == value.bits) !=
                      value.negated} == concrete;
  }
  return false;
}

/// The operation on plain numbers, written without the code under test.
uint64_t Compute(BinaryOp op, unsigned width, uint64_t a, uint64_t b) {
  const uint64_t modulus = uint64_t{1} << width;
  a %= modulus;
  b %= modulus;
  const auto sign = [&](uint64_t n) {
    return n < modulus / 2
               ? static_cast<int64_t>(n)
               : static_cast<int64_t>(n) - static_cast<int64_t>(modulus);
  };
  uint64_t result = 0;
  switch (op) {
    case BinaryOp::kAdd:
      result = a + b;
      break;
    case BinaryOp::kSub:
      result = a + modulus - b;
      break;
    case BinaryOp::kMul:
      result = a * b;
      break;
    case BinaryOp::kAnd:
      result = a & b;
      break;
    case BinaryOp::kOr:
      result = a | b;
      break;
    case BinaryOp::kXor:
      result = a ^ b;
      break;
    case BinaryOp::kShiftLeft:
      for (result = a; b > 0 && result != 0; --b) result = result * 2 % modulus;
      break;
    case BinaryOp::kShiftRight:
      for (result = a; b > 0 && result != 0; --b) result /= 2;
      break;
    case BinaryOp::kShiftRightSigned:
      // Halving towards minus infinity; 64 steps reach the end.
      result = a;
      for (uint64_t i = 0; i < std::min<uint64_t>(b, 64); ++i) {
        result = result / 2 + (result >= modulus / 2 ? modulus / 2 : 0);
      }
      break;
    case BinaryOp::kRotateRight:
      result = a;
      for (uint64_t i = 0; i < b % width; ++i) {
        result = result / 2 + (result % 2 != 0 ? modulus / 2 : 0);
      }
      break;
    case BinaryOp::kEqual:
      return a == b ? 1 : 0;
    case BinaryOp::kLessUnsigned:
      return a < b ? 1 : 0;
    case BinaryOp::kLessSigned:
      return sign(a) < sign(b) ? 1 : 0;
  }
  return result % modulus;
}

/// An abstract value and one of the numbers that it stands for.
struct Sample {
  Value value;
  uint64_t concrete = 0;
};

class Soundness : public testing::Test {
 protected:
  static constexpr int kRounds = 400'000;

  uint32_t Random() { return static_cast<uint32_t>(random_()); }

  uint32_t RandomNumber() {
    constexpr std::array<uint32_t, 14> kCorners = {
        0,    1,      2,      3,          7,          31,         0x7f,
        0x80, 0xffff, 0x8000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
    return Random() % 2 == 0 ? kCorners[Random() % kCorners.size()] : Random();
  }

  /// The stack pointer at the entry counts as aligned to 64 bytes and as not 0;
  /// a block is NULL or lies above the first 64 KiB; the others are free.
  Meaning RandomMeaning() {
    return {{kStackSymbol, 0x0012ff40},
            {kSym, RandomNumber()},
            {kOther, RandomNumber()},
            {kBlock, Random() % 4 == 0 ? 0 : 0x00340000}};
  }

  Sample RandomInBlock(uint64_t block) {
    const uint32_t offset = Random() % 64 - 16;
    const bool nonzero = block != 0 && Random() % 2 == 0;
    return {B(offset, nonzero), (block + offset) & LowBits(32)};
  }

  Sample RandomSample(const Meaning& meaning) {
    const uint32_t number = RandomNumber();
    switch (Random() % 5) {
      case 0:
        return {UnknownValue(), number};
      case 1:
        return {C(number), number};
      case 2: {
        const uint32_t known = RandomNumber();
        if (known == 0xffffffff || known == 0) return {C(number), number};
        return {P(number & known, known), number};
      }
      case 3: {
        constexpr std::array<Symbol, 4> kSymbols = {kStackSymbol, kSym, kOther,
                                                    kBlock};
        const Symbol symbol = kSymbols[Random() % kSymbols.size()];
        if (symbol == kBlock) return RandomInBlock(meaning.at(kBlock));
        const uint32_t offset = symbol == kStackSymbol
                                    ? 0u - Random() % 256
                                    : (Random() % 2 == 0 ? 0 : RandomNumber());
        const uint32_t concrete = meaning.at(symbol) + offset;
        const bool nonzero = concrete != 0 && Random() % 2 == 0;
        return {SymbolicValue(symbol, offset, nonzero), concrete};
      }
      default: {
        // Half of the comparisons hold.
        const uint32_t with = Random() % 2 == 0 ? meaning.at(kSym) : number;
        const bool negated = Random() % 2 == 0;
        const bool equal = meaning.at(kSym) == with;
        return {Is(with, negated), equal != negated ? 1u : 0u};
      }
    }
  }

  uint8_t RandomWidth() {
    constexpr std::array<uint8_t, 4> kWidths = {1, 8, 16, 32};
    return kWidths[Random() % 4];
  }

  static constexpr uint32_t kSeed = 20240611;
  std::mt19937 random_{kSeed};
};

TEST_F(Soundness, EvaluateContainsWhatTheMachineComputes) {
  size_t certain = 0;
  for (int i = 0; i < kRounds; ++i) {
    const Meaning meaning = RandomMeaning();
    const Sample a = RandomSample(meaning);
    // The same value on both sides is a case of its own: `and eax, eax`. Not
    // an unknown one, which stands for two numbers then.
    const bool same = Random() % 8 == 0 && !a.value.IsUnknown() &&
                      a.value.kind != Value::Kind::kPartial;
    const Sample b = same ? a : RandomSample(meaning);
    const BinaryOp op = kAllOps[Random() % kAllOps.size()];
    const uint8_t width = RandomWidth();
    const Value result = Evaluate(op, width, a.value, b.value);
    const uint64_t concrete = Compute(op, width, a.concrete, b.concrete);
    ASSERT_TRUE(Contains(result, meaning, concrete))
        << Text(a.value) << " " << Name(op) << int{width} << " "
        << Text(b.value) << " gives " << Text(result) << ", but " << a.concrete
        << " and " << b.concrete << " give " << concrete << ", seed " << kSeed
        << " round " << i;
    if (!result.IsUnknown()) ++certain;
  }
  EXPECT_GT(certain, kRounds / 5u) << "the operations must know something";
}

TEST_F(Soundness, SignExtensionContainsWhatTheMachineComputes) {
  for (int i = 0; i < kRounds / 4; ++i) {
    const Meaning meaning = RandomMeaning();
    const Sample a = RandomSample(meaning);
    const uint8_t from = RandomWidth();
    const uint8_t to = std::max(from, RandomWidth());
    const uint64_t low = a.concrete % (uint64_t{1} << from);
    const bool negative = low >= (uint64_t{1} << from) / 2;
    const uint64_t concrete =
        negative ? low + (uint64_t{1} << to) - (uint64_t{1} << from) : low;
    const Value result = EvaluateSignExtend(from, to, a.value);
    ASSERT_TRUE(Contains(result, meaning, concrete))
        << Text(a.value) << " from " << int{from} << " to " << int{to}
        << " gives " << Text(result) << ", but " << a.concrete << " gives "
        << concrete << ", seed " << kSeed << " round " << i;
  }
}

TEST_F(Soundness, TruthIsNeverClaimedWrongly) {
  for (int i = 0; i < kRounds / 4; ++i) {
    const Sample a = RandomSample(RandomMeaning());
    const Truth truth = TruthOf(a.value);
    if (truth == Truth::kOpen) continue;
    ASSERT_EQ(truth == Truth::kTrue, a.concrete != 0)
        << Text(a.value) << " of " << a.concrete << ", seed " << kSeed
        << " round " << i;
  }
}

}  // namespace
}  // namespace detachfix
