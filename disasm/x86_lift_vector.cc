// SPDX-License-Identifier: Apache-2.0
// What compilers use the SSE registers for outside arithmetic: to copy and to
// clear. A register is four words of the memory at kVectorBase; every other
// instruction forgets those that it writes.
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

/// The first `count` words of operand `n`, copied; the others are 0.
X86Lifter::Words X86Lifter::ReadVector(size_t n, uint8_t count) {
  Words words;
  words.fill(uint64_t{0});
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

void X86Lifter::XorVector() {
  Words words;
  words.fill(uint64_t{0});
  if (!IsSameRegister()) {
    const Words a = ReadVector(0, kVectorWords);
    const Words b = ReadVector(1, kVectorWords);
    for (uint8_t n = 0; n < kVectorWords; ++n) {
      words[n] = Compute(BinaryOp::kXor, 32, a[n], b[n]);
    }
  }
  WriteVector(0, words, kVectorWords);
}

/// pshufd: two bits of the number choose each word (SDM, PSHUFD).
void X86Lifter::ShuffleVector() {
  const Words from = ReadVector(1, kVectorWords);
  Words words;
  for (uint8_t n = 0; n < kVectorWords; ++n) {
    words[n] = from[(operand(2).number >> (2 * n)) & 3];
  }
  WriteVector(0, words, kVectorWords);
}

bool X86Lifter::LiftVector() {
  if (i_.op == X86Op::kRestoreVectors) {
    Emit(Store{8 * kVectorBytes, kVectorBase, std::monostate{}});
    return false;  // it may write memory too
  }
  // MMX has some of these instructions too.
  if (!IsVector(0) && !IsVector(1)) return false;
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
    case X86Op::kXorVector:
      XorVector();
      return true;
    case X86Op::kPshufd:
      ShuffleVector();
      return true;
    default:
      return false;
  }
}

}  // namespace detachfix
