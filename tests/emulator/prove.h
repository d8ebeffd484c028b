// SPDX-License-Identifier: Apache-2.0
// The proof for one DLL: every scenario, before and after, twice each.
#ifndef DETACHFIX_TESTS_EMULATOR_PROVE_H_
#define DETACHFIX_TESTS_EMULATOR_PROVE_H_

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tests/emulator/compare.h"
#include "tests/emulator/manifest.h"
#include "tests/emulator/scenarios.h"

namespace detachfix::emulator {

struct Proof {
  size_t runs = 0;  ///< scenarios played, before and after counted each
  std::vector<std::string> failures;
};

/// Plays every scenario that applies with `before`, and with `after` unless
/// that is empty, each with two seeds of junk, which may make no difference.
/// `look` is given each run of `before`. `load` is Play's, `allowance`
/// Compare's.
Proof Prove(const Setting& setting, std::span<const uint8_t> before,
            std::span<const uint8_t> after,
            const std::function<void(const Scenario&, const ScenarioRun&,
                                     std::vector<std::string>&)>& look,
            const LoadFunction& load = {}, const Allowance& allowance = {});

/// Appends what in `run`, of the unrepaired sample, contradicts the manifest.
void CheckTruth(const Sample& sample, const Scenario& scenario,
                const ScenarioRun& run, std::vector<std::string>& failures);

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_PROVE_H_
