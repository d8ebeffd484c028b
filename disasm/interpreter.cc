// SPDX-License-Identifier: Apache-2.0
// How a run stays finite. A path is followed instruction by instruction; a
// loop whose conditions are all known is simply run, within kMaxSteps. Where a
// branch is open the path forks. At the targets of jumps, the states that came
// by are kept while some path is in the same call and loop: a new one that an
// old one covers is dropped, and when there are kMaxStatesAtPoint of them with
// the same critical sections, they are joined, which loses what differs and so
// ends every loop in the end.
//
// What is assumed of the code, as every decompiler assumes it: it does not
// write outside what its pointers point into, so a store through a pointer that
// was computed from an address in the image may hit any writable byte of the
// image, but neither the frames on the stack nor a live critical section; and a
// pointer that came from elsewhere does not point into the image.

#include "disasm/interpreter.h"

#include <algorithm>

#include "disasm/interpreter_limits.h"
#include "disasm/process/stack_place.h"

namespace detachfix {

/// Bytes of _onexit_table_t, three pointers (corecrt_startup.h).
constexpr int64_t kExitTableSize = 12;

std::vector<Memory::Range> KeptRanges(const State& state) {
  std::vector<Memory::Range> ranges;
  const CodeView& view = state.memory.view();
  if (view.security_cookie) {
    const int64_t cookie =
        int64_t{view.image_base} + view.security_cookie->value;
    ranges.push_back({cookie, cookie + 4});
  }
  for (const auto& [address, section] : state.sections.all()) {
    if (section.live && address.region == kAbsolute) {
      ranges.push_back({address.offset, address.offset + kCriticalSectionSize});
    }
  }
  for (const int64_t table : state.exit_tables) {
    ranges.push_back({table, table + kExitTableSize});
  }
  return ranges;
}

bool Interpreter::IsCode(uint64_t va) const {
  const uint64_t rva = va - view_.image_base;
  for (const CodeRegion& region : view_.regions) {
    if (!region.executable) continue;
    if (rva >= region.begin.value && rva - region.begin.value < region.size) {
      return true;
    }
  }
  return false;
}

std::string Interpreter::Site() const { return HexNumber(site_.value); }

/// A virtual address as the reader knows it: the RVA, where there is one.
std::string Interpreter::Where(uint64_t va) const {
  const uint64_t rva = va - view_.image_base;
  if (va >= view_.image_base && rva < view_.image_size) return HexNumber(rva);
  return "the virtual address " + HexNumber(va);
}

void Interpreter::Incomplete(const std::string& why) {
  std::vector<std::string>& reasons = log_->incomplete_because;
  if (std::ranges::find(reasons, why) == reasons.end()) {
    reasons.push_back(why);
  }
}

void Interpreter::IncompleteHere(const std::string& why) {
  Incomplete(why + " at " + Site());
}

Interpreter::Code& Interpreter::Fetch(uint64_t va) {
  const uint32_t number = code_numbers_.Of(va);
  if (number != AddressNumbers::kNone) return code_[number];
  const Rva rva{static_cast<uint32_t>(va) - view_.image_base};
  Lifted lifted = isa_.Lift(view_, rva);
  for (const Op& op : lifted.ops) {
    if (const Branch* branch = std::get_if<Branch>(&op)) {
      leaders_.Add(branch->target);
    } else if (const Jump* jump = std::get_if<Jump>(&op)) {
      const uint64_t* target = std::get_if<uint64_t>(&jump->target);
      if (target != nullptr) leaders_.Add(*target);
    } else if (const Call* call = std::get_if<Call>(&op)) {
      leaders_.Add(call->return_va);
    }
  }
  code_numbers_.Add(va);
  const bool is_writable = IsData(ConstantValue(va));
  return code_.emplace_back(Code{std::move(lifted), is_writable});
}

std::vector<PathEnd> Interpreter::Run(State start, Trace& log) {
  Frame frame = MakeFrame(start, isa_.convention());
  frame.procedure = start.pc;
  start.calls.EnterFirst(frame);
  steps_before_ += steps_;
  steps_ = 0;
  work_before_ += work_;
  work_ = 0;
  for (size_t tries = 0; tries <= kMaxLearned; ++tries) {
    Trace attempt = log;
    std::vector<PathEnd> ends = Attempt(start, attempt);
    if (learned_) continue;
    log = std::move(attempt);
    return ends;
  }
  log_ = &log;
  Incomplete("was begun anew " + std::to_string(kMaxLearned) +
             " times for what it learned");
  return {};
}

std::vector<PathEnd> Interpreter::Attempt(State start, Trace& log) {
  log_ = &log;
  calls_at_.clear();
  for (size_t i = 0; i < log.calls.size(); ++i) {
    calls_at_[log.calls[i].site.value].push_back(i);
  }
  ++run_;
  ends_.clear();
  seen_.clear();
  kept_ = 0;
  drop_at_ = 0;
  learned_ = false;
  todo_.clear();
  FollowLater(std::move(start));
  while (!todo_.empty() && !learned_) {
    Follow(NextToFollow());
    if (IsSpent()) {
      // Also where a path ended that took all that was left.
      const bool is_new = log.incomplete_because.empty();
      if (!todo_.empty() && is_new) NoteSpent(todo_.back()->pc);
      break;
    }
    if (log.incomplete_because.size() >= kMaxReasons) break;
    if (ends_.size() > kMaxPathEnds) {
      Incomplete("more than " + std::to_string(kMaxPathEnds) +
                 " ways to return");
      break;
    }
  }
  return std::move(ends_);
}

/// Of the current run.
uint32_t Interpreter::MaxSteps() const {
  return std::min(kMaxSteps,
                  kMaxStepsOfAll - std::min(kMaxStepsOfAll, steps_before_));
}

/// Of the current run.
size_t Interpreter::MaxWork() const {
  return std::min(kMaxWork,
                  kMaxWorkOfAll - std::min(kMaxWorkOfAll, work_before_));
}

bool Interpreter::IsSpent() const {
  return steps_ > MaxSteps() || work_ > MaxWork();
}

/// The run goes no further than `pc`.
void Interpreter::NoteSpent(uint64_t pc) {
  learned_ = false;
  if (steps_ > kMaxSteps) {
    Incomplete("the budget of " + std::to_string(kMaxSteps) +
               " instructions is spent at " + Where(pc));
  } else if (steps_ > MaxSteps()) {
    Incomplete("the budget of " + std::to_string(kMaxStepsOfAll) +
               " instructions for all runs is spent at " + Where(pc));
  } else {
    Incomplete("more is known than can be looked through, at " + Where(pc));
  }
}

/// Counts the words or characters that an import writes.
void Interpreter::Count(uint64_t cells) const {
  steps_ += static_cast<uint32_t>(std::min<uint64_t>(cells, kMaxSteps));
}

void Interpreter::Follow(State state) {
  // An instruction that counts, by a number that is known, and goes on with
  // itself meets nobody on the way.
  bool repeats = false;
  uint32_t repeated = 0;
  // What was taken from todo_ goes on in any case, so that each turn counts.
  for (bool was_taken = true;; was_taken = false) {
    if (!repeats && MeetsOthers(state)) {
      if (!was_taken && !IsNext(state)) {
        Wait(std::move(state));
        return;
      }
      if (!Admit(state)) return;
    }
    steps_ += state.open_branches == 0 ? 1 : kOpenStep;
    if (IsSpent()) {
      todo_.push_back(std::make_unique<State>(std::move(state)));
      return;
    }
    const uint64_t pc = state.pc;
    const uint32_t open = state.open_branches;
    const std::optional<int64_t> compared = compared_;
    if (RunInstruction(state) == Step::kPathEnds) return;
    repeats = state.pc == pc && state.open_branches == open &&
              compared_ != compared && repeated < kMaxRepeated;
    repeated = repeats ? repeated + 1 : 0;
    if (!repeats && MeetsOthers(state)) CountLoops(state);
  }
}

Value Interpreter::ValueOf(const State& state, const Operand& operand) const {
  if (const uint64_t* constant = std::get_if<uint64_t>(&operand)) {
    return ConstantValue(*constant);
  }
  const Place place = std::get<Place>(operand);
  return place.id < kFirstTemporary ? state.at(place)
                                    : temporaries_[place.id - kFirstTemporary];
}

void Interpreter::Set(State& state, Place place, const Value& value) {
  if (place.id < kFirstTemporary) {
    DropWords(state, place);
    state.at(place) = value;
  } else {
    temporary_words_.Drop(place);
    temporaries_[place.id - kFirstTemporary] = value;
  }
}

Interpreter::Step Interpreter::RunInstruction(State& state) {
  Code& code = Fetch(state.pc);
  const Lifted& lifted = code.lifted;
  site_ = lifted.instruction.rva;
  // Also what is not run in the end, so that a reader sees where that is.
  if (code.visited_in != run_) {
    code.visited_in = run_;
    log_->visited.insert(site_);
  }
  const auto written = written_code_.lower_bound(state.pc);
  if (written != written_code_.end() &&
      *written < state.pc + lifted.instruction.size) {
    Incomplete("runs code that it wrote at " + Site());
    return Step::kPathEnds;
  }
  if (code.is_writable &&
      !state.memory.IsInitial({kAbsolute, static_cast<int64_t>(state.pc)},
                              lifted.instruction.size)) {
    Incomplete("runs code that it may have written at " + Site());
    return Step::kPathEnds;
  }
  compares_anew_ = true;
  temporary_words_.Clear();
  return RunOps(state, lifted, 0);
}

/// The operations from the one with index `first` on.
Interpreter::Step Interpreter::RunOps(State& state, const Lifted& lifted,
                                      size_t first) {
  for (size_t i = first; i < lifted.ops.size(); ++i) {
    op_index_ = i;
    const Step step =
        std::visit([&](const auto& o) { return Do(state, o); }, lifted.ops[i]);
    if (step != Step::kNextOp) return step;
  }
  state.pc += lifted.instruction.size;
  return Step::kInstructionDone;
}

Interpreter::Step Interpreter::Do(State& state, const Assign& op) {
  const std::optional<Words> words = WordsOf(state, op.src);
  Set(state, op.dst, ValueOf(state, op.src));
  SetWords(state, op.dst, words);
  return Step::kNextOp;
}

Interpreter::Step Interpreter::Do(State& state, const Binary& op) {
  const Value a = WordOf(state, op.a, op.width);
  const Value b = WordOf(state, op.b, op.width);
  if (op.lane != 0) {
    Set(state, op.dst, EvaluateLanes(op.op, op.width, op.lane, a, b));
    return Step::kNextOp;
  }
  if (IsComparison(op.op)) NoteComparison(a, b);
  const std::optional<Value> hidden =
      op.width == 32 ? HiddenImport(op.op, a, b) : std::nullopt;
  Value result = hidden ? *hidden : Evaluate(op.op, op.width, a, b);
  if (setting_ == Setting::kOrdinary) result = InPlace(op, a, b, result);
  const std::optional<Words> words = WordsOfResult(state, op, result);
  Set(state, op.dst, result);
  SetWords(state, op.dst, words);
  return Step::kNextOp;
}

Interpreter::Step Interpreter::Do(State& state, const SignExtend& op) {
  Set(state, op.dst,
      EvaluateSignExtend(op.from, op.to, WordOf(state, op.src, op.from)));
  return Step::kNextOp;
}

/// Goes on with `no` on a path of its own; `state` is left with the other.
void Interpreter::ForkChoice(State& state, const Choose& op, const Value& cond,
                             const Value& no) {
  const auto temporaries = temporaries_;
  temporary_words_.Clear();
  const size_t index = op_index_;
  ++state.open_branches;
  State other = state;
  Assume(other, cond, false);
  Set(other, op.dst, no);
  if (RunOps(other, Fetch(state.pc).lifted, index + 1) ==
      Step::kInstructionDone) {
    FollowLater(std::move(other));
  }
  temporaries_ = temporaries;
  temporary_words_.Clear();
  op_index_ = index;
  Assume(state, cond, true);
}

Interpreter::Step Interpreter::Do(State& state, const Choose& op) {
  const Value yes = ValueOf(state, op.yes);
  const Value no = ValueOf(state, op.no);
  const Value cond = ValueOf(state, op.cond);
  switch (TruthOf(cond)) {
    case Truth::kTrue:
      Set(state, op.dst, yes);
      break;
    case Truth::kFalse:
      Set(state, op.dst, no);
      break;
    case Truth::kOpen:
      if (IsFunction(yes) || IsFunction(no)) {
        // Which function a pointer gets must stay certain.
        ForkChoice(state, op, cond, no);
        Set(state, op.dst, yes);
        break;
      }
      Set(state, op.dst, JoinValues(yes, no));
      break;
  }
  return Step::kNextOp;
}

Interpreter::Step Interpreter::Do(State& state, const Branch& op) {
  const Value condition = ValueOf(state, op.cond);
  const Truth truth = TruthOf(condition);
  if (truth == Truth::kFalse) {
    NoteBranch(state, op.target, false);
    return Step::kNextOp;
  }
  if (truth == Truth::kOpen) {
    log_->open_branches.insert(site_);
    ++state.open_branches;
    NoteBranch(state, op.target, true);
    NoteBranch(state, state.pc + Fetch(state.pc).lifted.instruction.size, true);
    State taken = state;
    Assume(taken, condition, true);
    taken.pc = op.target;
    if (IsCode(op.target)) {
      FollowLater(std::move(taken));
    } else {
      Incomplete("branches to " + Where(op.target) +
                 ", outside the image's code, at " + Site());
    }
    Assume(state, condition, false);
    return Step::kNextOp;
  }
  NoteBranch(state, state.pc + Fetch(state.pc).lifted.instruction.size, false);
  return GoTo(state, ConstantValue(op.target), "branches");
}

Interpreter::Step Interpreter::Do(State&, const Trap&) {
  return Step::kPathEnds;
}

Interpreter::Step Interpreter::Do(State&, const Unfollowable& op) {
  Incomplete(op.why + " at " + Site());
  return Step::kPathEnds;
}

}  // namespace detachfix
