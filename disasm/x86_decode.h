// SPDX-License-Identifier: Apache-2.0
// One instruction of the i386, taken apart, in words of ours: nothing here
// names the decoder behind it.
#ifndef DETACHFIX_DISASM_X86_DECODE_H_
#define DETACHFIX_DISASM_X86_DECODE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace detachfix {

/// What an instruction does to the general registers, the memory and the flow.
/// Several instructions share a name here where that is the same.
enum class X86Op : uint8_t {
  kUnknown,  ///< cannot be decoded
  kOther,    ///< what it writes is all that is known of it
  // Moves.
  kNothing,  ///< nop, pause, endbr32
  kMov,      ///< movzx too
  kMovsx,
  kLea,
  kXchg,
  kBswap,
  kCdq,
  kCwde,
  kClc,
  kStc,
  kLahf,
  kSahf,
  kSetcc,
  kCmovcc,
  // Arithmetic and logic.
  kAdd,
  kAdc,
  kSub,
  kSbb,
  kCmp,
  kInc,
  kDec,
  kNeg,
  kNot,
  kMul,
  kImul,
  kDiv,
  kIdiv,
  kAnd,
  kTest,
  kOr,
  kXor,
  kShl,
  kShr,
  kSar,
  kRol,
  kRor,
  kRcl,
  kRcr,
  kShld,
  kShrd,
  kBt,
  kBts,
  kBtr,
  kBtc,
  kBsf,
  kBsr,
  kTzcnt,
  kXadd,
  kCmpxchg,
  kCmpxchg8b,
  // The stack.
  kPush,
  kPop,
  kEnter,
  kLeave,
  kPushfd,
  kPopfd,
  kPushad,
  kPopad,
  // Strings.
  kMovs,
  kStos,
  kLods,
  kScas,
  kCmps,
  kCld,
  kStd,
  // The SSE registers.
  kMovVector,  ///< of 16 bytes
  kMovd,
  kMovq,
  kMovlps,  ///< movlpd too
  kMovss,
  kMovsd,   ///< the SSE2 one
  kMovhps,  ///< movhpd too
  kMovlhps,
  kMovhlps,
  kAndVector,
  kAndNotVector,
  kOrVector,
  kXorVector,
  // These by lanes:
  kAddLanes,
  kSubLanes,
  kEqualLanes,
  kGreaterLanes,  ///< with signs
  kMinLanes,      ///< without, as kMaxLanes
  kMaxLanes,
  kShiftLeftLanes,
  kShiftRightLanes,
  kSignsOfLanes,  ///< pmovmskb, movmskps, movmskpd
  kInterleaveLow,
  kInterleaveHigh,
  kPshufd,
  kPshuflw,
  kPshufhw,
  kShufpd,
  kShufps,
  kShiftBytesLeft,
  kShiftBytesRight,
  kPalignr,
  kRestoreVectors,  ///< writes all of them
  // Fractions, by lanes:
  kAddFractions,
  kSubFractions,
  kMulFractions,
  kDivFractions,
  kRootOfFractions,
  kMinFractions,
  kMaxFractions,
  kConvertFractions,   ///< from lanes of 32 bits to 64, or back (cvtss2sd)
  kConvertFromSigned,  ///< cvtsi2sd, cvtdq2ps; the lanes are those of the
                       ///< result
  kTruncateFractions,  ///< cvttsd2si, cvttps2dq
  kCompareFractions,   ///< ucomisd, comiss
  kMaskFractions,      ///< cmpsd, cmpps
  // The x87.
  kFild,
  kFld,
  kFld1,
  kFldz,
  kFist,
  kFistp,
  kFst,
  kFstp,
  kFxch,
  kFcomi,   ///< fucomi too
  kFcomip,  ///< fucomip too
  kFcom,    ///< fucom too, and so below
  kFcomp,
  kFcompp,
  kFtst,
  kFnstsw,
  kFrndint,
  kFadd,
  kFaddp,
  kFsub,
  kFsubp,
  kFsubr,
  kFsubrp,
  kFmul,
  kFmulp,
  kFdiv,
  kFdivp,
  kFdivr,
  kFdivrp,
  kSetsStatus,    ///< writes no register of its stack, but the status word
  kWritesFloats,  ///< every other one, and MMX
  kKeepsFloats,   ///< writes neither
  // Branches, jumps, and what ends a path.
  kJcc,
  kJecxz,
  kLoop,
  kLoope,
  kLoopne,
  kJmp,
  kCall,
  kRet,
  kReturnFar,  ///< to another code segment, or from an interrupt
  kTrap,       ///< int3, hlt, ud2: raises an exception; int 0x29, __fastfail
  kIdentify,   ///< cpuid
  kSystemCall,
  kTransaction,  ///< xbegin, xend, xabort
  kPort,         ///< ins, outs
};

/// What jcc, setcc and cmovcc test: "tttn" without its lowest bit, which
/// negates (SDM volume 2, section B.1.4.7).
enum class X86Test : uint8_t {
  kOverflow,
  kBelow,
  kZero,
  kBelowOrEqual,
  kSign,
  kParity,
  kLess,
  kLessOrEqual,
};

/// A general register or its part, an SSE register, or one of the x87, counted
/// from the top of its stack; MMX has the same ones, in another order. Any
/// other register has width 0.
struct X86Register {
  uint8_t number = 0;  ///< of the whole, as encoded: EAX 0 … EDI 7
  uint8_t shift = 0;   ///< bits below the part
  uint8_t width = 0;   ///< bits; kVectorWidth for XMM, YMM and ZMM; kFloatWidth
  friend bool operator==(const X86Register&, const X86Register&) = default;
};

/// Of SSE registers. What AVX adds above is never known.
inline constexpr uint8_t kVectorWidth = 128;
/// Of x87 and MMX registers.
inline constexpr uint8_t kFloatWidth = 80;

/// One operand: a register, a number, or a place in memory.
struct X86Operand {
  enum class Kind : uint8_t { kOther, kRegister, kImmediate, kMemory };
  Kind kind = Kind::kOther;  ///< kOther: a far pointer
  bool written = false;
  bool hidden = false;  ///< not in the assembly text: ESP of a push
  uint16_t width = 0;   ///< bits
  X86Register reg;      ///< kRegister
  uint32_t number = 0;  ///< kImmediate; kMemory: the displacement
  // kMemory: the address is number + base + index * scale.
  std::optional<X86Register> base;
  std::optional<X86Register> index;
  uint8_t scale = 1;
  bool in_thread_block = false;  ///< of FS or GS
};

/// An instruction and its operands. What its `op` does not use means nothing.
struct X86Instruction {
  X86Op op = X86Op::kUnknown;
  uint8_t size = 1;  ///< bytes; 1 when unknown
  X86Test test = X86Test::kZero;
  bool test_negated = false;
  bool is_relative = false;    ///< the first operand counts from the next one
  bool repeats = false;        ///< has the prefix `rep`, of any kind
  bool until_equal = false;    ///< scas, cmps: that prefix is `repne`
  bool changes_flags = true;   ///< one of the status flags at least
  uint8_t operand_width = 32;  ///< bits, of what is pushed and popped
  uint8_t address_width = 32;  ///< bits
  uint8_t lane = 0;            ///< bits, of SSE instructions that have lanes
  uint8_t lanes = 0;           ///< how many, where those are fractions
  const char* name = "";       ///< "push"; lives as long as the program
  uint8_t visible_count = 0;  ///< operands in the assembly text, which go first
  uint8_t operand_count = 0;
  std::array<X86Operand, 10> operands;

  /// Where a relative operand of an instruction at `va` leads.
  uint32_t Target(uint32_t va) const { return va + size + operands[0].number; }
};

/// The longest instruction, bytes (SDM volume 2, section 2.3.11).
inline constexpr uint32_t kMaxX86Size = 15;

/// The instruction that `bytes` begin with. Total: what cannot be decoded is
/// X86Op::kUnknown.
X86Instruction DecodeX86(std::span<const uint8_t> bytes);

/// As DecodeX86, but of what only goes on with the next instruction nothing
/// more than its size, as X86Op::kOther: in half the time.
X86Instruction DecodeX86Flow(std::span<const uint8_t> bytes);

/// As DecodeX86; `text` becomes the assembly of an instruction at `va`,
/// "jz 0x10001234", or "(bad)". Takes several times as long.
X86Instruction DecodeX86(std::span<const uint8_t> bytes, uint32_t va,
                         std::string& text);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_X86_DECODE_H_
