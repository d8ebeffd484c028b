// SPDX-License-Identifier: Apache-2.0
// The instructions of an image that certainly are some: what the traces ran and
// what can be reached from there and from the exports.
#ifndef DETACHFIX_PATCHER_KNOWN_CODE_H_
#define DETACHFIX_PATCHER_KNOWN_CODE_H_

#include <map>

#include "disasm/instruction.h"
#include "disasm/trace.h"
#include "patcher/pe_image.h"

namespace detachfix {

/// The instructions, and what of the entry could not be followed.
struct KnownCode {
  std::map<Rva, Instruction> instructions;  ///< by their addresses
  bool is_all = true;  ///< none was left out because there are too many
  /// Of the entry's own function: see FunctionBody.
  bool entry_jumps_indirectly = false;
  bool entry_has_unknown = false;
};

/// Follows calls and both sides of every branch, up to a fixed number of
/// instructions; code that is reached only through pointers is left out.
KnownCode FindKnownCode(const PeImage& image, const EntryTraces& traces);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_KNOWN_CODE_H_
