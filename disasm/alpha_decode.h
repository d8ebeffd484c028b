// SPDX-License-Identifier: Apache-2.0
// One word of Alpha code, taken apart. Total: every word is an instruction or
// AlphaOp::kUnknown.
#ifndef DETACHFIX_DISASM_ALPHA_DECODE_H_
#define DETACHFIX_DISASM_ALPHA_DECODE_H_

#include <cstdint>
#include <string>

namespace detachfix {

/// What an instruction does to the integer registers, the memory and the flow.
/// Several instructions share a name here where that is the same.
enum class AlphaOp : uint8_t {
  kUnknown,
  kPal,       ///< calls the privileged architecture library; see alpha_lift.cc
  kNothing,   ///< floating point in registers, barriers, hints
  kForgetRa,  ///< Ra gets a number that no program can know
  kForgetRc,  ///< as well; or one that is not worth following
  // Memory.
  kLda,
  kLdah,
  kLdbu,
  kLdwu,
  kLdl,
  kLdq,
  kLdqU,
  kStb,
  kStw,
  kStl,
  kStq,
  kStqU,
  kStlC,
  kStqC,
  kStoreFloat4,
  kStoreFloat8,
  // Branches and jumps.
  kBr,
  kBsr,
  kBranchFloat,  ///< on a floating-point register
  kBlbc,
  kBeq,
  kBlt,
  kBle,
  kBlbs,
  kBne,
  kBge,
  kBgt,
  kJmp,
  kJsr,
  kRet,
  kJsrCoroutine,
  // Arithmetic; the forms that trap on overflow too.
  kAddl,
  kS4addl,
  kS8addl,
  kSubl,
  kS4subl,
  kS8subl,
  kAddq,
  kS4addq,
  kS8addq,
  kSubq,
  kS4subq,
  kS8subq,
  kMull,
  kMulq,
  kUmulh,
  kCmpeq,
  kCmplt,
  kCmple,
  kCmpult,
  kCmpule,
  kCmpbge,
  // Logic.
  kAnd,
  kBic,
  kBis,
  kOrnot,
  kXor,
  kEqv,
  kCmovlbs,
  kCmovlbc,
  kCmoveq,
  kCmovne,
  kCmovlt,
  kCmovge,
  kCmovle,
  kCmovgt,
  kSll,
  kSrl,
  kSra,
  kSextb,
  kSextw,
  // Bytes. The suffix is the number of bytes, then low or high.
  kExtLow,
  kExtHigh,
  kInsLow,
  kInsHigh,
  kMskLow,
  kMskHigh,
  kZap,
  kZapnot,
};

/// How the operands are written (Alpha Architecture Handbook, version 4,
/// section 3.3) and which of them there are.
enum class AlphaFormat : uint8_t {
  kNone,
  kPal,          ///< number of 26 bits
  kMemory,       ///< ra,disp(rb)
  kMemoryFloat,  ///< fa,disp(rb)
  kAddress,      ///< ra,disp: lda and ldah with rb 31
  kBranch,       ///< ra,target
  kBranchFloat,  ///< fa,target
  kBranchPlain,  ///< target: br with ra 31
  kJump,         ///< ra,(rb),where the branch predictor should look
  kJumpPlain,    ///< (rb): jmp with ra 31 and no hint
  kReturn,       ///< ra,(rb),hint
  kOperate,      ///< ra,rb or number,rc
  kUnary,        ///< rb or number,rc
  kTarget,       ///< rc
  kFloat,        ///< fa,fb,fc
  kUnaryFloat,   ///< fb,fc
  kTargetFloat,  ///< fc
  kControl,      ///< fa, which is fb and fc as well
  kToFloat,      ///< ra,fc
  kFromFloat,    ///< fa,rc
  kCounter,      ///< ra
  kCounterTwo,   ///< ra,rb
  kFetch,        ///< (rb)
};

/// A word and what it is. The fields that its format does not have mean
/// nothing.
struct AlphaInstruction {
  uint32_t word = 0;
  AlphaOp op = AlphaOp::kUnknown;
  AlphaFormat format = AlphaFormat::kNone;
  const char* name = nullptr;  ///< as the GNU assembler has it
  std::string qualifier;       ///< "/sui": rounding and traps; or empty

  uint8_t ra() const { return (word >> 21) & 31; }
  uint8_t rb() const { return (word >> 16) & 31; }
  uint8_t rc() const { return word & 31; }
  /// Operate format: the second operand is `literal()`, not Rb.
  bool has_literal() const { return ((word >> 12) & 1) != 0; }
  uint8_t literal() const { return static_cast<uint8_t>(word >> 13); }
  /// Memory format, bytes.
  int16_t displacement() const { return static_cast<int16_t>(word); }
  /// Operate format: bits 4 and 5 of the function give the number of bytes
  /// that an ext, ins or msk instruction works on.
  uint8_t byte_count() const {
    return static_cast<uint8_t>(1 << ((word >> 9) & 3));
  }
  uint32_t pal_function() const { return word & 0x3ffffff; }
  /// Where a branch at `va` leads: 21 bits of words behind the next one.
  uint64_t BranchTarget(uint64_t va) const {
    const int32_t words = static_cast<int32_t>(word << 11) >> 11;
    return va + 4 + static_cast<uint64_t>(int64_t{words} * 4);
  }
};

/// Never fails: a word that is no instruction is AlphaOp::kUnknown.
AlphaInstruction DecodeAlpha(uint32_t word);

/// As objdump prints it, with one space for the tab:
/// "ldq ra,16(sp)", "beq v0,0x10001234", ".long 0x4000005".
std::string AlphaText(const AlphaInstruction& instruction, uint64_t va);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_ALPHA_DECODE_H_
