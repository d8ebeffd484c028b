// SPDX-License-Identifier: Apache-2.0
// Runs DLLs before and after their repair and says what was seen.
#ifndef DETACHFIX_TESTS_EMULATOR_PROOF_MAIN_H_
#define DETACHFIX_TESTS_EMULATOR_PROOF_MAIN_H_

#include <string>
#include <vector>

#include "tests/emulator/compare.h"

namespace detachfix::emulator {

/// What one proof runs, and on what.
struct ProofKind {
  const char* program = "";
  std::string machine;  ///< of the manifest
  LoadFunction load;    ///< Play's
  Allowance allowance;  ///< Compare's
};

/// SAMPLES [DETACHFIX]: every sample of SAMPLES/manifest.json for the machine,
/// repaired too where there is a DETACHFIX. --one BEFORE [AFTER]: any DLL; what
/// does execution say? Returns 0 when everything was as it should be, 1 when
/// not, 64 when called wrongly.
int ProofMain(const ProofKind& kind, const std::vector<std::string>& words);

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_PROOF_MAIN_H_
