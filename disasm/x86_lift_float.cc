// SPDX-License-Identifier: Apache-2.0
// The x87, as far as what it is given comes out again exactly: it copies
// memory, eight bytes at once (the Move of Delphi and of Free Pascal), counts,
// and computes (the sizes of C++'s hash tables). Its registers have more digits
// than a double, and how it rounds can be changed; so nothing that would be
// rounded is known.
#include <algorithm>
#include <iterator>

#include "disasm/x86_lifter.h"

namespace detachfix {
namespace {

constexpr uint64_t kExponent = 0x7ff00000;  // in the upper word of a double
constexpr uint64_t kSingleExponent = 0x7f800000;

struct Arithmetic {
  X86Op op;
  BinaryOp does;
  bool reversed = false;  ///< the source goes first
  bool pops = false;
};

constexpr Arithmetic kArithmetic[] = {
    {X86Op::kFadd, BinaryOp::kFloatAddExact, false, false},
    {X86Op::kFaddp, BinaryOp::kFloatAddExact, false, true},
    {X86Op::kFsub, BinaryOp::kFloatSubExact, false, false},
    {X86Op::kFsubp, BinaryOp::kFloatSubExact, false, true},
    {X86Op::kFsubr, BinaryOp::kFloatSubExact, true, false},
    {X86Op::kFsubrp, BinaryOp::kFloatSubExact, true, true},
    {X86Op::kFmul, BinaryOp::kFloatMulExact, false, false},
    {X86Op::kFmulp, BinaryOp::kFloatMulExact, false, true},
    {X86Op::kFdiv, BinaryOp::kFloatDivideExact, false, false},
    {X86Op::kFdivp, BinaryOp::kFloatDivideExact, false, true},
    {X86Op::kFdivr, BinaryOp::kFloatDivideExact, true, false},
    {X86Op::kFdivrp, BinaryOp::kFloatDivideExact, true, true},
};

}  // namespace

/// Where word `n` of the stack lies, three a register.
Operand X86Lifter::FloatWord(size_t n) {
  return Compute(BinaryOp::kAdd, 32, kVectorBase,
                 kFloatsOffset + uint64_t{4} * n);
}

/// ST(n).
X86Lifter::Float X86Lifter::ReadFloat(size_t n) {
  if (n >= kFloatsKept) return {Unknown(), Unknown(), uint64_t{kNotKnown}};
  const auto word = [&](size_t part) {
    const Place loaded = NewTemporary();
    Emit(Load{4, loaded, FloatWord(kFloatWords * n + part)});
    return loaded;
  };
  return {word(0), word(1), word(2)};
}

void X86Lifter::WriteFloat(size_t n, const Float& value) {
  if (n >= kFloatsKept) return;
  size_t at = kFloatWords * n;
  for (const Operand& word : {value.low, value.high, value.form}) {
    Emit(Store{4, FloatWord(at++), word});
  }
}

/// Moves word `from` of the stack to `to`, through two temporaries.
void X86Lifter::MoveFloatWord(size_t from, size_t to, Place address,
                              Place word) {
  const auto point_at = [&](size_t n) {
    Emit(Binary{BinaryOp::kAdd, 32, address, kVectorBase,
                kFloatsOffset + uint64_t{4} * n});
  };
  point_at(from);
  Emit(Load{4, word, address});
  point_at(to);
  Emit(Store{4, address, word});
}

void X86Lifter::PushFloat(const Float& value) {
  const Place address = NewTemporary();
  const Place word = NewTemporary();
  for (size_t n = kFloatWords * kFloatsKept - 1; n >= kFloatWords; --n) {
    MoveFloatWord(n - kFloatWords, n, address, word);
  }
  WriteFloat(0, value);
}

void X86Lifter::PopFloat() {
  const Place address = NewTemporary();
  const Place word = NewTemporary();
  for (size_t n = kFloatWords; n < size_t{kFloatWords} * kFloatsKept; ++n) {
    MoveFloatWord(n, n - kFloatWords, address, word);
  }
  WriteFloat(kFloatsKept - 1, ReadFloat(kFloatsKept));
}

void X86Lifter::ForgetFloats() {
  Emit(Store{4 * kFloatWords * kFloatsKept, FloatWord(0), std::monostate{}});
}

Operand X86Lifter::IsForm(const Float& value, uint64_t form) {
  return Compute(BinaryOp::kEqual, 32, value.form, form);
}

Place X86Lifter::ChooseOf(Operand condition, Operand yes, Operand no) {
  const Place chosen = NewTemporary();
  Emit(Choose{chosen, condition, yes, no});
  return chosen;
}

/// The two words as one operand of 64 bits.
Operand X86Lifter::DoubleOf(const Float& value) {
  return Compute(BinaryOp::kOr, 64, value.low,
                 Compute(BinaryOp::kShiftLeft, 64, value.high, 32u));
}

/// `value` as a double, where it is one.
X86Lifter::Float X86Lifter::ToDouble(const Float& value) {
  const Place made =
      Compute(BinaryOp::kFloatFromSigned, 64, DoubleOf(value), 0u);
  // Up to 2^53 a double has every number.
  constexpr uint64_t kFits = 0x00200000;
  const Place raised = Compute(BinaryOp::kAdd, 32, value.high, kFits);
  const Place fits =
      Compute(BinaryOp::kLessUnsigned, 32, raised, uint64_t{2} * kFits);
  const Place converts =
      Compute(BinaryOp::kAnd, 1, IsForm(value, kNumber), fits);
  const Operand is_double = IsForm(value, kDouble);
  const auto word = [&](Operand of_double, Operand of_made) {
    return ChooseOf(is_double, of_double,
                    ChooseOf(converts, of_made, Unknown()));
  };
  const Place low = Compute(BinaryOp::kAnd, 64, made, Mask(32));
  const Place high = Compute(BinaryOp::kShiftRight, 64, made, 32u);
  return {word(value.low, low), word(value.high, high),
          ChooseOf(Compute(BinaryOp::kOr, 1, is_double, converts),
                   uint64_t{kDouble}, uint64_t{kNotKnown})};
}

/// `value` as a number of 64 bits, where it is one.
X86Lifter::Float X86Lifter::ToNumber(const Float& value) {
  const Operand of_double = DoubleOf(value);
  const Place low = Compute(BinaryOp::kFloatToSigned, 64, of_double, 0u);
  const Place wide = NewTemporary();
  Emit(SignExtend{32, 64, wide, low});
  const Place back = Compute(BinaryOp::kFloatFromSigned, 64, wide, 0u);
  const Place is_whole = Compute(BinaryOp::kFloatEqual, 64, back, of_double);
  const Place converts =
      Compute(BinaryOp::kAnd, 1, IsForm(value, kDouble), is_whole);
  const Operand is_number = IsForm(value, kNumber);
  const auto word = [&](Operand of_number, Operand of_made) {
    return ChooseOf(is_number, of_number,
                    ChooseOf(converts, of_made, Unknown()));
  };
  const Place high = Compute(BinaryOp::kShiftRightSigned, 32, low, 31u);
  return {word(value.low, low), word(value.high, high),
          ChooseOf(Compute(BinaryOp::kOr, 1, is_number, converts),
                   uint64_t{kNumber}, uint64_t{kNotKnown})};
}

/// What fild reads.
X86Lifter::Float X86Lifter::LoadedNumber() {
  if (width(0) == 64) {
    const Words words = ReadVector(0, 2);
    return {words[0], words[1], uint64_t{kNumber}};
  }
  const Place low = NewTemporary();
  Emit(SignExtend{width(0), 32, low, Read(0)});
  return {low, Compute(BinaryOp::kShiftRightSigned, 32, low, 31u),
          uint64_t{kNumber}};
}

/// What fld and the like read from operand `n`. A signalling NaN would come out
/// as a quiet one.
X86Lifter::Float X86Lifter::LoadedDouble(size_t n) {
  if (operand(n).kind == Kind::kRegister) {
    return ReadFloat(operand(n).reg.number);
  }
  const auto form = [&](Operand word, uint64_t mask) {
    const Place exponent = Compute(BinaryOp::kAnd, 32, word, mask);
    const Place is_not_finite = Compute(BinaryOp::kEqual, 32, exponent, mask);
    return ChooseOf(is_not_finite, uint64_t{kNotKnown}, uint64_t{kDouble});
  };
  if (width(n) == 32) {
    const Operand single = Read(n);
    return MakeDouble(
        Compute(BinaryOp::kFloatFromSingle, 64, single, uint64_t{0}),
        form(single, kSingleExponent));
  }
  if (width(n) != 64) return LoadedExtended(n);
  const Words words = ReadVector(n, 2);
  return {words[0], words[1], form(words[1], kExponent)};
}

/// What fld reads of ten bytes.
X86Lifter::Float X86Lifter::LoadedExtended(size_t n) {
  constexpr uint64_t kBeyondDouble = 0x7ff;  // digits of the significand
  const Words words = ReadVector(n, 3);
  const Place significand =
      Compute(BinaryOp::kOr, 64, words[0],
              Compute(BinaryOp::kShiftLeft, 64, words[1], 32u));
  const Place head = Compute(BinaryOp::kAnd, 32, words[2], Mask(16));
  const Place bits =
      Compute(BinaryOp::kFloatFromExtended, 64, significand, head);
  const Place is_number = Compute(BinaryOp::kFloatEqual, 64, bits, bits);
  const Place rest = Compute(BinaryOp::kAnd, 64, significand, kBeyondDouble);
  const Place form = ChooseOf(Compute(BinaryOp::kEqual, 64, rest, uint64_t{0}),
                              uint64_t{kDouble}, uint64_t{kTruncated});
  return MakeDouble(bits, ChooseOf(is_number, form, uint64_t{kNotKnown}));
}

/// The two words of `bits`.
X86Lifter::Float X86Lifter::MakeDouble(Operand bits, Operand form) {
  return {Compute(BinaryOp::kAnd, 64, bits, Mask(32)),
          Compute(BinaryOp::kShiftRight, 64, bits, uint64_t{32}), form};
}

/// fadd and its like: ST(0) and memory, or a register and another.
void X86Lifter::CombineFloats(BinaryOp op, bool reversed) {
  const bool in_memory = operand(0).kind != Kind::kRegister;
  const size_t target = in_memory ? 0 : operand(0).reg.number;
  const Float a = ToDouble(ReadFloat(target));
  const Float b = ToDouble(LoadedDouble(in_memory ? 0 : 1));
  const Place both =
      Compute(BinaryOp::kAnd, 1, IsForm(a, kDouble), IsForm(b, kDouble));
  const Operand left = DoubleOf(reversed ? b : a);
  const Operand right = DoubleOf(reversed ? a : b);
  const Place result = Compute(op, 64, left, right);
  // One that is not known may be infinite, or no number.
  const Place known =
      Compute(BinaryOp::kAnd, 1, both,
              Compute(BinaryOp::kFloatEqual, 64, result, result));
  Operand form = ChooseOf(known, uint64_t{kDouble}, uint64_t{kNotKnown});
  if (op == BinaryOp::kFloatSubExact) {
    // The sign of what is left of equal ones hangs on the way to round.
    const Place same = Compute(BinaryOp::kFloatEqual, 64, left, right);
    form =
        ChooseOf(Compute(BinaryOp::kAnd, 1, both, same), uint64_t{kZero}, form);
  }
  const Float made = MakeDouble(result, form);
  const Operand is_zero = IsForm(made, kZero);
  WriteFloat(target, {ChooseOf(is_zero, 0u, made.low),
                      ChooseOf(is_zero, 0u, made.high), form});
}

/// frndint: a number stays as it is, whichever way it rounds.
void X86Lifter::RoundFloat() {
  const Float value = ReadFloat(0);
  const Operand is_double = IsForm(value, kDouble);
  const Float whole = MakeDouble(
      Compute(BinaryOp::kFloatWhole, 64, DoubleOf(value), uint64_t{0}),
      value.form);
  WriteFloat(0, {ChooseOf(is_double, whole.low, value.low),
                 ChooseOf(is_double, whole.high, value.high),
                 ChooseOf(IsForm(value, kTruncated), uint64_t{kNotKnown},
                          value.form)});
}

void X86Lifter::StoreDouble() {
  const Float value = ToDouble(ReadFloat(0));
  if (width(0) == 32) {
    const Place single =
        Compute(BinaryOp::kFloatToSingle, 64, DoubleOf(value), uint64_t{0});
    Write(0, ChooseOf(IsForm(value, kDouble), single, Unknown()));
    return;
  }
  const auto known = [&](Operand word) {
    return ChooseOf(IsForm(value, kDouble), word, Unknown());
  };
  Words words = Zeros();
  words[0] = known(value.low);
  words[1] = known(value.high);
  WriteVector(0, words, 2);
}

/// fist, fistp: of one that does not fit, something is written.
void X86Lifter::StoreNumber() {
  const Float value = ToNumber(ReadFloat(0));
  const Operand is_number = IsForm(value, kNumber);
  if (width(0) == 64) {
    Words words = Zeros();
    words[0] = ChooseOf(is_number, value.low, Unknown());
    words[1] = ChooseOf(is_number, value.high, Unknown());
    WriteVector(0, words, 2);
    return;
  }
  const Place again = NewTemporary();
  Emit(SignExtend{width(0), 32, again, value.low});
  const Place same_low = Compute(BinaryOp::kEqual, 32, again, value.low);
  const Place sign = Compute(BinaryOp::kShiftRightSigned, 32, again, 31u);
  const Place same_high = Compute(BinaryOp::kEqual, 32, sign, value.high);
  const Place fits = Compute(BinaryOp::kAnd, 1, same_low, same_high);
  Write(0, ChooseOf(Compute(BinaryOp::kAnd, 1, is_number, fits), value.low,
                    Unknown()));
}

/// fst, fstp.
void X86Lifter::StoreFloat() {
  if (operand(0).kind == Kind::kRegister) {
    WriteFloat(operand(0).reg.number, ReadFloat(0));
  } else if (width(0) == 64 || width(0) == 32) {
    StoreDouble();
  } else {
    ForgetOperand(operand(0));
  }
}

void X86Lifter::ExchangeFloats() {
  const size_t other = operand(0).reg.number;
  const Float top = ReadFloat(0);
  const Float below = ReadFloat(other);
  WriteFloat(0, below);
  WriteFloat(other, top);
}

bool X86Lifter::LiftFloat() {
  switch (i_.op) {
    case X86Op::kFcom:
    case X86Op::kFcomp:
    case X86Op::kFcompp:
    case X86Op::kFtst:
      CompareToStatus();
      if (i_.op == X86Op::kFcomp || i_.op == X86Op::kFcompp) PopFloat();
      if (i_.op == X86Op::kFcompp) PopFloat();
      return true;
    case X86Op::kFnstsw:
      StoreStatus();
      return true;
    default:
      return LiftFloatChange();
  }
}

/// What changes the stack leaves the condition codes undefined.
bool X86Lifter::LiftFloatChange() {
  if (i_.op >= X86Op::kFild && i_.op <= X86Op::kWritesFloats) {
    SetStatus(Unknown());
  }
  const auto* arithmetic =
      std::ranges::find(kArithmetic, i_.op, &Arithmetic::op);
  if (arithmetic != std::end(kArithmetic)) {
    CombineFloats(arithmetic->does, arithmetic->reversed);
    if (arithmetic->pops) PopFloat();
    return true;
  }
  switch (i_.op) {
    case X86Op::kFild:
      PushFloat(LoadedNumber());
      return true;
    case X86Op::kFld:
      PushFloat(LoadedDouble(0));
      return true;
    case X86Op::kFld1:
      PushFloat({1u, 0u, uint64_t{kNumber}});
      return true;
    case X86Op::kFldz:
      PushFloat({0u, 0u, uint64_t{kNumber}});
      return true;
    case X86Op::kFist:
    case X86Op::kFistp:
      StoreNumber();
      if (i_.op == X86Op::kFistp) PopFloat();
      return true;
    case X86Op::kFst:
    case X86Op::kFstp:
      StoreFloat();
      if (i_.op == X86Op::kFstp) PopFloat();
      return true;
    case X86Op::kFxch:
      ExchangeFloats();
      return true;
    case X86Op::kFcomi:
    case X86Op::kFcomip:
      CompareFloats();
      if (i_.op == X86Op::kFcomip) PopFloat();
      return true;
    case X86Op::kFrndint:
      RoundFloat();
      return true;
    case X86Op::kWritesFloats:
      ForgetFloats();
      return false;  // it may write memory too
    default:
      return false;
  }
}

}  // namespace detachfix
