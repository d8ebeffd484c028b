// SPDX-License-Identifier: Apache-2.0
// The runs that a verdict rests on, one after the other, each from the state
// that the one before left in the image's data. DllMain's contract is that of
// the Windows SDK: fdwReason 1 on attach, 0 on detach; lpvReserved is NULL for
// LoadLibrary and FreeLibrary and not NULL at process exit.

#include "disasm/trace.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "disasm/interpreter.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

/// More states than this after a run are joined where they can be.
constexpr size_t kMaxStatesKept = 48;

struct Arguments {
  Value instance;
  Value reason;
  Value reserved;
};

/// A state of the image's data between two runs, and which exit of the attach
/// run it stems from.
struct Between {
  State state;
  size_t origin = 0;
};

struct RunResult {
  Trace trace;
  std::vector<Between> ends;  ///< in step with trace.exits
};

class Tracer {
 public:
  Tracer(const CodeView& view, const Isa& isa, Rva entry,
         const std::vector<Rva>& callbacks, Setting setting)
      : view_(view),
        isa_(isa),
        setting_(setting),
        interpreter_(view, isa, setting),
        callbacks_(callbacks.size()) {
    entries_ = callbacks;
    if (entry.value != 0) entries_.push_back(entry);
  }

  EntryTraces Run(Runs runs);

 private:
  RunResult RunReason(Reason reason, bool reserved_null,
                      const std::vector<Between>& starts);
  State KeepData(const State& state) const;
  std::vector<PathEnd> RunEntries(const State& start, Trace& trace);
  void PrepareCall(State& state, Rva entry, const Arguments& arguments) const;
  Arguments ArgumentsFor(const Trace& trace) const;
  bool ArgumentsIntact(const State& state, const Arguments& arguments) const;
  bool StackBalanced(const State& state) const;
  TraceExit MakeExit(const PathEnd& end, Trace& trace) const;
  void SplitSections(const State& state, TraceExit& exit, Trace& trace) const;
  void NoteAddresses(const State& state, Trace& trace) const;
  int64_t ArgumentOffset(size_t on_stack) const;
  bool ChangesCallbacks(const State& state) const;

  const CodeView& view_;
  const Isa& isa_;
  Setting setting_;
  Interpreter interpreter_;
  size_t callbacks_;  ///< of the TLS directory: so many of entries_
  std::vector<Rva> entries_;
  Arguments last_arguments_;
};

/// Whether two exits say the same to a reader and to the loader.
bool SameOutcome(const TraceExit& a, const TraceExit& b) {
  return a.site == b.site && a.returns_nonzero == b.returns_nonzero &&
         a.returns_zero == b.returns_zero &&
         a.stack_balanced == b.stack_balanced &&
         a.arguments_intact == b.arguments_intact && a.origin == b.origin;
}

/// Drops ends that another one covers, and joins alike ones when there are too
/// many. Reads and writes `ends` and `exits` in step.
void Reduce(std::vector<Between>& ends, std::vector<TraceExit>& exits) {
  std::vector<Between> kept;
  std::vector<TraceExit> kept_exits;
  for (size_t i = 0; i < ends.size(); ++i) {
    std::optional<size_t> into;
    bool covered = false;
    for (size_t k = 0; k < kept.size() && !covered; ++k) {
      if (!SameOutcome(kept_exits[k], exits[i])) continue;
      covered = Covers(kept[k].state, ends[i].state);
      if (SameSections(kept[k].state, ends[i].state)) into = k;
    }
    if (covered) continue;
    if (kept.size() >= kMaxStatesKept && into) {
      kept[*into].state = Join(kept[*into].state, ends[i].state);
      for (const auto& [rva, section] : exits[i].sections) {
        SectionState& other = kept_exits[*into].sections[rva];
        other.live = section.live;
        other.initialised_at.insert(section.initialised_at.begin(),
                                    section.initialised_at.end());
        other.deleted_at.insert(section.deleted_at.begin(),
                                section.deleted_at.end());
      }
      continue;
    }
    kept.push_back(std::move(ends[i]));
    kept_exits.push_back(std::move(exits[i]));
  }
  ends = std::move(kept);
  exits = std::move(kept_exits);
}

/// What of a state outlives the return to the loader: the image's data, other
/// memory that it points to, the sections. Not registers and stack.
State Tracer::KeepData(const State& state) const {
  State kept = state;
  kept.pc = 0;
  std::ranges::fill(kept.places, UnknownValue());
  kept.calls.Clear();
  kept.open_branches = 0;
  kept.memory.ForgetRegion(kStackSymbol);
  kept.memory.ForgetRegion(kWideRegistersSymbol);
  // The next run may be in another thread.
  if (setting_ != Setting::kOrdinary) kept.memory.ForgetThread();
  return kept;
}

int64_t Tracer::ArgumentOffset(size_t on_stack) const {
  const CallingConvention& convention = isa_.convention();
  return convention.first_stack_argument +
         static_cast<int64_t>(on_stack) * convention.word_size;
}

void Tracer::PrepareCall(State& state, Rva entry,
                         const Arguments& arguments) const {
  const CallingConvention& convention = isa_.convention();
  state.pc = uint64_t{view_.image_base} + entry.value;
  state.calls.Clear();
  state.open_branches = 0;
  state.memory.ForgetRegion(kStackSymbol);
  state.places.assign(convention.place_names.size(), UnknownValue());
  for (size_t id = 0; id < convention.place_names.size(); ++id) {
    state.places[id] =
        SymbolicValue(kFirstRegisterSymbol + static_cast<Symbol>(id));
  }
  state.at(convention.stack_pointer) = SymbolicValue(kStackSymbol);
  if (convention.wide_registers) {
    state.at(*convention.wide_registers) = SymbolicValue(kWideRegistersSymbol);
  }
  if (convention.thread_block) {
    const Value block =
        setting_ == Setting::kOrdinary
            ? ConstantValue(kThreadBlock)
            : SymbolicValue(kFirstRegisterSymbol + convention.thread_block->id,
                            0, true);
    state.at(*convention.thread_block) = block;
    MemoryAddress self = AddressOf(block).value_or(MemoryAddress{});
    self.offset += convention.thread_block_self;
    state.memory.Store(self, 4, block);
  }
  if (convention.direction) {
    state.at(*convention.direction) = ConstantValue(0);
  }
  if (convention.return_address) {
    state.at(*convention.return_address) = SymbolicValue(kReturnSymbol);
  } else {
    state.memory.Store({kStackSymbol, 0}, 4, SymbolicValue(kReturnSymbol));
  }
  state.register_width = convention.register_width;
  const Value values[] = {arguments.instance, arguments.reason,
                          arguments.reserved};
  size_t on_stack = 0;
  for (size_t i = 0; i < std::size(values); ++i) {
    if (i < convention.argument_places.size()) {
      state.at(convention.argument_places[i]) = values[i];
    } else {
      state.memory.Store({kStackSymbol, ArgumentOffset(on_stack++)}, 4,
                         values[i]);
    }
  }
}

Arguments Tracer::ArgumentsFor(const Trace& trace) const {
  Arguments arguments;
  arguments.instance = EvaluateSignExtend(32, isa_.convention().register_width,
                                          ConstantValue(view_.image_base));
  arguments.reason = ConstantValue(static_cast<uint64_t>(trace.reason));
  const bool by_process = trace.reason == Reason::kProcessAttach ||
                          trace.reason == Reason::kProcessDetach;
  // What thread reasons pass there the SDK does not say: it may be NULL.
  arguments.reserved = by_process && trace.reserved_null
                           ? ConstantValue(0)
                           : SymbolicValue(kReservedSymbol, 0, by_process);
  return arguments;
}

bool Tracer::ArgumentsIntact(const State& state,
                             const Arguments& arguments) const {
  const CallingConvention& convention = isa_.convention();
  const Value values[] = {arguments.instance, arguments.reason,
                          arguments.reserved};
  size_t on_stack = 0;
  for (size_t i = 0; i < std::size(values); ++i) {
    const Value now =
        i < convention.argument_places.size()
            ? state.at(convention.argument_places[i])
            : state.memory.Load({kStackSymbol, ArgumentOffset(on_stack++)}, 4);
    if (!(now == values[i])) return false;
  }
  return true;
}

bool Tracer::StackBalanced(const State& state) const {
  const CallingConvention& convention = isa_.convention();
  int64_t expected = convention.return_address ? 0 : convention.word_size;
  if (convention.callee_pops) expected += int64_t{3} * convention.word_size;
  const std::optional<MemoryAddress> top =
      AddressOf(state.at(convention.stack_pointer));
  return top == MemoryAddress{kStackSymbol, expected};
}

void Tracer::SplitSections(const State& state, TraceExit& exit,
                           Trace& trace) const {
  for (const auto& [address, section] : state.sections.all()) {
    const int64_t rva = address.offset - int64_t{view_.image_base};
    if (address.region == kAbsolute && rva >= 0 && rva < view_.image_size) {
      exit.sections[Rva{static_cast<uint32_t>(rva)}] = section;
      continue;
    }
    if (!section.live) continue;
    exit.leaves_other_section = true;
    const bool is_heap =
        address.region != kAbsolute || setting_ == Setting::kOrdinary;
    const char* where = address.region == kStackSymbol ? "on the stack"
                        : is_heap                      ? "on the heap"
                                                       : "outside the image";
    for (const Rva site : section.initialised_at) {
      std::array<char, 96> text{};
      std::snprintf(text.data(), text.size(),
                    "a critical section %s, initialised at 0x%x", where,
                    site.value);
      if (std::ranges::find(trace.other_sections, text.data()) ==
          trace.other_sections.end()) {
        trace.other_sections.emplace_back(text.data());
      }
    }
  }
}

TraceExit Tracer::MakeExit(const PathEnd& end, Trace& trace) const {
  TraceExit exit;
  exit.site = end.site;
  const Value& result = end.state.at(isa_.convention().result);
  exit.returns_nonzero = TruthOf(result) == Truth::kTrue;
  exit.returns_zero = TruthOf(result) == Truth::kFalse;
  exit.stack_balanced = StackBalanced(end.state);
  exit.arguments_intact =
      exit.stack_balanced && ArgumentsIntact(end.state, last_arguments_);
  SplitSections(end.state, exit, trace);
  NoteAddresses(end.state, trace);
  return exit;
}

/// Notes what the image's data holds at the end of a path that may be an
/// address in the image.
void Tracer::NoteAddresses(const State& state, Trace& trace) const {
  const int64_t base = view_.image_base;
  const auto rva = [base](int64_t va) {
    return Rva{static_cast<uint32_t>(va - base)};
  };
  const CellMap& cells = state.memory.cells();
  for (const CellMap::Entry* it = cells.AtOrAfter({kAbsolute, base});
       it != nullptr && it->address.region == kAbsolute &&
       it->address.offset < base + view_.image_size;
       it = cells.After(it->address)) {
    const Value& value = it->cell.value;
    if (const std::optional<MemoryAddress> held = AddressOf(value)) {
      const int64_t into = held->offset - base;
      if (held->region == kAbsolute && into >= 0 && into < view_.image_size) {
        trace.left_addresses.emplace(rva(it->address.offset),
                                     rva(held->offset));
      }
      if (!value.from_image) continue;
    }
    if (value.kind == Value::Kind::kCondition) continue;
    trace.left_open.emplace(rva(it->address.offset),
                            rva(it->address.offset + it->cell.size));
  }
}

/// Whether the list of TLS callbacks is another one than at the start: the
/// loader reads it each time.
bool Tracer::ChangesCallbacks(const State& state) const {
  if (!view_.callback_list) return false;
  const int64_t list = int64_t{view_.image_base} + view_.callback_list->value;
  for (size_t i = 0; i <= callbacks_; ++i) {
    const Value now =
        state.memory.Load({kAbsolute, list + static_cast<int64_t>(i) * 4}, 4);
    const uint64_t before =
        i < callbacks_ ? uint64_t{view_.image_base} + entries_[i].value : 0;
    if (!now.IsUnknown() && !now.IsConstant(before)) return true;
  }
  return false;
}

/// Runs the TLS callbacks and the entry in turn. Only the last one's ends
/// count.
std::vector<PathEnd> Tracer::RunEntries(const State& start, Trace& trace) {
  std::vector<PathEnd> ends;
  std::vector<State> starts = {start};
  last_arguments_ = ArgumentsFor(trace);
  for (size_t i = 0; i < entries_.size(); ++i) {
    ends.clear();
    for (State& state : starts) {
      PrepareCall(state, entries_[i], last_arguments_);
      for (PathEnd& end : interpreter_.Run(std::move(state), trace)) {
        ends.push_back(std::move(end));
      }
    }
    if (std::ranges::any_of(ends, [this](const PathEnd& end) {
          return ChangesCallbacks(end.state);
        })) {
      trace.incomplete_because.emplace_back(
          "the list of TLS callbacks is changed while they run");
      return {};
    }
    starts.clear();
    for (const PathEnd& end : ends) starts.push_back(KeepData(end.state));
    if (i + 1 < entries_.size() && starts.size() > kMaxStatesKept) {
      trace.incomplete_because.push_back("TLS callbacks end in too many ways");
      return {};
    }
  }
  return ends;
}

/// One reason, from every state in `starts`.
/// Afterwards: trace.exits and ends are in step; an exit's origin is that of
/// the state it started from, or its own index when `starts` is the image as
/// loaded (attach).
RunResult Tracer::RunReason(Reason reason, bool reserved_null,
                            const std::vector<Between>& starts) {
  RunResult result;
  result.trace.reason = reason;
  result.trace.reserved_null = reserved_null;
  for (const Between& start : starts) {
    // A run that is not complete proves nothing, whatever else is found.
    if (!result.trace.incomplete_because.empty()) break;
    for (const PathEnd& end : RunEntries(start.state, result.trace)) {
      TraceExit exit = MakeExit(end, result.trace);
      exit.origin = start.origin;
      result.trace.exits.push_back(std::move(exit));
      result.ends.push_back({KeepData(end.state), start.origin});
    }
  }
  Reduce(result.ends, result.trace.exits);
  if (reason == Reason::kProcessAttach) {
    for (size_t i = 0; i < result.ends.size(); ++i) {
      result.ends[i].origin = result.trace.exits[i].origin = i;
    }
  }
  std::ranges::sort(result.trace.calls, {}, &CallRecord::site);
  result.trace.complete = result.trace.incomplete_because.empty();
  return result;
}

/// Whether no critical section is left behind, wherever it may be.
bool LeavesNoSection(const Trace& trace) {
  return std::ranges::all_of(trace.exits, [](const TraceExit& exit) {
    return exit.sections.empty() && !exit.leaves_other_section;
  });
}

/// What the runs after detach, and `detach` too, say when they are not run.
void MarkNotRun(EntryTraces& traces, bool detach, const char* why) {
  std::vector<Trace*> left = {&traces.process_exit, &traces.thread_attach,
                              &traces.thread_detach};
  if (detach) left.push_back(&traces.detach);
  for (Trace* trace : left) trace->incomplete_because.push_back(why);
  traces.detach.reason = traces.process_exit.reason = Reason::kProcessDetach;
  traces.process_exit.reserved_null = false;
  traces.thread_attach.reason = Reason::kThreadAttach;
  traces.thread_detach.reason = Reason::kThreadDetach;
}

EntryTraces Tracer::Run(Runs runs) {
  EntryTraces traces;
  traces.setting = setting_;
  State loaded(view_);
  if (setting_ == Setting::kOrdinary) {
    if (!interpreter_.EnterProcess(loaded)) {
      const char* const why = "the image leaves no room for a process";
      traces.attach.incomplete_because.push_back(why);
      MarkNotRun(traces, true, why);
      return traces;
    }
  }
  RunResult attach =
      RunReason(Reason::kProcessAttach, true, {{std::move(loaded), 0}});
  traces.attach = std::move(attach.trace);
  if (!traces.attach.complete) {
    // What follows rests on every state that attach may leave.
    MarkNotRun(traces, true, "attach was not followed to its end");
    return traces;
  }
  if (runs == Runs::kThatCount && LeavesNoSection(traces.attach)) {
    MarkNotRun(traces, true, "was not run: attach leaves no critical section");
    traces.only_some = true;
    return traces;
  }
  traces.detach = RunReason(Reason::kProcessDetach, true, attach.ends).trace;
  if (runs == Runs::kThatCount &&
      (setting_ == Setting::kOrdinary || !traces.detach.complete)) {
    MarkNotRun(traces, false, "was not run: no plan rests on it");
    traces.only_some = true;
    return traces;
  }
  // The loader sends the other reasons only to a DLL that attached.
  std::vector<Between> attached;
  for (const Between& end : attach.ends) {
    if (!traces.attach.exits[end.origin].returns_zero) attached.push_back(end);
  }
  traces.process_exit =
      RunReason(Reason::kProcessDetach, false, attached).trace;
  traces.thread_attach = RunReason(Reason::kThreadAttach, true, attached).trace;
  traces.thread_detach = RunReason(Reason::kThreadDetach, true, attached).trace;
  return traces;
}

}  // namespace

bool EntryTraces::AssumesMemory() const {
  const Trace* const traces[] = {&attach, &detach, &process_exit,
                                 &thread_attach, &thread_detach};
  return std::ranges::any_of(
      traces, [](const Trace* trace) { return trace->assumes_memory; });
}

EntryTraces TraceEntry(const CodeView& view, Rva entry,
                       const std::vector<Rva>& callbacks, Runs runs,
                       Setting setting) {
  const Isa* isa = IsaFor(view.machine);
  if (isa == nullptr) {
    EntryTraces traces;
    traces.attach.incomplete_because.push_back("no decoder for this machine");
    return traces;
  }
  return Tracer(view, *isa, entry, callbacks, setting).Run(runs);
}

}  // namespace detachfix
