// SPDX-License-Identifier: Apache-2.0
// What a call into another DLL does to a state.

#include <algorithm>
#include <array>
#include <cstdio>

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

/// The first of the RVAs that stand for what GetProcAddress gave: above every
/// image that is read (64 MiB of file, 2 GiB of memory).
constexpr uint32_t kLookedUpSlots = 0xf0000000;

/// The longest function name that is looked up, in bytes.
constexpr size_t kMaxNameSize = 128;

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
  const size_t count = api.stack_bytes.value_or(0) / 4;
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
  const Api api = LookUpApi(import);
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
  ApplyEffect(state, import, api);
  const Step step = ReturnFromImport(state, api);
  if (step == Step::kInstructionDone && isa_.convention().callee_pops &&
      !api.stack_bytes) {
    LoseStack(state, import);
  }
  return step;
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

/// Nobody knows how many bytes the function popped, so nobody knows the stack
/// pointer. A function with a frame pointer finds it again; until then what it
/// pushes and pops lies in a region of its own.
void Interpreter::LoseStack(State& state, const ImportName& import) {
  const Value lost = state.Fresh(true);
  lost_stacks_[lost.symbol] = "how many bytes " + ToText(import) +
                              " pops is not known, called at " + Site();
  state.at(isa_.convention().stack_pointer) = lost;
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
    result = state.Fresh();
    return;
  }
  ++state.open_branches;
  State absent = state;
  absent.at(isa_.convention().result) = ConstantValue(0);
  if (ReturnFromImport(absent, api) == Step::kInstructionDone) {
    todo_.push_back(std::move(absent));
  }
  const ImportName import = LookUpByName(name);
  auto it = std::ranges::find(looked_up_, import);
  if (it == looked_up_.end()) it = looked_up_.insert(it, import);
  const uint64_t index = static_cast<uint64_t>(it - looked_up_.begin());
  result = SymbolicValue(kImportSymbol, kLookedUpSlots + index);
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
      result = state.Fresh();
      return;
    case ApiEffect::kIncrement:
    case ApiEffect::kDecrement:
    case ApiEffect::kExchange:
      ChangeWord(state, api.effect);
      return;
    case ApiEffect::kLookUpFunction:
      LookUpFunction(state, api);
      return;
    case ApiEffect::kAny:
      ForgetWhatItMayWrite(state, import, api);
      result = state.Fresh();
      return;
    case ApiEffect::kNone:
    case ApiEffect::kNeverReturns:
      result = state.Fresh();
      return;
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
                                                      : failed.Fresh(true);
    if (ReturnFromImport(failed, api) == Step::kInstructionDone) {
      todo_.push_back(std::move(failed));
    }
  }
  result = effect == ApiEffect::kInitialiseSectionOrStatus ? ConstantValue(0)
           : effect == ApiEffect::kInitialiseSectionOrZero ? state.Fresh(true)
                                                           : state.Fresh();
  if (!address) {
    Incomplete(
        "initialises a critical section at an address that is not "
        "known at " +
        Site());
    return;
  }
  SectionState& section = state.sections[*address];
  if (!section.live) section.initialised_at.clear();
  section.live = true;
  section.initialised_at.insert(site_);
  state.memory.Forget(*address, kCriticalSectionSize);
  // DebugInfo, the first word, points to what InitializeCriticalSection
  // allocated.
  state.memory.Store(*address, 4, state.Fresh(true));
}

void Interpreter::DeleteSection(State& state) {
  const std::optional<MemoryAddress> address = AddressOf(Argument(state, 0));
  if (!address) {
    Incomplete(
        "deletes a critical section at an address that is not known "
        "at " +
        Site());
    return;
  }
  SectionState& section = state.sections[*address];
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
    result = state.Fresh();
    return;
  }
  const Value old = state.memory.Load(*address, 4);
  Value now = operand;
  if (effect == ApiEffect::kIncrement) {
    now = Evaluate(BinaryOp::kAdd, 32, old, ConstantValue(1));
  } else if (effect == ApiEffect::kDecrement) {
    now = Evaluate(BinaryOp::kSub, 32, old, ConstantValue(1));
  }
  state.memory.Store(*address, 4, now);
  result = EvaluateSignExtend(32, state.register_width,
                              effect == ApiEffect::kExchange ? old : now);
}

void Interpreter::ForgetWhatItMayWrite(State& state, const ImportName& import,
                                       const Api& api) {
  const bool counted = api.stack_bytes.value_or(0) > 0;
  const size_t count = counted ? *api.stack_bytes / 4 : kMaxArguments;
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
  if (!address) return;  // a number, or nothing of the image's
  if (address->region == kStackSymbol) {
    ForgetStackFrom(state, address->offset);
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
    state.memory.ForgetImage({address->offset, begin + region.size},
                             LiveSectionRanges(state));
  }
}

/// A buffer on the stack ends at the latest where the frame's saved words
/// begin: a return address, the frame pointer below it, what the entry's caller
/// left in a register.
void Interpreter::ForgetStackFrom(State& state, int64_t offset) const {
  const auto is_return_address = [&](const Value& value) {
    return (value.IsSymbolic() && value.symbol == kReturnSymbol) ||
           (value.IsConstant() &&
            std::ranges::find(state.call_stack, value.bits) !=
                state.call_stack.end());
  };
  Memory::Cells& cells = state.memory.cells();
  auto it = cells.lower_bound({kStackSymbol, offset});
  while (it != cells.end() && it->first.region == kStackSymbol) {
    const Value& value = it->second.value;
    const bool entry_register = value.IsSymbolic() &&
                                value.symbol >= kFirstRegisterSymbol &&
                                value.symbol < kFirstFreshSymbol;
    const Value above = state.memory.Load(
        {kStackSymbol, it->first.offset + isa_.convention().word_size}, 4);
    const bool frame_pointer = value.IsSymbolic() &&
                               value.symbol == kStackSymbol &&
                               is_return_address(above);
    if (entry_register || frame_pointer || is_return_address(value)) return;
    it = cells.erase(it);
  }
}

}  // namespace detachfix
