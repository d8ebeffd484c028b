// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/compare.h"

#include <algorithm>

namespace detachfix::emulator {
namespace {

bool IsInImage(const std::string& address) {
  return address.rfind("image+", 0) == 0;
}

std::string ToText(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += " " + name;
  return text.empty() ? " none" : text;
}

class Comparison {
 public:
  explicit Comparison(const Allowance& allowance) : allowance_(allowance) {}

  std::vector<std::string> Run(const ScenarioRun& before,
                               const ScenarioRun& after) {
    if (!after.load_error.empty() && before.load_error.empty()) {
      return {"the repaired file does not load: " + after.load_error};
    }
    CompareViolations(before, after);
    if (before.entries.size() != after.entries.size()) {
      Say("ends early", "");
      return problems_;
    }
    for (size_t i = 0; i < before.entries.size(); ++i) {
      CompareEntry(before.entries[i], after.entries[i]);
    }
    return problems_;
  }

 private:
  void Say(const std::string& where, const std::string& what) {
    problems_.push_back(where + what);
  }

  void CompareViolations(const ScenarioRun& before, const ScenarioRun& after) {
    for (const std::string& text : after.violations) {
      if (std::find(before.violations.begin(), before.violations.end(), text) ==
          before.violations.end()) {
        Say("", text);
      }
    }
  }

  void CompareEntry(const EntryRecord& before, const EntryRecord& after) {
    std::string where = after.what + ": ";
    if (before.what != after.what) Say(where, "was " + before.what);
    bool deletes = before.frees && after.calls.size() > before.calls.size();
    bool any_result = deletes && allowance_.result_of_deleting_detach;
    if (before.result != after.result && !any_result) {
      Say(where,
          "returns " + Hex(after.result) + ", was " + Hex(before.result));
    }
    for (const std::string& arguments : after.entered_with) {
      if (std::find(before.entered_with.begin(), before.entered_with.end(),
                    arguments) == before.entered_with.end()) {
        Say(where, "enters the DLL's own code with (" + arguments + ")");
      }
    }
    size_t same = 0;
    while (same < before.calls.size() && same < after.calls.size() &&
           before.calls[same].SameAs(after.calls[same])) {
      ++same;
    }
    if (same < before.calls.size()) {
      std::string instead = same < after.calls.size()
                                ? "calls " + after.calls[same].ToText()
                                : "returns";
      Say(where, instead + " where it called " + before.calls[same].ToText());
      return;
    }
    if (before.frees) {
      CheckDeletions(where, before, after);
    } else {
      for (size_t i = same; i < after.calls.size(); ++i) {
        Say(where, "calls also " + after.calls[i].ToText());
      }
      if (before.live != after.live && !freed_) {
        Say(where, "leaves alive" + ToText(after.live) + ", was" +
                       ToText(before.live));
      }
    }
  }

  void CheckDeletions(const std::string& where, const EntryRecord& before,
                      const EntryRecord& after) {
    freed_ = true;
    std::set<std::string> deleted;
    for (size_t i = before.calls.size(); i < after.calls.size(); ++i) {
      const Call& call = after.calls[i];
      if (call.kind != Call::Kind::kDelete || call.arguments.empty() ||
          before.live.count(call.arguments[0]) == 0) {
        Say(where, "calls also " + call.ToText());
      } else if (!deleted.insert(call.arguments[0]).second) {
        Say(where, "calls twice " + call.ToText());
      }
    }
    for (const std::string& section : after.live) {
      if (IsInImage(section)) Say(where, "leaves alive " + section);
    }
  }

  Allowance allowance_;
  bool freed_ = false;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> Judge(const Scenario& scenario,
                               const ScenarioRun& run) {
  std::vector<std::string> problems;
  if (!run.load_error.empty()) {
    problems.push_back("does not load: " + run.load_error);
  }
  if (!scenario.unusual) {
    problems.insert(problems.end(), run.violations.begin(),
                    run.violations.end());
  }
  return problems;
}

std::vector<std::string> Compare(const ScenarioRun& before,
                                 const ScenarioRun& after,
                                 const Allowance& allowance) {
  return Comparison(allowance).Run(before, after);
}

}  // namespace detachfix::emulator
