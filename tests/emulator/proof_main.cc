// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/proof_main.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "tests/emulator/manifest.h"
#include "tests/emulator/prove.h"

namespace detachfix::emulator {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

/// Runs `detachfix patch --any-dll --allow-signed -o OUT FILE`; returns its
/// exit status, or -1 when it could not be run or was killed.
int RunPatch(const std::string& detachfix, const std::string& out,
             const std::string& file, const std::string& log) {
  pid_t child = fork();
  if (child == 0) {
    if (!freopen(log.c_str(), "w", stdout) || dup2(1, 2) < 0) _exit(127);
    execl(detachfix.c_str(), detachfix.c_str(), "patch", "--any-dll",
          "--allow-signed", "-o", out.c_str(), file.c_str(),
          static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// A folder of its own for the repaired files, removed at the end.
class Workspace {
 public:
  Workspace() {
    char name[] = "/tmp/emulator_proof.XXXXXX";
    const char* made = mkdtemp(name);
    folder_ = made ? made : "";
  }
  ~Workspace() {
    unlink(out().c_str());
    unlink(log().c_str());
    rmdir(folder_.c_str());
  }
  std::string out() const { return folder_ + "/after.dll"; }
  std::string log() const { return folder_ + "/log"; }

 private:
  std::string folder_;
};

struct Counts {
  size_t samples = 0;
  size_t leaking = 0;
  size_t repaired = 0;
  size_t failed = 0;
  size_t runs = 0;
};

/// The repaired bytes of a leaking sample, or an error.
Result<Bytes> Repair(const Sample& sample, const std::string& detachfix,
                     const Workspace& workspace) {
  unlink(workspace.out().c_str());
  int status =
      RunPatch(detachfix, workspace.out(), sample.path, workspace.log());
  Bytes after = ReadFile(workspace.out());
  if (status == 0 && !after.empty()) return after;
  return Error{"detachfix patch ends with " + std::to_string(status) + ": " +
               FirstLine(workspace.log())};
}

void ProveSample(const Sample& sample, const ProofKind& kind,
                 const std::string& detachfix, const Workspace& workspace,
                 Counts& counts) {
  Bytes before = ReadFile(sample.path);
  Bytes after;
  std::vector<std::string> failures;
  ++counts.samples;
  if (before.empty()) {
    ++counts.failed;
    std::printf("%s: nothing to read in %s\n", sample.name.c_str(),
                sample.path.c_str());
    return;
  }
  if (sample.verdict == "leaks") ++counts.leaking;
  if (sample.verdict == "leaks" && !detachfix.empty()) {
    Result<Bytes> repaired = Repair(sample, detachfix, workspace);
    if (repaired) {
      ++counts.repaired;
      after = *repaired;
    } else {
      failures.push_back(repaired.error().message);
    }
  }
  Proof proof = Prove(
      sample.setting, before, after,
      [&sample](const Scenario& scenario, const ScenarioRun& run,
                std::vector<std::string>& problems) {
        CheckTruth(sample, scenario, run, problems);
      },
      kind.load, kind.allowance);
  failures.insert(failures.end(), proof.failures.begin(), proof.failures.end());
  counts.runs += proof.runs;
  counts.failed += failures.empty() ? 0 : 1;
  std::printf("%-44s %-14s %-8s %3zu runs  %s\n", sample.name.c_str(),
              sample.verdict.c_str(), after.empty() ? "-" : "repaired",
              proof.runs, failures.empty() ? "ok" : "FAILED");
  for (const std::string& failure : failures) {
    std::printf("    %s\n", failure.c_str());
  }
}

int ProveAll(const ProofKind& kind, const std::string& folder,
             const std::string& detachfix) {
  Result<std::vector<Sample>> samples = ReadManifest(folder, kind.machine);
  if (!samples) {
    std::fprintf(stderr, "%s: %s\n", kind.program,
                 samples.error().message.c_str());
    return 1;
  }
  Workspace workspace;
  Counts counts;
  for (const Sample& sample : *samples) {
    ProveSample(sample, kind, detachfix, workspace, counts);
  }
  std::printf(
      "%zu samples, %zu leaking, %zu repaired, %zu runs, %zu samples failed\n",
      counts.samples, counts.leaking, counts.repaired, counts.runs,
      counts.failed);
  if (counts.leaking == 0) {
    std::fprintf(stderr, "%s: no leaking sample, nothing proven\n",
                 kind.program);
    return 1;
  }
  return counts.failed == 0 ? 0 : 1;
}

void PrintRun(const char* which, const ScenarioRun& run) {
  std::printf("%s: %s\n", run.scenario.c_str(), which);
  if (!run.load_error.empty()) {
    std::printf("  does not load: %s\n", run.load_error.c_str());
  }
  for (const EntryRecord& entry : run.entries) {
    std::printf("  %s returns %s\n", entry.what.c_str(),
                Hex(entry.result).c_str());
    for (const Call& call : entry.calls) {
      std::printf("    %s from %s\n", call.ToText().c_str(),
                  call.returns_to.c_str());
    }
  }
  for (const std::string& text : run.violations) {
    std::printf("  violation: %s\n", text.c_str());
  }
  for (const std::string& section : run.live) {
    std::printf("  left alive: %s\n", section.c_str());
  }
}

/// What a load and a FreeLibrary showed; nothing if they went wrong.
void PrintVerdict(const ScenarioRun& freed) {
  const char* verdict =
      freed.live.empty() ? "nothing is left alive" : "it leaks";
  bool stopped = !freed.violations.empty() || freed.entries.empty();
  if (stopped) verdict = "nothing, it did not run to its end";
  std::printf("execution says of the first file: %s\n", verdict);
  if (stopped) return;
  for (const std::string& section : freed.live) {
    std::printf("  %s\n", section.c_str());
  }
}

int ProveOne(const ProofKind& kind, const std::string& before_path,
             const std::string& after_path) {
  Bytes before = ReadFile(before_path);
  Bytes after = after_path.empty() ? Bytes() : ReadFile(after_path);
  if (before.empty() || (!after_path.empty() && after.empty())) {
    std::fprintf(stderr, "%s: nothing to read in %s\n", kind.program,
                 before.empty() ? before_path.c_str() : after_path.c_str());
    return 1;
  }
  Setting setting;
  ScenarioRun freed;
  for (const Scenario& scenario : AllScenarios()) {
    if (!Applies(scenario, setting, before)) continue;
    ScenarioRun run = Play(scenario, setting, before, before, 1, kind.load);
    PrintRun("before", run);
    if (scenario.name == "free") freed = run;
    if (!after.empty()) {
      PrintRun("after", Play(scenario, setting, after, before, 1, kind.load));
    }
  }
  Proof proof = Prove(
      setting, before, after,
      [](const Scenario&, const ScenarioRun&, std::vector<std::string>&) {},
      kind.load, kind.allowance);
  for (const std::string& failure : proof.failures) {
    std::printf("failure: %s\n", failure.c_str());
  }
  PrintVerdict(freed);
  return proof.failures.empty() ? 0 : 1;
}

}  // namespace

int ProofMain(const ProofKind& kind, const std::vector<std::string>& words) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  size_t count = words.size();
  if (count > 1 && count < 4 && words[0] == "--one") {
    return ProveOne(kind, words[1], count == 3 ? words[2] : "");
  }
  if (count > 0 && count < 3 && words[0] != "--one") {
    return ProveAll(kind, words[0], count == 2 ? words[1] : "");
  }
  std::fprintf(stderr,
               "usage: %s SAMPLES [DETACHFIX]\n"
               "       %s --one BEFORE [AFTER]\n",
               kind.program, kind.program);
  return 64;
}

}  // namespace detachfix::emulator
