// SPDX-License-Identifier: Apache-2.0
// What one i386 instruction does, in the intermediate form.
#ifndef DETACHFIX_DISASM_X86_LIFT_H_
#define DETACHFIX_DISASM_X86_LIFT_H_

#include <cstdint>
#include <vector>

#include "disasm/ir.h"
#include "disasm/x86_decode.h"

namespace detachfix {

/// The machine's places: the general registers as encoded, four flags of one
/// bit each, the base of the segment FS, where XMM0 to XMM7 lie: they are kept
/// as memory (kWideRegistersSymbol), 16 bytes each; the direction flag; and the
/// byte of whose bits PF says whether an even number is set.
inline constexpr Place kEax{0}, kEcx{1}, kEdx{2}, kEbx{3}, kEsp{4}, kEbp{5},
    kEsi{6}, kEdi{7};
inline constexpr Place kZf{8}, kCf{9}, kSf{10}, kOf{11}, kFsBase{12},
    kVectorBase{13}, kDf{14}, kParity{15};
inline constexpr uint8_t kVectorWords = 4;
inline constexpr uint8_t kVectorBytes = 4 * kVectorWords;
/// Behind them lies the top of the x87's stack: of each register two words and
/// what they are (FloatForm); then the status word, as far as it is known.
inline constexpr uint8_t kFloatsOffset = 8 * kVectorBytes;
inline constexpr uint8_t kFloatWords = 3;
inline constexpr uint8_t kFloatsKept = 4;
/// What the two words of a register of the x87 are.
enum FloatForm : uint64_t {
  kNotKnown,
  kNumber,     ///< a number of 64 bits with a sign
  kDouble,     ///< a double that is finite
  kZero,       ///< 0, of which the sign is not known
  kTruncated,  ///< what a double has of a number that has more digits
};
inline constexpr uint8_t kFloatStatus = kFloatWords * kFloatsKept;

/// The operations of `instruction`, which stands at `va`. What cannot be
/// decoded is Unfollowable.
std::vector<Op> LiftX86(const X86Instruction& instruction, uint32_t va);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_X86_LIFT_H_
