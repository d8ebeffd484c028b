// SPDX-License-Identifier: Apache-2.0
// The truth about the samples, as their generator wrote it down.
#ifndef DETACHFIX_TESTS_EMULATOR_MANIFEST_H_
#define DETACHFIX_TESTS_EMULATOR_MANIFEST_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "patcher/result.h"
#include "tests/emulator/scenarios.h"

namespace detachfix::emulator {

struct SampleProbe {
  ProbeCall call;
  uint32_t result = 0;
};

struct Sample {
  std::string name;
  std::string path;
  std::string verdict;
  std::set<std::string> sections;       ///< "image+0x2000", all of them
  std::set<std::string> leaked;         ///< not deleted on detach
  std::set<std::string> alive_at_exit;  ///< not deleted at process exit
  /// Calls other than those that initialise or delete, by the entry's name:
  /// "attach", "detach", "process_exit", "thread_attach", "thread_detach".
  std::map<std::string, std::vector<std::string>> other_calls;
  std::vector<SampleProbe> probes;
  Setting setting;
  /// How many sections a failing attach has initialised.
  size_t sections_when_attach_fails = 0;
  size_t heap_sections = 0;  ///< those that attach makes outside the image
  size_t heap_sections_leaked = 0;
};

/// Reads the samples for one machine from FOLDER/manifest.json. An error names
/// the field that is not as expected.
Result<std::vector<Sample>> ReadManifest(const std::string& folder,
                                         const std::string& machine = "i386");

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_MANIFEST_H_
