// SPDX-License-Identifier: Apache-2.0
// String instructions (SDM volume 1, section 7.3.9), with and without `rep`.
#include <algorithm>

#include "disasm/x86_lifter.h"

namespace detachfix {

/// The element at `pointer`, which moves on. A prefix can say that the source
/// is read through FS.
Place X86Lifter::NextElement(Place pointer, Operand step) {
  const bool in_thread_block =
      pointer == kEsi &&
      std::ranges::any_of(i_.operands, &X86Operand::in_thread_block);
  const Place at =
      in_thread_block ? Compute(BinaryOp::kAdd, 32, kFsBase, pointer) : pointer;
  const Place element = NewTemporary();
  Emit(Load{static_cast<uint8_t>(operand(0).width / 8), element, at});
  Emit(Binary{BinaryOp::kAdd, 32, pointer, pointer, step});
  return element;
}

/// scas and cmps.
void X86Lifter::CompareElements(Operand step) {
  const uint8_t bits = width(0);
  const Operand left = i_.op == X86Op::kCmps
                           ? Operand{NextElement(kEsi, step)}
                           : Operand{ReadRegister({kEax.id, 0, bits})};
  const Operand right = NextElement(kEdi, step);
  SetSubFlags(bits, left, right, Compute(BinaryOp::kSub, bits, left, right));
}

/// With and without `rep`: one element a visit, then back to the same
/// instruction while ECX is not 0.
void X86Lifter::StringLoop() {
  const uint64_t bytes = operand(0).width / 8;
  const Place step = NewTemporary();
  Emit(Choose{step, kDf, (uint64_t{0} - bytes) & Mask(32), bytes});
  if (i_.repeats) {
    const Place done = Compute(BinaryOp::kEqual, 32, kEcx, uint64_t{0});
    Emit(Branch{done, next_va()});
  }
  const bool compares = i_.op == X86Op::kScas || i_.op == X86Op::kCmps;
  if (compares) {
    CompareElements(step);
  } else if (i_.op == X86Op::kLods) {
    WriteRegister({kEax.id, 0, width(0)}, NextElement(kEsi, step));
  } else {
    const Operand value =
        i_.op == X86Op::kMovs ? Operand{NextElement(kEsi, step)} : kEax;
    Emit(Store{static_cast<uint8_t>(bytes), kEdi, value});
    Emit(Binary{BinaryOp::kAdd, 32, kEdi, kEdi, step});
  }
  if (!i_.repeats) return;
  Emit(Binary{BinaryOp::kSub, 32, kEcx, kEcx, uint64_t{1}});
  if (compares) {
    Emit(Branch{i_.until_equal ? Operand{kZf} : Operand{Not(kZf)}, next_va()});
  }
  Emit(Jump{uint64_t{va_}});
}

bool X86Lifter::LiftString() {
  switch (i_.op) {
    case X86Op::kMovs:
    case X86Op::kStos:
    case X86Op::kLods:
    case X86Op::kScas:
    case X86Op::kCmps:
      StringLoop();
      return true;
    case X86Op::kCld:
      SetFlag(kDf, 0u);
      return true;
    case X86Op::kStd:
      SetFlag(kDf, 1u);
      return true;
    default:
      return false;
  }
}

}  // namespace detachfix
