// SPDX-License-Identifier: Apache-2.0
// The last step of every plan: what leads back, and a correct CheckSum.
#ifndef DETACHFIX_PATCHER_SEAL_PLAN_H_
#define DETACHFIX_PATCHER_SEAL_PLAN_H_

#include "patcher/pe_image.h"
#include "patcher/plan.h"

namespace detachfix {

/// `plan` with the undo record, where the file has room for it, and with the
/// CheckSum of the result. `padding` is how many bytes at the end of what the
/// plan appends to the file are free, 0 if it appends nothing. Fails when the
/// edits break a promise that every plan keeps: an edit over a word that a base
/// relocation rewrites, edits that overlap. Such a failure is a bug of ours.
Result<Plan> SealPlan(const PeImage& image, Plan plan, uint32_t padding);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SEAL_PLAN_H_
