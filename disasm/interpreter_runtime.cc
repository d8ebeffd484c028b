// SPDX-License-Identifier: Apache-2.0
// Imports that run code of the image before they return: the C runtime's
// _initterm over a table of initialisers, and its table of functions to be run
// on exit ("_initterm, _initterm_e", "_register_onexit_function" and their
// like, Microsoft C runtime documentation).
//
// The functions run one after the other. Each is called with a return address
// that stands for the place in the list, so that the states of different places
// are never taken for one another.

#include <algorithm>

#include "disasm/interpreter.h"
#include "disasm/interpreter_limits.h"

namespace detachfix {
namespace {

/// More functions than this are in no table that is run.
constexpr int64_t kMaxTableEntries = 4096;
constexpr int64_t kWord = 4;
/// __try blocks nest no deeper.
constexpr int kMaxLevels = 32;

/// Every turn of a list keeps one, and they may be long.
std::shared_ptr<const std::vector<uint64_t>> MakeShared(
    std::vector<uint64_t> functions) {
  return std::make_shared<const std::vector<uint64_t>>(std::move(functions));
}

}  // namespace

/// Calls the next function of the list, or returns from the import.
Interpreter::Step Interpreter::RunCallbacks(State& state, CallbackList list) {
  const CallingConvention& convention = isa_.convention();
  if (list.next == list.functions->size()) {
    if (convention.return_address) {
      state.at(*convention.return_address) = list.return_address;
    }
    return ReturnFromImport(state, list.api);
  }
  if (state.calls.depth() >= kMaxCallDepth) {
    Incomplete("calls nest deeper than " + std::to_string(kMaxCallDepth) +
               " at " + Site());
    return Step::kPathEnds;
  }
  const uint64_t function = (*list.functions)[list.next];
  const std::vector<Value> arguments = list.arguments;
  const size_t index = callbacks_.size();
  callbacks_.push_back(std::move(list));
  const Value back = SymbolicValue(kCallbackSymbol, index);
  if (convention.return_address) {
    state.at(*convention.return_address) = back;
  } else {
    std::vector<Value> pushed = {back};
    pushed.insert(pushed.end(), arguments.begin(), arguments.end());
    Value& stack = state.at(convention.stack_pointer);
    stack = Evaluate(BinaryOp::kSub, 32, stack,
                     ConstantValue(kWord * pushed.size()));
    std::optional<MemoryAddress> at = AddressOf(stack);
    if (!at) {
      Incomplete("the stack pointer is not known at " + Site());
      return Step::kPathEnds;
    }
    for (const Value& word : pushed) {
      state.memory.Store(*at, kWord, word);
      at->offset += kWord;
    }
  }
  PushFrame(state, kFirstCallbackList + index, function);
  return GoTo(state, ConstantValue(function), "calls");
}

Interpreter::Step Interpreter::CallbackReturned(State& state) {
  const size_t index =
      static_cast<size_t>(state.calls.return_va() - kFirstCallbackList);
  state.calls.Pop();
  CallbackList list = callbacks_[index];
  if (list.unwound) return RunFinallyBlocks(state, std::move(list));
  ++list.next;
  Value& result = state.at(isa_.convention().result);
  if (list.must_succeed && TruthOf(result) != Truth::kTrue) {
    Incomplete("a function that is run once may fail, at " + Site());
    return Step::kPathEnds;
  }
  if (list.until_nonzero) {
    if (TruthOf(result) == Truth::kOpen) {
      ++state.open_branches;
      State failed = state;
      Assume(failed, result, true);
      CallbackList end = list;
      end.next = end.functions->size();
      if (RunCallbacks(failed, std::move(end)) == Step::kInstructionDone) {
        FollowLater(std::move(failed));
      }
    } else if (TruthOf(result) == Truth::kTrue) {
      list.next = list.functions->size();
      return RunCallbacks(state, std::move(list));
    }
    result = ConstantValue(0);
  }
  return RunCallbacks(state, std::move(list));
}

/// _initterm(begin, end): the words between that are not 0.
Interpreter::Step Interpreter::RunTable(State& state, const Api& api) {
  const std::optional<MemoryAddress> begin = AddressOf(Argument(state, 0));
  const std::optional<MemoryAddress> end = AddressOf(Argument(state, 1));
  if (!begin || !end || begin->region != end->region ||
      end->offset - begin->offset > kMaxTableEntries * kWord) {
    Incomplete("runs a table of functions that is not known at " + Site());
    return Step::kPathEnds;
  }
  std::vector<uint64_t> functions;
  CallbackList list;
  list.api = api;
  list.until_nonzero = api.effect == ApiEffect::kRunTableUntilNonzero;
  if (const std::optional<Place> place = isa_.convention().return_address) {
    list.return_address = state.at(*place);
  }
  for (int64_t at = begin->offset; at < end->offset; at += kWord) {
    const Value function = state.memory.Load({begin->region, at}, kWord);
    if (function.IsConstant(0)) continue;
    if (!function.IsConstant()) {
      Incomplete("runs a function that is not known from the table at " +
                 Where(static_cast<uint64_t>(begin->offset)) + ", at " +
                 Site());
      return Step::kPathEnds;
    }
    functions.push_back(function.bits);
  }
  Count(static_cast<uint64_t>(
      std::max<int64_t>(0, (end->offset - begin->offset) / kWord)));
  list.functions = MakeShared(std::move(functions));
  state.at(isa_.convention().result) = ConstantValue(0);
  return RunCallbacks(state, std::move(list));
}

/// pthread_once, InitOnceExecuteOnce: the function runs unless the word says
/// that it did (1 in pthread.h of mingw-w64's winpthreads, 2 as
/// InitOnceComplete leaves it), or at the same time in another thread.
Interpreter::Step Interpreter::RunOnce(State& state, const Api& api) {
  const bool is_init_once = api.effect == ApiEffect::kInitOnce;
  const uint64_t done = is_init_once ? 2 : 1;
  const std::optional<MemoryAddress> once = AddressOf(Argument(state, 0));
  const Value function = Argument(state, 1);
  const Value ran = once ? state.memory.Load(*once, kWord) : UnknownValue();
  CallbackList list;
  list.api = api;
  if (is_init_once) {
    list.arguments = {Argument(state, 0), Argument(state, 2),
                      Argument(state, 3)};
    list.must_succeed = true;
  }
  state.at(isa_.convention().result) = ConstantValue(is_init_once ? 1 : 0);
  if (ran.IsConstant(done)) return ReturnFromImport(state, api);
  if (!ran.IsConstant(0) || !function.IsConstant()) {
    Incomplete("may run a function once that is not known at " + Site());
    return Step::kPathEnds;
  }
  StoreAt(state, *once, kWord, ConstantValue(done));
  list.functions = MakeShared({function.bits});
  if (const std::optional<Place> place = isa_.convention().return_address) {
    list.return_address = state.at(*place);
  }
  return RunCallbacks(state, std::move(list));
}

/// The table of _onexit_table_t: its first, last and end pointer (corecrt.h).
Interpreter::Step Interpreter::RunOnExitTable(State& state, const Api& api) {
  CallbackList list;
  list.api = api;
  if (const std::optional<Place> place = isa_.convention().return_address) {
    list.return_address = state.at(*place);
  }
  const std::optional<MemoryAddress> table = AddressOf(Argument(state, 0));
  if (!table) {
    Incomplete("runs an exit table that is not known at " + Site());
    return Step::kPathEnds;
  }
  const MemoryAddress last_at{table->region, table->offset + kWord};
  const Value first = state.memory.Load(*table, kWord);
  const Value last = state.memory.Load(last_at, kWord);
  const std::optional<MemoryAddress> begin = AddressOf(first);
  const std::optional<MemoryAddress> end = AddressOf(last);
  if (!begin || !end || begin->region != end->region ||
      end->offset - begin->offset > kMaxTableEntries * kWord) {
    Incomplete("runs an exit table whose content is not known at " + Site());
    return Step::kPathEnds;
  }
  std::vector<uint64_t> functions;
  for (int64_t at = end->offset - kWord; at >= begin->offset; at -= kWord) {
    const Value function = state.memory.Load({begin->region, at}, kWord);
    if (!function.IsConstant()) {
      Incomplete("runs an exit function that is not known at " + Site());
      return Step::kPathEnds;
    }
    if (function.bits != 0) functions.push_back(function.bits);
  }
  Count(static_cast<uint64_t>(
      std::max<int64_t>(0, (end->offset - begin->offset) / kWord)));
  list.functions = MakeShared(std::move(functions));
  for (int64_t i = 0; i < 3; ++i) {
    state.memory.Store({table->region, table->offset + i * kWord}, kWord,
                       ConstantValue(0));
  }
  state.at(isa_.convention().result) = ConstantValue(0);
  return RunCallbacks(state, std::move(list));
}

/// _local_unwind2(frame, level).
Interpreter::Step Interpreter::Unwind(State& state, const Api& api) {
  CallbackList list;
  list.api = api;
  list.unwound = {Argument(state, 0), Argument(state, 1)};
  return RunFinallyBlocks(state, std::move(list));
}

/// What `return` out of __try calls: the __finally blocks of the frame, from
/// its level outwards (Wine, dlls/msvcrt/except_i386.c). Each of them may
/// change the level, so it is read anew. They find the frame by the frame
/// pointer, which must be the caller's here.
Interpreter::Step Interpreter::RunFinallyBlocks(State& state,
                                                CallbackList list) {
  // Bytes in the frame's registration, and in an entry of its scope table.
  constexpr int64_t kScopeTable = 8;
  constexpr int64_t kLevel = 12;
  constexpr int64_t kFramePointer = 16;
  constexpr uint64_t kScopeSize = 12;
  constexpr int64_t kFilter = 4;
  constexpr int64_t kBlock = 8;
  const Value frame = list.unwound->frame;
  const Value target = list.unwound->level;
  const std::optional<MemoryAddress> at = AddressOf(frame);
  const auto& places = isa_.convention().helper_places;
  const auto word = [&](const Value& base, int64_t offset) {
    const std::optional<MemoryAddress> address = AddressOf(base);
    if (!address) return UnknownValue();
    return state.memory.Load({address->region, address->offset + offset},
                             kWord);
  };
  bool known = at && places && target.IsConstant() &&
               AddressOf(state.at(places->frame_pointer)) ==
                   MemoryAddress{at->region, at->offset + kFramePointer};
  for (int i = 0; known && i < kMaxLevels; ++i) {
    const Value level = word(frame, kLevel);
    if (!level.IsConstant()) break;
    if (level == target || level.IsConstant(LowBits(32))) {
      RestorePreserved(state);
      return ReturnFromImport(state, list.api);
    }
    const Value scope = Evaluate(BinaryOp::kAdd, 32, word(frame, kScopeTable),
                                 ConstantValue(level.bits * kScopeSize));
    const Value filter = word(scope, kFilter);
    const Value block = word(scope, kBlock);
    StoreAt(state, {at->region, at->offset + kLevel}, kWord, word(scope, 0));
    known = filter.IsConstant() && block.IsConstant();
    if (!known || filter.bits != 0) continue;
    list.functions = MakeShared({block.bits});
    list.next = 0;
    return RunCallbacks(state, std::move(list));
  }
  Incomplete("runs __finally blocks that are not known at " + Site());
  return Step::kPathEnds;
}

/// Puts `function` behind the last one; the pointer to that is at `last`.
bool Interpreter::AppendFunction(State& state, MemoryAddress last,
                                 const Value& function) {
  const std::optional<MemoryAddress> end =
      AddressOf(state.memory.Load(last, kWord));
  if (!end) return false;
  state.memory.Store(*end, kWord, function);
  const uint64_t behind = static_cast<uint64_t>(end->offset + kWord);
  state.memory.Store(last, kWord,
                     end->region == kAbsolute
                         ? ConstantValue(behind)
                         : SymbolicValue(end->region, behind, true));
  return true;
}

/// The block that holds the functions has no limit here: that of a table of
/// _onexit_table_t is made when the first one comes. Who calls __dllonexit has
/// made it; without one nothing is registered (Wine, dlls/msvcrt/exit.c).
void Interpreter::RegisterOnExit(State& state, ApiEffect effect) {
  const bool of_dll = effect == ApiEffect::kRegisterDllOnExit;
  const std::optional<MemoryAddress> first =
      AddressOf(Argument(state, of_dll ? 1 : 0));
  std::optional<MemoryAddress> last =
      of_dll ? AddressOf(Argument(state, 2)) : first;
  Value& result = state.at(isa_.convention().result);
  if (!first || !last) {
    Incomplete("registers an exit function in a table that is not known at " +
               Site());
    return;
  }
  if (!of_dll) last->offset += kWord;
  const Value begin = state.memory.Load(*first, kWord);
  if (effect == ApiEffect::kMakeOnExitTable ||
      (begin.IsConstant(0) && !of_dll)) {
    const Value block = FreshBlock(state, UnknownValue(), true);
    for (int64_t i = 0; i < 3; ++i) {
      state.memory.Store({first->region, first->offset + i * kWord}, kWord,
                         block);
    }
  }
  if (!of_dll && first->region == kAbsolute) {
    state.exit_tables.insert(first->offset);
  }
  result = ConstantValue(0);
  if (effect == ApiEffect::kMakeOnExitTable) return;
  const Value function = Argument(state, of_dll ? 0 : 1);
  if (of_dll && begin.IsConstant(0)) {
    Incomplete("registers an exit function in a table that is not there at " +
               Site());
    return;
  }
  if (!AppendFunction(state, *last, function)) {
    Incomplete("registers an exit function in a table that is not known at " +
               Site());
  }
  if (of_dll) result = function;
}

}  // namespace detachfix
