// SPDX-License-Identifier: Apache-2.0
// Free space inside the content of a code section: what a linker or compiler
// left between and behind functions.
#ifndef DETACHFIX_PATCHER_PADDING_H_
#define DETACHFIX_PATCHER_PADDING_H_

#include <vector>

#include "patcher/cave.h"
#include "patcher/known_code.h"

namespace detachfix {

/// Runs of one of the machine's fillers (int3, nop, zeros) that follow a return
/// or a direct jump of known code, end at known code or at the end of the
/// section's content, and to which nothing leads. None where base relocations
/// do not tell every pointer.
std::vector<Cave> FindPadding(const PeImage& image,
                              const References& references,
                              const KnownCode& code);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_PADDING_H_
