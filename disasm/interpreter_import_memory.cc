// SPDX-License-Identifier: Apache-2.0
// What an import does to memory: the words that it changes, the blocks that it
// allocates, and what it may write and nobody knows.

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

/// Whether the name is one of a C++ member function, which has its object in a
/// register: of Microsoft's, where the letters behind the class's name say so
/// (access, const or not, __thiscall), or of g++'s, where any nested name may
/// be one (Itanium C++ ABI, 5.1.4).
bool IsMemberFunction(const std::string& name) {
  if (name.starts_with("_ZN")) return true;
  if (!name.starts_with('?')) return false;
  constexpr std::string_view kAccess = "AIQEMU";
  for (size_t at = name.find("@@"); at != std::string::npos;
       at = name.find("@@", at + 1)) {
    const std::string_view code = std::string_view(name).substr(at + 2, 3);
    if (code.size() == 3 && code[2] == 'E' &&
        kAccess.find(code[0]) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

/// No buffer that a function fills is longer, in elements.
constexpr uint64_t kMaxBuffer = 0x100000;

/// Bytes of an object in the image that a function which nobody knows is given
/// in an ordinary process.
constexpr int64_t kMaxObject = 64;

/// Whether the image holds a character string of at least one character there:
/// what is passed that way is read, not written.
bool IsString(const CodeView& view, uint64_t va) {
  constexpr uint32_t kLongest = 512;
  const std::span<const uint8_t> bytes = ContentAt(
      view, Rva{static_cast<uint32_t>(va) - view.image_base}, kLongest);
  const auto printable = [](uint8_t c) {
    return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\r' || c == '\n';
  };
  if (bytes.size() < 2 || !printable(bytes[0])) return false;
  const size_t step = bytes[1] == 0 ? 2 : 1;  // UTF-16 or bytes
  for (size_t i = 0; i + step <= bytes.size(); i += step) {
    if (step == 2 && bytes[i + 1] != 0) return false;
    if (bytes[i] == 0) return true;
    if (!printable(bytes[i])) return false;
  }
  return false;
}

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
                                   : UnknownValue();
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

void Interpreter::WriteOutParameters(State& state, const Api& api) {
  for (const OutParameter& out : api.writes) {
    if (out.bytes == 0) continue;
    const Value pointer = Argument(state, out.argument);
    const Value times =
        out.times == 0 ? ConstantValue(1) : Argument(state, out.times);
    if (out.bytes == kUnlimited || !times.IsConstant() ||
        times.bits > kMaxBuffer) {
      ForgetFrom(state, pointer);
    } else {
      ForgetBytes(state, pointer,
                  out.bytes * static_cast<uint32_t>(times.bits));
    }
  }
}

/// memset, memcpy, memmove: word by word where the size is known.
void Interpreter::FillOrCopy(State& state, ApiEffect effect) {
  const bool is_checked = effect == ApiEffect::kCopyChecked;
  const Value target = Argument(state, 0);
  const Value source = Argument(state, is_checked ? 2 : 1);
  const Value size = Argument(state, is_checked ? 3 : 2);
  const std::optional<MemoryAddress> to = AddressOf(target);
  const std::optional<MemoryAddress> from = AddressOf(source);
  state.at(isa_.convention().result) = is_checked ? ConstantValue(0) : target;
  if (is_checked) {
    const Value room = Argument(state, 1);
    if (!room.IsConstant() || !size.IsConstant() || size.bits > room.bits) {
      ForgetThrough(state, target);
      state.at(isa_.convention().result) = Fresh(state);
      return;
    }
  }
  if (!to || !size.IsConstant() || size.bits > MaxCopiedBytes(setting_)) {
    if (to && size.IsConstant() && size.bits <= UINT32_MAX) {
      ForgetBytes(state, target, static_cast<uint32_t>(size.bits));
    } else {
      ForgetThrough(state, target);
    }
    return;
  }
  steps_ += static_cast<uint32_t>(size.bits / 4);
  const bool fills = effect == ApiEffect::kFill;
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
  steps_ += static_cast<uint32_t>(size.bits / 4);
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

/// A new block of memory. The C runtime's own tables are made this way; that
/// there is memory for them is assumed.
void Interpreter::Allocate(State& state, ApiEffect effect) {
  const bool zeroed = effect == ApiEffect::kAllocateZeroed;
  const size_t argument = effect == ApiEffect::kReallocate ? 0 : 2;
  const Value size = zeroed ? Evaluate(BinaryOp::kMul, 32, Argument(state, 0),
                                       Argument(state, 1))
                            : Argument(state, argument + 1);
  const Value block = FreshBlock(state, size, true);
  state.at(isa_.convention().result) = block;
  if (zeroed) {
    Clear(state, block, size);
    return;
  }
  const std::optional<MemoryAddress> old = AddressOf(Argument(state, argument));
  const std::optional<MemoryAddress> to = AddressOf(block);
  if (!old || !to) return;
  int64_t end = INT64_MAX;
  if (old->region < kFirstFreshSymbol) {
    const std::optional<Memory::Range> rest = RestOfBlock(state, *old);
    if (!rest) return;
    end = rest->end;
  }
  const CellMap content = state.memory.cells();
  for (const CellMap::Entry* entry = content.AtOrAfter(*old);
       entry != nullptr && entry->address.region == old->region &&
       entry->address.offset < end;
       entry = content.After(entry->address)) {
    const int64_t offset = entry->address.offset - old->offset;
    state.memory.Store({to->region, to->offset + offset}, entry->cell.size,
                       entry->cell.value);
  }
}

/// Where the thread keeps what belongs to an index, where that is known.
std::optional<MemoryAddress> Interpreter::ThreadWord(const Value& index) const {
  if (index.IsSymbolic() && index.bits == 0 &&
      (index.symbol & kThreadIndexBit) != 0) {
    return MemoryAddress{index.symbol, 0};
  }
  if (setting_ == Setting::kOrdinary && index.IsConstant()) {
    return MemoryAddress{kThreadIndexBit, static_cast<int64_t>(index.bits) * 4};
  }
  return std::nullopt;
}

/// Thread-local storage. One run of the entry is in one thread; the next may be
/// in another.
void Interpreter::UseThreadIndex(State& state, ApiEffect effect) {
  Value& result = state.at(isa_.convention().result);
  if (effect == ApiEffect::kAllocateIndex) {
    result = FreshIndex(state);
    state.memory.Store(ThreadWord(result).value_or(MemoryAddress{}), 4,
                       ConstantValue(0));
    return;
  }
  const Value index = Argument(state, 0);
  const Value value = Argument(state, 1);
  const std::optional<MemoryAddress> at = ThreadWord(index);
  if (effect == ApiEffect::kSetAtIndex && IsData(value) && !data_in_threads_) {
    data_in_threads_ = true;
    learned_ = learned_ || asked_threads_;
  }
  if (effect == ApiEffect::kGetAtIndex) {
    result = at ? state.memory.Load(*at, 4) : UnknownValue();
    if (!result.IsUnknown()) return;
    result = at ? FreshWord(state, *at) : Fresh(state);
    result.from_image = data_in_threads_;
    asked_threads_ = true;
    if (at) state.memory.Store(*at, 4, result);
    return;
  }
  if (at && effect == ApiEffect::kSetAtIndex) {
    state.memory.Store(*at, 4, value);
  } else if (at) {
    state.memory.Forget(*at, 4);
  }
  // It fails where there is no memory for more slots.
  result = setting_ == Setting::kOrdinary
               ? ConstantValue(1)
               : Fresh(state, setting_ == Setting::kMemory);
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

void Interpreter::ForgetWhatItMayWrite(State& state, const ImportName& import,
                                       const Api& api) {
  const bool counted = api.stack_bytes.value_or(0) > 0 && !api.stack_guessed;
  const std::optional<size_t> shown = CountArguments(state, api);
  const size_t count = shown.value_or(kMaxArguments);
  for (size_t i = 0; i < count; ++i) {
    const Value argument = Argument(state, i);
    if (argument.IsConstant() && IsCode(argument.bits) &&
        (counted || !state.calls.ReturnsTo(argument.bits)) &&
        !IsString(view_, argument.bits)) {
      Incomplete("passes code at " + Where(argument.bits) + " to " +
                 ToText(import) + ", which may run it, at " + Site());
    }
    if (shown) NotePassedSection(state, argument, import);
    ForgetThrough(state, argument);
  }
  const std::optional<Place> this_pointer = isa_.convention().this_pointer;
  if (this_pointer && IsMemberFunction(import.name)) {
    ForgetThrough(state, state.at(*this_pointer));
  }
}

/// A function that nobody knows may delete a section that it is given.
void Interpreter::NotePassedSection(const State& state, const Value& argument,
                                    const ImportName& import) {
  const std::optional<MemoryAddress> at = AddressOf(argument);
  if (!at) return;
  const auto section = state.sections.all().find(*at);
  if (section == state.sections.all().end() || !section->second.live) return;
  Incomplete("passes a critical section to " + ToText(import) +
             ", which may delete it, at " + Site());
}

/// An import may write as far as it likes from where a pointer points to; but
/// what is a string there, it reads.
void Interpreter::ForgetThrough(State& state, const Value& pointer) {
  const bool is_string = pointer.IsConstant() && IsString(view_, pointer.bits);
  if (!is_string) ForgetFrom(state, pointer);
}

/// The same where it does write.
void Interpreter::ForgetFrom(State& state, const Value& pointer) {
  const std::optional<MemoryAddress> address = AddressOf(pointer);
  // A number, nothing of the image's, or an element of one of its arrays.
  ForgetIfInImage(state, pointer);
  if (!address) {
    ForgetNear(state, pointer);
    return;
  }
  if (address->region == kStackSymbol) {
    ForgetStackFrom(state, *address);
    return;
  }
  if (address->region != kAbsolute) {
    if (address->region >= kFirstFreshSymbol) {
      state.memory.BlurRegion(address->region);
    }
    return;
  }
  if (const std::optional<Memory::Range> rest = RestOfBlock(state, *address)) {
    state.memory.Forget(*address,
                        static_cast<uint32_t>(rest->end - rest->begin));
    return;
  }
  for (const CodeRegion& region : view_.regions) {
    const int64_t begin = int64_t{view_.image_base} + region.begin.value;
    if (address->offset < begin || address->offset >= begin + region.size) {
      continue;
    }
    int64_t end = begin + region.size;
    if (setting_ == Setting::kOrdinary) {
      end = std::min(end, address->offset + kMaxObject);
    }
    state.memory.ForgetImage({address->offset, end}, KeptRanges(state));
  }
}

/// A buffer on the stack ends at the latest where the frame's saved words
/// begin: a return address, the frame pointer below it, what the entry's caller
/// left in a register.
void Interpreter::ForgetStackFrom(State& state, MemoryAddress from) const {
  // A procedure that aligns its stack keeps a pointer to its own arguments.
  const auto is_own_arguments = [&](const Value& value) {
    return state.calls.CallerBeganAt(
        Evaluate(BinaryOp::kSub, isa_.convention().register_width, value,
                 ConstantValue(isa_.convention().first_stack_argument)));
  };
  const CellMap before = state.memory.cells();
  for (const CellMap::Entry* entry = before.AtOrAfter(from);
       entry != nullptr && entry->address.region == from.region;
       entry = before.After(entry->address)) {
    if (IsSavedWord(state, *entry)) return;
    // The address of a function lies in a variable of its own.
    const Value& value = entry->cell.value;
    if (IsFunction(value) || is_own_arguments(value)) continue;
    state.memory.Blur(*entry);
  }
}

/// Whether a word of the stack is none of an object's: a return address, a
/// frame pointer below one, what the entry's caller left in a register.
bool Interpreter::IsSavedWord(const State& state,
                              const CellMap::Entry& entry) const {
  const auto is_return_address = [&](const Value& value) {
    return (value.IsSymbolic() && (value.symbol == kReturnSymbol ||
                                   value.symbol == kCallbackSymbol)) ||
           (value.IsConstant() && state.calls.ReturnsTo(value.bits));
  };
  const Value& value = entry.cell.value;
  if (is_return_address(value)) return true;
  if (!value.IsSymbolic()) return false;
  const bool entry_register =
      value.symbol >= kFirstRegisterSymbol && value.symbol < kFirstHiddenSymbol;
  const int64_t above = entry.address.offset + isa_.convention().word_size;
  return entry_register || (value.symbol == kStackSymbol &&
                            is_return_address(state.memory.Load(
                                {entry.address.region, above}, 4)));
}

/// Something is written through `pointer`, which points into the stack or a
/// block, nobody knows where: to an element of an array, say.
void Interpreter::ForgetNear(State& state, const Value& pointer) {
  const Symbol near = RegionNear(pointer);
  if (near == 0 || AddressOf(pointer)) return;
  if (near == kStackSymbol || near == kSomewhereSymbol) {
    ForgetStackNear(state, pointer);
  }
  if (IsBlock(near)) state.memory.BlurRegion(near);
  if (near != kSomewhereSymbol) return;
  const CellMap before = state.memory.cells();
  for (const CellMap::Entry* entry = before.AtOrAfter({kBlockBit, INT64_MIN});
       entry != nullptr; entry = before.After(entry->address)) {
    state.memory.Blur(*entry);
  }
}

/// An object on the stack lies in the frame of one procedure: where that is
/// known, in that of the offset that the pointer was computed from.
void Interpreter::ForgetStackNear(State& state, const Value& pointer) {
  const std::optional<MemoryAddress> top =
      AddressOf(state.at(isa_.convention().stack_pointer));
  MemoryAddress from{kStackSymbol, INT64_MIN};
  if (top && top->region == kStackSymbol) from = *top;
  const bool has_base = pointer.IsUnknown() && pointer.known == 1;
  if (has_base) {
    const int64_t base = static_cast<int32_t>(pointer.bits);
    if (const std::optional<int64_t> below = state.calls.ReturnBelow(base)) {
      from.offset = *below + isa_.convention().word_size;
    }
    ForgetStackFrom(state, from);
    return;
  }
  // Of any procedure's frame: what they saved is told from it one by one.
  const CellMap before = state.memory.cells();
  for (const CellMap::Entry* entry = before.AtOrAfter(from);
       entry != nullptr && entry->address.region == kStackSymbol;
       entry = before.After(entry->address)) {
    if (!IsSavedWord(state, *entry)) state.memory.Blur(*entry);
  }
}

}  // namespace detachfix
