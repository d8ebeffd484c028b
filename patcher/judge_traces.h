// SPDX-License-Identifier: Apache-2.0
// What the traces of an image say of its critical sections.
#ifndef DETACHFIX_PATCHER_JUDGE_TRACES_H_
#define DETACHFIX_PATCHER_JUDGE_TRACES_H_

#include "disasm/trace.h"
#include "patcher/diagnosis.h"
#include "patcher/pe_image.h"

namespace detachfix {

/// Whether the loader may take what attach returned there for success.
bool CanSucceed(const TraceExit& exit);

/// Judges `diagnosis.traces`, which must be there and of `image`: sets verdict,
/// reason, sections and who fixed it, and adds evidence. Never fails: what the
/// traces leave open is kUnknown.
void JudgeTraces(const PeImage& image, Diagnosis& diagnosis);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_JUDGE_TRACES_H_
