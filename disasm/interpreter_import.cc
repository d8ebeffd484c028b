// SPDX-License-Identifier: Apache-2.0
// A call into another DLL: its arguments, how it returns, and which part of the
// interpreter knows what it does.

#include <algorithm>
#include <array>
#include <cstdio>

#include "disasm/interpreter.h"
#include "disasm/interpreter_limits.h"
#include "disasm/process/give_answer.h"
#include "disasm/process/modules.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

/// The first of the RVAs that stand for what GetProcAddress gave: above every
/// image that is read (64 MiB of file, 2 GiB of memory).
constexpr uint32_t kLookedUpSlots = 0xf0000000;

/// The longest function name that is looked up, in bytes.
constexpr size_t kMaxNameSize = 128;

/// Bytes of the structure that describes a variable to __emutls_get_address:
/// size, alignment, offset, initial value (libgcc, emutls.c).
constexpr uint32_t kEmulatedVariable = 16;

/// Whether the value is certain to be an address, and no number that is passed
/// in its place: a character, an atom, a resource's number (MAKEINTRESOURCE).
bool IsObject(const Value& value) {
  constexpr uint64_t kLowestAddress = 0x10000;
  if (value.IsConstant()) return value.bits >= kLowestAddress;
  return value.IsSymbolic() &&
         (value.symbol == kStackSymbol || IsBlock(value.symbol));
}

std::string ToText(const Value& value) {
  if (!value.IsConstant()) return "?";
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%llx",
                static_cast<unsigned long long>(value.bits));
  return text.data();
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
  return OnStack(state.memory.Load({top->region, offset}, 4));
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
  const std::vector<size_t>& of_site = calls_at_[site_.value];
  const bool is_known = std::ranges::any_of(
      of_site, [&](size_t i) { return log_->calls[i].text == text; });
  if (is_known || of_site.size() > kMaxCallsOfSite) return;
  if (of_site.size() == kMaxCallsOfSite) text = ToText(import) + "(...)";
  Record({site_, import, std::nullopt, std::move(text)});
}

const ImportName* Interpreter::ImportAt(Rva slot) const {
  if (slot.value >= kLookedUpSlots &&
      slot.value - kLookedUpSlots < looked_up_.size()) {
    return &looked_up_[slot.value - kLookedUpSlots];
  }
  const auto found = view_.import_slots.find(slot);
  return found == view_.import_slots.end() ? nullptr : &found->second;
}

/// A function of the image's own, which is not followed through its import; or
/// one of those that may make or delete sections, named by an ordinal that is
/// another one's in each version.
bool Interpreter::IsUnsaid(const ImportName& import) const {
  if (!view_.name.empty() && import.dll == LowerCase(view_.name)) return true;
  return import.name.empty() &&
         (import.dll == "kernel32.dll" || import.dll == "ntdll.dll" ||
          import.dll == "kernelbase.dll");
}

Interpreter::Step Interpreter::CallImport(State& state, Rva slot) {
  const ImportName* found = ImportAt(slot);
  if (found == nullptr) {
    Incomplete("calls into the middle of an import at " + Site());
    return Step::kPathEnds;
  }
  steps_ += kImportStep;
  const ImportName import = *found;
  Api api = LookUpApi(import);
  if (!api.stack_bytes && isa_.convention().callee_pops) {
    // It counts as unknown for what it may write; the stack is guessed.
    api.stack_bytes = GuessPop(state, import);
    api.stack_guessed = true;
  }
  RecordImport(state, import, api);
  const ProcessCall call{*this, process_, state, import};
  if (KeepsImageLoaded(call)) log_->keeps_itself_loaded = true;
  if (IsUnsaid(import)) {
    Incomplete("calls " + ToText(import) + ", which may be anything, at " +
               Site());
    return Step::kPathEnds;
  }
  if (setting_ == Setting::kOrdinary) {
    process_.NoteCall(import.name, MayMakeFile(call));
  }
  switch (api.effect) {
    case ApiEffect::kNeverReturns:
      return Step::kPathEnds;
    case ApiEffect::kTerminates:
      if (Argument(state, 0) == OwnProcess()) return Step::kPathEnds;
      break;
    case ApiEffect::kThrow:
    case ApiEffect::kThrowForMemory:
      return Throw(api.effect);
    default:
      break;
  }
  if (const auto step = CallHelper(state, import, api)) return *step;
  ForgetScratch(state);
  // Such as errno, which lies in no object of the image's.
  state.memory.BlurForeign();
  switch (api.effect) {
    case ApiEffect::kRunTable:
    case ApiEffect::kRunTableUntilNonzero:
      return RunTable(state, api);
    case ApiEffect::kInitOnce:
    case ApiEffect::kRunOnce:
      return RunOnce(state, api);
    case ApiEffect::kRunOnExitTable:
      return RunOnExitTable(state, api);
    case ApiEffect::kRunFinallyBlocks:
      return Unwind(state, api);
    default:
      break;
  }
  ApplyEffect(state, import, api);
  return ReturnFromImport(state, api);
}

/// What no function preserves; but the return address and the arguments are
/// read before they are lost.
void Interpreter::ForgetScratch(State& state) const {
  const CallingConvention& convention = isa_.convention();
  for (const Place place : convention.scratch) {
    const bool is_read = convention.return_address == place ||
                         convention.this_pointer == place ||
                         std::ranges::find(convention.argument_places, place) !=
                             convention.argument_places.end();
    if (!is_read) state.at(place) = UnknownValue();
  }
  state.memory.ForgetRegion(kWideRegistersSymbol);
}

/// Whoever catches it, in the image or outside, goes on somewhere else.
Interpreter::Step Interpreter::Throw(ApiEffect effect) {
  if (effect == ApiEffect::kThrowForMemory && setting_ == Setting::kMemory) {
    log_->assumes_memory = true;
  } else {
    Incomplete("throws an exception at " + Site());
  }
  return Step::kPathEnds;
}

Interpreter::Step Interpreter::ReturnFromImport(State& state, const Api& api) {
  const CallingConvention& convention = isa_.convention();
  for (const Place place : convention.argument_places) {
    if (place != convention.result) state.at(place) = UnknownValue();
  }
  if (convention.this_pointer) {
    state.at(*convention.this_pointer) = UnknownValue();
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
  const bool is_own = Argument(state, 0).IsConstant(view_.image_base);
  const std::optional<MemoryAddress> address = AddressOf(Argument(state, 1));
  std::string name;
  while (address && name.size() < kMaxNameSize) {
    const Value byte = state.memory.Load(
        {address->region, address->offset + static_cast<int64_t>(name.size())},
        1);
    if (!byte.IsConstant() || byte.bits == 0 || byte.bits > 0x7e) break;
    name += static_cast<char>(byte.bits);
  }
  if (is_own) {
    // By an ordinal, or one that another DLL has, it is not followed.
    const auto found = view_.exports.find(name);
    result = found == view_.exports.end()
                 ? UnknownValue()
                 : ConstantValue(view_.image_base + found->second.value);
    return;
  }
  if (name.empty()) {
    result = Fresh(state);
    return;
  }
  std::optional<ImportName> import = LookUpByName(name);
  const Value module = Argument(state, 0);
  if (setting_ == Setting::kOrdinary)
    import = FunctionIn(process_, module, name);
  if (const auto own = view_.exports.find(name);
      own != view_.exports.end() && !module.IsConstant()) {
    // The image may have found itself, by its name or by an address.
    GiveInstead(state, api,
                ConstantValue(view_.image_base + own->second.value));
  }
  if (!import) {
    result = ConstantValue(0);
    return;
  }
  const bool is_there = setting_ == Setting::kOrdinary ||
                        (IsOfEveryWindowsNt(*import) && module.IsConstant() &&
                         IsKnownModule(module.bits));
  if (!is_there) GiveInstead(state, api, ConstantValue(0));
  result = SymbolicValue(kImportSymbol, LookedUpSlot(*import).value);
}

/// Goes on, on a path of its own, as if the import gave `result`.
void Interpreter::GiveInstead(State& state, const Api& api,
                              const Value& result) {
  ++state.open_branches;
  State other = state;
  other.at(isa_.convention().result) = result;
  if (ReturnFromImport(other, api) == Step::kInstructionDone) {
    FollowLater(std::move(other));
  }
}

/// What GetCurrentProcess gives, as it stands in a register.
Value Interpreter::OwnProcess() const {
  return EvaluateSignExtend(32, isa_.convention().register_width,
                            ConstantValue(0xffffffff));
}

/// Whether the process answers; if so the call is done, but for the return.
bool Interpreter::AnswerInProcess(State& state, const ImportName& import,
                                  const Api& api) {
  const std::optional<Answer> answer = detachfix::AnswerInProcess(import);
  if (!answer || !api.of_system) return false;
  // What it writes beyond the answer is not known.
  const bool is_number = answer->kind == AnswerKind::kNumber ||
                         answer->kind == AnswerKind::kOfHandle;
  const bool writes = api.effect == ApiEffect::kStartsThread ||
                      (is_number && api.effect == ApiEffect::kWrites);
  if (writes) WriteOutParameters(state, api);
  const std::optional<Value> result =
      GiveAnswer({*this, process_, state, import}, *answer);
  if (!result) return false;
  state.at(isa_.convention().result) =
      EvaluateSignExtend(32, state.register_width, *result);
  return true;
}

void Interpreter::ApplyEffect(State& state, const ImportName& import,
                              const Api& api) {
  if (api.effect == ApiEffect::kUsesSection) UseSection(state);
  if (setting_ == Setting::kOrdinary) {
    NoteLastError({*this, process_, state, import});
    if (AnswerInProcess(state, import, api)) return;
  }
  Value& result = state.at(isa_.convention().result);
  if (const std::optional<Value> module =
          BasicModule({*this, process_, state, import})) {
    result = EvaluateSignExtend(32, state.register_width, *module);
    return;
  }
  switch (api.effect) {
    case ApiEffect::kInitialiseSection:
    case ApiEffect::kInitialiseSectionOrZero:
    case ApiEffect::kInitialiseSectionOrStatus:
      InitialiseSection(state, api.effect, api);
      return;
    case ApiEffect::kInitialiseResource:
      InitialiseResource(state, api);
      return;
    case ApiEffect::kInitialiseWithin:
      Incomplete("calls " + ToText(import) +
                 ", which initialises critical sections in what it is given, "
                 "at " +
                 Site());
      result = Fresh(state);
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
    case ApiEffect::kStartsThread:
      WriteOutParameters(state, api);
      result = Fresh(state);
      return;
    case ApiEffect::kWrites:
      WriteOutParameters(state, api);
      result = Fresh(state);
      // Many return where they wrote.
      result.from_image =
          Argument(state, api.writes[0].argument).MayBeInImage();
      return;
    case ApiEffect::kWritesFirst:
      WriteOutParameters(state, api);
      result = Argument(state, 0);
      return;
    case ApiEffect::kMapsCase: {
      const Value text = Argument(state, 0);
      WriteOutParameters(state, api);
      result = IsObject(text) ? text : Fresh(state);
      return;
    }
    case ApiEffect::kRoundUp:
    case ApiEffect::kRoundDown:
      RoundDouble(state, api.effect);
      return;
    case ApiEffect::kTokenise:
      Tokenise(state, api);
      return;
    case ApiEffect::kDescribe:
      Describe(state);
      return;
    case ApiEffect::kFinds: {
      const Value from = Argument(state, api.writes[0].argument);
      WriteOutParameters(state, api);
      const bool may_be_own = from.MayBeInImage() || RegionNear(from) != 0;
      result = may_be_own ? Blurred(from) : Fresh(state);
      return;
    }
    case ApiEffect::kIdentity:
      result = Argument(state, 0);
      return;
    case ApiEffect::kEncodedNull:
      result = ConstantValue(0);
      return;
    case ApiEffect::kFill:
    case ApiEffect::kCopy:
    case ApiEffect::kCopyChecked:
      FillOrCopy(state, api.effect);
      return;
    case ApiEffect::kWriteProcess:
      WriteProcess(state);
      return;
    case ApiEffect::kAllocate:
    case ApiEffect::kAllocateHeap:
    case ApiEffect::kAllocateLocal:
      AllocateOrFail(state, api.effect);
      return;
    case ApiEffect::kAllocateZeroed:
      AllocateZeroed(state);
      return;
    case ApiEffect::kReallocate:
    case ApiEffect::kReallocateHeap:
      Reallocate(state, api);
      return;
    case ApiEffect::kAllocateIndex:
    case ApiEffect::kFreeIndex:
    case ApiEffect::kGetAtIndex:
    case ApiEffect::kSetAtIndex:
      UseThreadIndex(state, api);
      return;
    case ApiEffect::kEmulatedThreadWord:
      ForgetBytes(state, Argument(state, 0), kEmulatedVariable);
      result = Fresh(state, true);
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
    case ApiEffect::kVersion:
      result = PartialValue(0, ~LowBits(31), isa_.convention().register_width);
      return;
    case ApiEffect::kOwnProcess:
      result = OwnProcess();
      return;
    case ApiEffect::kNone:
    case ApiEffect::kUsesSection:
    case ApiEffect::kMultiplyLong:
    case ApiEffect::kDivideLong:
    case ApiEffect::kDivideUnsignedLong:
    case ApiEffect::kRemainderLong:
    case ApiEffect::kRemainderUnsignedLong:
    case ApiEffect::kDivideBothLong:
    case ApiEffect::kDivideBothUnsignedLong:
    case ApiEffect::kShiftLeftLong:
    case ApiEffect::kShiftRightLong:
    case ApiEffect::kShiftRightUnsignedLong:
    case ApiEffect::kMakeStackRoom:
    case ApiEffect::kEnterFrame:
    case ApiEffect::kUnwinds:
    case ApiEffect::kTerminates:
    case ApiEffect::kNeverReturns:
    case ApiEffect::kThrow:
    case ApiEffect::kThrowForMemory:
    case ApiEffect::kRunTable:  // of these CallImport takes care
    case ApiEffect::kRunTableUntilNonzero:
    case ApiEffect::kInitOnce:
    case ApiEffect::kRunOnce:
    case ApiEffect::kRunOnExitTable:
    case ApiEffect::kRunFinallyBlocks:
      result = Fresh(state);
      return;
  }
}

}  // namespace detachfix
