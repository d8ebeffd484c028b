// SPDX-License-Identifier: Apache-2.0
// From traces to a verdict.
//
// A section leaks when attach succeeds with it alive and every path of the
// detach that follows leaves it alive; it is dealt with when every path deletes
// it. Anything between is unknown, and a trace that is not complete proves
// nothing.

#include "patcher/judge_traces.h"

#include <algorithm>

#include "disasm/api.h"
#include "patcher/hex_text.h"
#include "patcher/undo_record.h"

namespace detachfix {

bool CanSucceed(const TraceExit& exit) { return !exit.returns_zero; }

namespace {

/// What becomes of one section on detach, over all paths that count.
enum class Fate : uint8_t { kDeleted, kLeft, kOpen };

/// The exits of attach that a successful load goes through; all of them when
/// attach never succeeds.
std::vector<const TraceExit*> LoadedExits(const Trace& attach) {
  std::vector<const TraceExit*> exits;
  const bool any = std::ranges::any_of(attach.exits, CanSucceed);
  for (const TraceExit& exit : attach.exits) {
    if (!any || CanSucceed(exit)) exits.push_back(&exit);
  }
  return exits;
}

bool IsLive(const TraceExit& exit, Rva section) {
  const auto it = exit.sections.find(section);
  return it != exit.sections.end() && it->second.live;
}

Fate FateAfter(const Trace& detach, size_t origin, Rva section) {
  bool left = false;
  bool deleted = false;
  for (const TraceExit& exit : detach.exits) {
    if (exit.origin != origin) continue;
    (IsLive(exit, section) ? left : deleted) = true;
  }
  if (left == deleted) return Fate::kOpen;
  return left ? Fate::kLeft : Fate::kDeleted;
}

/// The first call that deletes the section after an attach that succeeded.
std::optional<Rva> FirstDelete(const EntryTraces& traces, Rva section) {
  std::set<Rva> sites;
  for (const TraceExit& exit : traces.detach.exits) {
    const auto state = exit.sections.find(section);
    if (state == exit.sections.end()) continue;
    if (!CanSucceed(traces.attach.exits[exit.origin])) continue;
    sites.insert(state->second.deleted_at.begin(),
                 state->second.deleted_at.end());
  }
  if (sites.empty()) return std::nullopt;
  return *sites.begin();
}

std::string JoinLines(const std::vector<std::string>& lines) {
  constexpr size_t kShown = 3;
  std::string text;
  for (size_t i = 0; i < std::min(lines.size(), kShown); ++i) {
    text += (i == 0 ? "" : "; ") + lines[i];
  }
  if (lines.size() > kShown) {
    text += "; and " + std::to_string(lines.size() - kShown) + " more";
  }
  return text;
}

class Judge {
 public:
  Judge(const PeImage& image, Diagnosis& diagnosis)
      : image_(image), diagnosis_(diagnosis) {}

  void Run();

 private:
  void Say(Verdict verdict, std::string because) {
    diagnosis_.verdict = verdict;
    diagnosis_.because = std::move(because);
  }
  bool StopAtIncomplete(const Trace& trace, const char* name);
  void CollectSections();
  void JudgeSections();
  void NoteFailedAttach();
  void CollectMadeOnDetach();
  CriticalSection MakeSection(Rva rva, const SectionState& state,
                              const Trace& made_in) const;
  void Conclude(size_t left, size_t deleted);
  bool LeavesResource();
  void CreditFix();

  const Trace& attach() const { return diagnosis_.traces->attach; }
  const Trace& detach() const { return diagnosis_.traces->detach; }

  const PeImage& image_;
  Diagnosis& diagnosis_;
  std::set<Rva> made_on_detach_;
};

bool Judge::StopAtIncomplete(const Trace& trace, const char* name) {
  if (trace.complete) return false;
  for (const std::string& why : trace.incomplete_because) {
    diagnosis_.evidence.push_back(std::string(name) + " not followed: " + why);
  }
  Say(Verdict::kUnknown,
      std::string(name) + ": " + JoinLines(trace.incomplete_because));
  return true;
}

CriticalSection Judge::MakeSection(Rva rva, const SectionState& state,
                                   const Trace& made_in) const {
  CriticalSection section;
  section.rva = rva;
  if (state.initialised_at.empty()) return section;
  section.initialised_at = *state.initialised_at.begin();
  for (const CallRecord& call : made_in.calls) {
    if (call.site == *section.initialised_at && call.import &&
        InitialisesSection(EffectOf(*call.import))) {
      section.initialised_by = *call.import;
    }
  }
  return section;
}

void Judge::CollectSections() {
  for (const TraceExit* exit : LoadedExits(attach())) {
    for (const auto& [rva, state] : exit->sections) {
      if (!state.live) continue;
      const auto known = std::ranges::find(diagnosis_.critical_sections, rva,
                                           &CriticalSection::rva);
      if (known != diagnosis_.critical_sections.end()) continue;
      diagnosis_.critical_sections.push_back(MakeSection(rva, state, attach()));
      const CriticalSection& section = diagnosis_.critical_sections.back();
      diagnosis_.evidence.push_back(
          "attach initialises the critical section at " + HexNumber(rva.value) +
          " by " + ToText(section.initialised_by) + ", called at " +
          HexNumber(section.initialised_at.value_or(Rva{}).value));
    }
  }
  std::ranges::sort(diagnosis_.critical_sections, {}, &CriticalSection::rva);
}

/// Sections that are first used on detach, such as locks that are made when
/// they are needed: each load leaves one behind too. Of one that attach makes
/// on other paths, these count as well.
void Judge::CollectMadeOnDetach() {
  for (const TraceExit& exit : detach().exits) {
    if (!CanSucceed(attach().exits[exit.origin])) continue;
    for (const auto& [rva, state] : exit.sections) {
      if (!state.live || IsLive(attach().exits[exit.origin], rva)) continue;
      if (!made_on_detach_.insert(rva).second) continue;
      diagnosis_.evidence.push_back(
          "detach initialises the critical section at " + HexNumber(rva.value));
      const auto known = std::ranges::find(diagnosis_.critical_sections, rva,
                                           &CriticalSection::rva);
      if (known != diagnosis_.critical_sections.end()) continue;
      diagnosis_.critical_sections.push_back(MakeSection(rva, state, detach()));
    }
  }
  std::ranges::sort(diagnosis_.critical_sections, {}, &CriticalSection::rva);
}

void Judge::NoteFailedAttach() {
  for (const TraceExit& exit : detach().exits) {
    if (CanSucceed(attach().exits[exit.origin])) continue;
    for (const auto& [rva, state] : exit.sections) {
      if (!state.live) continue;
      const std::string line =
          "when attach returns 0 at " +
          HexNumber(attach().exits[exit.origin].site.value) +
          ", the section at " + HexNumber(rva.value) + " stays";
      if (std::ranges::find(diagnosis_.evidence, line) ==
          diagnosis_.evidence.end()) {
        diagnosis_.evidence.push_back(line);
      }
    }
  }
}

void Judge::CreditFix() {
  diagnosis_.fixed_by = FixedBy::kVendor;
  const Result<std::optional<FoundUndoRecord>> found =
      FindUndoRecord(image_.bytes);
  if (!found || !*found) return;
  diagnosis_.fixed_by = FixedBy::kDetachfix;
  diagnosis_.fixed_version = (*found)->record.version;
}

/// A resource holds more than its critical section, which RtlDeleteResource
/// alone gives back: no repair of ours does.
bool Judge::LeavesResource() {
  for (const CriticalSection& section : diagnosis_.critical_sections) {
    if (!section.leaked || LookUpApi(section.initialised_by).effect !=
                               ApiEffect::kInitialiseResource) {
      continue;
    }
    Say(Verdict::kUnknown,
        "detach leaves the resource (RTL_RESOURCE) at " +
            HexNumber(section.rva.value) +
            ", whose critical section is only a part of what it leaks");
    return true;
  }
  return false;
}

void Judge::Conclude(size_t left, size_t deleted) {
  const size_t count = diagnosis_.critical_sections.size();
  const std::string sections =
      count == 1 ? "1 critical section"
                 : std::to_string(count) + " critical sections";
  if (left + deleted < count) {
    Say(Verdict::kUnknown,
        "detach deletes a critical section on some paths and not on others");
    return;
  }
  if (LeavesResource()) return;
  if (left > 0) {
    Say(Verdict::kLeaks,
        std::to_string(left) + " of " + sections + " that attach " +
            (made_on_detach_.empty() ? "" : "or detach ") + "initialises " +
            (left == 1 ? "is" : "are") + " not deleted on detach");
    return;
  }
  const auto leaves_other = [&](const TraceExit& exit) {
    return exit.leaves_other_section && CanSucceed(attach().exits[exit.origin]);
  };
  if (std::ranges::any_of(detach().exits, leaves_other)) {
    Say(Verdict::kUnknown, "detach leaves " +
                               JoinLines(detach().other_sections) +
                               ": not at a fixed place in the image");
    return;
  }
  if (count == 0) {
    const bool made_any = std::ranges::any_of(
        attach().exits,
        [](const TraceExit& exit) { return !exit.sections.empty(); });
    Say(Verdict::kNotApplicable,
        made_any ? "attach deletes each critical section that it initialises"
                 : "attach initialises no critical section");
    return;
  }
  Say(Verdict::kFixed, "detach deletes " + sections);
  CreditFix();
}

void Judge::JudgeSections() {
  size_t left = 0;
  size_t deleted = 0;
  for (CriticalSection& section : diagnosis_.critical_sections) {
    bool any_left = false;
    bool any_deleted = false;
    bool any_open = false;
    for (const TraceExit* exit : LoadedExits(attach())) {
      const bool is_made =
          IsLive(*exit, section.rva) || made_on_detach_.contains(section.rva);
      if (!is_made) continue;
      const Fate fate = FateAfter(detach(), exit->origin, section.rva);
      any_left |= fate == Fate::kLeft;
      any_deleted |= fate == Fate::kDeleted;
      any_open |= fate == Fate::kOpen;
    }
    if (!any_left)
      section.deleted_at = FirstDelete(*diagnosis_.traces, section.rva);
    const std::string name = "the section at " + HexNumber(section.rva.value);
    if (any_open || any_left == any_deleted) {
      diagnosis_.evidence.push_back(
          name +
          " is deleted on some paths and left on others, or detach does "
          "not return");
    } else if (any_left) {
      section.leaked = true;
      ++left;
      diagnosis_.evidence.push_back("detach leaves " + name + " alive");
    } else {
      ++deleted;
      diagnosis_.evidence.push_back(
          "detach deletes " + name + ", called at " +
          HexNumber(section.deleted_at.value_or(Rva{}).value));
    }
  }
  Conclude(left, deleted);
}

void Judge::Run() {
  if (StopAtIncomplete(attach(), "attach")) return;
  CollectSections();
  if (attach().exits.empty()) {
    Say(Verdict::kUnknown, "attach: no path returns to the loader");
    return;
  }
  const bool made_any =
      !diagnosis_.critical_sections.empty() || !attach().other_sections.empty();
  if (made_any && StopAtIncomplete(detach(), "detach")) return;
  if (made_any) CollectMadeOnDetach();
  NoteFailedAttach();
  JudgeSections();
}

}  // namespace

void JudgeTraces(const PeImage& image, Diagnosis& diagnosis) {
  Judge(image, diagnosis).Run();
}

}  // namespace detachfix
