// SPDX-License-Identifier: Apache-2.0
// How far the interpreter goes. Chosen so that the slowest image takes well
// under a second.
#ifndef DETACHFIX_DISASM_INTERPRETER_LIMITS_H_
#define DETACHFIX_DISASM_INTERPRETER_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace detachfix {

/// The steps of one Run, and of all of one interpreter, whose reasons may begin
/// from many states. The entries of the DLLs in mind need a few thousand. One
/// behind an open branch, where states are kept and compared, costs as much as
/// several others, and counts as that; so does a call of an import.
inline constexpr uint32_t kMaxSteps = 350'000;
inline constexpr uint32_t kMaxStepsOfAll = 700'000;
inline constexpr uint32_t kOpenStep = 16;
inline constexpr uint32_t kImportStep = 8;
/// Characters that an import reads for one step. What it writes counts one
/// each.
inline constexpr uint32_t kCharactersPerStep = 4;
/// After so many steps states are joined as soon as they are similar.
inline constexpr uint32_t kPatientSteps = 160'000;
/// A run that could not be followed at so many places is not followed further.
inline constexpr size_t kMaxReasons = 4;
/// Turns of one instruction (`rep`) that are run as one.
inline constexpr uint32_t kMaxRepeated = 16'384;
/// Steps for each word that differs between states that are joined.
inline constexpr size_t kStepsPerCell = 2;
/// States kept at one place, of those with the same critical sections; and of
/// those that hold the same pointers besides (SamePointers).
inline constexpr size_t kMaxStatesAtPoint = 16;
inline constexpr size_t kMaxSimilarStates = 3;
/// Words of kept states and of comparisons with them, of one Run and of all. A
/// loop that makes another section each time keeps a state each time; this ends
/// it after some hundred.
inline constexpr size_t kMaxWork = 2'000'000;
inline constexpr size_t kMaxWorkOfAll = 4'000'000;
/// What a cell counts that is forgotten one by one, as it costs.
inline constexpr size_t kWorkOfForgetting = 8;
/// States that are kept or wait, of some three kilobytes each.
inline constexpr size_t kMaxKept = 20'000;
inline constexpr size_t kMaxCallDepth = 128;
inline constexpr size_t kMaxPathEnds = 256;
/// How many arguments of an import are looked at when their number is not
/// known.
inline constexpr size_t kMaxArguments = 6;
/// Functions of which a run may learn how many bytes they pop.
inline constexpr size_t kMaxLearned = 64;

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_INTERPRETER_LIMITS_H_
