// SPDX-License-Identifier: Apache-2.0
// Where calls and jumps go.
//
// A pointer to a function may be forgotten, because something was written
// through a pointer that is not known, or because two states were joined. What
// the code itself stored there, at an address that was known, is remembered for
// the whole run: the pointer is one of those. Assumed is that functions'
// addresses are not stored in the image's words in any other way.

#include <algorithm>

#include "disasm/interpreter.h"
#include "disasm/interpreter_limits.h"

namespace detachfix {
/// The word of another DLL, an exported variable, that the value was read from.
std::optional<MemoryAddress> Interpreter::ForeignWord(
    const Value& value) const {
  if (!value.IsSymbolic() || value.bits != 0) return std::nullopt;
  const auto word = words_.find(value.symbol);
  if (word == words_.end() || word->second.region != kImportSymbol) {
    return std::nullopt;
  }
  return word->second;
}

/// Whether the value is the address of code, if it is one: the image's, an
/// import, or what stands in another DLL's variable.
bool Interpreter::IsFunction(const Value& value) const {
  if (value.IsSymbolic()) {
    return value.symbol == kImportSymbol || ForeignWord(value);
  }
  return value.IsConstant() && IsCode(value.bits);
}

/// Whether the value is an address of the stack or of a block.
bool Interpreter::IsOwnPointer(const Value& value) const {
  const bool is_placed = setting_ == Setting::kOrdinary && value.IsConstant() &&
                         process_.IsOwnBlock(value.bits);
  return is_placed || (value.IsSymbolic() && RegionNear(value) != 0);
}

/// `value` is stored at `target`, which is not known: any word of the regions
/// that it may lie in, if nothing else is known of it, may hold it from now on.
void Interpreter::StrewPointer(const Value& target, const Value& value) {
  // What was itself read through a pointer that is not known is no more than
  // suspected to be one.
  if (IsOwnPointer(value)) learned_ |= stored_.StrewPointer(target);
  if (value.IsConstant() && IsData(value)) {
    learned_ |= stored_.StrewData(target);
  }
}

/// The same of what lies behind `from`, of which nobody knows how much is
/// copied.
void Interpreter::StrewWords(const State& state, const Value& target,
                             MemoryAddress from) {
  constexpr int64_t kMaxWords = 64;
  Count(kMaxWords / 4);
  for (int64_t i = 0; i < kMaxWords; ++i) {
    const MemoryAddress word{from.region, from.offset + 4 * i};
    StrewPointer(target, state.memory.Load(word, 4));
  }
}

void Interpreter::NoteFunctionStored(MemoryAddress address,
                                     const Value& value) {
  if (address.region == kImportSymbol && IsFunction(value)) {
    learned_ |= stored_.StrewFunctions();
  }
  if (address.region != kAbsolute) return;
  if (IsFunction(value)) {
    learned_ |= stored_.StoreFunction(address.offset, value);
  } else if (value.IsUnknown() || value.IsSymbolic()) {
    const auto word = words_.find(value.symbol);
    const bool is_back = value.IsSymbolic() && value.bits == 0 &&
                         word != words_.end() && word->second == address;
    if (!is_back) learned_ |= stored_.StoreStranger(address.offset);
  }
}

/// What `target`, a symbol for a word of the image, may be; empty when that is
/// not known.
std::vector<Value> Interpreter::PossibleFunctions(const State& state,
                                                  const Value& target) {
  if (!target.IsSymbolic() || target.symbol < kFirstFreshSymbol ||
      target.bits != 0) {
    return {};
  }
  const auto word = words_.find(target.symbol);
  // Another value may have taken its place, which the symbol also stands for.
  if (word == words_.end() || word->second.region != kAbsolute ||
      !(state.memory.Load(word->second, 4) == target)) {
    return {};
  }
  std::optional<std::vector<Value>> functions =
      stored_.FunctionsAt(word->second.offset);
  if (!functions) return {};
  const Value initial = Memory(view_).Load(word->second, 4);
  if (IsFunction(initial)) functions->push_back(initial);
  return *std::move(functions);
}

/// Does `go` with the target, or with each of the functions that it may be.
Interpreter::Step Interpreter::ForEachTarget(
    State& state, const Value& target,
    const std::function<Step(State&, const Value&)>& go) {
  std::vector<Value> functions = PossibleFunctions(state, target);
  if (functions.empty()) return go(state, target);
  const Value last = functions.back();
  functions.pop_back();
  if (!functions.empty()) ++state.open_branches;
  for (const Value& function : functions) {
    State other = state;
    if (!ForeignWord(function)) Replace(other, target.symbol, function);
    if (go(other, function) == Step::kInstructionDone) {
      FollowLater(std::move(other));
    }
  }
  if (!ForeignWord(last)) Replace(state, target.symbol, last);
  return go(state, last);
}

Interpreter::Step Interpreter::GoTo(State& state, const Value& target,
                                    const char* verb) {
  if (!target.IsConstant()) {
    Incomplete(std::string(verb) + " to an address that is not known at " +
               Site());
    return Step::kPathEnds;
  }
  if (target.bits < kLowestImage && log_->reason == Reason::kProcessAttach) {
    return Step::kPathEnds;  // an access violation, as of Trap: the load fails
  }
  if (!IsCode(target.bits)) {
    Incomplete(std::string(verb) + " to " + Where(target.bits) +
               ", outside the image's code, at " + Site());
    return Step::kPathEnds;
  }
  state.pc = target.bits;
  return Step::kInstructionDone;
}

/// What another DLL's variable points to is a function that no table knows.
Interpreter::Step Interpreter::CallForeign(State& state, MemoryAddress word) {
  const ImportName* variable =
      ImportAt(Rva{static_cast<uint32_t>(word.offset)});
  if (stored_.functions_are_strewn() || variable == nullptr) {
    Incomplete("calls to an address that is not known at " + Site());
    return Step::kPathEnds;
  }
  const ImportName pointee{variable->dll, "*" + variable->name, std::nullopt};
  return CallImport(state, LookedUpSlot(pointee));
}

Interpreter::Step Interpreter::JumpTo(State& state, const Value& target) {
  if (target.IsSymbolic() && target.symbol == kImportSymbol) {
    return CallImport(state, Rva{static_cast<uint32_t>(target.bits)});
  }
  if (const std::optional<MemoryAddress> word = ForeignWord(target)) {
    return CallForeign(state, *word);
  }
  return GoTo(state, target, "jumps");
}

Interpreter::Step Interpreter::Do(State& state, const Jump& op) {
  // It may be a call.
  if (std::holds_alternative<Place>(op.target)) DropAllWords(state);
  if (ValueOf(state, op.target).IsUnknown()) {
    const std::vector<Value> targets = TableTargets(state.pc, op);
    if (!targets.empty()) {
      log_->open_branches.insert(site_);
      ++state.open_branches;
      for (size_t i = 1; i < targets.size(); ++i) {
        State other = state;
        other.pc = targets[i].bits;
        leaders_.Add(other.pc);
        FollowLater(std::move(other));
      }
      leaders_.Add(targets[0].bits);
      return JumpTo(state, targets[0]);
    }
  }
  return ForEachTarget(
      state, ValueOf(state, op.target), [this](State& s, const Value& target) {
        return IsReturn(s, target) ? GoBack(s, target) : JumpTo(s, target);
      });
}

Interpreter::Step Interpreter::Do(State& state, const Call& op) {
  DropAllWords(state);
  return ForEachTarget(state, ValueOf(state, op.target),
                       [this, &op](State& s, const Value& target) {
                         return CallTo(s, target, op.return_va);
                       });
}

void Interpreter::Record(CallRecord call) {
  calls_at_[call.site.value].push_back(log_->calls.size());
  log_->calls.push_back(std::move(call));
}

Interpreter::Step Interpreter::CallTo(State& state, const Value& target,
                                      uint64_t return_va) {
  // `call $+5; pop ebx` only asks where the code runs.
  if (target.IsConstant(return_va)) return GoTo(state, target, "calls");
  PushFrame(state, return_va, target.IsConstant() ? target.bits : 0);
  if (target.IsSymbolic() && target.symbol == kImportSymbol) {
    return CallImport(state, Rva{static_cast<uint32_t>(target.bits)});
  }
  if (const std::optional<MemoryAddress> word = ForeignWord(target)) {
    return CallForeign(state, *word);
  }
  if (state.calls.depth() > kMaxCallDepth) {
    Incomplete("calls nest deeper than " + std::to_string(kMaxCallDepth) +
               " at " + Site());
    return Step::kPathEnds;
  }
  const Rva site = site_;
  const Step step = GoTo(state, target, "calls");
  if (step == Step::kInstructionDone) {
    if (!calls_at_.contains(site.value)) {
      const Rva callee{static_cast<uint32_t>(target.bits) - view_.image_base};
      Record({site, std::nullopt, callee, HexNumber(callee.value)});
    }
  }
  return step;
}

}  // namespace detachfix
