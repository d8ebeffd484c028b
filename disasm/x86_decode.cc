// SPDX-License-Identifier: Apache-2.0
// Intel 80386 and successors in 32-bit mode, decoded by Zydis and put into
// words of ours. The only file that includes Zydis. What we rely on:
// - Operands that the text shows go first in Zydis's list; hidden ones, such
//   as the stack pointer of a push, follow and say whether they are written.
// - An instruction that OpOf does not know is X86Op::kOther: the lifter
//   forgets what Zydis says it writes.
#include "disasm/x86_decode.h"

#include <Zydis/Zydis.h>

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
    {ZYDIS_MNEMONIC_NOP, X86Op::kNothing},
    {ZYDIS_MNEMONIC_PAUSE, X86Op::kNothing},
    {ZYDIS_MNEMONIC_FNOP, X86Op::kNothing},
    {ZYDIS_MNEMONIC_ENDBR32, X86Op::kNothing},
    {ZYDIS_MNEMONIC_MOV, X86Op::kMov},
    {ZYDIS_MNEMONIC_MOVZX, X86Op::kMov},
    {ZYDIS_MNEMONIC_MOVSX, X86Op::kMovsx},
    {ZYDIS_MNEMONIC_LEA, X86Op::kLea},
    {ZYDIS_MNEMONIC_XCHG, X86Op::kXchg},
    {ZYDIS_MNEMONIC_BSWAP, X86Op::kBswap},
    {ZYDIS_MNEMONIC_CDQ, X86Op::kCdq},
    {ZYDIS_MNEMONIC_CWDE, X86Op::kCwde},
    {ZYDIS_MNEMONIC_CLC, X86Op::kClc},
    {ZYDIS_MNEMONIC_STC, X86Op::kStc},
    {ZYDIS_MNEMONIC_LAHF, X86Op::kLahf},
    {ZYDIS_MNEMONIC_SAHF, X86Op::kSahf},
    {ZYDIS_MNEMONIC_CLD, X86Op::kCld},
    {ZYDIS_MNEMONIC_STD, X86Op::kStd},
    {ZYDIS_MNEMONIC_ADD, X86Op::kAdd},
    {ZYDIS_MNEMONIC_ADC, X86Op::kAdc},
    {ZYDIS_MNEMONIC_SUB, X86Op::kSub},
    {ZYDIS_MNEMONIC_SBB, X86Op::kSbb},
    {ZYDIS_MNEMONIC_CMP, X86Op::kCmp},
    {ZYDIS_MNEMONIC_INC, X86Op::kInc},
    {ZYDIS_MNEMONIC_DEC, X86Op::kDec},
    {ZYDIS_MNEMONIC_NEG, X86Op::kNeg},
    {ZYDIS_MNEMONIC_NOT, X86Op::kNot},
    {ZYDIS_MNEMONIC_MUL, X86Op::kMul},
    {ZYDIS_MNEMONIC_IMUL, X86Op::kImul},
    {ZYDIS_MNEMONIC_DIV, X86Op::kDiv},
    {ZYDIS_MNEMONIC_IDIV, X86Op::kIdiv},
    {ZYDIS_MNEMONIC_AND, X86Op::kAnd},
    {ZYDIS_MNEMONIC_TEST, X86Op::kTest},
    {ZYDIS_MNEMONIC_OR, X86Op::kOr},
    {ZYDIS_MNEMONIC_XOR, X86Op::kXor},
    {ZYDIS_MNEMONIC_SHL, X86Op::kShl},
    {ZYDIS_MNEMONIC_SHR, X86Op::kShr},
    {ZYDIS_MNEMONIC_SAR, X86Op::kSar},
    {ZYDIS_MNEMONIC_ROL, X86Op::kRol},
    {ZYDIS_MNEMONIC_ROR, X86Op::kRor},
    {ZYDIS_MNEMONIC_RCL, X86Op::kRcl},
    {ZYDIS_MNEMONIC_RCR, X86Op::kRcr},
    {ZYDIS_MNEMONIC_SHLD, X86Op::kShld},
    {ZYDIS_MNEMONIC_SHRD, X86Op::kShrd},
    {ZYDIS_MNEMONIC_BT, X86Op::kBt},
    {ZYDIS_MNEMONIC_BTS, X86Op::kBts},
    {ZYDIS_MNEMONIC_BTR, X86Op::kBtr},
    {ZYDIS_MNEMONIC_BTC, X86Op::kBtc},
    {ZYDIS_MNEMONIC_BSF, X86Op::kBsf},
    {ZYDIS_MNEMONIC_BSR, X86Op::kBsr},
    {ZYDIS_MNEMONIC_TZCNT, X86Op::kTzcnt},
    {ZYDIS_MNEMONIC_XADD, X86Op::kXadd},
    {ZYDIS_MNEMONIC_CMPXCHG, X86Op::kCmpxchg},
    {ZYDIS_MNEMONIC_CMPXCHG8B, X86Op::kCmpxchg8b},
    {ZYDIS_MNEMONIC_PUSH, X86Op::kPush},
    {ZYDIS_MNEMONIC_POP, X86Op::kPop},
    {ZYDIS_MNEMONIC_LEAVE, X86Op::kLeave},
    {ZYDIS_MNEMONIC_PUSHFD, X86Op::kPushfd},
    {ZYDIS_MNEMONIC_POPFD, X86Op::kPopfd},
    {ZYDIS_MNEMONIC_PUSHAD, X86Op::kPushad},
    {ZYDIS_MNEMONIC_POPAD, X86Op::kPopad},
    {ZYDIS_MNEMONIC_JECXZ, X86Op::kJecxz},
    {ZYDIS_MNEMONIC_LOOP, X86Op::kLoop},
    {ZYDIS_MNEMONIC_LOOPE, X86Op::kLoope},
    {ZYDIS_MNEMONIC_LOOPNE, X86Op::kLoopne},
    {ZYDIS_MNEMONIC_INT3, X86Op::kTrap},
    {ZYDIS_MNEMONIC_UD0, X86Op::kTrap},
    {ZYDIS_MNEMONIC_UD1, X86Op::kTrap},
    {ZYDIS_MNEMONIC_UD2, X86Op::kTrap},
    {ZYDIS_MNEMONIC_HLT, X86Op::kTrap},
    {ZYDIS_MNEMONIC_CPUID, X86Op::kIdentify},
    {ZYDIS_MNEMONIC_MOVAPS, X86Op::kMovVector},
    {ZYDIS_MNEMONIC_MOVUPS, X86Op::kMovVector},
    {ZYDIS_MNEMONIC_MOVAPD, X86Op::kMovVector},
    {ZYDIS_MNEMONIC_MOVUPD, X86Op::kMovVector},
    {ZYDIS_MNEMONIC_MOVDQA, X86Op::kMovVector},
    {ZYDIS_MNEMONIC_MOVDQU, X86Op::kMovVector},
    {ZYDIS_MNEMONIC_MOVNTPS, X86Op::kMovVector},
    {ZYDIS_MNEMONIC_MOVNTDQ, X86Op::kMovVector},
    {ZYDIS_MNEMONIC_LDDQU, X86Op::kMovVector},
    {ZYDIS_MNEMONIC_MOVD, X86Op::kMovd},
    {ZYDIS_MNEMONIC_MOVQ, X86Op::kMovq},
    {ZYDIS_MNEMONIC_MOVLPS, X86Op::kMovlps},
    {ZYDIS_MNEMONIC_MOVLPD, X86Op::kMovlps},
    {ZYDIS_MNEMONIC_MOVSS, X86Op::kMovss},
    {ZYDIS_MNEMONIC_MOVSD, X86Op::kMovsd},
    {ZYDIS_MNEMONIC_ANDPS, X86Op::kAndVector},
    {ZYDIS_MNEMONIC_ANDPD, X86Op::kAndVector},
    {ZYDIS_MNEMONIC_PAND, X86Op::kAndVector},
    {ZYDIS_MNEMONIC_ANDNPS, X86Op::kAndNotVector},
    {ZYDIS_MNEMONIC_ANDNPD, X86Op::kAndNotVector},
    {ZYDIS_MNEMONIC_PANDN, X86Op::kAndNotVector},
    {ZYDIS_MNEMONIC_ORPS, X86Op::kOrVector},
    {ZYDIS_MNEMONIC_ORPD, X86Op::kOrVector},
    {ZYDIS_MNEMONIC_POR, X86Op::kOrVector},
    {ZYDIS_MNEMONIC_PADDB, X86Op::kAddLanes, 8},
    {ZYDIS_MNEMONIC_PADDW, X86Op::kAddLanes, 16},
    {ZYDIS_MNEMONIC_PADDD, X86Op::kAddLanes, 32},
    {ZYDIS_MNEMONIC_PADDQ, X86Op::kAddLanes, 64},
    {ZYDIS_MNEMONIC_PSUBQ, X86Op::kSubLanes, 64},
    {ZYDIS_MNEMONIC_PSLLQ, X86Op::kShiftLeftLanes, 64},
    {ZYDIS_MNEMONIC_PSRLQ, X86Op::kShiftRightLanes, 64},
    {ZYDIS_MNEMONIC_PSUBB, X86Op::kSubLanes, 8},
    {ZYDIS_MNEMONIC_PSUBW, X86Op::kSubLanes, 16},
    {ZYDIS_MNEMONIC_PSUBD, X86Op::kSubLanes, 32},
    {ZYDIS_MNEMONIC_PCMPEQB, X86Op::kEqualLanes, 8},
    {ZYDIS_MNEMONIC_PCMPEQW, X86Op::kEqualLanes, 16},
    {ZYDIS_MNEMONIC_PCMPEQD, X86Op::kEqualLanes, 32},
    {ZYDIS_MNEMONIC_PCMPGTB, X86Op::kGreaterLanes, 8},
    {ZYDIS_MNEMONIC_PCMPGTW, X86Op::kGreaterLanes, 16},
    {ZYDIS_MNEMONIC_PCMPGTD, X86Op::kGreaterLanes, 32},
    {ZYDIS_MNEMONIC_PMINUB, X86Op::kMinLanes, 8},
    {ZYDIS_MNEMONIC_PMAXUB, X86Op::kMaxLanes, 8},
    {ZYDIS_MNEMONIC_PSLLW, X86Op::kShiftLeftLanes, 16},
    {ZYDIS_MNEMONIC_PSLLD, X86Op::kShiftLeftLanes, 32},
    {ZYDIS_MNEMONIC_PSRLW, X86Op::kShiftRightLanes, 16},
    {ZYDIS_MNEMONIC_PSRLD, X86Op::kShiftRightLanes, 32},
    {ZYDIS_MNEMONIC_PMOVMSKB, X86Op::kSignsOfLanes, 8},
    {ZYDIS_MNEMONIC_MOVMSKPS, X86Op::kSignsOfLanes, 32},
    {ZYDIS_MNEMONIC_MOVMSKPD, X86Op::kSignsOfLanes, 64},
    {ZYDIS_MNEMONIC_PUNPCKLBW, X86Op::kInterleaveLow, 8},
    {ZYDIS_MNEMONIC_PUNPCKLWD, X86Op::kInterleaveLow, 16},
    {ZYDIS_MNEMONIC_PUNPCKLDQ, X86Op::kInterleaveLow, 32},
    {ZYDIS_MNEMONIC_UNPCKLPS, X86Op::kInterleaveLow, 32},
    {ZYDIS_MNEMONIC_PUNPCKLQDQ, X86Op::kInterleaveLow, 64},
    {ZYDIS_MNEMONIC_UNPCKLPD, X86Op::kInterleaveLow, 64},
    {ZYDIS_MNEMONIC_PUNPCKHBW, X86Op::kInterleaveHigh, 8},
    {ZYDIS_MNEMONIC_PUNPCKHWD, X86Op::kInterleaveHigh, 16},
    {ZYDIS_MNEMONIC_PUNPCKHDQ, X86Op::kInterleaveHigh, 32},
    {ZYDIS_MNEMONIC_UNPCKHPS, X86Op::kInterleaveHigh, 32},
    {ZYDIS_MNEMONIC_PUNPCKHQDQ, X86Op::kInterleaveHigh, 64},
    {ZYDIS_MNEMONIC_UNPCKHPD, X86Op::kInterleaveHigh, 64},
    {ZYDIS_MNEMONIC_PSHUFLW, X86Op::kPshuflw},
    {ZYDIS_MNEMONIC_PSHUFHW, X86Op::kPshufhw},
    {ZYDIS_MNEMONIC_SHUFPD, X86Op::kShufpd},
    {ZYDIS_MNEMONIC_SHUFPS, X86Op::kShufps},
    {ZYDIS_MNEMONIC_PSLLDQ, X86Op::kShiftBytesLeft},
    {ZYDIS_MNEMONIC_PSRLDQ, X86Op::kShiftBytesRight},
    {ZYDIS_MNEMONIC_PALIGNR, X86Op::kPalignr},
    {ZYDIS_MNEMONIC_MOVHPS, X86Op::kMovhps},
    {ZYDIS_MNEMONIC_MOVHPD, X86Op::kMovhps},
    {ZYDIS_MNEMONIC_MOVLHPS, X86Op::kMovlhps},
    {ZYDIS_MNEMONIC_MOVHLPS, X86Op::kMovhlps},
    {ZYDIS_MNEMONIC_XORPS, X86Op::kXorVector},
    {ZYDIS_MNEMONIC_XORPD, X86Op::kXorVector},
    {ZYDIS_MNEMONIC_PXOR, X86Op::kXorVector},
    {ZYDIS_MNEMONIC_PSHUFD, X86Op::kPshufd},
    {ZYDIS_MNEMONIC_ADDSS, X86Op::kAddFractions, 32, 1},
    {ZYDIS_MNEMONIC_ADDPS, X86Op::kAddFractions, 32, 4},
    {ZYDIS_MNEMONIC_ADDSD, X86Op::kAddFractions, 64, 1},
    {ZYDIS_MNEMONIC_ADDPD, X86Op::kAddFractions, 64, 2},
    {ZYDIS_MNEMONIC_SUBSS, X86Op::kSubFractions, 32, 1},
    {ZYDIS_MNEMONIC_SUBPS, X86Op::kSubFractions, 32, 4},
    {ZYDIS_MNEMONIC_SUBSD, X86Op::kSubFractions, 64, 1},
    {ZYDIS_MNEMONIC_SUBPD, X86Op::kSubFractions, 64, 2},
    {ZYDIS_MNEMONIC_MULSS, X86Op::kMulFractions, 32, 1},
    {ZYDIS_MNEMONIC_MULPS, X86Op::kMulFractions, 32, 4},
    {ZYDIS_MNEMONIC_MULSD, X86Op::kMulFractions, 64, 1},
    {ZYDIS_MNEMONIC_MULPD, X86Op::kMulFractions, 64, 2},
    {ZYDIS_MNEMONIC_DIVSS, X86Op::kDivFractions, 32, 1},
    {ZYDIS_MNEMONIC_DIVPS, X86Op::kDivFractions, 32, 4},
    {ZYDIS_MNEMONIC_DIVSD, X86Op::kDivFractions, 64, 1},
    {ZYDIS_MNEMONIC_DIVPD, X86Op::kDivFractions, 64, 2},
    {ZYDIS_MNEMONIC_SQRTSS, X86Op::kRootOfFractions, 32, 1},
    {ZYDIS_MNEMONIC_SQRTPS, X86Op::kRootOfFractions, 32, 4},
    {ZYDIS_MNEMONIC_SQRTSD, X86Op::kRootOfFractions, 64, 1},
    {ZYDIS_MNEMONIC_SQRTPD, X86Op::kRootOfFractions, 64, 2},
    {ZYDIS_MNEMONIC_MINSS, X86Op::kMinFractions, 32, 1},
    {ZYDIS_MNEMONIC_MINPS, X86Op::kMinFractions, 32, 4},
    {ZYDIS_MNEMONIC_MINSD, X86Op::kMinFractions, 64, 1},
    {ZYDIS_MNEMONIC_MINPD, X86Op::kMinFractions, 64, 2},
    {ZYDIS_MNEMONIC_MAXSS, X86Op::kMaxFractions, 32, 1},
    {ZYDIS_MNEMONIC_MAXPS, X86Op::kMaxFractions, 32, 4},
    {ZYDIS_MNEMONIC_MAXSD, X86Op::kMaxFractions, 64, 1},
    {ZYDIS_MNEMONIC_MAXPD, X86Op::kMaxFractions, 64, 2},
    {ZYDIS_MNEMONIC_CVTSS2SD, X86Op::kConvertFractions, 32, 1},
    {ZYDIS_MNEMONIC_CVTPS2PD, X86Op::kConvertFractions, 32, 2},
    {ZYDIS_MNEMONIC_CVTSD2SS, X86Op::kConvertFractions, 64, 1},
    {ZYDIS_MNEMONIC_CVTPD2PS, X86Op::kConvertFractions, 64, 2},
    {ZYDIS_MNEMONIC_CVTSI2SS, X86Op::kConvertFromSigned, 32, 1},
    {ZYDIS_MNEMONIC_CVTDQ2PS, X86Op::kConvertFromSigned, 32, 4},
    {ZYDIS_MNEMONIC_CVTSI2SD, X86Op::kConvertFromSigned, 64, 1},
    {ZYDIS_MNEMONIC_CVTDQ2PD, X86Op::kConvertFromSigned, 64, 2},
    {ZYDIS_MNEMONIC_CVTTSS2SI, X86Op::kTruncateFractions, 32, 1},
    {ZYDIS_MNEMONIC_CVTTPS2DQ, X86Op::kTruncateFractions, 32, 4},
    {ZYDIS_MNEMONIC_CVTTSD2SI, X86Op::kTruncateFractions, 64, 1},
    {ZYDIS_MNEMONIC_CVTTPD2DQ, X86Op::kTruncateFractions, 64, 2},
    {ZYDIS_MNEMONIC_UCOMISS, X86Op::kCompareFractions, 32, 1},
    {ZYDIS_MNEMONIC_COMISS, X86Op::kCompareFractions, 32, 1},
    {ZYDIS_MNEMONIC_UCOMISD, X86Op::kCompareFractions, 64, 1},
    {ZYDIS_MNEMONIC_COMISD, X86Op::kCompareFractions, 64, 1},
    {ZYDIS_MNEMONIC_FILD, X86Op::kFild},
    {ZYDIS_MNEMONIC_FLD, X86Op::kFld},
    {ZYDIS_MNEMONIC_FLD1, X86Op::kFld1},
    {ZYDIS_MNEMONIC_FLDZ, X86Op::kFldz},
    {ZYDIS_MNEMONIC_FIST, X86Op::kFist},
    {ZYDIS_MNEMONIC_FISTP, X86Op::kFistp},
    {ZYDIS_MNEMONIC_FST, X86Op::kFst},
    {ZYDIS_MNEMONIC_FSTP, X86Op::kFstp},
    {ZYDIS_MNEMONIC_FXCH, X86Op::kFxch},
    {ZYDIS_MNEMONIC_FCOMI, X86Op::kFcomi},
    {ZYDIS_MNEMONIC_FUCOMI, X86Op::kFcomi},
    {ZYDIS_MNEMONIC_FCOMIP, X86Op::kFcomip},
    {ZYDIS_MNEMONIC_FUCOMIP, X86Op::kFcomip},
    {ZYDIS_MNEMONIC_FRNDINT, X86Op::kFrndint},
    {ZYDIS_MNEMONIC_FADD, X86Op::kFadd},
    {ZYDIS_MNEMONIC_FADDP, X86Op::kFaddp},
    {ZYDIS_MNEMONIC_FSUB, X86Op::kFsub},
    {ZYDIS_MNEMONIC_FSUBP, X86Op::kFsubp},
    {ZYDIS_MNEMONIC_FSUBR, X86Op::kFsubr},
    {ZYDIS_MNEMONIC_FSUBRP, X86Op::kFsubrp},
    {ZYDIS_MNEMONIC_FMUL, X86Op::kFmul},
    {ZYDIS_MNEMONIC_FMULP, X86Op::kFmulp},
    {ZYDIS_MNEMONIC_FDIV, X86Op::kFdiv},
    {ZYDIS_MNEMONIC_FDIVP, X86Op::kFdivp},
    {ZYDIS_MNEMONIC_FDIVR, X86Op::kFdivr},
    {ZYDIS_MNEMONIC_FDIVRP, X86Op::kFdivrp},
    {ZYDIS_MNEMONIC_FWAIT, X86Op::kKeepsFloats},
    {ZYDIS_MNEMONIC_FLDCW, X86Op::kKeepsFloats},
    {ZYDIS_MNEMONIC_FNSTCW, X86Op::kKeepsFloats},
    {ZYDIS_MNEMONIC_FNSTSW, X86Op::kKeepsFloats},
    {ZYDIS_MNEMONIC_FNCLEX, X86Op::kKeepsFloats},
    {ZYDIS_MNEMONIC_FTST, X86Op::kKeepsFloats},
    {ZYDIS_MNEMONIC_FXAM, X86Op::kKeepsFloats},
    {ZYDIS_MNEMONIC_FCOM, X86Op::kKeepsFloats},
    {ZYDIS_MNEMONIC_FUCOM, X86Op::kKeepsFloats},
    {ZYDIS_MNEMONIC_FXRSTOR, X86Op::kRestoreVectors},
    {ZYDIS_MNEMONIC_XRSTOR, X86Op::kRestoreVectors},
    {ZYDIS_MNEMONIC_XRSTORS, X86Op::kRestoreVectors},
    {ZYDIS_MNEMONIC_VZEROALL, X86Op::kRestoreVectors},
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
                          i.meta.isa_ext == ZYDIS_ISA_EXT_AMD3DNOW;
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
