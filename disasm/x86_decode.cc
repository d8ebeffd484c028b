// SPDX-License-Identifier: Apache-2.0
// Intel 80386 and successors in 32-bit mode, decoded by Zydis and put into
// words of ours. The only file that includes Zydis. What we rely on:
// - Operands that the text shows go first in Zydis's list; hidden ones, such
//   as the stack pointer of a push, follow and say whether they are written.
// - An instruction that OpOf does not know is X86Op::kOther: the lifter
//   forgets what Zydis says it writes.
#include "disasm/x86_decode.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <tuple>

#include "disasm/isa.h"

namespace detachfix {
namespace {

static_assert(ZYDIS_MAX_OPERAND_COUNT ==
              std::tuple_size_v<decltype(X86Instruction::operands)>);

/// What Zydis makes of an instruction. Not set where `valid` is false.
struct Decoded {
  bool valid = false;
  ZydisDecodedInstruction instruction;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
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

void DecodeBytes(std::span<const uint8_t> bytes, Decoded& decoded) {
  if (bytes.empty()) return;
  const ZyanStatus status =
      ZydisDecoderDecodeFull(&Decoder(), bytes.data(), bytes.size(),
                             &decoded.instruction, decoded.operands.data());
  decoded.valid = ZYAN_SUCCESS(status);
}

std::string Format(const Decoded& d, uint32_t va) {
  if (!d.valid) return "(bad)";
  std::array<char, 256> text{};
  const ZyanStatus status = ZydisFormatterFormatInstruction(
      &Formatter(), &d.instruction, d.operands.data(),
      d.instruction.operand_count_visible, text.data(), text.size(), va,
      nullptr);
  return ZYAN_SUCCESS(status) ? std::string(text.data()) : "(bad)";
}

struct Row {
  ZydisMnemonic mnemonic;
  X86Op op;
  uint8_t lane = 0;
  uint8_t lanes = 0;
};

/// The instructions that a name is enough to know.
constexpr auto kRows = std::to_array<Row>({
#include "disasm/x86_op_table.inc"
});

struct Named {
  X86Op op = X86Op::kOther;
  uint8_t lane = 0;
  uint8_t lanes = 0;
};

/// The same, by mnemonic.
constexpr auto kByMnemonic = [] {
  std::array<Named, ZYDIS_MNEMONIC_MAX_VALUE + 1> names{};
  names.fill(Named{});
  for (const Row& row : kRows) {
    names[row.mnemonic] = {row.op, row.lane, row.lanes};
  }
  return names;
}();

/// Of an instruction that branches on a condition.
X86Op BranchOf(const ZydisDecodedInstruction& i) {
  if (const X86Op op = kByMnemonic[i.mnemonic].op; op != X86Op::kOther) {
    return op;
  }
  const bool is_jcc = i.opcode_map == ZYDIS_OPCODE_MAP_0F
                          ? (i.opcode & 0xf0) == 0x80
                          : (i.opcode & 0xf0) == 0x70;
  return is_jcc ? X86Op::kJcc : X86Op::kTransaction;
}

X86Op StringOpOf(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_MOVSB:
    case ZYDIS_MNEMONIC_MOVSW:
    case ZYDIS_MNEMONIC_MOVSD:
      return X86Op::kMovs;
    case ZYDIS_MNEMONIC_STOSB:
    case ZYDIS_MNEMONIC_STOSW:
    case ZYDIS_MNEMONIC_STOSD:
      return X86Op::kStos;
    case ZYDIS_MNEMONIC_LODSB:
    case ZYDIS_MNEMONIC_LODSW:
    case ZYDIS_MNEMONIC_LODSD:
      return X86Op::kLods;
    case ZYDIS_MNEMONIC_SCASB:
    case ZYDIS_MNEMONIC_SCASW:
    case ZYDIS_MNEMONIC_SCASD:
      return X86Op::kScas;
    default:
      return X86Op::kCmps;
  }
}

/// Whether an operand is a register of MMX, which the x87 shares: SSE has
/// instructions that take one.
bool HasMmx(const Decoded& d) {
  return std::any_of(d.operands.begin(),
                     d.operands.begin() + d.instruction.operand_count,
                     [](const ZydisDecodedOperand& operand) {
                       return operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
                              operand.reg.value >= ZYDIS_REGISTER_MM0 &&
                              operand.reg.value <= ZYDIS_REGISTER_MM7;
                     });
}

X86Op OpOf(const Decoded& d) {
  const ZydisDecodedInstruction& i = d.instruction;
  switch (i.meta.category) {
    case ZYDIS_CATEGORY_CALL:
      return X86Op::kCall;
    case ZYDIS_CATEGORY_RET:
      // To another code segment, or from an interrupt: not of user's code.
      return i.mnemonic == ZYDIS_MNEMONIC_RET &&
                     i.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR
                 ? X86Op::kRet
                 : X86Op::kReturnFar;
    case ZYDIS_CATEGORY_COND_BR:
      return BranchOf(i);
    case ZYDIS_CATEGORY_UNCOND_BR:
      return i.mnemonic == ZYDIS_MNEMONIC_XABORT ? X86Op::kTransaction
                                                 : X86Op::kJmp;
    case ZYDIS_CATEGORY_SETCC:
      return X86Op::kSetcc;
    case ZYDIS_CATEGORY_CMOV:
      return X86Op::kCmovcc;
    // Not by name: the SSE2 movsd and cmpsd are called as the string ones.
    case ZYDIS_CATEGORY_STRINGOP:
      return StringOpOf(i.mnemonic);
    case ZYDIS_CATEGORY_IOSTRINGOP:
      return X86Op::kPort;
    case ZYDIS_CATEGORY_SYSCALL:
      return X86Op::kSystemCall;
    default:
      break;
  }
  if (i.mnemonic == ZYDIS_MNEMONIC_INT) {
    constexpr uint64_t kFastFail = 0x29;  // __fastfail (MSDN); before it was
                                          // one, an access violation
    constexpr uint64_t kKernelGate = 0x2e;
    const uint64_t number = d.operands[0].imm.value.u;
    if (number == kKernelGate) return X86Op::kSystemCall;
    if (number == kFastFail) return X86Op::kTrap;
  }
  const X86Op op = kByMnemonic[i.mnemonic].op;
  const bool has_floats = i.meta.isa_ext == ZYDIS_ISA_EXT_X87 ||
                          i.meta.isa_ext == ZYDIS_ISA_EXT_MMX ||
                          i.meta.isa_ext == ZYDIS_ISA_EXT_AMD3DNOW || HasMmx(d);
  return op == X86Op::kOther && has_floats ? X86Op::kWritesFloats : op;
}

/// Of which a program with 32 bits has eight.
constexpr int kVectorRegisters = 8;
constexpr int kFloatRegisters = 8;

/// Zydis numbers the registers of a class as they are encoded.
X86Register RegisterOf(ZydisRegister reg) {
  const auto counted_from = [&](ZydisRegister first) {
    return static_cast<uint8_t>(reg - first);
  };
  if (reg >= ZYDIS_REGISTER_EAX && reg <= ZYDIS_REGISTER_EDI) {
    return {counted_from(ZYDIS_REGISTER_EAX), 0, 32};
  }
  if (reg >= ZYDIS_REGISTER_AX && reg <= ZYDIS_REGISTER_DI) {
    return {counted_from(ZYDIS_REGISTER_AX), 0, 16};
  }
  if (reg >= ZYDIS_REGISTER_AL && reg <= ZYDIS_REGISTER_BL) {
    return {counted_from(ZYDIS_REGISTER_AL), 0, 8};
  }
  if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH) {
    return {counted_from(ZYDIS_REGISTER_AH), 8, 8};
  }
  for (const ZydisRegister first :
       {ZYDIS_REGISTER_XMM0, ZYDIS_REGISTER_YMM0, ZYDIS_REGISTER_ZMM0}) {
    if (reg >= first && reg < first + kVectorRegisters) {
      return {counted_from(first), 0, kVectorWidth};
    }
  }
  for (const ZydisRegister first : {ZYDIS_REGISTER_ST0, ZYDIS_REGISTER_MM0}) {
    if (reg >= first && reg < first + kFloatRegisters) {
      return {counted_from(first), 0, kFloatWidth};
    }
  }
  return {};
}

void SetMemory(const ZydisDecodedOperand& zydis, X86Operand& out) {
  out.kind = X86Operand::Kind::kMemory;
  out.number = static_cast<uint32_t>(zydis.mem.disp.value);
  if (zydis.mem.base != ZYDIS_REGISTER_NONE) {
    out.base = RegisterOf(zydis.mem.base);
  }
  // Without a scale the index is no part of the address (MPX, bndstx).
  if (zydis.mem.index != ZYDIS_REGISTER_NONE && zydis.mem.scale != 0) {
    out.index = RegisterOf(zydis.mem.index);
    out.scale = zydis.mem.scale;
  }
  out.in_thread_block = zydis.mem.segment == ZYDIS_REGISTER_FS ||
                        zydis.mem.segment == ZYDIS_REGISTER_GS;
}

void SetOperand(const ZydisDecodedOperand& zydis, X86Operand& out) {
  out.written = (zydis.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
  out.hidden = zydis.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
  out.width = zydis.size;
  switch (zydis.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
      out.kind = X86Operand::Kind::kRegister;
      out.reg = RegisterOf(zydis.reg.value);
      break;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
      out.kind = X86Operand::Kind::kImmediate;
      out.number = static_cast<uint32_t>(zydis.imm.value.u);
      break;
    case ZYDIS_OPERAND_TYPE_MEMORY:
      SetMemory(zydis, out);
      break;
    default:
      break;
  }
}

/// Whether more must be known to say how the instruction goes on: of a jump, a
/// branch, a call, a return, of the number of an interrupt, of a trap.
bool MayLeadElsewhere(const ZydisDecodedInstruction& i) {
  switch (i.meta.category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_INTERRUPT:
      return true;
    default:
      return kByMnemonic[i.mnemonic].op == X86Op::kTrap;
  }
}

/// Whether a flag of arithmetic is another one afterwards, or may be.
bool ChangesFlags(const ZydisDecodedInstruction& i) {
  constexpr ZydisAccessedFlagsMask kStatus =
      ZYDIS_CPUFLAG_CF | ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF |
      ZYDIS_CPUFLAG_ZF | ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF;
  if (i.cpu_flags == nullptr) return false;
  const ZydisAccessedFlags& flags = *i.cpu_flags;
  return ((flags.modified | flags.set_0 | flags.set_1 | flags.undefined) &
          kStatus) != 0;
}

X86Instruction Convert(const Decoded& d) {
  X86Instruction out;
  if (!d.valid) return out;
  const ZydisDecodedInstruction& i = d.instruction;
  out.op = OpOf(d);
  out.size = i.length;
  out.test = static_cast<X86Test>((i.opcode & 15) >> 1);
  out.test_negated = (i.opcode & 1) != 0;
  // movs, stos and lods repeat with either prefix (SDM, REP).
  out.repeats = (i.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
                                 ZYDIS_ATTRIB_HAS_REPNE)) != 0;
  out.until_equal = (i.attributes & ZYDIS_ATTRIB_HAS_REPNE) != 0;
  out.changes_flags = ChangesFlags(i);
  out.operand_width = i.operand_width;
  out.address_width = i.address_width;
  out.lane = kByMnemonic[i.mnemonic].lane;
  out.lanes = kByMnemonic[i.mnemonic].lanes;
  out.name = ZydisMnemonicGetString(i.mnemonic);
  out.visible_count = i.operand_count_visible;
  out.operand_count = i.operand_count;
  for (size_t n = 0; n < i.operand_count; ++n) {
    SetOperand(d.operands[n], out.operands[n]);
  }
  out.is_relative = out.operands[0].kind == X86Operand::Kind::kImmediate &&
                    d.operands[0].imm.is_relative;
  return out;
}

}  // namespace

X86Instruction DecodeX86(std::span<const uint8_t> bytes) {
  Decoded decoded;
  DecodeBytes(bytes, decoded);
  return Convert(decoded);
}

X86Instruction DecodeX86Flow(std::span<const uint8_t> bytes) {
  Decoded decoded;
  ZydisDecoderContext context;
  if (bytes.empty() || !ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(
                           &Decoder(), &context, bytes.data(), bytes.size(),
                           &decoded.instruction))) {
    return {};
  }
  decoded.valid = true;
  if (MayLeadElsewhere(decoded.instruction)) {
    decoded.valid = ZYAN_SUCCESS(ZydisDecoderDecodeOperands(
        &Decoder(), &context, &decoded.instruction, decoded.operands.data(),
        decoded.instruction.operand_count));
    return Convert(decoded);
  }
  X86Instruction out;
  out.op = X86Op::kOther;
  out.size = decoded.instruction.length;
  return out;
}

X86Instruction DecodeX86(std::span<const uint8_t> bytes, uint32_t va,
                         std::string& text) {
  Decoded decoded;
  DecodeBytes(bytes, decoded);
  text = Format(decoded, va);
  return Convert(decoded);
}

std::string ZydisVersion() {
  const ZyanU64 version = ZydisGetVersion();
  return std::to_string(ZYDIS_VERSION_MAJOR(version)) + "." +
         std::to_string(ZYDIS_VERSION_MINOR(version)) + "." +
         std::to_string(ZYDIS_VERSION_PATCH(version));
}

}  // namespace detachfix
