// SPDX-License-Identifier: Apache-2.0
// Where returns go, and what they show.
//
// Imports that no table knows may remove their arguments from the stack
// (stdcall) or leave them (cdecl). A compiler that expects them to be removed
// often takes the bytes back at once (`sub esp, N`, gcc): N is believed first,
// else 0. Whether that was right shows when the caller returns: the code works,
// so its return address is on top of the stack then. If it is not, the distance
// is what was popped in truth, and the run is begun anew with that.
//
// Beyond that, procedures are taken to keep the calling convention: one whose
// stack is not known any more goes back to its caller all the same.

#include <algorithm>
#include <cassert>

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

/// More argument bytes than this no function takes.
constexpr int64_t kMaxPopped = 128;

}  // namespace

void Interpreter::PushFrame(State& state, uint64_t return_va) const {
  state.calls.Push(return_va, MakeFrame(state, isa_.convention()));
}

/// How many bytes the instruction at `va` adds to the stack pointer.
int64_t Interpreter::StackChangeAt(uint64_t va) {
  const Place stack = isa_.convention().stack_pointer;
  int64_t bytes = 0;
  for (const Op& op : Fetch(va).ops) {
    const Binary* binary = std::get_if<Binary>(&op);
    if (binary == nullptr || binary->dst != stack) continue;
    const uint64_t* count = std::get_if<uint64_t>(&binary->b);
    if (count == nullptr) return 0;
    const int64_t change = static_cast<int32_t>(*count);
    if (binary->op == BinaryOp::kAdd) bytes += change;
    if (binary->op == BinaryOp::kSub) bytes -= change;
  }
  return bytes;
}

/// How many bytes the import removes as far as that shows.
uint32_t Interpreter::GuessPop(State& state, const ImportName& import) {
  // The entry may end in a jump to it.
  if (state.calls.depth() == 0) return 0;
  const uint64_t return_va = state.calls.return_va();
  const std::string name = ToText(import);
  const auto learned = learned_pops_.find(name);
  if (learned != learned_pops_.end()) return learned->second;
  const int64_t taken_back = IsCode(return_va) ? -StackChangeAt(return_va) : 0;
  const uint32_t guess = taken_back > 0 && taken_back <= kMaxPopped
                             ? static_cast<uint32_t>(taken_back)
                             : 0;
  const auto known = std::ranges::find(guessed_imports_, name);
  const size_t index = static_cast<size_t>(known - guessed_imports_.begin());
  if (known == guessed_imports_.end()) guessed_imports_.push_back(name);
  // The innermost frame is the import's own.
  Frame& caller = state.calls.CallersFrame();
  if (caller.guesses > 0 && caller.guessed_import != index) {
    caller.guessed_several = true;
  }
  caller.guessed_import = index;
  caller.guess = guess;
  ++caller.guesses;
  return guess;
}

/// At a return to another place than the caller, in a procedure that called an
/// import by a guess: learns what was popped in truth.
void Interpreter::LearnPop(const State& state) {
  const Frame& frame = state.calls.frame();
  const Value& stack = state.at(isa_.convention().stack_pointer);
  const std::optional<MemoryAddress> after = AddressOf(stack);
  const std::optional<MemoryAddress> expected = AddressOf(frame.stack);
  const std::string& import = guessed_imports_[frame.guessed_import];
  if (after && expected && after->region == expected->region &&
      !frame.guessed_several) {
    const int64_t read_at = after->offset - StackChangeAt(state.pc);
    const int64_t missing = expected->offset - read_at;
    const int64_t popped = frame.guess + missing / frame.guesses;
    if (missing % (4 * int64_t{frame.guesses}) == 0 && popped >= 0 &&
        popped <= kMaxPopped) {
      learned_ =
          learned_pops_.emplace(import, static_cast<uint32_t>(popped)).second;
    }
  }
  if (!learned_) {
    Incomplete("how many bytes " + import +
               " pops is not known, before the return at " + Site());
  }
}

/// What the convention promises the caller.
void Interpreter::RestorePreserved(State& state) const {
  const CallingConvention& convention = isa_.convention();
  for (size_t i = 0; i < convention.preserved.size(); ++i) {
    state.at(convention.preserved[i]) = state.calls.frame().preserved[i];
  }
}

/// The procedure lost its stack on the way, but it works: it goes back to its
/// caller and gives it what the calling convention says.
Interpreter::Step Interpreter::GoBackByConvention(State& state) {
  const uint64_t return_va = state.calls.return_va();
  state.at(isa_.convention().stack_pointer) =
      Evaluate(BinaryOp::kAdd, isa_.convention().register_width,
               state.calls.frame().stack,
               ConstantValue(static_cast<uint64_t>(StackChangeAt(state.pc))));
  RestorePreserved(state);
  if (return_va >= kFirstCallbackList) return CallbackReturned(state);
  state.calls.Pop();
  state.pc = return_va;
  return Step::kInstructionDone;
}

/// Whether `target` is where the innermost call returns to.
bool Interpreter::IsReturnAddress(const State& state, const Value& target) {
  if (state.calls.depth() == 0) {
    return target.IsSymbolic() && target.symbol == kReturnSymbol;
  }
  const uint64_t expected = state.calls.return_va();
  if (expected < kFirstCallbackList) return target.IsConstant(expected);
  return target.IsSymbolic() && target.symbol == kCallbackSymbol &&
         target.bits == expected - kFirstCallbackList;
}

Interpreter::Step Interpreter::Do(State& state, const Return& op) {
  const Value target = ValueOf(state, op.target);
  const Frame& frame = state.calls.frame();
  const bool expected = IsReturnAddress(state, target);
  if (frame.guesses > 0) {
    if (!expected && (target.IsConstant() || target.IsSymbolic())) {
      LearnPop(state);
      return Step::kPathEnds;
    }
    RestorePreserved(state);
  }
  const bool known = target.IsConstant() ||
                     (target.IsSymbolic() && target.symbol < kFirstFreshSymbol);
  if (!known && state.calls.depth() > 0) return GoBackByConvention(state);
  if (!known) {
    ends_.push_back({std::move(state), site_});
    return Step::kPathEnds;
  }
  return GoBack(state, target);
}

Interpreter::Step Interpreter::GoBack(State& state, const Value& target) {
  if (!IsReturnAddress(state, target)) {
    Incomplete("returns to an address that no call left at " + Site());
    return Step::kPathEnds;
  }
  if (state.calls.depth() == 0) {
    ends_.push_back({std::move(state), site_});
    return Step::kPathEnds;
  }
  if (!target.IsConstant()) return CallbackReturned(state);
  const Value& stack = state.at(isa_.convention().stack_pointer);
  if (const std::optional<MemoryAddress> top = AddressOf(stack)) {
    state.memory.DropBelow(top->region, top->offset);
  }
  state.calls.Pop();
  state.pc = target.bits;
  return Step::kInstructionDone;
}

}  // namespace detachfix
