// SPDX-License-Identifier: Apache-2.0
// Intel 80386 and successors in 32-bit mode, as Windows uses them. Calling
// convention: arguments on the stack above the return address, result in EAX;
// EBX, ESI, EDI, EBP preserved (MSDN, "Calling Conventions").
#include <utility>

#include "disasm/isa.h"
#include "disasm/x86_decode.h"
#include "disasm/x86_lift.h"

namespace detachfix {
namespace {

Flow FlowOf(const X86Instruction& i) {
  switch (i.op) {
    case X86Op::kUnknown:
      return Flow::kUnknown;
    case X86Op::kJcc:
    case X86Op::kJecxz:
    case X86Op::kLoop:
    case X86Op::kLoope:
    case X86Op::kLoopne:
      return Flow::kBranch;
    case X86Op::kTransaction:  // xbegin names where an aborted one goes on
      return i.is_relative ? Flow::kBranch : Flow::kNext;
    case X86Op::kJmp:
      return Flow::kJump;
    case X86Op::kCall:
      return Flow::kCall;
    case X86Op::kRet:
      return Flow::kReturn;
    case X86Op::kReturnFar:
    case X86Op::kTrap:
      return Flow::kStop;
    default:
      return Flow::kNext;
  }
}

/// The slot of `call [slot]` and `jmp [slot]`: an absolute address in memory.
std::optional<Rva> SlotOf(const CodeView& view, const X86Operand& operand) {
  if (operand.kind != X86Operand::Kind::kMemory || operand.base ||
      operand.index) {
    return std::nullopt;
  }
  const Rva rva{operand.number - view.image_base};
  if (!view.import_slots.contains(rva)) return std::nullopt;
  return rva;
}

Instruction Describe(const CodeView& view, Rva rva, const X86Instruction& i) {
  Instruction out;
  out.rva = rva;
  if (i.op == X86Op::kUnknown) return out;
  const X86Operand& first = i.operands[0];
  out.size = i.size;
  out.flow = FlowOf(i);
  out.position_independent = !i.is_relative;
  if (out.flow == Flow::kReturn && first.kind == X86Operand::Kind::kImmediate) {
    out.stack_pop = static_cast<uint16_t>(first.number);
  }
  if (out.flow == Flow::kCall || out.flow == Flow::kJump ||
      out.flow == Flow::kBranch) {
    if (i.is_relative) {
      out.target = Rva{i.Target(rva.value)};
    } else {
      out.slot = SlotOf(view, first);
    }
  }
  return out;
}

class X86 final : public Isa {
 public:
  Instruction Decode(const CodeView& view, Rva rva) const override {
    return Describe(view, rva,
                    DecodeX86Flow(ContentAt(view, rva, kMaxX86Size)));
  }

  Instruction Disassemble(const CodeView& view, Rva rva) const override {
    std::string text;
    const X86Instruction decoded = DecodeX86(ContentAt(view, rva, kMaxX86Size),
                                             view.image_base + rva.value, text);
    Instruction out = Describe(view, rva, decoded);
    out.text = std::move(text);
    return out;
  }

  Lifted Lift(const CodeView& view, Rva rva) const override {
    const X86Instruction decoded = DecodeX86(ContentAt(view, rva, kMaxX86Size));
    return {Describe(view, rva, decoded),
            LiftX86(decoded, view.image_base + rva.value)};
  }

  const CallingConvention& convention() const override {
    static const CallingConvention convention = {
        .word_size = 4,
        .stack_pointer = kEsp,
        .result = kEax,
        .argument_places = {},
        .first_stack_argument = 4,
        .return_address = std::nullopt,
        .wide_registers = kVectorBase,
        // ST(0).
        .double_result =
            CallingConvention::DoubleResult{
                .low = kFloatsOffset,
                .high = kFloatsOffset + 4,
                .form = kFloatsOffset + 8,
                .is_double = kDouble,
            },
        .helper_places =
            CallingConvention::HelperPlaces{
                .high = kEdx,
                .count = kEcx,
                .rest = kEcx,
                .rest_high = kEbx,
                .frame_pointer = kEbp,
            },
        .thread_block = kFsBase,
        .direction = kDf,
        .callee_pops = true,
        .this_pointer = kEcx,
        .scratch = {kEax, kEcx, kEdx, kZf, kCf, kSf, kOf, kParity},
        .preserved = {kEbx, kEsi, kEdi, kEbp},
        .place_names = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi",
                        "zf", "cf", "sf", "of", "fs.base", "xmm", "df", "pf"},
    };
    return convention;
  }
};

}  // namespace

const Isa& X86Isa() {
  static const X86 isa;
  return isa;
}

}  // namespace detachfix
