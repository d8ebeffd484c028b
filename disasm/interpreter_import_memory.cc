// SPDX-License-Identifier: Apache-2.0
// What an import does to memory: the words that it changes, the blocks that it
// allocates.

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

/// More bytes than this are not copied one by one but forgotten.
constexpr uint64_t MaxCopiedBytes(Setting setting) {
  return setting == Setting::kOrdinary ? 0x10000 : 0x1000;
}

/// No buffer that a function fills is longer, in elements.
constexpr uint64_t kMaxBuffer = 0x100000;

}  // namespace

void Interpreter::ChangeWord(State& state, ApiEffect effect) {
  const Value pointer = Argument(state, 0);
  const Value operand = Argument(state, 1);
  Value& result = state.at(isa_.convention().result);
  const std::optional<MemoryAddress> address = AddressOf(pointer);
  if (!address) {
    ForgetThrough(state, pointer);
    result = Fresh(state);
    return;
  }
  ForgetIfInImage(state, pointer);
  const Value old = state.memory.Load(*address, 4);
  Value now = operand;
  if (effect == ApiEffect::kCompareExchange) {
    const Value same = Evaluate(BinaryOp::kEqual, 32, old, Argument(state, 2));
    const Truth truth = TruthOf(same);
    now = truth == Truth::kTrue    ? operand
          : truth == Truth::kFalse ? old
                                   : JoinValues(operand, old);
  } else if (effect == ApiEffect::kIncrement) {
    now = Evaluate(BinaryOp::kAdd, 32, old, ConstantValue(1));
  } else if (effect == ApiEffect::kDecrement) {
    now = Evaluate(BinaryOp::kSub, 32, old, ConstantValue(1));
  }
  StoreAt(state, *address, 4, now);
  const bool gives_old =
      effect == ApiEffect::kExchange || effect == ApiEffect::kCompareExchange;
  result = EvaluateSignExtend(32, state.register_width, gives_old ? old : now);
}

void Interpreter::ForgetBytes(State& state, const Value& pointer,
                              uint32_t size) {
  const std::optional<MemoryAddress> address = AddressOf(pointer);
  if (address) {
    ForgetIfInImage(state, pointer);
    state.memory.Forget(*address, size);
  } else {
    ForgetFrom(state, pointer);
  }
}

namespace {

/// The address behind the word at `structure`.
Value SecondWord(const Value& structure) {
  return Evaluate(BinaryOp::kAdd, 32, structure, ConstantValue(4));
}

}  // namespace

void Interpreter::WriteOutParameters(State& state, const Api& api) {
  for (const OutParameter& out : api.writes) {
    if (out.bytes != 0) WriteOutParameter(state, out);
  }
}

void Interpreter::WriteOutParameter(State& state, const OutParameter& out) {
  Value pointer = Argument(state, out.argument);
  if (out.described) pointer = WordAt(state, SecondWord(pointer));
  if (out.bytes == kItsString) {
    ForgetThrough(state, pointer);
    return;
  }
  Value times = out.times == 0 ? ConstantValue(1) : Argument(state, out.times);
  if (out.times_pointed) times = WordAt(state, times);
  if (out.bytes == kUnlimited || !times.IsConstant() ||
      times.bits > kMaxBuffer) {
    ForgetFrom(state, pointer);
    return;
  }
  uint32_t bytes = out.bytes * static_cast<uint32_t>(times.bits);
  const Value said = out.sized ? WordAt(state, pointer) : UnknownValue();
  if (said.IsConstant() && said.bits < bytes) {
    bytes = static_cast<uint32_t>(said.bits);
  }
  ForgetBytes(state, pointer, bytes);
  if (out.points_into != kNoArgument) {
    WriteAddress(state, pointer, Blurred(Argument(state, out.points_into)));
  }
}

/// An import writes `address` to where `pointer` points to.
void Interpreter::WriteAddress(State& state, const Value& pointer,
                               const Value& address) {
  if (const std::optional<MemoryAddress> at = AddressOf(pointer)) {
    ForgetIfInImage(state, pointer);
    StoreAt(state, *at, 4, address);
    return;
  }
  StrewPointer(pointer, address);
  ForgetFrom(state, pointer);
}

/// What it keeps from call to call is not followed, unless the caller keeps it:
/// it may be in any string.
void Interpreter::Tokenise(State& state, const Api& api) {
  const OutParameter& kept = api.writes[0];
  Value string = Argument(state, 0);
  if (string.IsConstant(0) && kept.bytes != 0) {
    string = WordAt(state, Argument(state, kept.argument));
  }
  if (!string.IsSymbolic() && !string.MayBeInImage()) {
    string = UnknownValue();
    string.from_image = true;
    string.symbol = kSomewhereSymbol;
  }
  ForgetThrough(state, string);
  if (kept.bytes != 0) {
    WriteAddress(state, Argument(state, kept.argument), Blurred(string));
  }
  state.at(isa_.convention().result) = Blurred(string);
}

void Interpreter::Describe(State& state) {
  const Value structure = Argument(state, 0);
  const Value what = Argument(state, 1);
  ForgetBytes(state, structure, 4);
  WriteAddress(state, SecondWord(structure), what);
  state.at(isa_.convention().result) = Fresh(state);
}

/// memset, memcpy, memmove and their like.
void Interpreter::FillOrCopy(State& state, ApiEffect effect) {
  const bool is_checked = effect == ApiEffect::kCopyChecked;
  const Value target = Argument(state, 0);
  const Value source = Argument(state, is_checked ? 2 : 1);
  const Value size = Argument(state, is_checked ? 3 : 2);
  state.at(isa_.convention().result) = is_checked ? ConstantValue(0) : target;
  if (is_checked) {
    const Value room = Argument(state, 1);
    if (!room.IsConstant() || !size.IsConstant() || size.bits > room.bits) {
      ForgetThrough(state, target);
      state.at(isa_.convention().result) = Fresh(state);
      return;
    }
  }
  WriteWords(state, effect == ApiEffect::kFill, target, source, size);
}

/// What is written into the process itself reaches its code and import slots,
/// too: that is what the function is for.
void Interpreter::WriteProcess(State& state) {
  const Value process = Argument(state, 0);
  const Value target = Argument(state, 1);
  ForgetBytes(state, Argument(state, 4), 4);
  state.at(isa_.convention().result) = Fresh(state);
  if (process == OwnProcess()) {
    WriteWords(state, false, target, Argument(state, 2), Argument(state, 3));
    if (!AddressOf(target) || !Argument(state, 3).IsConstant()) {
      Incomplete("writes into its process, nobody knows where, at " + Site());
    }
  } else if (target.MayBeInImage()) {
    Incomplete("writes into a process that may be its own at " + Site());
  }
}

/// Of `size` bytes at `target` makes copies of those at `source`, or of
/// `source`: word by word where the size is known.
void Interpreter::WriteWords(State& state, bool fills, const Value& target,
                             const Value& source, const Value& size) {
  const std::optional<MemoryAddress> to = AddressOf(target);
  const std::optional<MemoryAddress> from = AddressOf(source);
  if (!to || !size.IsConstant() || size.bits > MaxCopiedBytes(setting_)) {
    if (!fills && from) StrewWords(state, target, *from);
    if (to && size.IsConstant() && size.bits <= UINT32_MAX) {
      ForgetBytes(state, target, static_cast<uint32_t>(size.bits));
    } else {
      ForgetThrough(state, target);
    }
    return;
  }
  Count(size.bits / 4);
  std::vector<std::pair<uint32_t, Value>> parts;  // size, value
  for (uint64_t done = 0; done < size.bits; done += 4) {
    const uint32_t part =
        static_cast<uint32_t>(std::min<uint64_t>(4, size.bits - done));
    Value value;
    if (fills && source.IsConstant()) {
      value =
          ConstantValue((source.bits & 0xff) * 0x01010101 & LowBits(8 * part));
    } else if (!fills && from) {
      const int64_t offset = from->offset + static_cast<int64_t>(done);
      value = state.memory.Load({from->region, offset}, part);
    }
    parts.emplace_back(part, value);
  }
  ForgetIfInImage(state, target);
  int64_t offset = to->offset;
  for (const auto& [part, value] : parts) {
    StoreAt(state, {to->region, offset}, part, value);
    offset += part;
  }
}

/// `size` bytes from `block` on are 0, where that is not too much to be kept.
void Interpreter::Clear(State& state, const Value& block, const Value& size) {
  const std::optional<MemoryAddress> begin = AddressOf(block);
  if (!begin || !size.IsConstant() || size.bits > MaxCopiedBytes(setting_))
    return;
  Count(size.bits / 4);
  for (int64_t at = 0; at < static_cast<int64_t>(size.bits); at += 4) {
    state.memory.Store({begin->region, begin->offset + at}, 4,
                       ConstantValue(0));
  }
}

/// A new block of memory, or NULL.
void Interpreter::AllocateOrFail(State& state, ApiEffect effect) {
  constexpr uint64_t kHeapZeroMemory = 0x8;  // HEAP_ZERO_MEMORY (winnt.h)
  constexpr uint64_t kLocalZeroInit = 0x40;  // LMEM_ZEROINIT (winbase.h)
  const bool is_heap = effect == ApiEffect::kAllocateHeap;
  const bool is_local = effect == ApiEffect::kAllocateLocal;
  const Value flags = Argument(state, is_heap ? 1 : 0);
  const Value size = Argument(state, is_heap ? 2 : is_local ? 1 : 0);
  if (setting_ == Setting::kMemory) log_->assumes_memory = true;
  const Value block = FreshBlock(state, size, setting_ == Setting::kMemory);
  state.at(isa_.convention().result) = block;
  const uint64_t zero = is_heap ? kHeapZeroMemory : kLocalZeroInit;
  if (effect != ApiEffect::kAllocate && flags.IsConstant() &&
      (flags.bits & zero) != 0) {
    Clear(state, block, size);
  }
}

/// calloc: a new block of zeros, or NULL.
void Interpreter::AllocateZeroed(State& state) {
  const Value count = Argument(state, 0);
  const Value each = Argument(state, 1);
  const bool fits =
      !count.IsConstant() || !each.IsConstant() ||
      (count.bits & LowBits(32)) * (each.bits & LowBits(32)) <= LowBits(32);
  if (!fits) {
    state.at(isa_.convention().result) = ConstantValue(0);
    return;
  }
  const Value size = Evaluate(BinaryOp::kMul, 32, count, each);
  if (setting_ == Setting::kMemory) log_->assumes_memory = true;
  const Value block = FreshBlock(state, size, setting_ == Setting::kMemory);
  state.at(isa_.convention().result) = block;
  Clear(state, block, size);
}

/// A new block of memory with the content of an old one, or NULL.
void Interpreter::Reallocate(State& state, const Api& api) {
  constexpr uint64_t kInPlaceOnly =
      0x10;  // HEAP_REALLOC_IN_PLACE_ONLY, winnt.h
  const bool is_heap = api.effect == ApiEffect::kReallocateHeap;
  const size_t argument = is_heap ? 2 : 0;
  const Value flags = is_heap ? Argument(state, 1) : ConstantValue(0);
  const Value size = Argument(state, argument + 1);
  const bool in_place = !flags.IsConstant() || (flags.bits & kInPlaceOnly) != 0;
  // To no bytes: msvcrt frees the block and gives NULL, others give a block.
  if (in_place || (!is_heap && size.IsConstant(0))) {
    GiveInstead(state, api, ConstantValue(0));
  }
  if (in_place && flags.IsConstant()) {
    state.at(isa_.convention().result) = Argument(state, argument);
    return;
  }
  if (setting_ == Setting::kMemory) log_->assumes_memory = true;
  const Value block = FreshBlock(state, size, setting_ == Setting::kMemory);
  state.at(isa_.convention().result) = block;
  const std::optional<MemoryAddress> old = AddressOf(Argument(state, argument));
  const std::optional<MemoryAddress> to = AddressOf(block);
  if (!old || !to) return;
  int64_t end = INT64_MAX;
  if (old->region < kFirstFreshSymbol) {
    const std::optional<Memory::Range> rest = process_.RestOfBlock(state, *old);
    if (!rest) return;
    end = rest->end;
  }
  const CellMap content = state.memory.cells();
  size_t copied = 0;
  for (const CellMap::Entry* entry = content.AtOrAfter(*old);
       entry != nullptr && entry->address.region == old->region &&
       entry->address.offset < end;
       entry = content.After(entry->address)) {
    const int64_t offset = entry->address.offset - old->offset;
    state.memory.Store({to->region, to->offset + offset}, entry->cell.size,
                       entry->cell.value);
    ++copied;
  }
  Count(copied);
}

/// Where the thread keeps what belongs to an index, where that is known to be
/// one that was given.
std::optional<MemoryAddress> Interpreter::ThreadWord(const State& state,
                                                     const Value& index) const {
  if (index.IsSymbolic() && index.bits == 0 &&
      (index.symbol & kThreadIndexBit) != 0) {
    return MemoryAddress{index.symbol, 0};
  }
  const bool is_given = setting_ == Setting::kOrdinary && index.IsConstant() &&
                        index.bits != 0 && index.bits <= state.indexes;
  if (is_given) {
    return MemoryAddress{kThreadIndexBit, static_cast<int64_t>(index.bits) * 4};
  }
  return std::nullopt;
}

/// TLS_OUT_OF_INDEXES and FLS_OUT_OF_INDEXES: what is no index (winbase.h).
constexpr uint32_t kNoIndex = 0xffffffff;

/// Thread-local storage. One run of the entry is in one thread; the next may be
/// in another.
void Interpreter::UseThreadIndex(State& state, const Api& api) {
  const ApiEffect effect = api.effect;
  Value& result = state.at(isa_.convention().result);
  if (effect == ApiEffect::kAllocateIndex) {
    if (setting_ == Setting::kMemory) log_->assumes_memory = true;
    if (setting_ == Setting::kAny) {
      GiveInstead(state, api,
                  EvaluateSignExtend(32, isa_.convention().register_width,
                                     ConstantValue(kNoIndex)));
    }
    result = FreshIndex(state);
    state.memory.Store(ThreadWord(state, result).value_or(MemoryAddress{}), 4,
                       ConstantValue(0));
    return;
  }
  const Value index = Argument(state, 0);
  if (index.IsConstant() && static_cast<uint32_t>(index.bits) == kNoIndex) {
    result = ConstantValue(0);  // and every one of these functions fails
    return;
  }
  const Value value = Argument(state, 1);
  const std::optional<MemoryAddress> at = ThreadWord(state, index);
  if (effect == ApiEffect::kSetAtIndex && IsData(value)) {
    learned_ |= stored_.StoreDataInThread();
  }
  if (effect == ApiEffect::kGetAtIndex) {
    result = at ? state.memory.Load(*at, 4) : UnknownValue();
    if (!result.IsUnknown()) return;
    result = at ? FreshWord(state, *at) : Fresh(state);
    result.from_image = stored_.ThreadMayHoldData();
    if (at) state.memory.Store(*at, 4, result);
    return;
  }
  if (at && effect == ApiEffect::kSetAtIndex) {
    state.memory.Store(*at, 4, value);
  } else if (at) {
    state.memory.Forget(*at, 4);
  } else {
    state.memory.ForgetThread();
  }
  // It fails where there is no memory for more slots, or no such index.
  const bool succeeds = at && setting_ != Setting::kAny;
  result = succeeds && setting_ == Setting::kOrdinary ? ConstantValue(1)
                                                      : Fresh(state, succeeds);
}

/// How many arguments the import has, where that shows: it pops them itself, or
/// its caller drops them.
std::optional<size_t> Interpreter::CountArguments(const State& state,
                                                  const Api& api) {
  const uint32_t popped = api.stack_bytes.value_or(0);
  if (popped > 0) return popped / 4;
  if (!isa_.convention().callee_pops || state.calls.depth() == 0) return {};
  const std::optional<size_t> dropped =
      DroppedArguments(state.calls.return_va());
  const std::optional<size_t> room = WordsInCaller(state);
  return dropped && room ? std::min(*dropped, *room) : dropped ? dropped : room;
}

/// How many words the caller has on the stack between its own return address
/// and the arguments' begin: it has pushed no more. Nothing where that is not
/// known.
std::optional<size_t> Interpreter::WordsInCaller(const State& state) const {
  const CallingConvention& convention = isa_.convention();
  const std::optional<MemoryAddress> top =
      AddressOf(state.at(convention.stack_pointer));
  const std::optional<MemoryAddress> began =
      AddressOf(state.calls.CallersFrame().stack);
  if (!top || !began || top->region != began->region) return std::nullopt;
  const int64_t bytes =
      began->offset - (top->offset + convention.first_stack_argument);
  if (bytes < 0) return std::nullopt;
  return static_cast<size_t>(bytes) / convention.word_size;
}

}  // namespace detachfix
