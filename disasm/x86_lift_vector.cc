// SPDX-License-Identifier: Apache-2.0
// What compilers use the SSE registers for outside arithmetic with fractions:
// to copy and to clear, and to compare and count many bytes at once. A register
// is four words of the memory at kVectorBase; every other instruction forgets
// those that it writes.
#include <algorithm>

#include "disasm/x86_lifter.h"

namespace detachfix {

Operand X86Lifter::VectorAddress(X86Register reg) {
  return Compute(BinaryOp::kAdd, 32, kVectorBase,
                 uint64_t{reg.number} * kVectorBytes);
}

bool X86Lifter::IsVector(size_t n) const {
  return operand(n).kind == Kind::kRegister &&
         operand(n).reg.width == kVectorWidth;
}

void X86Lifter::ForgetVector(X86Register reg) {
  Emit(Store{kVectorBytes, VectorAddress(reg), std::monostate{}});
}

X86Lifter::Words X86Lifter::Zeros() {
  Words words;
  words.fill(uint64_t{0});
  return words;
}

/// The first `count` words of operand `n`, copied; the others are 0.
X86Lifter::Words X86Lifter::ReadVector(size_t n, uint8_t count) {
  Words words = Zeros();
  if (!IsVector(n) && operand(n).kind != Kind::kMemory) {
    words[0] = Read(n);
    return words;
  }
  const Operand address =
      IsVector(n) ? VectorAddress(operand(n).reg) : Address(operand(n));
  for (uint8_t i = 0; i < count; ++i) {
    const Place word = NewTemporary();
    Emit(Load{4, word, Compute(BinaryOp::kAdd, 32, address, uint64_t{4} * i)});
    words[i] = word;
  }
  return words;
}

/// Writes the first `count` of `words` to operand `n`.
void X86Lifter::WriteVector(size_t n, const Words& words, uint8_t count) {
  if (!IsVector(n) && operand(n).kind != Kind::kMemory) {
    Write(n, words[0]);
    return;
  }
  const Operand address =
      IsVector(n) ? VectorAddress(operand(n).reg) : Address(operand(n));
  for (uint8_t i = 0; i < count; ++i) {
    Emit(Store{4, Compute(BinaryOp::kAdd, 32, address, uint64_t{4} * i),
               words[i]});
  }
}

/// Moves `count` words. A register that they go to is cleared above them,
/// unless it keeps the rest.
void X86Lifter::MoveVector(uint8_t count, bool keeps_rest) {
  const Words words = ReadVector(1, count);
  const bool clears = IsVector(0) && !keeps_rest;
  WriteVector(0, words, clears ? kVectorWords : count);
}

/// Writes to operand 0, word by word, what `make` makes of both.
template <typename Make>
void X86Lifter::EachWord(Make make) {
  const Words a = ReadVector(0, kVectorWords);
  const Words b = ReadVector(1, kVectorWords);
  Words words;
  for (uint8_t n = 0; n < kVectorWords; ++n) words[n] = make(a[n], b[n]);
  WriteVector(0, words, kVectorWords);
}

Place X86Lifter::ComputeLanes(BinaryOp op, Operand a, Operand b) {
  const Place t = NewTemporary();
  Emit(Binary{op, 32, t, a, b, i_.lane});
  return t;
}

bool X86Lifter::LiftVectorLogic() {
  const auto logic = [this](BinaryOp op) {
    EachWord([&](Operand a, Operand b) { return Compute(op, 32, a, b); });
    return true;
  };
  switch (i_.op) {
    case X86Op::kAndVector:
      return logic(BinaryOp::kAnd);
    case X86Op::kOrVector:
      return logic(BinaryOp::kOr);
    case X86Op::kXorVector:
      if (!IsSameRegister()) return logic(BinaryOp::kXor);
      WriteVector(0, Zeros(), kVectorWords);
      return true;
    case X86Op::kAndNotVector:
      EachWord([&](Operand a, Operand b) {
        const Place not_a = Compute(BinaryOp::kXor, 32, a, Mask(32));
        return Compute(BinaryOp::kAnd, 32, not_a, b);
      });
      return true;
    default:
      return false;
  }
}

/// The smaller or the larger of each lane, without signs.
void X86Lifter::ChooseLanes(bool smaller) {
  EachWord([&](Operand a, Operand b) {
    const Place first = smaller ? ComputeLanes(BinaryOp::kLessUnsigned, a, b)
                                : ComputeLanes(BinaryOp::kLessUnsigned, b, a);
    const Place second = Compute(BinaryOp::kXor, 32, first, Mask(32));
    const Place of_a = Compute(BinaryOp::kAnd, 32, a, first);
    const Place of_b = Compute(BinaryOp::kAnd, 32, b, second);
    return Compute(BinaryOp::kOr, 32, of_a, of_b);
  });
}

/// pcmpeq, pcmpgt and psub of a register with itself give the same whatever it
/// held.
bool X86Lifter::FillsVector() {
  Words words = Zeros();
  if (i_.op == X86Op::kEqualLanes) {
    words.fill(Mask(32));
  } else if (i_.op != X86Op::kGreaterLanes && i_.op != X86Op::kSubLanes) {
    return false;
  }
  WriteVector(0, words, kVectorWords);
  return true;
}

/// paddq, psubq: word by word, through the carry.
void X86Lifter::AddWide(bool subtracts) {
  const BinaryOp op = subtracts ? BinaryOp::kSub : BinaryOp::kAdd;
  Words a = ReadVector(0, kVectorWords);
  const Words b = ReadVector(1, kVectorWords);
  for (size_t low = 0; low < kVectorWords; low += 2) {
    const Place sum = Compute(op, 32, a[low], b[low]);
    const Place carry =
        subtracts ? Compute(BinaryOp::kLessUnsigned, 32, a[low], b[low])
                  : Compute(BinaryOp::kLessUnsigned, 32, sum, a[low]);
    const Place high = Compute(op, 32, a[low + 1], b[low + 1]);
    a[low] = sum;
    a[low + 1] = Compute(op, 32, high, carry);
  }
  WriteVector(0, a, kVectorWords);
}

/// Those of the lanes of two words that are known of.
bool X86Lifter::LiftWideLanes() {
  const bool by_number = operand(1).kind == Kind::kImmediate;
  switch (i_.op) {
    case X86Op::kAddLanes:
    case X86Op::kSubLanes:
      AddWide(i_.op == X86Op::kSubLanes);
      return true;
    case X86Op::kShiftLeftLanes:
      if (by_number) {
        ShiftWide(true);
      } else {
        ShiftByVector(BinaryOp::kShiftLeft);
      }
      return true;
    case X86Op::kShiftRightLanes:
      if (by_number) {
        ShiftWide(false);
      } else {
        ShiftByVector(BinaryOp::kShiftRight);
      }
      return true;
    default:
      return false;
  }
}

bool X86Lifter::LiftVectorLanes() {
  const auto lanes = [this](BinaryOp op) {
    EachWord([&](Operand a, Operand b) { return ComputeLanes(op, a, b); });
    return true;
  };
  if (IsSameRegister() && FillsVector()) return true;
  if (i_.lane == 64 && i_.op != X86Op::kSignsOfLanes) return LiftWideLanes();
  switch (i_.op) {
    case X86Op::kAddLanes:
      return lanes(BinaryOp::kAdd);
    case X86Op::kSubLanes:
      return lanes(BinaryOp::kSub);
    case X86Op::kEqualLanes:
      return lanes(BinaryOp::kEqual);
    case X86Op::kGreaterLanes:
      EachWord([&](Operand a, Operand b) {
        return ComputeLanes(BinaryOp::kLessSigned, b, a);
      });
      return true;
    case X86Op::kMinLanes:
    case X86Op::kMaxLanes:
      ChooseLanes(i_.op == X86Op::kMinLanes);
      return true;
    case X86Op::kShiftLeftLanes:
      return ShiftLanes(BinaryOp::kShiftLeft);
    case X86Op::kShiftRightLanes:
      return ShiftLanes(BinaryOp::kShiftRight);
    case X86Op::kSignsOfLanes:
      CollectSigns();
      return true;
    default:
      return false;
  }
}

/// pmovmskb, movmskps, movmskpd: the highest bit of each lane, side by side.
void X86Lifter::CollectSigns() {
  const Words words = ReadVector(1, kVectorWords);
  Operand signs = uint64_t{0};
  for (uint8_t n = 0; n < kVectorWords; ++n) {
    if (i_.lane == 64 && n % 2 == 0) continue;
    Operand bits = SignBit(32, words[n]);
    if (i_.lane == 8) {
      const Place high = Compute(BinaryOp::kShiftRight, 32, words[n], 7u);
      const Place each = Compute(BinaryOp::kAnd, 32, high, 0x01010101u);
      // Bits 0, 8, 16 and 24 go to 24 to 27, which nothing else reaches.
      const Place side = Compute(BinaryOp::kMul, 32, each, 0x01020408u);
      const Place four = Compute(BinaryOp::kShiftRight, 32, side, 24u);
      bits = Compute(BinaryOp::kAnd, 32, four, 15u);
    }
    const uint64_t at = uint64_t{n} * 32 / i_.lane;
    signs = Compute(BinaryOp::kOr, 32, signs,
                    Compute(BinaryOp::kShiftLeft, 32, bits, at));
  }
  Write(0, signs);
}

Operand X86Lifter::HalfWord(const Words& words, size_t n) {
  const Operand word = words[n / 2];
  if (n % 2 != 0) return Compute(BinaryOp::kShiftRight, 32, word, 16u);
  return Compute(BinaryOp::kAnd, 32, word, 0xffffu);
}

Operand X86Lifter::JoinHalves(Operand low, Operand high) {
  return Compute(BinaryOp::kOr, 32, low,
                 Compute(BinaryOp::kShiftLeft, 32, high, 16u));
}

/// punpckl, punpckh: the lanes of a half of both operands in turn.
void X86Lifter::Interleave() {
  const size_t half = i_.op == X86Op::kInterleaveHigh ? 1 : 0;
  const Words a = ReadVector(0, kVectorWords);
  const Words b = ReadVector(1, kVectorWords);
  const auto spread = [this](Operand bytes) {
    const Place low = Compute(BinaryOp::kAnd, 32, bytes, 0xffu);
    const Place high = Compute(BinaryOp::kAnd, 32, bytes, 0xff00u);
    return Compute(BinaryOp::kOr, 32, low,
                   Compute(BinaryOp::kShiftLeft, 32, high, 8u));
  };
  Words words;
  for (size_t n = 0; n < kVectorWords; ++n) {
    const size_t from = kVectorWords * half + n;  // in half words
    switch (i_.lane) {
      case 8:
        words[n] = Compute(
            BinaryOp::kOr, 32, spread(HalfWord(a, from)),
            Compute(BinaryOp::kShiftLeft, 32, spread(HalfWord(b, from)), 8u));
        break;
      case 16:
        words[n] = JoinHalves(HalfWord(a, from), HalfWord(b, from));
        break;
      case 32:
        words[n] = (n % 2 == 0 ? a : b)[2 * half + n / 2];
        break;
      default:
        words[n] = (n < 2 ? a : b)[2 * half + n % 2];
        break;
    }
  }
  WriteVector(0, words, kVectorWords);
}

/// shufpd: of each side two words that lie together.
void X86Lifter::ShufflePairs() {
  const Words low = ReadVector(0, kVectorWords);
  const Words high = ReadVector(1, kVectorWords);
  const size_t of_low = size_t{2} * (operand(2).number & 1);
  const size_t of_high = operand(2).number & 2;
  WriteVector(0,
              {low[of_low], low[of_low + 1], high[of_high], high[of_high + 1]},
              kVectorWords);
}

/// pshufd, pshuflw, pshufhw, shufps: two bits of the number choose each word or
/// half word (SDM).
void X86Lifter::ShuffleVector() {
  const Words from = ReadVector(1, kVectorWords);
  const auto chosen = [this](size_t n) {
    return size_t{(operand(2).number >> (2 * n)) & 3};
  };
  Words words = from;
  if (i_.op == X86Op::kPshufd || i_.op == X86Op::kShufps) {
    const Words low =
        i_.op == X86Op::kShufps ? ReadVector(0, kVectorWords) : from;
    for (size_t n = 0; n < kVectorWords; ++n) {
      words[n] = (n < 2 ? low : from)[chosen(n)];
    }
  } else {
    const size_t first = i_.op == X86Op::kPshufhw ? 2 : 0;
    for (size_t n = 0; n < 2; ++n) {
      words[first + n] =
          JoinHalves(HalfWord(from, 2 * first + chosen(2 * n)),
                     HalfWord(from, 2 * first + chosen(2 * n + 1)));
    }
  }
  WriteVector(0, words, kVectorWords);
}

/// movhps, movlhps, movhlps: two words to or from the upper half.
void X86Lifter::MoveHalf() {
  const bool from_high = i_.op == X86Op::kMovhlps || !IsVector(0);
  const bool to_high = i_.op != X86Op::kMovhlps && IsVector(0);
  const Words from = ReadVector(1, from_high ? kVectorWords : 2);
  Words words = IsVector(0) ? ReadVector(0, kVectorWords) : Zeros();
  for (size_t n = 0; n < 2; ++n) {
    words[n + (to_high ? 2 : 0)] = from[n + (from_high ? 2 : 0)];
  }
  WriteVector(0, words, IsVector(0) ? kVectorWords : 2);
}

bool X86Lifter::LiftVectorOrder() {
  switch (i_.op) {
    case X86Op::kInterleaveLow:
    case X86Op::kInterleaveHigh:
      Interleave();
      return true;
    case X86Op::kPshufd:
    case X86Op::kPshuflw:
    case X86Op::kPshufhw:
    case X86Op::kShufps:
      ShuffleVector();
      return true;
    case X86Op::kShufpd:
      ShufflePairs();
      return true;
    case X86Op::kShiftBytesLeft:
    case X86Op::kShiftBytesRight:
    case X86Op::kPalignr:
      ShiftVector();
      return true;
    case X86Op::kMovhps:
    case X86Op::kMovlhps:
    case X86Op::kMovhlps:
      MoveHalf();
      return true;
    default:
      return false;
  }
}

bool X86Lifter::LiftVector() {
  if (i_.op == X86Op::kRestoreVectors) {
    Emit(Store{8 * kVectorBytes, kVectorBase, std::monostate{}});
    ForgetFloats();
    return false;  // it may write memory too
  }
  // From memory to a register of the others, which MMX has not.
  if (i_.op == X86Op::kTruncateFractions) return LiftFractions();
  // MMX has some of these instructions too; each empties the x87's stack.
  if (!IsVector(0) && !IsVector(1)) {
    if (operand(0).reg.width == kFloatWidth ||
        operand(1).reg.width == kFloatWidth) {
      ForgetFloats();
    }
    return false;
  }
  const bool in_registers = IsVector(0) && IsVector(1);
  switch (i_.op) {
    case X86Op::kMovVector:
      MoveVector(kVectorWords, false);
      return true;
    case X86Op::kMovd:
      MoveVector(1, false);
      return true;
    case X86Op::kMovq:
      MoveVector(2, false);
      return true;
    case X86Op::kMovlps:
      MoveVector(2, true);
      return true;
    case X86Op::kMovss:
      MoveVector(1, in_registers);
      return true;
    case X86Op::kMovsd:
      MoveVector(2, in_registers);
      return true;
    default:
      return LiftVectorLogic() || LiftVectorLanes() || LiftVectorOrder() ||
             LiftFractions();
  }
}

}  // namespace detachfix
