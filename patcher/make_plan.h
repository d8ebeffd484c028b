// SPDX-License-Identifier: Apache-2.0
// From a leaking image to the plan that repairs it.
#ifndef DETACHFIX_PATCHER_MAKE_PLAN_H_
#define DETACHFIX_PATCHER_MAKE_PLAN_H_

#include "patcher/diagnosis.h"
#include "patcher/plan.h"

namespace detachfix {

/// What the user allows a plan to do.
struct PlanOptions {
  bool allow_signed = false;  ///< change a file that has a certificate table
};

/// A plan after which every leaked section of `diagnosis` is deleted on detach.
/// Changes nothing itself. Fails when no way to hook or no free space serves:
/// the error lists every way tried with its reason. The verdict must be kLeaks.
Result<Plan> MakePlan(const PeImage& image, const Diagnosis& diagnosis,
                      const PlanOptions& options = {});

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_MAKE_PLAN_H_
