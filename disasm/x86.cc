// SPDX-License-Identifier: Apache-2.0
// Intel 80386 and successors in 32-bit mode, decoded by Zydis and lifted by us.
// The only file that includes Zydis.
//
// Lifting follows the "Operation" sections of the Intel Software Developer's
// Manual, volume 2. What is odd about this machine and what we rely on:
// - The flags are four places of one bit each (ZF, CF, SF, OF). PF and AF are
//   never computed: a branch on PF is open.
// - A byte or word register is a part of its 32-bit register: reading extracts,
//   writing merges.
// - The direction flag is clear: the Windows i386 ABI demands that at every
//   procedure call. `std` makes the path unfollowable.
// - FS addresses the thread's environment block: its base is a place that
//   nothing writes. The other segments have base 0.
// - An instruction that has no case here forgets what Zydis says it writes.
//   That is sound as long as it leaves the stack pointer and the flow alone;
//   one that does not is unfollowable.

#include <Zydis/Zydis.h>

#include <array>
#include <cassert>
#include <cstdio>
#include <utility>

#include "disasm/isa.h"
#include "disasm/op_builder.h"

namespace detachfix {
namespace {

constexpr Place kEax{0}, kEcx{1}, kEdx{2}, kEbx{3}, kEsp{4}, kEbp{5}, kEsi{6},
    kEdi{7};
constexpr Place kZf{8}, kCf{9}, kSf{10}, kOf{11}, kFsBase{12};

/// The longest instruction (SDM volume 2, section 2.3.11).
constexpr uint32_t kMaxInstructionSize = 15;

struct Decoded {
  bool valid = false;
  ZydisDecodedInstruction instruction{};
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands{};
};

const ZydisDecoder& Decoder() {
  static const ZydisDecoder decoder = [] {
    ZydisDecoder d;
    [[maybe_unused]] const ZyanStatus status = ZydisDecoderInit(
        &d, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    assert(ZYAN_SUCCESS(status));
    return d;
  }();
  return decoder;
}

const ZydisFormatter& Formatter() {
  static const ZydisFormatter formatter = [] {
    ZydisFormatter f;
    [[maybe_unused]] const ZyanStatus status =
        ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_INTEL);
    assert(ZYAN_SUCCESS(status));
    return f;
  }();
  return formatter;
}

Decoded DecodeBytes(const CodeView& view, Rva rva) {
  Decoded decoded;
  const std::span<const uint8_t> bytes =
      ContentAt(view, rva, kMaxInstructionSize);
  if (bytes.empty()) return decoded;
  const ZyanStatus status =
      ZydisDecoderDecodeFull(&Decoder(), bytes.data(), bytes.size(),
                             &decoded.instruction, decoded.operands.data());
  decoded.valid = ZYAN_SUCCESS(status);
  return decoded;
}

/// The virtual address that a relative operand leads to.
uint32_t RelativeTarget(const Decoded& d, uint32_t va) {
  const ZydisDecodedOperand& operand = d.operands[0];
  assert(operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE);
  return va + d.instruction.length + static_cast<uint32_t>(operand.imm.value.s);
}

bool IsRelative(const Decoded& d) {
  return d.instruction.operand_count > 0 &&
         d.operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
         d.operands[0].imm.is_relative;
}

Flow FlowOf(const Decoded& d) {
  switch (d.instruction.meta.category) {
    case ZYDIS_CATEGORY_CALL:
      return Flow::kCall;
    case ZYDIS_CATEGORY_RET:
      return d.instruction.mnemonic == ZYDIS_MNEMONIC_RET ? Flow::kReturn
                                                          : Flow::kStop;
    case ZYDIS_CATEGORY_COND_BR:
      return Flow::kBranch;
    case ZYDIS_CATEGORY_UNCOND_BR:
      return Flow::kJump;
    default:
      break;
  }
  switch (d.instruction.mnemonic) {
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2:
    case ZYDIS_MNEMONIC_HLT:
      return Flow::kStop;
    default:
      return Flow::kNext;
  }
}

/// The slot of `call [slot]` and `jmp [slot]`: an absolute address in memory.
std::optional<Rva> SlotOf(const CodeView& view, const Decoded& d) {
  const ZydisDecodedOperand& operand = d.operands[0];
  if (d.instruction.operand_count == 0 ||
      operand.type != ZYDIS_OPERAND_TYPE_MEMORY ||
      operand.mem.base != ZYDIS_REGISTER_NONE ||
      operand.mem.index != ZYDIS_REGISTER_NONE) {
    return std::nullopt;
  }
  const Rva rva{static_cast<uint32_t>(operand.mem.disp.value) -
                view.image_base};
  if (!view.import_slots.contains(rva)) return std::nullopt;
  return rva;
}

Instruction Describe(const CodeView& view, Rva rva, const Decoded& d) {
  Instruction out;
  out.rva = rva;
  if (!d.valid) return out;
  out.size = d.instruction.length;
  out.flow = FlowOf(d);
  out.position_independent = !IsRelative(d);
  if (out.flow == Flow::kReturn && d.instruction.operand_count > 0 &&
      d.operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
    out.stack_pop = static_cast<uint16_t>(d.operands[0].imm.value.u);
  }
  if (out.flow == Flow::kCall || out.flow == Flow::kJump ||
      out.flow == Flow::kBranch) {
    if (IsRelative(d)) {
      out.target =
          Rva{RelativeTarget(d, view.image_base + rva.value) - view.image_base};
    } else {
      out.slot = SlotOf(view, d);
    }
  }
  return out;
}

std::string Format(const CodeView& view, Rva rva, const Decoded& d) {
  if (!d.valid) return "(bad)";
  std::array<char, 256> text{};
  const ZyanStatus status = ZydisFormatterFormatInstruction(
      &Formatter(), &d.instruction, d.operands.data(),
      d.instruction.operand_count_visible, text.data(), text.size(),
      view.image_base + rva.value, nullptr);
  return ZYAN_SUCCESS(status) ? std::string(text.data()) : "(bad)";
}

/// Turns one instruction into operations. One object an instruction.
class Lifter : private OpBuilder {
 public:
  Lifter(const Decoded& d, uint32_t va) : d_(d), va_(va) {}

  std::vector<Op> Run();

 private:
  const ZydisDecodedOperand& operand(size_t i) const { return d_.operands[i]; }
  uint8_t width(size_t i) const {
    return static_cast<uint8_t>(d_.operands[i].size);
  }
  uint32_t next_va() const { return va_ + d_.instruction.length; }

  // Operands.
  Operand Address(const ZydisDecodedOperand& memory);
  Operand ReadRegister(ZydisRegister reg);
  void WriteRegister(ZydisRegister reg, Operand value);
  Operand Read(size_t i);
  void Write(size_t i, Operand value);
  void ForgetOperand(const ZydisDecodedOperand& o);

  // Flags.
  void SetFlag(Place flag, Operand value) { Emit(Assign{flag, value}); }
  void ForgetFlags();
  void SetResultFlags(uint8_t bits, Operand result);
  void SetAddFlags(uint8_t bits, Operand a, Operand b, Operand sum);
  void SetSubFlags(uint8_t bits, Operand a, Operand b, Operand difference);
  Operand SignBit(uint8_t bits, Operand value);
  std::optional<Operand> Condition();
  std::optional<Operand> CountLoop();

  // Groups of instructions; each returns whether it had a case.
  bool LiftMove();
  bool LiftArithmetic();
  bool LiftShift();
  bool LiftStack();
  bool LiftFlow();
  bool LiftString();
  bool LiftConditional();
  bool LiftAtomic();

  void AddOrSub(bool subtract, std::optional<Operand> carry, bool keep);
  void Logic(BinaryOp op, bool keep);
  void IncOrDec(BinaryOp op);
  void Multiply();
  void Push(Operand value, uint8_t bytes);
  Place Pop(uint8_t bytes);
  void StringLoop(bool copies);
  void Fallback();

  const Decoded& d_;
  const uint32_t va_;
};

/// Which 32-bit register a register belongs to, and where in it it lies.
struct RegisterPart {
  Place whole;
  uint8_t shift = 0;  ///< bits
  uint8_t width = 0;  ///< bits; 0: not a general-purpose register
};

RegisterPart PartOf(ZydisRegister reg) {
  if (reg >= ZYDIS_REGISTER_EAX && reg <= ZYDIS_REGISTER_EDI) {
    return {Place{static_cast<uint8_t>(reg - ZYDIS_REGISTER_EAX)}, 0, 32};
  }
  if (reg >= ZYDIS_REGISTER_AX && reg <= ZYDIS_REGISTER_DI) {
    return {Place{static_cast<uint8_t>(reg - ZYDIS_REGISTER_AX)}, 0, 16};
  }
  if (reg >= ZYDIS_REGISTER_AL && reg <= ZYDIS_REGISTER_BL) {
    return {Place{static_cast<uint8_t>(reg - ZYDIS_REGISTER_AL)}, 0, 8};
  }
  if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH) {
    return {Place{static_cast<uint8_t>(reg - ZYDIS_REGISTER_AH)}, 8, 8};
  }
  return {};
}

uint64_t Mask(uint8_t bits) {
  return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

Operand Lifter::ReadRegister(ZydisRegister reg) {
  const RegisterPart part = PartOf(reg);
  if (part.width == 0) {  // segment, x87, SSE: nothing is known of them
    const Place t = NewTemporary();
    Emit(Forget{t});
    return t;
  }
  if (part.width == 32) return part.whole;
  Operand value = part.whole;
  if (part.shift != 0) {
    value = Compute(BinaryOp::kShiftRight, 32, value, uint64_t{part.shift});
  }
  return Compute(BinaryOp::kAnd, 32, value, Mask(part.width));
}

void Lifter::WriteRegister(ZydisRegister reg, Operand value) {
  const RegisterPart part = PartOf(reg);
  if (part.width == 0) return;
  if (part.width == 32) {
    Emit(Assign{part.whole, value});
    return;
  }
  const uint64_t hole = Mask(part.width) << part.shift;
  value = Compute(BinaryOp::kAnd, 32, value, Mask(part.width));
  if (part.shift != 0) {
    value = Compute(BinaryOp::kShiftLeft, 32, value, uint64_t{part.shift});
  }
  const Place rest = Compute(BinaryOp::kAnd, 32, part.whole, ~hole & Mask(32));
  Emit(Binary{BinaryOp::kOr, 32, part.whole, rest, value});
}

Operand Lifter::Address(const ZydisDecodedOperand& o) {
  Operand address = static_cast<uint64_t>(static_cast<uint32_t>(
      o.mem.disp.has_displacement ? o.mem.disp.value : 0));
  if (o.mem.base != ZYDIS_REGISTER_NONE) {
    address = Compute(BinaryOp::kAdd, 32, ReadRegister(o.mem.base), address);
  }
  if (o.mem.index != ZYDIS_REGISTER_NONE && o.mem.scale != 0) {
    Operand index = ReadRegister(o.mem.index);
    if (o.mem.scale > 1) {
      index = Compute(BinaryOp::kMul, 32, index, uint64_t{o.mem.scale});
    }
    address = Compute(BinaryOp::kAdd, 32, address, index);
  }
  if (o.mem.segment == ZYDIS_REGISTER_FS ||
      o.mem.segment == ZYDIS_REGISTER_GS) {
    address = Compute(BinaryOp::kAdd, 32, kFsBase, address);
  }
  return address;
}

Operand Lifter::Read(size_t i) {
  const ZydisDecodedOperand& o = operand(i);
  switch (o.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
      return ReadRegister(o.reg.value);
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
      return o.imm.value.u & Mask(32);
    case ZYDIS_OPERAND_TYPE_MEMORY: {
      const Place t = NewTemporary();
      const uint8_t bytes = static_cast<uint8_t>(o.size / 8);
      if (bytes > 4 || bytes == 0) {
        Emit(Forget{t});
      } else {
        Emit(Load{bytes, t, Address(o)});
      }
      return t;
    }
    default:
      break;
  }
  const Place t = NewTemporary();
  Emit(Forget{t});
  return t;
}

void Lifter::Write(size_t i, Operand value) {
  const ZydisDecodedOperand& o = operand(i);
  if (o.type == ZYDIS_OPERAND_TYPE_REGISTER) {
    WriteRegister(o.reg.value, value);
  } else if (o.type == ZYDIS_OPERAND_TYPE_MEMORY) {
    Emit(Store{static_cast<uint8_t>(o.size / 8), Address(o), value});
  }
}

void Lifter::ForgetOperand(const ZydisDecodedOperand& o) {
  if (o.type == ZYDIS_OPERAND_TYPE_REGISTER) {
    const RegisterPart part = PartOf(o.reg.value);
    if (part.width != 0) Emit(Forget{part.whole});
  } else if (o.type == ZYDIS_OPERAND_TYPE_MEMORY && o.size >= 8) {
    const uint32_t bytes = std::min<uint32_t>(o.size / 8, 255);
    Emit(Store{static_cast<uint8_t>(bytes), Address(o), std::monostate{}});
  }
}

void Lifter::ForgetFlags() {
  for (const Place flag : {kZf, kCf, kSf, kOf}) Emit(Forget{flag});
}

Operand Lifter::SignBit(uint8_t bits, Operand value) {
  const Place shifted = Compute(BinaryOp::kShiftRight, bits, value,
                                static_cast<uint64_t>(bits - 1));
  return Compute(BinaryOp::kAnd, 8, shifted, 1u);
}

void Lifter::SetResultFlags(uint8_t bits, Operand result) {
  Emit(Binary{BinaryOp::kEqual, bits, kZf, result, 0u});
  Emit(Binary{BinaryOp::kLessSigned, bits, kSf, result, 0u});
}

void Lifter::SetAddFlags(uint8_t bits, Operand a, Operand b, Operand sum) {
  Emit(Binary{BinaryOp::kLessUnsigned, bits, kCf, sum, a});
  // Overflow: both operands have one sign and the sum has the other.
  const Place da = Compute(BinaryOp::kXor, bits, a, sum);
  const Place db = Compute(BinaryOp::kXor, bits, b, sum);
  const Place both = Compute(BinaryOp::kAnd, bits, da, db);
  SetFlag(kOf, SignBit(bits, both));
  SetResultFlags(bits, sum);
}

void Lifter::SetSubFlags(uint8_t bits, Operand a, Operand b,
                         Operand difference) {
  // Compared directly, not through the difference: what is known of a symbol
  // is known of the symbol itself.
  Emit(Binary{BinaryOp::kEqual, bits, kZf, a, b});
  Emit(Binary{BinaryOp::kLessUnsigned, bits, kCf, a, b});
  Emit(Binary{BinaryOp::kLessSigned, bits, kSf, difference, 0u});
  const Place less = Compute(BinaryOp::kLessSigned, bits, a, b);
  Emit(Binary{BinaryOp::kXor, 1, kOf, less, kSf});
}

/// The condition of a jcc, setcc or cmovcc; nothing for those on PF.
std::optional<Operand> Lifter::Condition() {
  switch (d_.instruction.mnemonic) {
    case ZYDIS_MNEMONIC_JZ:
    case ZYDIS_MNEMONIC_SETZ:
    case ZYDIS_MNEMONIC_CMOVZ:
      return kZf;
    case ZYDIS_MNEMONIC_JNZ:
    case ZYDIS_MNEMONIC_SETNZ:
    case ZYDIS_MNEMONIC_CMOVNZ:
      return Not(kZf);
    case ZYDIS_MNEMONIC_JB:
    case ZYDIS_MNEMONIC_SETB:
    case ZYDIS_MNEMONIC_CMOVB:
      return kCf;
    case ZYDIS_MNEMONIC_JNB:
    case ZYDIS_MNEMONIC_SETNB:
    case ZYDIS_MNEMONIC_CMOVNB:
      return Not(kCf);
    case ZYDIS_MNEMONIC_JBE:
    case ZYDIS_MNEMONIC_SETBE:
    case ZYDIS_MNEMONIC_CMOVBE:
      return Compute(BinaryOp::kOr, 1, kCf, kZf);
    case ZYDIS_MNEMONIC_JNBE:
    case ZYDIS_MNEMONIC_SETNBE:
    case ZYDIS_MNEMONIC_CMOVNBE:
      return Not(Compute(BinaryOp::kOr, 1, kCf, kZf));
    case ZYDIS_MNEMONIC_JS:
    case ZYDIS_MNEMONIC_SETS:
    case ZYDIS_MNEMONIC_CMOVS:
      return kSf;
    case ZYDIS_MNEMONIC_JNS:
    case ZYDIS_MNEMONIC_SETNS:
    case ZYDIS_MNEMONIC_CMOVNS:
      return Not(kSf);
    case ZYDIS_MNEMONIC_JO:
    case ZYDIS_MNEMONIC_SETO:
    case ZYDIS_MNEMONIC_CMOVO:
      return kOf;
    case ZYDIS_MNEMONIC_JNO:
    case ZYDIS_MNEMONIC_SETNO:
    case ZYDIS_MNEMONIC_CMOVNO:
      return Not(kOf);
    case ZYDIS_MNEMONIC_JL:
    case ZYDIS_MNEMONIC_SETL:
    case ZYDIS_MNEMONIC_CMOVL:
      return Compute(BinaryOp::kXor, 1, kSf, kOf);
    case ZYDIS_MNEMONIC_JNL:
    case ZYDIS_MNEMONIC_SETNL:
    case ZYDIS_MNEMONIC_CMOVNL:
      return Not(Compute(BinaryOp::kXor, 1, kSf, kOf));
    case ZYDIS_MNEMONIC_JLE:
    case ZYDIS_MNEMONIC_SETLE:
    case ZYDIS_MNEMONIC_CMOVLE:
      return Compute(BinaryOp::kOr, 1, kZf,
                     Compute(BinaryOp::kXor, 1, kSf, kOf));
    case ZYDIS_MNEMONIC_JNLE:
    case ZYDIS_MNEMONIC_SETNLE:
    case ZYDIS_MNEMONIC_CMOVNLE:
      return Not(
          Compute(BinaryOp::kOr, 1, kZf, Compute(BinaryOp::kXor, 1, kSf, kOf)));
    default:
      return std::nullopt;
  }
}

bool Lifter::LiftMove() {
  switch (d_.instruction.mnemonic) {
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_PAUSE:
    case ZYDIS_MNEMONIC_FNOP:
    case ZYDIS_MNEMONIC_ENDBR32:
    case ZYDIS_MNEMONIC_CLD:
      return true;
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVZX:
      Write(0, Read(1));
      return true;
    case ZYDIS_MNEMONIC_MOVSX: {
      const Place t = NewTemporary();
      Emit(SignExtend{width(1), width(0), t, Read(1)});
      Write(0, t);
      return true;
    }
    case ZYDIS_MNEMONIC_LEA:
      Write(0, Address(operand(1)));
      return true;
    case ZYDIS_MNEMONIC_XCHG: {
      // A plain register is not yet a copy: the first write would change it.
      const Place old = NewTemporary();
      Emit(Assign{old, Read(0)});
      Write(0, Read(1));
      Write(1, old);
      return true;
    }
    case ZYDIS_MNEMONIC_CDQ:
      Emit(Binary{BinaryOp::kShiftRightSigned, 32, kEdx, kEax, 31u});
      return true;
    case ZYDIS_MNEMONIC_CWDE:
      Emit(SignExtend{16, 32, kEax, kEax});
      return true;
    case ZYDIS_MNEMONIC_CLC:
      SetFlag(kCf, 0u);
      return true;
    case ZYDIS_MNEMONIC_STC:
      SetFlag(kCf, 1u);
      return true;
    default:
      return false;
  }
}

/// add, adc, sub, sbb, cmp. `keep`: the result is written back.
void Lifter::AddOrSub(bool subtract, std::optional<Operand> carry, bool keep) {
  const uint8_t bits = width(0);
  const BinaryOp op = subtract ? BinaryOp::kSub : BinaryOp::kAdd;
  const Place a = NewTemporary();
  Emit(Assign{a, Read(0)});
  Operand b = Read(1);
  const bool same = operand(0).type == ZYDIS_OPERAND_TYPE_REGISTER &&
                    operand(1).type == ZYDIS_OPERAND_TYPE_REGISTER &&
                    operand(0).reg.value == operand(1).reg.value;
  Place result{};
  if (carry) {
    // `sbb r, r` spreads the carry, whatever r held.
    const Place plain =
        same && subtract ? NewTemporary() : Compute(op, bits, a, b);
    if (same && subtract) Emit(Assign{plain, 0u});
    const Place in = NewTemporary();
    Emit(Assign{in, *carry});
    result = Compute(op, bits, plain, in);
    Emit(Forget{kOf});
    if (same && subtract) {
      SetFlag(kCf, in);
    } else {
      Emit(Forget{kCf});
    }
    SetResultFlags(bits, result);
  } else {
    result = Compute(op, bits, a, b);
    if (subtract) {
      SetSubFlags(bits, a, b, result);
    } else {
      SetAddFlags(bits, a, b, result);
    }
  }
  if (keep) Write(0, result);
}

void Lifter::Logic(BinaryOp op, bool keep) {
  const uint8_t bits = width(0);
  const bool same = operand(0).type == ZYDIS_OPERAND_TYPE_REGISTER &&
                    operand(1).type == ZYDIS_OPERAND_TYPE_REGISTER &&
                    operand(0).reg.value == operand(1).reg.value;
  Operand result;
  if (same && op == BinaryOp::kXor) {
    result = uint64_t{0};
  } else if (same) {
    result = Read(0);
  } else {
    const Operand a = Read(0);
    result = Compute(op, bits, a, Read(1));
  }
  SetResultFlags(bits, result);
  SetFlag(kCf, 0u);
  SetFlag(kOf, 0u);
  if (keep) Write(0, result);
}

void Lifter::IncOrDec(BinaryOp op) {
  // CF stays as it was (SDM, INC and DEC).
  const uint8_t bits = width(0);
  const Place a = NewTemporary();
  Emit(Assign{a, Read(0)});
  const Place result = Compute(op, bits, a, 1u);
  const uint64_t limit =
      op == BinaryOp::kAdd ? Mask(bits) >> 1 : (Mask(bits) >> 1) + 1;
  Emit(Binary{BinaryOp::kEqual, bits, kOf, a, limit});
  // As for cmp: equality is stated on the symbol itself.
  const uint64_t zero_at = op == BinaryOp::kAdd ? Mask(bits) : 1;
  Emit(Binary{BinaryOp::kEqual, bits, kZf, a, zero_at});
  Emit(Binary{BinaryOp::kLessSigned, bits, kSf, result, 0u});
  Write(0, result);
}

void Lifter::Multiply() {
  const uint8_t visible = d_.instruction.operand_count_visible;
  if (visible < 2) {  // the one-operand form writes EDX:EAX
    Fallback();
    return;
  }
  const Operand a = Read(visible == 3 ? 1 : 0);
  const Place result =
      Compute(BinaryOp::kMul, width(0), a, Read(visible == 3 ? 2 : 1));
  ForgetFlags();
  Write(0, result);
}

bool Lifter::LiftArithmetic() {
  switch (d_.instruction.mnemonic) {
    case ZYDIS_MNEMONIC_ADD:
      AddOrSub(false, std::nullopt, true);
      return true;
    case ZYDIS_MNEMONIC_SUB:
      AddOrSub(true, std::nullopt, true);
      return true;
    case ZYDIS_MNEMONIC_CMP:
      AddOrSub(true, std::nullopt, false);
      return true;
    case ZYDIS_MNEMONIC_ADC:
      AddOrSub(false, kCf, true);
      return true;
    case ZYDIS_MNEMONIC_SBB:
      AddOrSub(true, kCf, true);
      return true;
    case ZYDIS_MNEMONIC_AND:
      Logic(BinaryOp::kAnd, true);
      return true;
    case ZYDIS_MNEMONIC_TEST:
      Logic(BinaryOp::kAnd, false);
      return true;
    case ZYDIS_MNEMONIC_OR:
      Logic(BinaryOp::kOr, true);
      return true;
    case ZYDIS_MNEMONIC_XOR:
      Logic(BinaryOp::kXor, true);
      return true;
    case ZYDIS_MNEMONIC_INC:
      IncOrDec(BinaryOp::kAdd);
      return true;
    case ZYDIS_MNEMONIC_DEC:
      IncOrDec(BinaryOp::kSub);
      return true;
    case ZYDIS_MNEMONIC_NOT:
      Write(0, Compute(BinaryOp::kXor, width(0), Read(0), Mask(width(0))));
      return true;
    case ZYDIS_MNEMONIC_NEG: {
      const uint8_t bits = width(0);
      const Place a = NewTemporary();
      Emit(Assign{a, Read(0)});
      const Place result = Compute(BinaryOp::kSub, bits, uint64_t{0}, a);
      SetSubFlags(bits, uint64_t{0}, a, result);
      Write(0, result);
      return true;
    }
    case ZYDIS_MNEMONIC_IMUL:
      Multiply();
      return true;
    default:
      return false;
  }
}

bool Lifter::LiftShift() {
  BinaryOp op;
  switch (d_.instruction.mnemonic) {
    case ZYDIS_MNEMONIC_SHL:
      op = BinaryOp::kShiftLeft;
      break;
    case ZYDIS_MNEMONIC_SHR:
      op = BinaryOp::kShiftRight;
      break;
    case ZYDIS_MNEMONIC_SAR:
      op = BinaryOp::kShiftRightSigned;
      break;
    default:
      return false;
  }
  const uint8_t bits = width(0);
  const Operand value = Read(0);
  // The count is taken modulo 32 (SDM, SAL/SAR/SHL/SHR).
  const Place count = Compute(BinaryOp::kAnd, 8, Read(1), 31u);
  const Place result = Compute(op, bits, value, count);
  // With a count of 0 the flags stay: they are only known when it is known
  // not to be 0, which the constant counts of compilers are.
  Emit(Forget{kCf});
  Emit(Forget{kOf});
  if (operand(1).type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
      (operand(1).imm.value.u & 31) != 0) {
    SetResultFlags(bits, result);
  } else {
    Emit(Forget{kZf});
    Emit(Forget{kSf});
  }
  Write(0, result);
  return true;
}

void Lifter::Push(Operand value, uint8_t bytes) {
  // The value is read before the stack pointer moves (SDM, PUSH).
  const Place pushed = NewTemporary();
  Emit(Assign{pushed, value});
  Emit(Binary{BinaryOp::kSub, 32, kEsp, kEsp, uint64_t{bytes}});
  Emit(Store{bytes, kEsp, Operand{pushed}});
}

Place Lifter::Pop(uint8_t bytes) {
  const Place value = NewTemporary();
  Emit(Load{bytes, value, kEsp});
  Emit(Binary{BinaryOp::kAdd, 32, kEsp, kEsp, uint64_t{bytes}});
  return value;
}

bool Lifter::LiftStack() {
  const uint8_t bytes = d_.instruction.operand_width == 16 ? 2 : 4;
  switch (d_.instruction.mnemonic) {
    case ZYDIS_MNEMONIC_PUSH:
      Push(Read(0), bytes);
      return true;
    case ZYDIS_MNEMONIC_POP:
      // A destination addressed by ESP is computed after the pop (SDM, POP).
      Write(0, Pop(bytes));
      return true;
    case ZYDIS_MNEMONIC_LEAVE:
      Emit(Assign{kEsp, kEbp});
      Emit(Assign{kEbp, Pop(4)});
      return true;
    case ZYDIS_MNEMONIC_PUSHFD: {
      const Place flags = NewTemporary();
      Emit(Forget{flags});
      Push(flags, 4);
      return true;
    }
    case ZYDIS_MNEMONIC_POPFD:
      Pop(4);
      ForgetFlags();
      return true;
    case ZYDIS_MNEMONIC_PUSHAD: {
      const Place old_esp = NewTemporary();
      Emit(Assign{old_esp, kEsp});
      for (const Place reg :
           {kEax, kEcx, kEdx, kEbx, old_esp, kEbp, kEsi, kEdi}) {
        Push(reg, 4);
      }
      return true;
    }
    case ZYDIS_MNEMONIC_POPAD:
      for (const Place reg : {kEdi, kEsi, kEbp, kEsp, kEbx, kEdx, kEcx, kEax}) {
        const Place value = Pop(4);
        if (reg != kEsp) Emit(Assign{reg, value});
      }
      return true;
    default:
      return false;
  }
}

/// loop, loope, loopne: counts ECX down; whether the branch is taken.
std::optional<Operand> Lifter::CountLoop() {
  const ZydisMnemonic mnemonic = d_.instruction.mnemonic;
  if (mnemonic != ZYDIS_MNEMONIC_LOOP && mnemonic != ZYDIS_MNEMONIC_LOOPE &&
      mnemonic != ZYDIS_MNEMONIC_LOOPNE) {
    return std::nullopt;
  }
  Emit(Binary{BinaryOp::kSub, 32, kEcx, kEcx, uint64_t{1}});
  const Operand counts = Not(Compute(BinaryOp::kEqual, 32, kEcx, uint64_t{0}));
  if (mnemonic == ZYDIS_MNEMONIC_LOOP) return counts;
  const Operand wanted =
      mnemonic == ZYDIS_MNEMONIC_LOOPE ? Operand{kZf} : Operand{Not(kZf)};
  return Compute(BinaryOp::kAnd, 1, counts, wanted);
}

bool Lifter::LiftFlow() {
  switch (FlowOf(d_)) {
    case Flow::kCall: {
      const Operand target =
          IsRelative(d_) ? Operand{uint64_t{RelativeTarget(d_, va_)}} : Read(0);
      const Place kept = NewTemporary();
      Emit(Assign{kept, target});
      Push(uint64_t{next_va()}, 4);
      Emit(Call{kept, next_va()});
      return true;
    }
    case Flow::kJump:
      if (IsRelative(d_)) {
        Emit(Jump{uint64_t{RelativeTarget(d_, va_)}});
      } else {
        Emit(Jump{Read(0)});
      }
      return true;
    case Flow::kReturn: {
      const Place target = Pop(4);
      const uint64_t pop =
          d_.instruction.operand_count_visible > 0 ? operand(0).imm.value.u : 0;
      if (pop != 0) Emit(Binary{BinaryOp::kAdd, 32, kEsp, kEsp, pop});
      Emit(Return{target});
      return true;
    }
    case Flow::kBranch: {
      const uint32_t target = RelativeTarget(d_, va_);
      if (d_.instruction.mnemonic == ZYDIS_MNEMONIC_JECXZ) {
        const Place zero = Compute(BinaryOp::kEqual, 32, kEcx, uint64_t{0});
        Emit(Branch{zero, target});
      } else if (const std::optional<Operand> goes_on = CountLoop()) {
        Emit(Branch{*goes_on, target});
      } else if (const std::optional<Operand> condition = Condition()) {
        Emit(Branch{*condition, target});
      } else {
        const Place open = NewTemporary();
        Emit(Forget{open});
        Emit(Branch{open, target});
      }
      return true;
    }
    case Flow::kStop:
      if (d_.instruction.meta.category == ZYDIS_CATEGORY_RET) {
        Emit(Unfollowable{"returns from an interrupt"});
      } else {
        Emit(Trap{});
      }
      return true;
    default:
      return false;
  }
}

/// movs and stos, with and without `rep`: one element a visit, then back to
/// the same instruction while ECX is not 0.
void Lifter::StringLoop(bool copies) {
  const uint64_t bytes = operand(0).size / 8;
  const bool repeats = (d_.instruction.attributes & ZYDIS_ATTRIB_HAS_REP) != 0;
  if (repeats) {
    const Place done = Compute(BinaryOp::kEqual, 32, kEcx, uint64_t{0});
    Emit(Branch{done, next_va()});
  }
  Operand value = kEax;
  if (copies) {
    const Place element = NewTemporary();
    Emit(Load{static_cast<uint8_t>(bytes), element, kEsi});
    Emit(Binary{BinaryOp::kAdd, 32, kEsi, kEsi, bytes});
    value = element;
  }
  Emit(Store{static_cast<uint8_t>(bytes), kEdi, value});
  Emit(Binary{BinaryOp::kAdd, 32, kEdi, kEdi, bytes});
  if (repeats) {
    Emit(Binary{BinaryOp::kSub, 32, kEcx, kEcx, uint64_t{1}});
    Emit(Jump{uint64_t{va_}});
  }
}

bool Lifter::LiftString() {
  switch (d_.instruction.mnemonic) {
    case ZYDIS_MNEMONIC_MOVSB:
    case ZYDIS_MNEMONIC_MOVSW:
    case ZYDIS_MNEMONIC_MOVSD:
      // The SSE2 movsd has the same mnemonic.
      if (d_.instruction.meta.category != ZYDIS_CATEGORY_STRINGOP) return false;
      StringLoop(true);
      return true;
    case ZYDIS_MNEMONIC_STOSB:
    case ZYDIS_MNEMONIC_STOSW:
    case ZYDIS_MNEMONIC_STOSD:
      StringLoop(false);
      return true;
    case ZYDIS_MNEMONIC_STD:
      Emit(Unfollowable{"sets the direction flag"});
      return true;
    default:
      return false;
  }
}

bool Lifter::LiftConditional() {
  const ZydisInstructionCategory category = d_.instruction.meta.category;
  if (category != ZYDIS_CATEGORY_SETCC && category != ZYDIS_CATEGORY_CMOV) {
    return false;
  }
  const std::optional<Operand> condition = Condition();
  if (!condition) return false;
  if (category == ZYDIS_CATEGORY_SETCC) {
    Write(0, *condition);
    return true;
  }
  const Operand yes = Read(1);
  const Operand no = Read(0);
  const Place chosen = NewTemporary();
  Emit(Choose{chosen, *condition, yes, no});
  Write(0, chosen);
  return true;
}

bool Lifter::LiftAtomic() {
  if (d_.instruction.mnemonic == ZYDIS_MNEMONIC_XADD) {
    const Place old = NewTemporary();
    Emit(Assign{old, Read(0)});
    const Operand addend = Read(1);
    const Place sum = Compute(BinaryOp::kAdd, width(0), old, addend);
    SetAddFlags(width(0), old, addend, sum);
    // In memory the destination goes first, since its address may rest on the
    // source register; in registers it goes last and wins (SDM, XADD).
    const bool in_memory = operand(0).type == ZYDIS_OPERAND_TYPE_MEMORY;
    if (in_memory) Write(0, sum);
    Write(1, old);
    if (!in_memory) Write(0, sum);
    return true;
  }
  if (d_.instruction.mnemonic == ZYDIS_MNEMONIC_CMPXCHG && width(0) == 32) {
    const Place old = NewTemporary();
    Emit(Assign{old, Read(0)});
    const Place expected = NewTemporary();
    Emit(Assign{expected, kEax});
    const Place difference = Compute(BinaryOp::kSub, 32, expected, old);
    SetSubFlags(32, expected, old, difference);
    const Operand wanted = Read(1);
    const Place stored = NewTemporary();
    Emit(Choose{stored, kZf, wanted, old});
    Write(0, stored);
    Emit(Choose{kEax, kZf, kEax, old});
    return true;
  }
  return false;
}

/// Forgets what the instruction writes. Its explicit and hidden operands come
/// from Zydis.
void Lifter::Fallback() {
  for (size_t i = 0; i < d_.instruction.operand_count; ++i) {
    const ZydisDecodedOperand& o = operand(i);
    if ((o.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0) continue;
    const bool moves_stack = o.type == ZYDIS_OPERAND_TYPE_REGISTER &&
                             PartOf(o.reg.value).width != 0 &&
                             PartOf(o.reg.value).whole == kEsp &&
                             o.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
    if (moves_stack) {
      DropOps();
      Emit(Unfollowable{std::string("moves the stack pointer by ") +
                        ZydisMnemonicGetString(d_.instruction.mnemonic)});
      return;
    }
  }
  for (size_t i = 0; i < d_.instruction.operand_count; ++i) {
    if ((operand(i).actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0) {
      ForgetOperand(operand(i));
    }
  }
  // String instructions move their pointers and count; Zydis lists only the
  // memory that they touch.
  if (d_.instruction.meta.category == ZYDIS_CATEGORY_STRINGOP) {
    for (const Place place : {kEax, kEcx, kEsi, kEdi}) Emit(Forget{place});
  }
  ForgetFlags();
}

std::vector<Op> Lifter::Run() {
  if (d_.instruction.address_width != 32) {
    Emit(Unfollowable{"addresses with 16 bits"});
    return TakeOps();
  }
  if (d_.instruction.meta.category == ZYDIS_CATEGORY_SYSCALL ||
      (d_.instruction.mnemonic == ZYDIS_MNEMONIC_INT &&
       operand(0).imm.value.u == 0x2e)) {
    Emit(Unfollowable{"makes a system call"});
    return TakeOps();
  }
  if (d_.instruction.meta.category == ZYDIS_CATEGORY_IOSTRINGOP) {
    Emit(Unfollowable{"reads or writes a port"});
    return TakeOps();
  }
  if (LiftMove() || LiftArithmetic() || LiftShift() || LiftStack() ||
      LiftFlow() || LiftString() || LiftConditional() || LiftAtomic()) {
    return TakeOps();
  }
  Fallback();
  return TakeOps();
}

class X86 final : public Isa {
 public:
  Instruction Decode(const CodeView& view, Rva rva) const override {
    const Decoded decoded = DecodeBytes(view, rva);
    Instruction out = Describe(view, rva, decoded);
    out.text = Format(view, rva, decoded);
    return out;
  }

  Lifted Lift(const CodeView& view, Rva rva) const override {
    const Decoded decoded = DecodeBytes(view, rva);
    Lifted lifted;
    lifted.instruction = Describe(view, rva, decoded);
    if (decoded.valid) {
      lifted.ops = Lifter(decoded, view.image_base + rva.value).Run();
    } else {
      lifted.ops.emplace_back(Unfollowable{"cannot decode the instruction"});
    }
    return lifted;
  }

  const CallingConvention& convention() const override {
    // Windows i386: arguments on the stack above the return address, result in
    // EAX; EBX, ESI, EDI, EBP preserved (MSDN, "Calling Conventions").
    static const CallingConvention convention = {
        .word_size = 4,
        .stack_pointer = kEsp,
        .result = kEax,
        .argument_places = {},
        .first_stack_argument = 4,
        .return_address = std::nullopt,
        .callee_pops = true,
        .scratch = {kEax, kEcx, kEdx, kZf, kCf, kSf, kOf},
        .preserved = {kEbx, kEsi, kEdi, kEbp},
        .place_names = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi",
                        "zf", "cf", "sf", "of", "fs.base"},
    };
    return convention;
  }
};

}  // namespace

const Isa& X86Isa() {
  static const X86 isa;
  return isa;
}

std::string ZydisVersion() {
  const ZyanU64 version = ZydisGetVersion();
  return std::to_string(ZYDIS_VERSION_MAJOR(version)) + "." +
         std::to_string(ZYDIS_VERSION_MINOR(version)) + "." +
         std::to_string(ZYDIS_VERSION_PATCH(version));
}

}  // namespace detachfix
