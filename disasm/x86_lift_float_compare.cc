// SPDX-License-Identifier: Apache-2.0
// How numbers of the x87 compare, by flags or by the status word.
#include "disasm/x86_lifter.h"

namespace detachfix {

/// `value` as what it is compared by, where it is known.
X86Lifter::ComparedFloat X86Lifter::ToCompared(const Float& value) {
  const Float number = ToDouble(value);
  const Operand truncated = IsForm(value, kTruncated);
  const Operand stays =
      Compute(BinaryOp::kOr, 1, truncated, IsForm(value, kZero));
  const Float compared = {ChooseOf(stays, value.low, number.low),
                          ChooseOf(stays, value.high, number.high), value.form};
  return {
      Compute(BinaryOp::kOr, 1, stays, IsForm(number, kDouble)),
      truncated,
      Compute(BinaryOp::kShiftRight, 32, compared.high, 31u),
      DoubleOf(compared),
  };
}

X86Lifter::FloatOrder X86Lifter::OrderOf(const Float& left,
                                         const Float& right) {
  const ComparedFloat a = ToCompared(left);
  const ComparedFloat b = ToCompared(right);
  const auto both = [this](Operand x, Operand y) {
    return Compute(BinaryOp::kAnd, 1, x, y);
  };
  const auto either = [this](Operand x, Operand y) {
    return Compute(BinaryOp::kOr, 1, x, y);
  };
  const Operand equal = Compute(BinaryOp::kFloatEqual, 64, a.bits, b.bits);
  const Operand less = Compute(BinaryOp::kFloatLess, 64, a.bits, b.bits);
  // A truncated one lies beyond its double, seen from zero.
  const Operand lies_less =
      either(both(b.truncated, Not(b.negative)), both(a.truncated, a.negative));
  return {
      both(both(a.known, b.known), Not(both(a.truncated, b.truncated))),
      both(equal, Not(either(a.truncated, b.truncated))),
      either(less, both(equal, lies_less)),
  };
}

/// As comisd: all three are set where one is not a number.
void X86Lifter::CompareFloats() {
  const FloatOrder order =
      OrderOf(ReadFloat(0), ReadFloat(operand(1).reg.number));
  SetFlag(kZf, ChooseOf(order.known, order.equal, Unknown()));
  SetFlag(kCf, ChooseOf(order.known, order.less, Unknown()));
  SetFlag(kParity, ChooseOf(order.known, 1u, Unknown()));
  // The SDM is silent on these; AMD's manual clears them.
  SetFlag(kOf, Unknown());
  SetFlag(kSf, Unknown());
}

/// What ST(0) is compared with by an instruction that leaves that in the status
/// word.
X86Lifter::Float X86Lifter::OtherFloat() {
  if (i_.op == X86Op::kFtst) return {0u, 0u, uint64_t{kNumber}};
  if (i_.op == X86Op::kFcompp) return ReadFloat(1);
  // Of some Zydis shows ST(0) before it.
  return LoadedDouble(i_.visible_count - 1u);
}

void X86Lifter::SetStatus(Operand status) {
  Emit(Store{4, FloatWord(kFloatStatus), status});
}

/// C0 says less, C3 equal, and C2 that one is no number (SDM volume 2, FCOM).
void X86Lifter::CompareToStatus() {
  constexpr uint64_t kC0 = 8, kC3 = 14;  // bits
  const FloatOrder order = OrderOf(ReadFloat(0), OtherFloat());
  const Place less = Compute(BinaryOp::kShiftLeft, 32, order.less, kC0);
  const Place equal = Compute(BinaryOp::kShiftLeft, 32, order.equal, kC3);
  SetStatus(ChooseOf(order.known, Compute(BinaryOp::kOr, 32, less, equal),
                     Unknown()));
}

/// Of the status word only the condition codes are known.
void X86Lifter::StoreStatus() {
  constexpr uint64_t kCodes = 0x4500;
  const Place status = NewTemporary();
  Emit(Load{4, status, FloatWord(kFloatStatus)});
  const Place codes = Compute(BinaryOp::kAnd, 16, status, kCodes);
  const Place others =
      Compute(BinaryOp::kAnd, 16, Unknown(), Mask(16) & ~kCodes);
  Write(0, Compute(BinaryOp::kOr, 16, codes, others));
}

}  // namespace detachfix
