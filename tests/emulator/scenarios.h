// SPDX-License-Identifier: Apache-2.0
// What a process can do with a DLL, and what was seen when it did.
#ifndef DETACHFIX_TESTS_EMULATOR_SCENARIOS_H_
#define DETACHFIX_TESTS_EMULATOR_SCENARIOS_H_

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tests/emulator/dll_process.h"

namespace detachfix::emulator {

/// An export to call between attach and detach.
struct ProbeCall {
  std::string name;
  std::vector<uint32_t> arguments;
  std::string convention = "cdecl";
};

/// What is known of a DLL from outside: how to steer it.
struct Setting {
  std::vector<ProbeCall> probes;
  std::map<std::string, uint32_t> returns;
  /// What makes its attach return FALSE, where there is such a thing.
  std::optional<Steering> attach_fails;
};

/// One thing that happens in a scenario.
enum class Action : uint8_t {
  kAttach,
  kStaticAttach,  ///< lpvReserved set: loaded together with the process
  kThreadAttach,
  kThreadDetach,
  kOtherReason,
  kDetach,
  kExit,    ///< detach at the end of the process: lpvReserved set
  kProbe,   ///< every probe of the setting
  kReload,  ///< the image is unloaded and loaded afresh
};

enum class System : uint8_t { kAsBound, kStale };

struct Scenario {
  std::string name;
  std::vector<Action> actions;
  bool at_another_base = false;
  System system = System::kAsBound;
  bool attach_fails = false;  ///< needs Setting::attach_fails
  bool everything_fails = false;
  /// The DLL's own code may be at fault here: no process does this to it.
  bool unusual = false;
};

/// Every scenario, in a fixed order.
const std::vector<Scenario>& AllScenarios();

struct ScenarioRun {
  std::string scenario;
  std::vector<EntryRecord> entries;
  std::vector<std::string> violations;
  /// Live critical sections at the end, over all images loaded.
  std::set<std::string> live;
  Binding binding = Binding::kNone;
  std::string load_error;  ///< why the DLL could not be loaded, or empty
};

/// True when `scenario` can be played with `file`.
bool Applies(const Scenario& scenario, const Setting& setting,
             std::span<const uint8_t> file);

/// Plays `scenario` with `file`. `original` is the file itself or the one that
/// it was repaired from: that one says what the system looks like that it is
/// bound to, whether its CheckSum counts, and where its own entry is. `load`
/// makes the processes: emulated ones of i386 when it is empty.
ScenarioRun Play(const Scenario& scenario, const Setting& setting,
                 std::span<const uint8_t> file,
                 std::span<const uint8_t> original, uint32_t seed,
                 const LoadFunction& load = {});

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_SCENARIOS_H_
