// SPDX-License-Identifier: Apache-2.0
// Digital's Alpha AXP as Windows NT 4.0 uses it: 32-bit addresses in 64-bit
// registers. The calling convention is that of "Windows NT for Alpha Calling
// Standard" (MSDN Library, April 2000, chapters 2 to 4): six arguments in R16
// to R21 and further ones on the stack, 8 bytes each; the result in R0; R9 to
// R15 and the stack pointer preserved; the return address in R26.
#include <algorithm>

#include "disasm/alpha_decode.h"
#include "disasm/alpha_lift.h"
#include "disasm/isa.h"

namespace detachfix {
namespace {

constexpr uint32_t kWordSize = 4;
constexpr uint8_t kZeroRegister = 31;

/// The word at `rva`; nothing outside of the content or between two words.
std::optional<uint32_t> WordAt(const CodeView& view, Rva rva) {
  const std::span<const uint8_t> bytes = ContentAt(view, rva, kWordSize);
  if (bytes.size() < kWordSize) return std::nullopt;
  if ((view.image_base + rva.value) % kWordSize != 0) return std::nullopt;
  return uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 |
         uint32_t{bytes[2]} << 16 | uint32_t{bytes[3]} << 24;
}

Flow FlowOf(const AlphaInstruction& i) {
  switch (i.op) {
    case AlphaOp::kUnknown:
      return Flow::kUnknown;
    case AlphaOp::kPal:
      return PalStops(i) ? Flow::kStop : Flow::kNext;
    case AlphaOp::kBranchFloat:
    case AlphaOp::kBlbc:
    case AlphaOp::kBeq:
    case AlphaOp::kBlt:
    case AlphaOp::kBle:
    case AlphaOp::kBlbs:
    case AlphaOp::kBne:
    case AlphaOp::kBge:
    case AlphaOp::kBgt:
      return Flow::kBranch;
    case AlphaOp::kBr:
    case AlphaOp::kJmp:
    case AlphaOp::kJsrCoroutine:
      return Flow::kJump;
    case AlphaOp::kBsr:
    case AlphaOp::kJsr:
      return i.ra() == kZeroRegister ? Flow::kJump : Flow::kCall;
    case AlphaOp::kRet:
      return Flow::kReturn;
    default:
      return Flow::kNext;
  }
}

bool IsRelative(const AlphaInstruction& i) { return (i.word >> 26) >= 0x30; }

Instruction Describe(const CodeView& view, Rva rva, const AlphaInstruction& i) {
  Instruction out;
  out.rva = rva;
  out.size = kWordSize;
  out.flow = FlowOf(i);
  out.position_independent = !IsRelative(i);
  if (IsRelative(i)) {
    const uint64_t target =
        i.BranchTarget(uint64_t{view.image_base} + rva.value);
    out.target = Rva{static_cast<uint32_t>(target) - view.image_base};
  }
  return out;
}

class Alpha final : public Isa {
 public:
  Instruction Decode(const CodeView& view, Rva rva) const override {
    const std::optional<uint32_t> word = WordAt(view, rva);
    if (!word) return NoInstruction(rva);
    return Describe(view, rva, DecodeAlpha(*word));
  }

  Instruction Disassemble(const CodeView& view, Rva rva) const override {
    const std::optional<uint32_t> word = WordAt(view, rva);
    Instruction out = Decode(view, rva);
    out.text = word ? AlphaText(DecodeAlpha(*word),
                                uint64_t{view.image_base} + rva.value)
                    : "(bad)";
    return out;
  }

  Lifted Lift(const CodeView& view, Rva rva) const override {
    Lifted lifted;
    const std::optional<uint32_t> word = WordAt(view, rva);
    if (!word) {
      lifted.instruction = NoInstruction(rva);
      lifted.ops.emplace_back(Unfollowable{"cannot decode the instruction"});
      return lifted;
    }
    const AlphaInstruction decoded = DecodeAlpha(*word);
    lifted.instruction = Describe(view, rva, decoded);
    lifted.ops = LiftAlpha(decoded, uint64_t{view.image_base} + rva.value);
    return lifted;
  }

  const CallingConvention& convention() const override {
    static const CallingConvention convention = MakeConvention();
    return convention;
  }

 private:
  static Instruction NoInstruction(Rva rva) {
    Instruction out;
    out.rva = rva;
    return out;
  }

  static CallingConvention MakeConvention() {
    CallingConvention c;
    c.instruction_size = kWordSize;
    c.word_size = 8;
    c.register_width = 64;
    c.stack_pointer = Place{30};
    c.result = Place{0};
    c.argument_places = {Place{16}, Place{17}, Place{18},
                         Place{19}, Place{20}, Place{21}};
    c.first_stack_argument = 0;
    c.return_address = Place{26};
    c.callee_pops = false;
    for (uint8_t id = 0; id < kZeroRegister; ++id) {
      const bool kept = (id >= 9 && id <= 15) || id == 29;
      if (kept) c.preserved.push_back(Place{id});
      if (!kept && id != 30) c.scratch.push_back(Place{id});
      c.place_names.push_back("r" + std::to_string(id));
    }
    return c;
  }
};

}  // namespace

const Isa& AlphaIsa() {
  static const Alpha isa;
  return isa;
}

}  // namespace detachfix
