// SPDX-License-Identifier: Apache-2.0
// Whatever the symbols and the unknown bits of abstract values stand for, the
// result that the machine computes is one that the abstract result stands for.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>

#include "tests/disasm/value_notation.h"

namespace detachfix {
namespace {

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

bool Divides(BinaryOp op) {
  return op == BinaryOp::kDivideUnsigned || op == BinaryOp::kDivideSigned ||
         op == BinaryOp::kRemainderUnsigned || op == BinaryOp::kRemainderSigned;
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
    case BinaryOp::kDivideUnsigned:
      result = a / b;
      break;
    case BinaryOp::kRemainderUnsigned:
      result = a - a / b * b;
      break;
    case BinaryOp::kDivideSigned:
    case BinaryOp::kRemainderSigned: {
      // Towards 0, and what remains has the dividend's sign.
      const uint64_t of_a = a < modulus / 2 ? a : modulus - a;
      const uint64_t of_b = b < modulus / 2 ? b : modulus - b;
      const bool divides = op == BinaryOp::kDivideSigned;
      result = divides ? of_a / of_b : of_a % of_b;
      const bool negative =
          divides ? (sign(a) < 0) != (sign(b) < 0) : sign(a) < 0;
      if (negative) result = modulus - result;
      break;
    }
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
    case BinaryOp::kTrailingZeros:
      if (a == 0) return b;
      for (; a % 2 == 0; a /= 2) ++result;
      break;
    case BinaryOp::kLeadingZeros:
      if (a == 0) return b;
      for (; a < modulus / 2; a *= 2) ++result;
      break;
    case BinaryOp::kEqual:
      return a == b ? 1 : 0;
    case BinaryOp::kLessUnsigned:
      return a < b ? 1 : 0;
    case BinaryOp::kLessSigned:
      return sign(a) < sign(b) ? 1 : 0;
    default:  // of doubles: X86Execution has a processor's
      break;
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
    if (Divides(op) && b.concrete % (uint64_t{1} << width) == 0) continue;
    const Value result = Evaluate(op, width, a.value, b.value);
    const uint64_t concrete = Compute(op, width, a.concrete, b.concrete);
    ASSERT_TRUE(Contains(result, meaning, concrete))
        << Text(a.value) << " " << Name(op) << int{width} << " "
        << Text(b.value) << " gives " << Text(result) << ", but " << a.concrete
        << " and " << b.concrete << " give " << concrete << ", seed " << kSeed
        << " round " << i;
    if (!result.IsUnknown()) ++certain;
  }
  EXPECT_GT(certain, kRounds / 6u) << "the operations must know something";
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
