// SPDX-License-Identifier: Apache-2.0
// Did the repaired DLL do what the unrepaired one did, and delete what it left?
#ifndef DETACHFIX_TESTS_EMULATOR_COMPARE_H_
#define DETACHFIX_TESTS_EMULATOR_COMPARE_H_

#include <string>
#include <vector>

#include "tests/emulator/scenarios.h"

namespace detachfix::emulator {

/// What is wrong with a run of a DLL that does not claim to be repaired: a
/// failed load, violations. Empty when nothing is.
std::vector<std::string> Judge(const Scenario& scenario,
                               const ScenarioRun& run);

/// What else a repair may change.
struct Allowance {
  /// The result of a detach that deletes something, which the loader does not
  /// look at (Windows SDK, "DllMain entry point").
  bool result_of_deleting_detach = false;
};

/// What is wrong with `after`, a run of the repaired DLL, given that `before`
/// is the same scenario with the unrepaired one. Allowed are, after the DLL's
/// own calls of a detach because of FreeLibrary, deletions of exactly the
/// sections of the image that it left alive; nothing else may differ.
std::vector<std::string> Compare(const ScenarioRun& before,
                                 const ScenarioRun& after,
                                 const Allowance& allowance = {});

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_COMPARE_H_
