// SPDX-License-Identifier: Apache-2.0
// What a call into another DLL does to a state.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

/// The first of the RVAs that stand for what GetProcAddress gave: above every
/// image that is read (64 MiB of file, 2 GiB of memory).
constexpr uint32_t kLookedUpSlots = 0xf0000000;

/// The longest function name that is looked up, in bytes.
constexpr size_t kMaxNameSize = 128;

/// More bytes than this are not copied one by one but forgotten.
constexpr uint64_t kMaxCopiedBytes = 4096;

/// No buffer that a function fills is longer, in elements.
constexpr uint64_t kMaxBuffer = 0x100000;

/// How many arguments are looked at when their number is not known.
constexpr size_t kMaxArguments = 6;

std::string ToText(const Value& value) {
  if (!value.IsConstant()) return "?";
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%llx",
                static_cast<unsigned long long>(value.bits));
  return text.data();
}

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

Value Interpreter::Argument(const State& state, size_t index) const {
  const CallingConvention& convention = isa_.convention();
  if (index < convention.argument_places.size()) {
    return state.at(convention.argument_places[index]);
  }
  const size_t on_stack = index - convention.argument_places.size();
  const std::optional<MemoryAddress> top =
      AddressOf(state.at(convention.stack_pointer));
  if (!top) return UnknownValue();
  const int64_t offset = top->offset + convention.first_stack_argument +
                         static_cast<int64_t>(on_stack) * convention.word_size;
  return state.memory.Load({top->region, offset}, 4);
}

/// Calls of one site that are told apart by their arguments. A loop may make
/// thousands, which no reader wants.
constexpr size_t kMaxCallsOfSite = 16;

void Interpreter::RecordImport(const State& state, const ImportName& import,
                               const Api& api) {
  std::string text = ToText(import) + "(";
  const size_t count = api.stack_guessed ? 0 : api.stack_bytes.value_or(0) / 4;
  for (size_t i = 0; i < std::min(count, kMaxArguments); ++i) {
    text += (i == 0 ? "" : ", ") + ToText(Argument(state, i));
  }
  text += count > kMaxArguments ? ", ...)" : ")";
  size_t of_site = 0;
  for (const CallRecord& call : log_->calls) {
    if (call.site != site_) continue;
    if (call.text == text) return;
    ++of_site;
  }
  if (of_site > kMaxCallsOfSite) return;
  if (of_site == kMaxCallsOfSite) text = ToText(import) + "(...)";
  log_->calls.push_back({site_, import, std::nullopt, text});
}

const ImportName* Interpreter::ImportAt(Rva slot) const {
  if (slot.value >= kLookedUpSlots &&
      slot.value - kLookedUpSlots < looked_up_.size()) {
    return &looked_up_[slot.value - kLookedUpSlots];
  }
  const auto found = view_.import_slots.find(slot);
  return found == view_.import_slots.end() ? nullptr : &found->second;
}

Interpreter::Step Interpreter::CallImport(State& state, Rva slot) {
  const ImportName* found = ImportAt(slot);
  if (found == nullptr) {
    Incomplete("calls into the middle of an import at " + Site());
    return Step::kPathEnds;
  }
  const ImportName import = *found;
  Api api = LookUpApi(import);
  if (!api.stack_bytes && isa_.convention().callee_pops) {
    // It counts as unknown for what it may write; the stack is guessed.
    api.stack_bytes = GuessPop(state, import);
    api.stack_guessed = true;
  }
  RecordImport(state, import, api);
  if (api.effect == ApiEffect::kNeverReturns) return Step::kPathEnds;
  for (const Place place : isa_.convention().scratch) {
    // The return address and the arguments are read before they are lost.
    if (isa_.convention().return_address == place) continue;
    if (std::ranges::find(isa_.convention().argument_places, place) ==
        isa_.convention().argument_places.end()) {
      state.at(place) = UnknownValue();
    }
  }
  switch (api.effect) {
    case ApiEffect::kRunTable:
    case ApiEffect::kRunTableUntilNonzero:
      return RunTable(state, api);
    case ApiEffect::kRunOnExitTable:
      return RunOnExitTable(state, api);
    default:
      break;
  }
  ApplyEffect(state, import, api);
  return ReturnFromImport(state, api);
}

Interpreter::Step Interpreter::ReturnFromImport(State& state, const Api& api) {
  const CallingConvention& convention = isa_.convention();
  for (const Place place : convention.argument_places) {
    if (place != convention.result) state.at(place) = UnknownValue();
  }
  if (convention.return_address) {
    const Value target = state.at(*convention.return_address);
    state.at(*convention.return_address) = UnknownValue();
    return GoBack(state, target);
  }
  Value& stack = state.at(convention.stack_pointer);
  const std::optional<MemoryAddress> top = AddressOf(stack);
  if (!top) {
    Incomplete("the stack pointer is not known at " + Site());
    return Step::kPathEnds;
  }
  const Value target = state.memory.Load(*top, 4);
  const uint32_t popped =
      convention.word_size +
      (convention.callee_pops ? api.stack_bytes.value_or(0) : 0);
  stack = Evaluate(BinaryOp::kAdd, 32, stack, ConstantValue(popped));
  return GoBack(state, target);
}

/// Stands for the slot of a function that the image does not import.
Rva Interpreter::LookedUpSlot(const ImportName& import) {
  auto it = std::ranges::find(looked_up_, import);
  if (it == looked_up_.end()) it = looked_up_.insert(it, import);
  return Rva{kLookedUpSlots + static_cast<uint32_t>(it - looked_up_.begin())};
}

/// GetProcAddress with a name that stands in the image gives that function, or
/// NULL on a system that does not have it.
void Interpreter::LookUpFunction(State& state, const Api& api) {
  Value& result = state.at(isa_.convention().result);
  const std::optional<MemoryAddress> address = AddressOf(Argument(state, 1));
  std::string name;
  while (address && name.size() < kMaxNameSize) {
    const Value byte = state.memory.Load(
        {address->region, address->offset + static_cast<int64_t>(name.size())},
        1);
    if (!byte.IsConstant() || byte.bits == 0 || byte.bits > 0x7e) break;
    name += static_cast<char>(byte.bits);
  }
  if (name.empty()) {
    result = Fresh(state);
    return;
  }
  ++state.open_branches;
  State absent = state;
  absent.at(isa_.convention().result) = ConstantValue(0);
  if (ReturnFromImport(absent, api) == Step::kInstructionDone) {
    todo_.push_back(std::move(absent));
  }
  const Rva slot = LookedUpSlot(LookUpByName(name));
  result = SymbolicValue(kImportSymbol, slot.value);
}

void Interpreter::ApplyEffect(State& state, const ImportName& import,
                              const Api& api) {
  Value& result = state.at(isa_.convention().result);
  switch (api.effect) {
    case ApiEffect::kInitialiseSection:
    case ApiEffect::kInitialiseSectionOrZero:
    case ApiEffect::kInitialiseSectionOrStatus:
      InitialiseSection(state, api.effect, api);
      return;
    case ApiEffect::kDeleteSection:
      DeleteSection(state);
      result = Fresh(state);
      return;
    case ApiEffect::kIncrement:
    case ApiEffect::kDecrement:
    case ApiEffect::kExchange:
    case ApiEffect::kCompareExchange:
      ChangeWord(state, api.effect);
      return;
    case ApiEffect::kWrites:
      WriteOutParameters(state, api);
      result = Fresh(state);
      return;
    case ApiEffect::kIdentity:
      result = Argument(state, 0);
      return;
    case ApiEffect::kFill:
    case ApiEffect::kCopy:
      FillOrCopy(state, api.effect);
      return;
    case ApiEffect::kAllocate:
    case ApiEffect::kAllocateHeap:
    case ApiEffect::kAllocateLocal:
      AllocateOrFail(state, api.effect);
      return;
    case ApiEffect::kAllocateZeroed:
    case ApiEffect::kReallocate:
    case ApiEffect::kReallocateHeap:
      Allocate(state, api.effect);
      return;
    case ApiEffect::kMakeOnExitTable:
    case ApiEffect::kRegisterOnExit:
    case ApiEffect::kRegisterDllOnExit:
      RegisterOnExit(state, api.effect);
      return;
    case ApiEffect::kLookUpFunction:
      LookUpFunction(state, api);
      return;
    case ApiEffect::kAny:
      ForgetWhatItMayWrite(state, import, api);
      result = Fresh(state);
      return;
    case ApiEffect::kNone:
    case ApiEffect::kNeverReturns:
    case ApiEffect::kRunTable:  // these three run code: see CallImport
    case ApiEffect::kRunTableUntilNonzero:
    case ApiEffect::kRunOnExitTable:
      result = Fresh(state);
      return;
  }
}

/// A critical section that covers a part of another one that is alive: what
/// becomes of either cannot be said.
void Interpreter::NoteOverlap(const State& state, MemoryAddress address) {
  for (const auto& [other, section] : state.sections.all()) {
    const int64_t distance = other.offset - address.offset;
    if (section.live && other.region == address.region && distance != 0 &&
        std::abs(distance) < int64_t{kCriticalSectionSize}) {
      Incomplete("a critical section covers a part of another at " + Site());
    }
  }
}

void Interpreter::InitialiseSection(State& state, ApiEffect effect,
                                    const Api& api) {
  const std::optional<MemoryAddress> address = AddressOf(Argument(state, 0));
  Value& result = state.at(isa_.convention().result);
  if (effect != ApiEffect::kInitialiseSection) {
    // The other outcome: it failed, and there is no section.
    ++state.open_branches;
    State failed = state;
    failed.at(isa_.convention().result) =
        effect == ApiEffect::kInitialiseSectionOrZero ? ConstantValue(0)
                                                      : Fresh(failed, true);
    if (ReturnFromImport(failed, api) == Step::kInstructionDone) {
      todo_.push_back(std::move(failed));
    }
  }
  result = effect == ApiEffect::kInitialiseSectionOrStatus ? ConstantValue(0)
           : effect == ApiEffect::kInitialiseSectionOrZero ? Fresh(state, true)
                                                           : Fresh(state);
  if (!address) {
    Incomplete(
        "initialises a critical section at an address that is not "
        "known at " +
        Site());
    return;
  }
  NoteOverlap(state, *address);
  SectionState& section = state.sections.Change()[*address];
  if (!section.live) section.initialised_at.clear();
  section.live = true;
  section.initialised_at.insert(site_);
  state.memory.Forget(*address, kCriticalSectionSize);
  // DebugInfo, the first word, points to what InitializeCriticalSection
  // allocated.
  state.memory.Store(*address, 4, Fresh(state, true));
}

void Interpreter::DeleteSection(State& state) {
  const std::optional<MemoryAddress> address = AddressOf(Argument(state, 0));
  // A pointer from elsewhere may well be one to a section in the image.
  const bool known = address && (address->region < kFirstFreshSymbol ||
                                 state.sections.all().contains(*address));
  if (!known) {
    Incomplete(
        "deletes a critical section at an address that is not known "
        "at " +
        Site());
    return;
  }
  NoteOverlap(state, *address);
  SectionState& section = state.sections.Change()[*address];
  section.live = false;
  section.deleted_at.insert(site_);
  // RtlDeleteCriticalSection clears the structure (ReactOS,
  // sdk/lib/rtl/critical.c).
  for (uint32_t i = 0; i < kCriticalSectionSize; i += 4) {
    state.memory.Store({address->region, address->offset + i}, 4,
                       ConstantValue(0));
  }
}

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
    state.memory.Forget(*address, size);
  } else {
    ForgetThrough(state, pointer);
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
      ForgetThrough(state, pointer);
    } else {
      ForgetBytes(state, pointer,
                  out.bytes * static_cast<uint32_t>(times.bits));
    }
  }
}

/// memset, memcpy, memmove: word by word where the size is known.
void Interpreter::FillOrCopy(State& state, ApiEffect effect) {
  const Value target = Argument(state, 0);
  const Value source = Argument(state, 1);
  const Value size = Argument(state, 2);
  const std::optional<MemoryAddress> to = AddressOf(target);
  const std::optional<MemoryAddress> from = AddressOf(source);
  state.at(isa_.convention().result) = target;
  if (!to || !size.IsConstant() || size.bits > kMaxCopiedBytes) {
    if (to && size.IsConstant() && size.bits <= UINT32_MAX) {
      ForgetBytes(state, target, static_cast<uint32_t>(size.bits));
    } else {
      ForgetThrough(state, target);
    }
    return;
  }
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
  int64_t offset = to->offset;
  for (const auto& [part, value] : parts) {
    StoreAt(state, {to->region, offset}, part, value);
    offset += part;
  }
}

/// `size` bytes from `block` on are 0, where that is not too much to be kept.
void Interpreter::Clear(State& state, const Value& block, const Value& size) {
  if (!size.IsConstant() || size.bits > kMaxCopiedBytes) return;
  for (int64_t at = 0; at < static_cast<int64_t>(size.bits); at += 4) {
    state.memory.Store({block.symbol, at}, 4, ConstantValue(0));
  }
}

/// A new block of memory, or NULL.
void Interpreter::AllocateOrFail(State& state, ApiEffect effect) {
  constexpr uint64_t kHeapZeroMemory = 0x8;  // HEAP_ZERO_MEMORY (winnt.h)
  constexpr uint64_t kLocalZeroInit = 0x40;  // LMEM_ZEROINIT (winbase.h)
  const Value block = FreshBlock(state);
  const bool is_heap = effect == ApiEffect::kAllocateHeap;
  const Value flags = Argument(state, is_heap ? 1 : 0);
  const Value size = Argument(state, is_heap ? 2 : 1);
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
  const Value block = FreshBlock(state, true);
  state.at(isa_.convention().result) = block;
  if (effect == ApiEffect::kAllocateZeroed) {
    Clear(state, block,
          Evaluate(BinaryOp::kMul, 32, Argument(state, 0), Argument(state, 1)));
    return;
  }
  const size_t argument = effect == ApiEffect::kReallocate ? 0 : 2;
  const std::optional<MemoryAddress> old = AddressOf(Argument(state, argument));
  if (!old || old->region < kFirstFreshSymbol) return;
  const CellMap content = state.memory.cells();
  for (const CellMap::Entry* entry = content.AtOrAfter(*old);
       entry != nullptr && entry->address.region == old->region;
       entry = content.After(entry->address)) {
    const int64_t offset = entry->address.offset - old->offset;
    state.memory.Store({block.symbol, offset}, entry->cell.size,
                       entry->cell.value);
  }
}

void Interpreter::ForgetWhatItMayWrite(State& state, const ImportName& import,
                                       const Api& api) {
  const bool counted = api.stack_bytes.value_or(0) > 0 && !api.stack_guessed;
  size_t count = counted ? *api.stack_bytes / 4 : kMaxArguments;
  if (!counted && state.calls.depth() > 0 && IsCode(state.calls.return_va())) {
    // The caller of a cdecl function drops the arguments at once.
    const int64_t dropped = StackChangeAt(state.calls.return_va());
    if (dropped > 0) count = std::min(count, static_cast<size_t>(dropped) / 4);
  }
  for (size_t i = 0; i < count; ++i) {
    const Value argument = Argument(state, i);
    if (argument.IsConstant() && IsCode(argument.bits) && counted &&
        !IsString(view_, argument.bits)) {
      Incomplete("passes code at " + Where(argument.bits) + " to " +
                 ToText(import) + ", which may run it, at " + Site());
    }
    ForgetThrough(state, argument);
  }
}

/// An import may write as far as it likes from where a pointer points to.
void Interpreter::ForgetThrough(State& state, const Value& pointer) {
  const std::optional<MemoryAddress> address = AddressOf(pointer);
  if (!address) {
    // A number, nothing of the image's, or an element of one of its arrays.
    if (pointer.MayBeInImage()) {
      state.memory.ForgetImage({0, INT64_MAX}, LiveSectionRanges(state));
    }
    return;
  }
  if (address->region == kStackSymbol) {
    ForgetStackFrom(state, *address);
    return;
  }
  if (address->region != kAbsolute) {
    if (address->region >= kFirstFreshSymbol) {
      state.memory.ForgetRegion(address->region);
    }
    return;
  }
  for (const CodeRegion& region : view_.regions) {
    const int64_t begin = int64_t{view_.image_base} + region.begin.value;
    if (address->offset < begin || address->offset >= begin + region.size) {
      continue;
    }
    if (IsString(view_, static_cast<uint64_t>(address->offset))) return;
    const int64_t end = begin + region.size;
    state.memory.ForgetImage({address->offset, end}, LiveSectionRanges(state));
  }
}

/// A buffer on the stack ends at the latest where the frame's saved words
/// begin: a return address, the frame pointer below it, what the entry's caller
/// left in a register.
void Interpreter::ForgetStackFrom(State& state, MemoryAddress from) const {
  const auto is_return_address = [&](const Value& value) {
    return (value.IsSymbolic() && (value.symbol == kReturnSymbol ||
                                   value.symbol == kCallbackSymbol)) ||
           (value.IsConstant() && state.calls.ReturnsTo(value.bits));
  };
  // A procedure that aligns its stack keeps a pointer to its own arguments.
  const Value own_arguments =
      Evaluate(BinaryOp::kAdd, isa_.convention().register_width,
               state.calls.depth() > 0 ? state.calls.CallersFrame().stack
                                       : state.calls.frame().stack,
               ConstantValue(isa_.convention().first_stack_argument));
  CellMap& cells = state.memory.cells();
  const CellMap before = cells;
  for (const CellMap::Entry* entry = before.AtOrAfter(from);
       entry != nullptr && entry->address.region == from.region;
       entry = before.After(entry->address)) {
    const auto& [address, cell] = *entry;
    const Value& value = cell.value;
    const bool entry_register = value.IsSymbolic() &&
                                value.symbol >= kFirstRegisterSymbol &&
                                value.symbol < kFirstFreshSymbol;
    const Value above = state.memory.Load(
        {from.region, address.offset + isa_.convention().word_size}, 4);
    const bool frame_pointer = value.IsSymbolic() &&
                               value.symbol == kStackSymbol &&
                               is_return_address(above);
    if (entry_register || frame_pointer || is_return_address(value)) return;
    // The address of a function lies in a variable of its own.
    if (IsFunction(value) || value == own_arguments) continue;
    cells.Erase(address, {address.region, address.offset + cell.size});
  }
}

}  // namespace detachfix
