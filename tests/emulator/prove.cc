// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/prove.h"

namespace detachfix::emulator {
namespace {

constexpr uint32_t kSeeds[] = {1, 77};

std::string Join(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += " " + name;
  return text.empty() ? " none" : text;
}

/// What can be told apart of a run, junk left out.
std::string Summary(const ScenarioRun& run) {
  std::string text = run.load_error;
  for (const EntryRecord& entry : run.entries) {
    text += "\n" + entry.what + " leaves" + Join(entry.live) + ":";
    for (const Call& call : entry.calls) text += " " + call.ToText();
  }
  for (const std::string& violation : run.violations) text += "\n" + violation;
  return text;
}

std::vector<std::string> CallsOfKind(const EntryRecord& entry,
                                     bool wants_other) {
  std::vector<std::string> names;
  for (const Call& call : entry.calls) {
    if ((call.kind == Call::Kind::kOther) == wants_other) {
      names.push_back(call.function);
    }
  }
  return names;
}

/// The manifest's name of what an entry of a run is.
std::string ManifestName(const std::string& what) {
  static const std::map<std::string, std::string> names = {
      {"attach", "attach"},
      {"attach (reserved)", "attach"},
      {"detach", "detach"},
      {"detach (reserved)", "process_exit"},
      {"thread attach", "thread_attach"},
      {"thread detach", "thread_detach"}};
  auto found = names.find(what);
  return found == names.end() ? "" : found->second;
}

void CheckOtherCalls(const Sample& sample, const EntryRecord& entry,
                     std::vector<std::string>& failures) {
  auto expected = sample.other_calls.find(ManifestName(entry.what));
  if (expected == sample.other_calls.end()) return;
  if (CallsOfKind(entry, true) != expected->second) {
    failures.push_back(entry.what + ": other calls than the manifest says");
  }
}

void CheckProbes(const Sample& sample, const ScenarioRun& run,
                 std::vector<std::string>& failures) {
  for (const SampleProbe& probe : sample.probes) {
    for (const EntryRecord& entry : run.entries) {
      if (entry.what == probe.call.name && entry.result != probe.result) {
        failures.push_back(probe.call.name + " returns " + Hex(entry.result) +
                           ", the manifest says " + Hex(probe.result));
      }
    }
  }
}

/// Sections that exports made: the manifest lists what attach makes.
std::set<std::string> MadeByProbes(const Sample& sample,
                                   const ScenarioRun& run) {
  std::set<std::string> made;
  for (size_t i = 1; i < run.entries.size(); ++i) {
    const EntryRecord& entry = run.entries[i];
    if (!ManifestName(entry.what).empty()) continue;
    for (const std::string& section : entry.live) {
      bool is_new = run.entries[i - 1].live.count(section) == 0;
      if (is_new && sample.sections.count(section) == 0) made.insert(section);
    }
  }
  return made;
}

void CheckFailingAttach(const Sample& sample, const ScenarioRun& run,
                        std::vector<std::string>& failures) {
  if (run.entries.empty()) return;
  if (run.entries[0].result != 0) failures.push_back("attach did not fail");
  if (run.entries[0].live.size() != sample.sections_when_attach_fails) {
    failures.push_back("a failing attach leaves" + Join(run.entries[0].live));
  }
}

/// `expected` are the sections inside the image; of those outside only the
/// number is known, since where the heap puts them no source says.
void CheckEnd(const std::string& when, const std::set<std::string>& seen,
              const std::set<std::string>& expected, size_t expected_elsewhere,
              std::vector<std::string>& failures) {
  std::set<std::string> inside;
  for (const std::string& section : seen) {
    if (section.starts_with("image+")) inside.insert(section);
  }
  if (inside == expected && seen.size() - inside.size() == expected_elsewhere) {
    return;
  }
  failures.push_back(
      when + " leaves" + Join(seen) + ", the manifest says" + Join(expected) +
      (expected_elsewhere == 0
           ? ""
           : " and " + std::to_string(expected_elsewhere) + " elsewhere"));
}

}  // namespace

Proof Prove(const Setting& setting, std::span<const uint8_t> before,
            std::span<const uint8_t> after,
            const std::function<void(const Scenario&, const ScenarioRun&,
                                     std::vector<std::string>&)>& look,
            const LoadFunction& load, const Allowance& allowance) {
  Proof proof;
  for (const Scenario& scenario : AllScenarios()) {
    if (!Applies(scenario, setting, before)) continue;
    std::string summaries[2];
    for (uint32_t seed : kSeeds) {
      std::vector<std::string> failures;
      ScenarioRun first = Play(scenario, setting, before, before, seed, load);
      ++proof.runs;
      failures = Judge(scenario, first);
      look(scenario, first, failures);
      std::string summary = Summary(first);
      if (!after.empty()) {
        ScenarioRun second = Play(scenario, setting, after, before, seed, load);
        ++proof.runs;
        for (const std::string& problem : Compare(first, second, allowance)) {
          failures.push_back("after: " + problem);
        }
        summary += Summary(second);
      }
      summaries[seed == kSeeds[0] ? 0 : 1] = summary;
      for (const std::string& failure : failures) {
        proof.failures.push_back(scenario.name + ": " + failure);
      }
    }
    if (summaries[0] != summaries[1]) {
      proof.failures.push_back(scenario.name +
                               ": depends on junk that it was left with");
    }
  }
  return proof;
}

void CheckTruth(const Sample& sample, const Scenario& scenario,
                const ScenarioRun& run, std::vector<std::string>& failures) {
  if (scenario.attach_fails) return CheckFailingAttach(sample, run, failures);
  if (scenario.everything_fails || scenario.unusual) return;
  if (run.entries.empty()) return;
  for (const EntryRecord& entry : run.entries) {
    CheckOtherCalls(sample, entry, failures);
  }
  CheckProbes(sample, run, failures);
  if (run.entries[0].result == 0) failures.push_back("attach fails");
  CheckEnd("attach", run.entries[0].live, sample.sections, sample.heap_sections,
           failures);
  bool exits = !run.entries.back().frees;
  std::set<std::string> live = run.live;
  for (const std::string& section : MadeByProbes(sample, run)) {
    live.erase(section);
  }
  CheckEnd(exits ? "process exit" : "detach", live,
           exits ? sample.alive_at_exit : sample.leaked,
           sample.heap_sections_leaked, failures);
}

}  // namespace detachfix::emulator
