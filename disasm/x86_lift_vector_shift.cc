// SPDX-License-Identifier: Apache-2.0
// SSE2's shifts, of lanes and of whole registers.
#include <algorithm>

#include "disasm/x86_lifter.h"

namespace detachfix {

/// psllw, psrlq and the like, by the lower half of a register or of 16 bytes: a
/// count that is too large leaves nothing.
void X86Lifter::ShiftByVector(BinaryOp op) {
  const Words count = ReadVector(1, 2);
  const Place in_range = Compute(
      BinaryOp::kAnd, 1, Compute(BinaryOp::kEqual, 32, count[1], 0u),
      Compute(BinaryOp::kLessUnsigned, 32, count[0], uint64_t{i_.lane}));
  const auto shifted = [&](Operand value) {
    return ChooseOf(in_range, value, uint64_t{0});
  };
  Words words = ReadVector(0, kVectorWords);
  if (i_.lane == 64) {
    for (size_t low = 0; low < kVectorWords; low += 2) {
      const Place upper =
          Compute(BinaryOp::kShiftLeft, 64, words[low + 1], 32u);
      const Place whole = Compute(
          op, 64, Compute(BinaryOp::kOr, 64, words[low], upper), count[0]);
      words[low] = shifted(Compute(BinaryOp::kAnd, 64, whole, Mask(32)));
      words[low + 1] = shifted(Compute(BinaryOp::kShiftRight, 64, whole, 32u));
    }
  } else {
    Operand counts = count[0];
    if (i_.lane == 16) {
      counts = Compute(BinaryOp::kOr, 32, counts,
                       Compute(BinaryOp::kShiftLeft, 32, counts, 16u));
    }
    for (Operand& word : words) word = shifted(ComputeLanes(op, word, counts));
  }
  WriteVector(0, words, kVectorWords);
}

/// The same by a number.
bool X86Lifter::ShiftLanes(BinaryOp op) {
  if (operand(1).kind != Kind::kImmediate) {
    ShiftByVector(op);
    return true;
  }
  uint64_t counts = operand(1).number;
  if (i_.lane < 32) counts |= counts << i_.lane;
  Words words = ReadVector(0, kVectorWords);
  for (Operand& word : words) word = ComputeLanes(op, word, counts);
  WriteVector(0, words, kVectorWords);
  return true;
}

/// The four words that begin `bits` into the row of `words`; zeros behind it.
template <size_t kCount>
X86Lifter::Words X86Lifter::Window(const std::array<Operand, kCount>& words,
                                   uint32_t bits) {
  const auto at = [&](size_t n) {
    return n < kCount ? words[n] : Operand{uint64_t{0}};
  };
  const uint64_t shift = bits % 32;
  Words window;
  for (size_t n = 0; n < kVectorWords; ++n) {
    const Operand low = at(bits / 32 + n);
    if (shift == 0) {
      window[n] = low;
      continue;
    }
    const Operand high = at(bits / 32 + n + 1);
    window[n] = Compute(BinaryOp::kOr, 32,
                        Compute(BinaryOp::kShiftRight, 32, low, shift),
                        Compute(BinaryOp::kShiftLeft, 32, high, 32 - shift));
  }
  return window;
}

/// psllq, psrlq by a number. A word that only changes its place stays whole.
void X86Lifter::ShiftWide(bool left) {
  const uint32_t count = std::min<uint32_t>(operand(1).number, 64);
  Words words = ReadVector(0, kVectorWords);
  for (size_t low = 0; low < kVectorWords; low += 2) {
    // Two words of zeros at the end that bits come in from.
    std::array<Operand, 4> row;
    row.fill(uint64_t{0});
    row[left ? 2 : 0] = words[low];
    row[left ? 3 : 1] = words[low + 1];
    const Words window = Window(row, left ? 64 - count : count);
    words[low] = window[0];
    words[low + 1] = window[1];
  }
  WriteVector(0, words, kVectorWords);
}

/// psrldq, pslldq, palignr: by whole bytes.
void X86Lifter::ShiftVector() {
  std::array<Operand, size_t{2} * kVectorWords> row;
  row.fill(uint64_t{0});
  const uint32_t count = operand(i_.visible_count - 1U).number;
  const bool left = i_.op == X86Op::kShiftBytesLeft;
  const bool aligns = i_.op == X86Op::kPalignr;
  const Words first = ReadVector(aligns ? 1 : 0, kVectorWords);
  std::ranges::copy(first, row.begin() + (left ? kVectorWords : 0));
  if (aligns) {
    std::ranges::copy(ReadVector(0, kVectorWords), row.begin() + kVectorWords);
  }
  const uint32_t from =
      left ? kVectorBytes - std::min<uint32_t>(count, kVectorBytes) : count;
  WriteVector(0, Window(row, 8 * from), kVectorWords);
}

}  // namespace detachfix
