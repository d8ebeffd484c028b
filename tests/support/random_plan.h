// SPDX-License-Identifier: Apache-2.0
// Seeded random files and plans, for the laws that hold for all of them.
#ifndef DETACHFIX_TESTS_SUPPORT_RANDOM_PLAN_H_
#define DETACHFIX_TESTS_SUPPORT_RANDOM_PLAN_H_

#include <random>
#include <vector>

#include "patcher/plan.h"

namespace detachfix {

/// A number from `low` to `high`, the same for the same seed everywhere.
uint32_t Pick(std::mt19937& random, uint32_t low, uint32_t high);

/// 1 to 600 bytes with runs of zeros and of one value, as PE files have.
Bytes RandomFile(std::mt19937& random);

/// A sound plan for `file`: at least one edit, some touching each other, in
/// every third case one that extends the file.
std::vector<Edit> RandomEdits(std::mt19937& random, const Bytes& file);

}  // namespace detachfix

#endif  // DETACHFIX_TESTS_SUPPORT_RANDOM_PLAN_H_
