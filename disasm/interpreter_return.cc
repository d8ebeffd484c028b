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

void Interpreter::PushFrame(State& state, uint64_t return_va,
                            uint64_t procedure) const {
  Frame frame = MakeFrame(state, isa_.convention());
  frame.procedure = procedure;
  state.calls.Push(return_va, frame);
}

/// How many bytes the instruction at `va` adds to the stack pointer.
int64_t Interpreter::StackChangeAt(uint64_t va) {
  // Which places hold the old stack pointer, and how far moved.
  std::map<Place, int64_t> moved = {{isa_.convention().stack_pointer, 0}};
  const auto distance = [&](const Operand& operand) -> std::optional<int64_t> {
    const Place* place = std::get_if<Place>(&operand);
    const auto found = place != nullptr ? moved.find(*place) : moved.end();
    if (found == moved.end()) return std::nullopt;
    return found->second;
  };
  const auto set = [&](Place place, std::optional<int64_t> bytes) {
    moved.erase(place);
    if (bytes) moved.emplace(place, *bytes);
  };
  for (const Op& op : Fetch(va).lifted.ops) {
    if (const Assign* assign = std::get_if<Assign>(&op)) {
      set(assign->dst, distance(assign->src));
    } else if (const Binary* binary = std::get_if<Binary>(&op)) {
      std::optional<int64_t> bytes = distance(binary->a);
      const uint64_t* count = std::get_if<uint64_t>(&binary->b);
      const bool adds = binary->op == BinaryOp::kAdd;
      if (count == nullptr || (!adds && binary->op != BinaryOp::kSub)) {
        bytes.reset();
      } else if (bytes) {
        *bytes += (adds ? 1 : -1) * int64_t{static_cast<int32_t>(*count)};
      }
      set(binary->dst, bytes);
    } else if (const Load* load = std::get_if<Load>(&op)) {
      set(load->dst, std::nullopt);
    } else if (const Forget* forget = std::get_if<Forget>(&op)) {
      set(forget->dst, std::nullopt);
    } else if (const Choose* choose = std::get_if<Choose>(&op)) {
      set(choose->dst, std::nullopt);
    } else if (const SignExtend* extend = std::get_if<SignExtend>(&op)) {
      set(extend->dst, std::nullopt);
    }
  }
  return distance(isa_.convention().stack_pointer).value_or(0);
}

/// How many bytes the code at `va` takes back: soon, and before anything else
/// happens to the stack. A compiler may put a move or two in front.
int64_t Interpreter::TakenBackAt(uint64_t va) {
  constexpr int kMaxInFront = 3;
  for (int i = 0; i <= kMaxInFront && IsCode(va); ++i) {
    const int64_t change = StackChangeAt(va);
    const Lifted& lifted = Fetch(va).lifted;
    const bool pushes = std::ranges::any_of(lifted.ops, [](const Op& op) {
      return std::holds_alternative<Store>(op);
    });
    if (change != 0) return i > 0 && pushes ? 0 : -change;
    if (lifted.instruction.flow != Flow::kNext) break;
    va += lifted.instruction.size;
  }
  return 0;
}

/// How many words the caller of a cdecl function drops behind the call at `va`,
/// by one addition; those of calls before may be among them. Pops say nothing:
/// others may follow, or they restore registers.
std::optional<size_t> Interpreter::DroppedArguments(uint64_t va) {
  constexpr int kMaxLookedAt = 8;
  for (int i = 0; i < kMaxLookedAt && IsCode(va); ++i) {
    const Lifted& lifted = Fetch(va).lifted;
    if (lifted.instruction.flow != Flow::kNext) break;
    const int64_t change = StackChangeAt(va);
    const bool pops = std::ranges::any_of(lifted.ops, [](const Op& op) {
      return std::holds_alternative<Load>(op);
    });
    if (change < 0 || (change > 0 && pops)) break;
    if (change > 0) {
      return static_cast<size_t>(change) / isa_.convention().word_size;
    }
    va += lifted.instruction.size;
  }
  return std::nullopt;
}

/// How many bytes the import removes as far as that shows.
uint32_t Interpreter::GuessPop(State& state, const ImportName& import) {
  // The entry may end in a jump to it.
  if (state.calls.depth() == 0) return 0;
  const uint64_t return_va = state.calls.return_va();
  const std::string name = ToText(import);
  const auto learned = learned_pops_.find(name);
  if (learned != learned_pops_.end()) return learned->second;
  const int64_t taken_back = TakenBackAt(return_va);
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

/// The same of what was forgotten while it lay on the stack.
void Interpreter::RestoreForgotten(State& state) const {
  const CallingConvention& convention = isa_.convention();
  for (size_t i = 0; i < convention.preserved.size(); ++i) {
    Value& value = state.at(convention.preserved[i]);
    if (value.IsUnknown()) value = state.calls.frame().preserved[i];
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
  DropAllWords(state);
  const Value target = ValueOf(state, op.target);
  const Frame& frame = state.calls.frame();
  const bool expected = IsReturnAddress(state, target);
  if (frame.guesses > 0) {
    // Where the stack itself is lost, its balance says nothing.
    const std::optional<MemoryAddress> top =
        AddressOf(state.at(isa_.convention().stack_pointer));
    const bool balance_shows = top && top->region == kStackSymbol;
    if (!expected && balance_shows &&
        (target.IsConstant() || target.IsSymbolic())) {
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

/// Whether the return that was just run is none, but a jump to what the
/// procedure itself has pushed: its own return address is still on the stack
/// (`push L; ...; ret`, how Delphi ends what `finally` runs).
bool Interpreter::IsJump(const State& state) const {
  if (isa_.convention().return_address) return false;
  const std::optional<MemoryAddress> top =
      AddressOf(state.at(isa_.convention().stack_pointer));
  const std::optional<MemoryAddress> began =
      AddressOf(state.calls.frame().stack);
  return top && began && top->region == began->region &&
         top->offset <= began->offset &&
         IsReturnAddress(state, state.memory.Load(*began, 4));
}

/// Whether a jump goes where a return would: `pop edx; lea esp, [esp+eax*4];
/// jmp edx`, how a procedure of Delphi ends that has any number of arguments,
/// and `pop ecx; sub esp, eax; jmp ecx` of one that makes room on its caller's
/// stack.
bool Interpreter::IsReturn(const State& state, const Value& target) const {
  return !isa_.convention().return_address && state.calls.depth() > 0 &&
         target.IsConstant() && IsReturnAddress(state, target);
}

/// Where the procedure returns to, if its own return address stands at
/// `address`: no store through a pointer that is not known reaches it.
std::optional<Value> Interpreter::ReturnAddressAt(const State& state,
                                                  MemoryAddress address) const {
  if (isa_.convention().return_address || state.calls.depth() == 0 ||
      state.calls.return_va() >= kFirstCallbackList ||
      address != AddressOf(state.calls.frame().stack)) {
    return std::nullopt;
  }
  return ConstantValue(state.calls.return_va());
}

/// Whether the return is the entry's own, run by what it called: the frame of
/// the entry was taken up again (`mov ebp, [saved]; leave; ret 12`, how a DLL
/// of Delphi ends its initialisation).
bool Interpreter::LeavesEntry(const State& state, const Value& target) const {
  const std::optional<MemoryAddress> top =
      AddressOf(state.at(isa_.convention().stack_pointer));
  return !isa_.convention().return_address && target.IsSymbolic() &&
         target.symbol == kReturnSymbol && target.bits == 0 && top &&
         top->region == kStackSymbol && top->offset > 0;
}

Interpreter::Step Interpreter::GoBack(State& state, const Value& target) {
  if (!IsReturnAddress(state, target)) {
    const bool is_known =
        target.IsConstant() ||
        (target.IsSymbolic() && target.symbol == kImportSymbol);
    if (is_known && IsJump(state)) return JumpTo(state, target);
    if (LeavesEntry(state, target)) {
      ends_.push_back({std::move(state), site_});
      return Step::kPathEnds;
    }
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
  RestoreForgotten(state);
  state.calls.Pop();
  state.pc = target.bits;
  return Step::kInstructionDone;
}

}  // namespace detachfix
