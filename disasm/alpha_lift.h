// SPDX-License-Identifier: Apache-2.0
// What one Alpha instruction does, in the intermediate form.
#ifndef DETACHFIX_DISASM_ALPHA_LIFT_H_
#define DETACHFIX_DISASM_ALPHA_LIFT_H_

#include <vector>

#include "disasm/alpha_decode.h"
#include "disasm/ir.h"

namespace detachfix {

/// The operations of `instruction`, which stands at `va`. Place n is integer
/// register n; register 31 is none. Floating-point registers are not followed.
std::vector<Op> LiftAlpha(const AlphaInstruction& instruction, uint64_t va);

/// Function numbers of CALL_PAL that Windows NT's PALcode gives to programs
/// (Alpha Architecture Handbook, version 4, appendix C.6, and part II-C).
inline constexpr uint32_t kPalBpt = 0x80, kPalImb = 0x86, kPalGentrap = 0xaa,
                          kPalRdteb = 0xab, kPalKbpt = 0xac;

/// Whether a CALL_PAL never comes back: it raises an exception. The privileged
/// halt does so as well where a program executes it.
bool PalStops(const AlphaInstruction& instruction);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_ALPHA_LIFT_H_
