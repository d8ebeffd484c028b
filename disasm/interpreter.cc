// SPDX-License-Identifier: Apache-2.0
// How a run stays finite. A path is followed instruction by instruction; a
// loop whose conditions are all known is simply run, within kMaxSteps. Where a
// branch is open the path forks. At the targets of jumps, the states that came
// by are kept: a new one that an old one covers is dropped, and when there are
// kMaxStatesAtPoint of them with the same critical sections, they are joined,
// which loses what differs and so ends every loop in the end.
//
// What is assumed of the code, as every decompiler assumes it: it does not
// write outside what its pointers point into, so a store through an unknown
// pointer may hit any writable byte of the image, but neither the frames on the
// stack nor a live critical section.

#include "disasm/interpreter.h"

#include <algorithm>
#include <cstdio>

namespace detachfix {
namespace {

std::string Hex(uint64_t value) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%llx",
                static_cast<unsigned long long>(value));
  return text.data();
}

}  // namespace

std::vector<Memory::Range> LiveSectionRanges(const State& state) {
  std::vector<Memory::Range> ranges;
  for (const auto& [address, section] : state.sections) {
    if (section.live && address.region == kAbsolute) {
      ranges.push_back({address.offset, address.offset + kCriticalSectionSize});
    }
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

std::string Interpreter::Site() const { return Hex(site_.value); }

/// A virtual address as the reader knows it: the RVA, where there is one.
std::string Interpreter::Where(uint64_t va) const {
  const uint64_t rva = va - view_.image_base;
  if (va >= view_.image_base && rva < view_.image_size) return Hex(rva);
  return "the virtual address " + Hex(va);
}

void Interpreter::Incomplete(const std::string& why) {
  std::vector<std::string>& reasons = log_->incomplete_because;
  if (std::ranges::find(reasons, why) == reasons.end()) {
    reasons.push_back(why);
  }
}

const Lifted& Interpreter::Fetch(uint64_t va) {
  const auto found = lifted_.find(va);
  if (found != lifted_.end()) return found->second;
  const Rva rva{static_cast<uint32_t>(va) - view_.image_base};
  Lifted lifted = isa_.Lift(view_, rva);
  for (const Op& op : lifted.ops) {
    if (const Branch* branch = std::get_if<Branch>(&op)) {
      leaders_.insert(branch->target);
    } else if (const Jump* jump = std::get_if<Jump>(&op)) {
      const uint64_t* target = std::get_if<uint64_t>(&jump->target);
      if (target != nullptr) leaders_.insert(*target);
    } else if (const Call* call = std::get_if<Call>(&op)) {
      leaders_.insert(call->return_va);
    }
  }
  return lifted_.emplace(va, std::move(lifted)).first->second;
}

std::vector<PathEnd> Interpreter::Run(State start, Trace& log) {
  log_ = &log;
  ends_.clear();
  seen_.clear();
  work_ = 0;
  steps_ = 0;
  todo_.clear();
  todo_.push_back(std::move(start));
  while (!todo_.empty() && steps_ <= kMaxSteps) {
    State state = std::move(todo_.back());
    todo_.pop_back();
    Follow(std::move(state));
    if (log.incomplete_because.size() >= kMaxReasons) break;
    if (ends_.size() > kMaxPathEnds) {
      Incomplete("more than " + std::to_string(kMaxPathEnds) +
                 " ways to return");
      break;
    }
  }
  return std::move(ends_);
}

void Interpreter::Follow(State state) {
  while (true) {
    if (++steps_ > kMaxSteps) {
      Incomplete("the budget of " + std::to_string(kMaxSteps) +
                 " instructions is spent at " + Where(state.pc));
      return;
    }
    if (state.open_branches > 0 && leaders_.contains(state.pc) &&
        !Admit(state)) {
      return;
    }
    if (RunInstruction(state) == Step::kPathEnds) return;
  }
}

/// Whether `state` must be followed; may make it more general first.
bool Interpreter::Admit(State& state) {
  std::vector<State>& seen = seen_[Point{state.pc, state.call_stack}];
  const size_t size = 1 + state.memory.cells().size() + state.sections.size();
  work_ += size + seen.size() * (1 + state.sections.size());
  if (work_ > kMaxWork) {
    Incomplete("the paths that meet at " + Where(state.pc) +
               " differ in too many ways");
    return false;
  }
  size_t alike = 0;
  for (const State& old : seen) {
    if (Covers(old, state)) return false;
    if (SameSections(old, state)) ++alike;
  }
  if (alike >= kMaxStatesAtPoint) {
    for (const State& old : seen) {
      if (SameSections(old, state)) state = Join(old, state);
    }
    std::erase_if(
        seen, [&state](const State& old) { return SameSections(old, state); });
  }
  seen.push_back(state);
  return true;
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
    state.at(place) = value;
  } else {
    temporaries_[place.id - kFirstTemporary] = value;
  }
}

Interpreter::Step Interpreter::RunInstruction(State& state) {
  const Lifted& lifted = Fetch(state.pc);
  site_ = lifted.instruction.rva;
  log_->visited.insert(site_);
  for (const Op& op : lifted.ops) {
    const Step step =
        std::visit([&](const auto& o) { return Do(state, o); }, op);
    if (step != Step::kNextOp) return step;
  }
  state.pc += lifted.instruction.size;
  return Step::kInstructionDone;
}

Interpreter::Step Interpreter::Do(State& state, const Assign& op) {
  Set(state, op.dst, ValueOf(state, op.src));
  return Step::kNextOp;
}

Interpreter::Step Interpreter::Do(State& state, const Binary& op) {
  Set(state, op.dst,
      Evaluate(op.op, op.width, ValueOf(state, op.a), ValueOf(state, op.b)));
  return Step::kNextOp;
}

Interpreter::Step Interpreter::Do(State& state, const SignExtend& op) {
  Set(state, op.dst,
      EvaluateSignExtend(op.from, op.to, ValueOf(state, op.src)));
  return Step::kNextOp;
}

Interpreter::Step Interpreter::Do(State& state, const Choose& op) {
  const Value yes = ValueOf(state, op.yes);
  const Value no = ValueOf(state, op.no);
  switch (TruthOf(ValueOf(state, op.cond))) {
    case Truth::kTrue:
      Set(state, op.dst, yes);
      break;
    case Truth::kFalse:
      Set(state, op.dst, no);
      break;
    case Truth::kOpen:
      Set(state, op.dst, yes == no ? yes : UnknownValue());
      break;
  }
  return Step::kNextOp;
}

Interpreter::Step Interpreter::Do(State& state, const Load& op) {
  const std::optional<MemoryAddress> address =
      AddressOf(ValueOf(state, op.address));
  if (!address) {
    Set(state, op.dst, UnknownValue());
    return Step::kNextOp;
  }
  if (op.size == 4 && state.memory.IsOpenWord(*address)) {
    const Value named = state.Fresh();
    state.memory.Store(*address, 4, named);
    Set(state, op.dst, named);
    return Step::kNextOp;
  }
  Set(state, op.dst, state.memory.Load(*address, op.size));
  return Step::kNextOp;
}

Interpreter::Step Interpreter::Do(State& state, const Store& op) {
  const std::optional<MemoryAddress> address =
      AddressOf(ValueOf(state, op.address));
  if (!address || address->region != kStackSymbol) log_->writes_memory = true;
  if (!address) {
    state.memory.ForgetImage({0, INT64_MAX}, LiveSectionRanges(state));
    return Step::kNextOp;
  }
  const Operand* value = std::get_if<Operand>(&op.value);
  state.memory.Store(
      *address, op.size,
      value != nullptr ? ValueOf(state, *value) : UnknownValue());
  return Step::kNextOp;
}

Interpreter::Step Interpreter::Do(State& state, const Forget& op) {
  Set(state, op.dst, UnknownValue());
  return Step::kNextOp;
}

Interpreter::Step Interpreter::Do(State& state, const Branch& op) {
  const Value condition = ValueOf(state, op.cond);
  const Truth truth = TruthOf(condition);
  if (truth == Truth::kFalse) return Step::kNextOp;
  if (truth == Truth::kOpen) {
    log_->open_branches.insert(site_);
    ++state.open_branches;
    State taken = state;
    Assume(taken, condition, true);
    taken.pc = op.target;
    if (IsCode(op.target)) {
      todo_.push_back(std::move(taken));
    } else {
      Incomplete("branches to " + Where(op.target) +
                 ", outside the image's code, at " + Site());
    }
    Assume(state, condition, false);
    return Step::kNextOp;
  }
  return GoTo(state, ConstantValue(op.target), "branches");
}

Interpreter::Step Interpreter::GoTo(State& state, const Value& target,
                                    const char* verb) {
  if (!target.IsConstant()) {
    Incomplete(std::string(verb) + " to an address that is not known at " +
               Site());
    return Step::kPathEnds;
  }
  if (!IsCode(target.bits)) {
    Incomplete(std::string(verb) + " to " + Where(target.bits) +
               ", outside the image's code, at " + Site());
    return Step::kPathEnds;
  }
  state.pc = target.bits;
  return Step::kInstructionDone;
}

Interpreter::Step Interpreter::Do(State& state, const Jump& op) {
  const Value target = ValueOf(state, op.target);
  if (target.IsSymbolic() && target.symbol == kImportSymbol) {
    return CallImport(state, Rva{static_cast<uint32_t>(target.bits)});
  }
  return GoTo(state, target, "jumps");
}

Interpreter::Step Interpreter::Do(State& state, const Call& op) {
  const Value target = ValueOf(state, op.target);
  state.call_stack.push_back(op.return_va);
  if (target.IsSymbolic() && target.symbol == kImportSymbol) {
    return CallImport(state, Rva{static_cast<uint32_t>(target.bits)});
  }
  if (state.call_stack.size() > kMaxCallDepth) {
    Incomplete("calls nest deeper than " + std::to_string(kMaxCallDepth) +
               " at " + Site());
    return Step::kPathEnds;
  }
  const Rva site = site_;
  const Step step = GoTo(state, target, "calls");
  if (step == Step::kInstructionDone) {
    const auto known = std::ranges::find(log_->calls, site, &CallRecord::site);
    if (known == log_->calls.end()) {
      const Rva callee{static_cast<uint32_t>(target.bits) - view_.image_base};
      log_->calls.push_back({site, std::nullopt, callee, Hex(callee.value)});
    }
  }
  return step;
}

Interpreter::Step Interpreter::Do(State& state, const Return& op) {
  return GoBack(state, ValueOf(state, op.target));
}

Interpreter::Step Interpreter::GoBack(State& state, const Value& target) {
  if (target.IsSymbolic() && target.symbol == kReturnSymbol) {
    ends_.push_back({std::move(state), site_});
    return Step::kPathEnds;
  }
  const Value& stack = state.at(isa_.convention().stack_pointer);
  if (const std::optional<MemoryAddress> top = AddressOf(stack)) {
    state.memory.DropBelow(top->region, top->offset);
  }
  if (!target.IsConstant() || state.call_stack.empty() ||
      state.call_stack.back() != target.bits) {
    const auto lost = lost_stacks_.find(stack.symbol);
    if (stack.IsSymbolic() && lost != lost_stacks_.end()) {
      Incomplete(lost->second);
      return Step::kPathEnds;
    }
    Incomplete("returns to an address that no call left at " + Site());
    return Step::kPathEnds;
  }
  state.call_stack.pop_back();
  state.pc = target.bits;
  return Step::kInstructionDone;
}

Interpreter::Step Interpreter::Do(State&, const Trap&) {
  return Step::kPathEnds;
}

Interpreter::Step Interpreter::Do(State&, const Unfollowable& op) {
  Incomplete(op.why + " at " + Site());
  return Step::kPathEnds;
}

}  // namespace detachfix
