// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/scenarios.h"

#include "tests/emulator/process.h"

namespace detachfix::emulator {
namespace {

using A = Action;

// A base that is no sample's own; DLLs that are rebased go to such places.
constexpr uint32_t kAnotherBase = 0x00a50000;
constexpr uint32_t kYetAnotherBase = 0x1d2c0000;

std::vector<Scenario> MakeScenarios() {
  std::vector<Scenario> all;
  auto add = [&all](std::string name,
                    std::vector<Action> actions) -> Scenario& {
    Scenario scenario;
    scenario.name = std::move(name);
    scenario.actions = std::move(actions);
    all.push_back(scenario);
    return all.back();
  };
  add("free", {A::kAttach, A::kDetach});
  add("threads", {A::kAttach, A::kThreadAttach, A::kThreadDetach, A::kDetach});
  add("attach fails", {A::kAttach, A::kDetach}).attach_fails = true;
  Scenario& fails = add("everything fails", {A::kAttach, A::kDetach});
  fails.everything_fails = true;
  fails.unusual = true;
  add("process exit", {A::kAttach, A::kExit});
  add("static, exit", {A::kStaticAttach, A::kThreadAttach, A::kExit});
  add("two loads",
      {A::kAttach, A::kDetach, A::kReload, A::kAttach, A::kDetach});
  add("attached again", {A::kAttach, A::kDetach, A::kAttach, A::kDetach})
      .unusual = true;
  add("detached twice", {A::kAttach, A::kDetach, A::kDetach}).unusual = true;
  add("never attached", {A::kDetach}).unusual = true;
  add("other reason", {A::kAttach, A::kOtherReason, A::kDetach}).unusual = true;
  add("probe", {A::kAttach, A::kProbe, A::kDetach});
  add("another base", {A::kAttach, A::kProbe, A::kThreadAttach, A::kDetach})
      .at_another_base = true;
  add("another base, exit", {A::kAttach, A::kProbe, A::kExit}).at_another_base =
      true;
  add("stale binding", {A::kAttach, A::kProbe, A::kDetach}).system =
      System::kStale;
  Scenario& both =
      add("stale binding, another base", {A::kAttach, A::kProbe, A::kDetach});
  both.system = System::kStale;
  both.at_another_base = true;
  return all;
}

/// The system that `original` is bound to, or one that nothing is bound to.
Result<FakeSystem> MakeSystem(System kind, const PeHeaders& headers,
                              std::span<const uint8_t> original) {
  if (kind == System::kStale) return FakeSystem();
  std::vector<uint8_t> image = LayOut(headers, original);
  Result<std::optional<FakeSystem>> system =
      FakeSystem::BoundBy(headers, ImageBytes(image));
  if (!system) return system.error();
  return system->value_or(FakeSystem());
}

ProcessOptions MakeOptions(const Scenario& scenario, const Setting& setting,
                           const PeHeaders& original, uint32_t seed) {
  ProcessOptions options;
  options.seed = seed;
  options.own_entry = original.entry;
  if (scenario.attach_fails) options.steering = *setting.attach_fails;
  if (!scenario.everything_fails && !scenario.attach_fails) {
    options.steering.returns = setting.returns;
  }
  options.steering.everything_fails = scenario.everything_fails;
  // A CheckSum of 0 was never set: such a file is none of lsass.exe's.
  options.load.verify_checksum = original.checksum != 0;
  if (scenario.at_another_base) {
    options.load.base =
        original.image_base == kAnotherBase ? kYetAnotherBase : kAnotherBase;
  }
  return options;
}

class Player {
 public:
  Player(const Scenario& scenario, const Setting& setting,
         std::span<const uint8_t> file, std::span<const uint8_t> original,
         uint32_t seed, const LoadFunction& load)
      : setting_(setting), file_(file), load_(load) {
    run_.scenario = scenario.name;
    Result<PeHeaders> headers = ReadHeaders(original);
    if (!headers) {
      run_.load_error = headers.error().message;
      return;
    }
    options_ = MakeOptions(scenario, setting, *headers, seed);
    Result<FakeSystem> system = MakeSystem(scenario.system, *headers, original);
    if (!system) {
      run_.load_error = system.error().message;
      return;
    }
    system_ = *system;
  }

  ScenarioRun Play(const std::vector<Action>& actions) {
    if (!run_.load_error.empty() || !Load()) return run_;
    for (Action action : actions) {
      if (action == A::kReload) {
        Unload();
        ++options_.seed;
        if (!Load()) return run_;
      } else if (!process_->crashed()) {
        Do(action);
      }
    }
    Unload();
    return run_;
  }

 private:
  bool Load() {
    Result<std::unique_ptr<DllProcess>> process =
        load_ ? load_(file_, options_, system_) : LoadEmulated();
    if (!process) {
      run_.load_error = process.error().message;
      return false;
    }
    process_ = std::move(*process);
    run_.binding = process_->image().binding;
    last_live_.clear();
    return true;
  }

  Result<std::unique_ptr<DllProcess>> LoadEmulated() {
    Result<std::unique_ptr<Process>> process =
        Process::Load(file_, options_, system_);
    if (!process) return process.error();
    return std::unique_ptr<DllProcess>(std::move(*process));
  }

  void Unload() {
    for (const std::string& text : process_->violations()) {
      run_.violations.push_back(text);
    }
    run_.live.insert(last_live_.begin(), last_live_.end());
    process_.reset();
  }

  void Record(EntryRecord record) {
    last_live_ = record.live;
    run_.entries.push_back(std::move(record));
  }

  void Do(Action action) {
    if (action == A::kProbe) {
      for (const ProbeCall& probe : setting_.probes) {
        Record(process_->CallExport(probe.name, probe.arguments,
                                    probe.convention));
      }
      return;
    }
    Record(process_->CallEntry(
        ToReason(action), action == A::kStaticAttach || action == A::kExit));
  }

  static Reason ToReason(Action action) {
    switch (action) {
      case A::kAttach:
      case A::kStaticAttach:
        return Reason::kAttach;
      case A::kThreadAttach:
        return Reason::kThreadAttach;
      case A::kThreadDetach:
        return Reason::kThreadDetach;
      case A::kOtherReason:
        return static_cast<Reason>(4);
      default:
        return Reason::kDetach;
    }
  }

  const Setting& setting_;
  std::span<const uint8_t> file_;
  ProcessOptions options_;
  FakeSystem system_;
  const LoadFunction& load_;
  std::unique_ptr<DllProcess> process_;
  std::set<std::string> last_live_;
  ScenarioRun run_;
};

bool HasRelocations(const PeHeaders& headers) {
  return !headers.relocations_stripped() &&
         headers.directories[kRelocationDirectory].rva != 0;
}

}  // namespace

const std::vector<Scenario>& AllScenarios() {
  static const std::vector<Scenario> scenarios = MakeScenarios();
  return scenarios;
}

bool Applies(const Scenario& scenario, const Setting& setting,
             std::span<const uint8_t> file) {
  Result<PeHeaders> headers = ReadHeaders(file);
  if (!headers) return true;  // played, so that the error is reported
  if (scenario.attach_fails && !setting.attach_fails) return false;
  if (scenario.at_another_base && !HasRelocations(*headers)) return false;
  if (scenario.system != System::kStale) return true;
  std::vector<uint8_t> image = LayOut(*headers, file);
  Result<std::optional<FakeSystem>> bound =
      FakeSystem::BoundBy(*headers, ImageBytes(image));
  return !bound || bound->has_value();
}

ScenarioRun Play(const Scenario& scenario, const Setting& setting,
                 std::span<const uint8_t> file,
                 std::span<const uint8_t> original, uint32_t seed,
                 const LoadFunction& load) {
  return Player(scenario, setting, file, original, seed, load)
      .Play(scenario.actions);
}

}  // namespace detachfix::emulator
