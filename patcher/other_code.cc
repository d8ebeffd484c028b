// SPDX-License-Identifier: Apache-2.0
#include "patcher/other_code.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "disasm/api.h"
#include "disasm/instruction.h"
#include "disasm/isa.h"
#include "patcher/bytes.h"
#include "patcher/callers.h"
#include "patcher/named_addresses.h"
#include "patcher/scope_tables.h"
#include "patcher/wanted_address.h"

namespace detachfix {
namespace {

constexpr uint32_t kWord = 4;
/// Words of an object, or of a table that it points to, which may name
/// functions: WNDCLASSEX has 12, and a table of virtual functions seldom more
/// than these.
constexpr uint32_t kMaxMembers = 24;
/// How many objects, one pointing to the next, may lead to a function: a table
/// of virtual ones is the second. One that another DLL is given may be a
/// description of many (Objective-C's module, symbol table, class, methods).
constexpr int kTableDepth = 2;
constexpr int kGivenDepth = 3;
/// Instructions that are looked at beside those that were run. Where there are
/// more, one of them may be what is looked for.
constexpr size_t kMaxOther = 100'000;

bool Deletes(ApiEffect effect) { return effect == ApiEffect::kDeleteSection; }

/// Whether the call has another thread run a function.
bool StartsThread(const CallRecord& call) {
  return call.import && EffectOf(*call.import) == ApiEffect::kStartsThread;
}

/// Whether the call may have functions run for a window, a dialog, a hook.
bool IsOfWindows(const CallRecord& call) {
  return call.import && call.import->dll == "user32.dll";
}

class Search {
 public:
  Search(const PeImage& image, const EntryTraces& traces, bool (*is)(ApiEffect),
         std::string_view part);

  std::optional<OtherDelete> DeleteOf(const std::vector<Rva>& sections,
                                      const std::set<Rva>& known);
  std::optional<Rva> Initialise(const std::set<Rva>& known,
                                const EntryTraces* before);

 private:
  std::optional<OtherDelete> SearchCode(const std::vector<Wanted>& wanted,
                                        const std::set<Rva>& known);
  bool MayHold(Rva word) const;
  bool IsPassedOn(Rva operand);
  bool IsPartOf(const std::set<Rva>& instructions, Rva operand) const;
  bool IsVisited(Rva instruction) const {
    return visited_.contains(instruction);
  }
  std::set<Rva> NamedPlaces() const;
  std::set<Rva> PassedFunctions(const std::set<Rva>& places) const;
  void AddFunctionsIn(Rva object, int depth, std::set<Rva>& to);
  void AddExported();
  void AddCalled();
  void AddWay(Rva from, std::set<Rva>& to);
  void AddWaysNotTaken(const EntryTraces& before, std::set<Rva>& to);
  bool IsExported(Rva operand);
  bool DetachNames(const std::vector<Wanted>& wanted, bool value);
  bool Returns(Rva rva) const;
  std::optional<Rva> CallOnWay(const EntryTraces& before);

  const PeImage& image_;
  const EntryTraces& traces_;
  const CodeView view_;
  std::set<Rva> visited_;  ///< instructions that were run
  Callers callers_;
  bool starts_threads_ = false;
  bool has_windows_ = false;
  std::map<Rva, int> looked_in_;  ///< objects, and how deep
  /// Words of tables that an exception alone leads through.
  std::optional<std::set<Rva>> scope_words_;
  std::set<Rva> holders_;   ///< words that hold a wanted address
  std::set<Rva> given_;     ///< Trace::given of all runs
  std::set<Rva> exported_;  ///< instructions of exports and what they call
  std::set<Rva> called_;    ///< of what was run, and of what that may call
};

Search::Search(const PeImage& image, const EntryTraces& traces,
               bool (*is)(ApiEffect), std::string_view part)
    : image_(image),
      traces_(traces),
      view_(MakeCodeView(image)),
      callers_(view_, is, part) {
  for (const Trace* run : {&traces.attach, &traces.detach, &traces.process_exit,
                           &traces.thread_attach, &traces.thread_detach}) {
    visited_.insert(run->visited.begin(), run->visited.end());
    for (const auto& [address, site] : run->given) given_.insert(address);
    starts_threads_ |= std::ranges::any_of(run->calls, StartsThread);
    has_windows_ |= std::ranges::any_of(run->calls, IsOfWindows);
  }
}

/// Whether the four bytes at `operand` lie in one of the instructions: at its
/// end, or before the number that it stores there or compares with.
bool Search::IsPartOf(const std::set<Rva>& instructions, Rva operand) const {
  const Rva first{operand.value -
                  std::min(operand.value, kMaxInstruction - kWord)};
  for (auto it = instructions.lower_bound(first);
       it != instructions.end() && *it < operand; ++it) {
    if (*it + Decode(view_, *it).size >= operand + kWord) return true;
  }
  return false;
}

/// What code that was run names by an address that it passes on or loads.
std::set<Rva> Search::NamedPlaces() const {
  std::set<Rva> places;
  for (const Rva rva : visited_) {
    if (!MayNameOwn(view_, rva)) continue;
    const std::optional<Rva> named = NamedBy(view_, Decode(view_, rva));
    if (named) places.insert(*named);
  }
  return places;
}

/// Those of `places` that are functions, and that were not run: others may run
/// them, as the procedure of a window.
std::set<Rva> Search::PassedFunctions(const std::set<Rva>& places) const {
  std::set<Rva> functions;
  std::ranges::copy_if(
      places, std::inserter(functions, functions.end()),
      [this](Rva place) { return IsCode(view_, place) && !IsVisited(place); });
  return functions;
}

/// The functions that the object's words name, and those of the objects and
/// tables that it points to, down to `depth` of them.
void Search::AddFunctionsIn(Rva object, int depth, std::set<Rva>& to) {
  int& looked = looked_in_[object];
  if (looked >= depth) return;
  looked = depth;
  if (!scope_words_) scope_words_ = FindScopeTableWords(view_);
  const ByteReader words(ContentAt(view_, object, kMaxMembers * kWord));
  for (uint32_t at = 0; at < kMaxMembers * kWord; at += kWord) {
    const std::optional<uint32_t> va = words.U32(at);
    if (!va) return;
    if (scope_words_->contains(object + at)) continue;
    const Rva named{*va - view_.image_base};
    if (IsCode(view_, named)) {
      if (!IsVisited(named)) to.insert(named);
    } else if (depth > 1 && IsData(view_, named)) {
      AddFunctionsIn(named, depth - 1, to);
    }
  }
}

void Search::AddExported() {
  for (const ExportedFunction& function : image_.exports) {
    if (function.rva.value != 0 && function.rva != image_.entry_point) {
      callers_.AddCode(function.rva, exported_);
    }
  }
}

void Search::AddCalled() {
  callers_.AddCode(image_.entry_point, called_);
  for (const Rva rva : visited_) {
    const Instruction instruction = Decode(view_, rva);
    if (instruction.flow != Flow::kCall || !instruction.target) continue;
    callers_.AddCode(*instruction.target, called_);
  }
}

/// Whether the instruction that the four bytes at `operand` end is run by
/// exports alone: nothing that was run calls it, whatever way it goes. (gcc's
/// linker exports every function where nobody says which.)
bool Search::IsExported(Rva operand) {
  if (exported_.empty()) AddExported();
  if (!IsPartOf(exported_, operand)) return false;
  if (called_.empty()) AddCalled();
  return !IsPartOf(called_, operand);
}

/// `sections` is ascending.
std::optional<OtherDelete> Search::DeleteOf(const std::vector<Rva>& sections,
                                            const std::set<Rva>& known) {
  if (callers_.IsEmpty() || sections.empty()) return std::nullopt;
  std::vector<Wanted> wanted;
  wanted.reserve(sections.size());
  for (const Rva section : sections) {
    wanted.push_back({view_.image_base + section.value, section});
  }
  const std::vector<Wanted> pointers = PointersTo(view_, traces_, wanted);
  for (const Wanted& pointer : pointers) {
    holders_.insert(HolderOf(view_, pointer));
  }
  std::optional<OtherDelete> found = SearchCode(wanted, known);
  if (!found) found = SearchCode(pointers, known);
  if (found) return found;
  // By a way that was not taken, detach may delete what it got as an argument:
  // a thread that attach starts, or a process that answers otherwise, may
  // decide that it does. Without a thread it got that from code that was run.
  if (starts_threads_ || DetachNames(wanted, true) ||
      DetachNames(pointers, false)) {
    if (const std::optional<Rva> way = CallOnWay(EntryTraces())) {
      return OtherDelete{.section = sections.front(), .at = *way};
    }
  }
  // A function that others run may get a section as an argument; so may one
  // that an object names which they get, as a class of windows does, or the
  // table of an object that they release.
  const std::set<Rva> places = NamedPlaces();
  std::set<Rva> functions = PassedFunctions(places);
  for (const Rva place : places) {
    const bool is_section = std::ranges::binary_search(sections, place);
    if (IsData(view_, place) && !is_section) {
      AddFunctionsIn(place, kTableDepth, functions);
    }
  }
  for (const Rva function : functions) {
    if (callers_.Calls(function)) {
      return OtherDelete{.section = sections.front(), .at = function};
    }
  }
  return std::nullopt;
}

/// The code that was not run from `from` on, up to what was, and what it calls.
void Search::AddWay(Rva from, std::set<Rva>& to) {
  std::vector<Rva> todo = {from};
  while (!todo.empty() && to.size() <= kMaxOther) {
    const Rva rva = todo.back();
    todo.pop_back();
    if (!IsCode(view_, rva) || IsVisited(rva) || !to.insert(rva).second) {
      continue;
    }
    const Instruction instruction = Decode(view_, rva);
    std::ranges::copy(Successors(instruction), std::back_inserter(todo));
    if (instruction.flow == Flow::kCall && instruction.target) {
      callers_.AddCode(*instruction.target, to);
    }
  }
}

/// Whether the code returns before it calls anything, in a few instructions.
bool Search::Returns(Rva rva) const {
  constexpr int kMaxBefore = 12;
  for (int i = 0; i < kMaxBefore; ++i) {
    const Instruction instruction = Decode(view_, rva);
    if (instruction.flow == Flow::kReturn) return true;
    if (instruction.flow != Flow::kNext && instruction.flow != Flow::kBranch) {
      return false;
    }
    rva = rva + instruction.size;
  }
  return false;
}

/// Whether code that ran on detach names a wanted address, or with `value`
/// false reads a word that holds one, and passes it on to what deletes, or to
/// who called it.
bool Search::DetachNames(const std::vector<Wanted>& wanted, bool value) {
  return std::ranges::any_of(traces_.detach.visited, [&](Rva rva) {
    if (!MayNameOwn(view_, rva)) return false;
    if (value && !TakesValue(view_, rva)) return false;
    const Instruction instruction = Decode(view_, rva);
    const std::optional<Rva> named = NamedBy(view_, instruction);
    if (!named) return false;
    const Rva next = rva + instruction.size;
    const uint32_t va = view_.image_base + named->value;
    return std::ranges::any_of(wanted,
                               [va](const Wanted& address) {
                                 return address.last - va <= kMaxMemberOffset;
                               }) &&
           (callers_.LeadsThere(next) || Returns(next));
  });
}

/// The first call of what the search is for among the ways that were not taken,
/// but for those that `before` decides.
std::optional<Rva> Search::CallOnWay(const EntryTraces& before) {
  std::set<Rva> code;
  AddWaysNotTaken(before, code);
  for (const Rva rva : code) {
    const Instruction instruction = Decode(view_, rva);
    const bool leaves = instruction.flow == Flow::kCall ||
                        (instruction.flow == Flow::kJump && instruction.slot);
    if (leaves && callers_.IsOne(instruction)) return rva;
  }
  return std::nullopt;
}

/// What a branch leads to that went one way alone, but for those that came by
/// in `before` and went that way on every path there.
void Search::AddWaysNotTaken(const EntryTraces& before, std::set<Rva>& to) {
  const Trace* const others[] = {&before.attach, &before.detach};
  const auto is_decided = [&](Rva branch) {
    const auto went_by = [branch](const Trace* run) {
      return run->visited.contains(branch);
    };
    const auto is_open = [branch](const Trace* run) {
      return run->open_branches.contains(branch);
    };
    return std::ranges::any_of(others, went_by) &&
           std::ranges::none_of(others, is_open);
  };
  for (const Rva rva : visited_) {
    const Instruction instruction = Decode(view_, rva);
    if (instruction.flow != Flow::kBranch || is_decided(rva)) continue;
    for (const Rva next : Successors(instruction)) AddWay(next, to);
  }
}

/// Where code that was not run passes an address of data on to what
/// initialises, and not one of `known`. It is code that others may run and,
/// where `before` is given, what the ways lead to that were not taken.
std::optional<Rva> Search::Initialise(const std::set<Rva>& known,
                                      const EntryTraces* before) {
  if (callers_.IsEmpty()) return std::nullopt;
  std::set<Rva> functions = PassedFunctions(NamedPlaces());
  for (const Rva object : given_) {
    AddFunctionsIn(object, kGivenDepth, functions);
  }
  // Beside sections that are known, what calls others would be too much: the C
  // runtime's own handlers seem to lead to its locks. So would all that is too
  // large to be looked through.
  const int depth = known.empty() ? kMaxCallsDown : 1;
  const auto counts = [&] { return known.empty() || !callers_.IsSpent(); };
  // Others run a function with the address of what it works on. (Three calls
  // down from a window's, most lead to one that makes a section.)
  const bool may_get_one = starts_threads_ || (has_windows_ && !known.empty());
  std::set<Rva> code;
  for (const Rva function : functions) {
    if (may_get_one && callers_.Calls(function, depth) && counts()) {
      return function;
    }
    callers_.AddCode(function, code);
  }
  if (before != nullptr) AddWaysNotTaken(*before, code);
  if (code.size() > kMaxOther && counts()) return *code.begin();
  for (const Rva rva : code) {
    if (IsVisited(rva) || !TakesValue(view_, rva)) continue;
    const Instruction instruction = Decode(view_, rva);
    const std::optional<Rva> named = NamedBy(view_, instruction);
    if (!named || !IsWritable(view_, *named) || known.contains(*named)) {
      continue;
    }
    if (callers_.LeadsThere(rva + instruction.size, depth) && counts()) {
      return rva;
    }
  }
  // One of which code that was run has said the address.
  return before != nullptr && known.empty() ? CallOnWay(*before) : std::nullopt;
}

/// Where code that was not run names a wanted address and passes it on to what
/// deletes.
std::optional<OtherDelete> Search::SearchCode(const std::vector<Wanted>& wanted,
                                              const std::set<Rva>& known) {
  std::optional<OtherDelete> found;
  for (const CodeRegion& region : view_.regions) {
    if (!region.executable || found) continue;
    const std::span<const uint8_t> bytes = ContentAt(
        view_, region.begin, static_cast<uint32_t>(region.content.size()));
    LookAtWords(bytes, wanted, [&](size_t at, const Wanted& address) {
      const Rva operand = region.begin + static_cast<uint32_t>(at);
      const Rva named{ByteReader(bytes).U32(at).value_or(0) - view_.image_base};
      if (!MayHold(named) && IsOnlyAccessed(view_, operand)) return false;
      // Itself, and not as the first member of what has both.
      const bool is_another = named != address.section &&
                              known.contains(named) &&
                              callers_.LeadsThere(operand + kWord, 0);
      if (is_another || !IsPassedOn(operand)) return false;
      found = {.section = address.section, .at = operand};
      return true;
    });
  }
  return found;
}

/// Whether the word may hold a wanted address when code reads it that no run
/// came to.
bool Search::MayHold(Rva word) const {
  if (holders_.contains(word)) return true;
  const auto is_open = [word](const Trace* run) {
    return std::ranges::any_of(run->left_open, [word](const auto& open) {
      return open.first < word + kWord && word < open.second;
    });
  };
  return is_open(&traces_.attach) || is_open(&traces_.detach);
}

/// Whether code that was not run has an instruction that ends with the four
/// bytes at `operand`, and passes them on to what deletes.
bool Search::IsPassedOn(Rva operand) {
  return !IsPartOf(visited_, operand) && callers_.LeadsThere(operand + kWord) &&
         !IsExported(operand);
}

}  // namespace

std::optional<OtherDelete> FindOtherDelete(const PeImage& image,
                                           const EntryTraces& traces,
                                           std::vector<Rva> sections,
                                           const std::set<Rva>& known) {
  std::ranges::sort(sections);
  if (image.machine != kMachineI386) {
    if (traces.setting != Setting::kOrdinary || sections.empty()) {
      return std::nullopt;
    }
    return OtherDelete{.section = sections.front(), .at = image.entry_point};
  }
  return Search(image, traces, Deletes, "Delete").DeleteOf(sections, known);
}

std::optional<Rva> FindOtherInitialise(const PeImage& image,
                                       const EntryTraces& traces,
                                       const std::set<Rva>& known,
                                       const EntryTraces* before) {
  if (image.machine != kMachineI386) return std::nullopt;
  return Search(image, traces, InitialisesSection, "Init")
      .Initialise(known, before);
}

std::optional<Rva> CallOfAnother(const Trace& detach) {
  const auto is_others = [](const CallRecord& call) {
    return call.import && !IsOfWindows(*call.import);
  };
  const auto call = std::ranges::find_if(detach.calls, is_others);
  if (call == detach.calls.end()) return std::nullopt;
  return call->site;
}

}  // namespace detachfix
