// SPDX-License-Identifier: Apache-2.0
// How the tests of values write them.
#ifndef DETACHFIX_TESTS_DISASM_VALUE_NOTATION_H_
#define DETACHFIX_TESTS_DISASM_VALUE_NOTATION_H_

#include <array>
#include <string>

#include "disasm/value.h"

namespace detachfix {

inline constexpr Symbol kSym = kFirstFreshSymbol;
inline constexpr Symbol kOther = kFirstFreshSymbol + 1;
inline constexpr Symbol kBlock = (kFirstFreshSymbol + 2) | kBlockBit;

inline const Value kUnknown = UnknownValue();

inline Value C(uint64_t bits) { return ConstantValue(bits); }
inline Value S(uint64_t offset = 0, bool nonzero = false) {
  return SymbolicValue(kSym, offset, nonzero);
}
inline Value B(uint64_t offset = 0, bool nonzero = false) {
  return SymbolicValue(kBlock, offset & LowBits(32), nonzero);
}
inline Value P(uint64_t bits, uint64_t known) {
  Value value;
  value.kind = Value::Kind::kPartial;
  value.bits = bits;
  value.known = known | ~LowBits(32);
  return value;
}
/// 1 when the symbol is `bits`.
inline Value Is(uint64_t bits, bool negated = false) {
  Value value;
  value.kind = Value::Kind::kCondition;
  value.symbol = kSym;
  value.bits = bits;
  value.negated = negated;
  return value;
}

inline std::string Text(const Value& value) {
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

inline const char* Name(BinaryOp op) {
  constexpr std::array<const char*, 28> kNames = {
      "add",  "sub", "mul",   "udiv", "sdiv",   "urem",  "srem",
      "and",  "or",  "xor",   "shl",  "shr",    "sar",   "ror",
      "ctz",  "clz", "fadd",  "fsub", "fmul",   "fdiv",  "stof",
      "ftos", "eq",  "below", "less", "fequal", "fless", "funordered"};
  return kNames[static_cast<size_t>(op)];
}
inline constexpr std::array kAllOps = {BinaryOp::kDivideUnsigned,
                                       BinaryOp::kDivideSigned,
                                       BinaryOp::kRemainderUnsigned,
                                       BinaryOp::kRemainderSigned,
                                       BinaryOp::kAdd,
                                       BinaryOp::kSub,
                                       BinaryOp::kMul,
                                       BinaryOp::kAnd,
                                       BinaryOp::kOr,
                                       BinaryOp::kXor,
                                       BinaryOp::kShiftLeft,
                                       BinaryOp::kShiftRight,
                                       BinaryOp::kShiftRightSigned,
                                       BinaryOp::kRotateRight,
                                       BinaryOp::kTrailingZeros,
                                       BinaryOp::kLeadingZeros,
                                       BinaryOp::kEqual,
                                       BinaryOp::kLessUnsigned,
                                       BinaryOp::kLessSigned};

}  // namespace detachfix

#endif  // DETACHFIX_TESTS_DISASM_VALUE_NOTATION_H_
