// SPDX-License-Identifier: Apache-2.0
// The code that a verdict rests on, with the bytes masked that base relocations
// rewrite: what tells a build by its code.
#ifndef DETACHFIX_PATCHER_CODE_PATTERN_H_
#define DETACHFIX_PATCHER_CODE_PATTERN_H_

#include <vector>

#include "disasm/trace.h"
#include "patcher/pe_image.h"
#include "signatures/signature.h"

namespace detachfix {

/// As the tables have it: see Signature::dllmain and helpers.
struct CodePattern {
  MaskedPattern dllmain;          ///< from the entry on, without a gap
  std::vector<CodePart> helpers;  ///< the rest, by place
};

/// Every instruction that a run went through and all of the entry's own
/// function. Parts that are masked altogether are left out.
CodePattern PatternOf(const PeImage& image, const EntryTraces& traces);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_CODE_PATTERN_H_
