// SPDX-License-Identifier: Apache-2.0
// The answers of one ordinary process (process.h), and its memory.
//
// Blocks are handed out one after the other, at addresses that are numbers:
// code that hides, aligns or compares them is followed to the bit. Each lies in
// slices of 64 KiB of its own, behind a word that says how long it is.

#include <algorithm>

#include "disasm/interpreter.h"
#include "disasm/process.h"

namespace detachfix {
namespace {

constexpr uint64_t kSlice = 0x10000;
/// Between the start of a slice and the block in it, as much as malloc aligns.
constexpr uint64_t kHeader = 0x10;
/// Of blocks whose size is not known, and of longer ones.
constexpr uint64_t kMaxBlock = 0x1000000;
/// Where blocks are: the first of these places that the image does not touch.
constexpr uint64_t kPlaces[] = {0x20000000, 0x48000000};
constexpr uint64_t kPlaceSize = 0x20000000;

}  // namespace

/// An address of the stack as a number: for code that does not use it as an
/// address, such as a cookie that is mixed with it.
Value Interpreter::PlacedStack(const Value& value) {
  constexpr uint64_t kStack = 0x0009ff40;
  if (!value.IsSymbolic() || value.symbol != kStackSymbol) return value;
  return ConstantValue((kStack + value.bits) & LowBits(32));
}

/// The `size` bytes at `address` where they are a part of a word that holds an
/// address of the stack.
std::optional<Value> Interpreter::PartOfStackAddress(const State& state,
                                                     MemoryAddress address,
                                                     uint32_t size) const {
  if (setting_ != Setting::kOrdinary) return std::nullopt;
  for (uint32_t before = 0; before + size <= 4; ++before) {
    const Value word = PlacedStack(
        state.memory.Load({address.region, address.offset - before}, 4));
    if (word.IsConstant()) {
      return ConstantValue((word.bits >> (8 * before)) & LowBits(8 * size));
    }
  }
  return std::nullopt;
}

void Interpreter::EnterProcess(State& state) {
  const uint64_t image_end = uint64_t{view_.image_base} + view_.image_size;
  for (const uint64_t place : kPlaces) {
    blocks_at_ = place;
    if (view_.image_base >= place + kPlaceSize || image_end <= place) break;
  }
  state.blocks_end = blocks_at_;
  const std::string_view memory = ProcessMemory();
  process_memory_ = AddressOf(NewBlock(state, ConstantValue(memory.size())))
                        .value_or(MemoryAddress{});
  WriteBytes(state, process_memory_, memory);
}

void Interpreter::WriteBytes(State& state, MemoryAddress address,
                             std::string_view bytes) {
  for (const char byte : bytes) {
    StoreAt(state, address, 1, ConstantValue(static_cast<uint8_t>(byte)));
    ++address.offset;
  }
}

/// A block of `size` bytes, which may be unknown.
Value Interpreter::NewBlock(State& state, const Value& size) {
  const bool known = size.IsConstant() && size.bits <= kMaxBlock;
  const uint64_t room = (known ? size.bits : kSlice - kHeader) + kHeader;
  const uint64_t slice = state.blocks_end;
  state.blocks_end += (room + kSlice - 1) / kSlice * kSlice;
  if (state.blocks_end > blocks_at_ + kPlaceSize) {
    Incomplete("allocates more memory than is followed, at " + Site());
    state.blocks_end = slice;
  }
  state.memory.Store({kAbsolute, static_cast<int64_t>(slice)}, 4,
                     known ? size : UnknownValue());
  return ConstantValue(slice + kHeader);
}

/// The bytes from `address` to the end of the block that it lies in; nothing
/// where it lies in none.
std::optional<Memory::Range> Interpreter::RestOfBlock(
    const State& state, MemoryAddress address) const {
  const uint64_t va = static_cast<uint64_t>(address.offset);
  if (address.region != kAbsolute || va < blocks_at_ ||
      va >= state.blocks_end) {
    return std::nullopt;
  }
  const uint64_t slice = va / kSlice * kSlice;
  const Value size =
      state.memory.Load({kAbsolute, static_cast<int64_t>(slice)}, 4);
  // Without a size it is the second slice of a long one.
  const bool known = size.IsConstant() && size.bits <= kSlice - kHeader;
  return Memory::Range{
      address.offset,
      static_cast<int64_t>(known ? slice + kSlice : state.blocks_end)};
}

/// Whether the process answers; if so the call is done, but for the return.
bool Interpreter::AnswerInProcess(State& state, const ImportName& import,
                                  const Api& api) {
  const std::optional<Answer> answer = detachfix::AnswerInProcess(import);
  if (!answer || !api.of_system) return false;
  std::optional<Value> number;
  switch (answer->kind) {
    case AnswerKind::kNumber:
      number = ConstantValue(answer->number);
      break;
    case AnswerKind::kText:
      number = ConstantValue(static_cast<uint64_t>(process_memory_.offset) +
                             answer->number);
      break;
    case AnswerKind::kModule:
    case AnswerKind::kLoadModule:
      number = ModuleNamed(state, 0, *answer);
      break;
    case AnswerKind::kModuleEx:
      number = WriteModule(state, *answer);
      break;
    case AnswerKind::kPages: {
      const Value size = Argument(state, 1);
      number = NewBlock(state, size);
      Clear(state, *number, size);
      break;
    }
    case AnswerKind::kLength:
      if (const std::optional<std::string> text =
              TextAt(state, Argument(state, 0), answer->number)) {
        number = ConstantValue(text->size());
      }
      break;
    case AnswerKind::kCompareTexts:
      number = CompareTexts(state, *answer);
      break;
    case AnswerKind::kFindCharacter:
      number = FindCharacter(state, *answer);
      break;
    case AnswerKind::kCopyText:
      number = CopyText(state, *answer);
      break;
    case AnswerKind::kDuplicateText:
      number = DuplicateText(state, *answer);
      break;
    case AnswerKind::kCharacterType:
    case AnswerKind::kMapCharacter:
      number = JudgeCharacter(state, *answer);
      break;
    case AnswerKind::kBlockSize:
      number = BlockSize(state, Argument(state, answer->number));
      break;
    case AnswerKind::kFlushList:
    case AnswerKind::kPushOnList:
      number = ChangeList(state, answer->kind);
      break;
    case AnswerKind::kFileName:
      number = WriteFileName(state, answer->number);
      break;
    case AnswerKind::kWiden:
      number = Convert(state, 1, 1, 2);
      break;
    case AnswerKind::kNarrow:
      number = Convert(state, 1, 2, 1);
      break;
    case AnswerKind::kWideTypes:
      number = WriteTypes(state, answer->number, 2);
      break;
    case AnswerKind::kByteTypes:
      number = WriteTypes(state, answer->number, 1);
      break;
    case AnswerKind::kWideMap:
      number = Convert(state, answer->number, 2, 2);
      break;
    case AnswerKind::kByteMap:
      number = Convert(state, answer->number, 1, 1);
      break;
  }
  if (!number) return false;
  for (const AnswerBytes& written : answer->writes) {
    if (written.bytes.empty()) continue;
    const Value pointer = Argument(state, written.argument);
    if (pointer.IsConstant(0)) continue;
    const std::optional<MemoryAddress> address = AddressOf(pointer);
    ForgetIfInImage(state, pointer);
    if (address) WriteBytes(state, *address, written.bytes);
  }
  state.at(isa_.convention().result) =
      EvaluateSignExtend(32, state.register_width, *number);
  return true;
}

/// The module that argument `at` names. Loaded are the system's and those that
/// the image imports from.
std::optional<Value> Interpreter::ModuleNamed(const State& state, size_t at,
                                              const Answer& answer) const {
  constexpr uint32_t kOtherModule = 0x7b000000;
  const Value pointer = Argument(state, at);
  std::optional<std::string> name = pointer.IsConstant(0)
                                        ? std::string()
                                        : TextAt(state, pointer, answer.number);
  if (!name) return std::nullopt;
  const uint32_t handle = ModuleInProcess(*name);
  if (handle != 0) return ConstantValue(handle);
  std::ranges::transform(*name, name->begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const bool imported =
      std::ranges::any_of(view_.import_slots, [&](const auto& slot) {
        return slot.second.dll == *name || slot.second.dll == *name + ".dll";
      });
  const bool there = imported || answer.kind == AnswerKind::kLoadModule;
  return ConstantValue(there ? kOtherModule : 0);
}

/// GetModuleHandleEx: (flags, name or address, to).
std::optional<Value> Interpreter::WriteModule(State& state,
                                              const Answer& answer) {
  constexpr uint64_t kFromAddress = 4;
  const Value flags = Argument(state, 0);
  const Value address = Argument(state, 1);
  const std::optional<MemoryAddress> to = AddressOf(Argument(state, 2));
  if (!flags.IsConstant() || !to) return std::nullopt;
  std::optional<Value> module;
  if ((flags.bits & kFromAddress) == 0) {
    module = ModuleNamed(state, 1, answer);
  } else if (address.IsConstant() &&
             address.bits - view_.image_base < view_.image_size) {
    module = ConstantValue(view_.image_base);
  }
  if (!module) return std::nullopt;
  StoreAt(state, *to, 4, *module);
  return ConstantValue(module->bits != 0 ? 1 : 0);
}

/// The bytes of the block at `pointer`.
std::optional<Value> Interpreter::BlockSize(const State& state,
                                            const Value& pointer) const {
  const std::optional<MemoryAddress> address = AddressOf(pointer);
  if (!address || !RestOfBlock(state, *address)) return std::nullopt;
  const Value size = state.memory.Load(
      {kAbsolute, address->offset - static_cast<int64_t>(kHeader)}, 4);
  if (!size.IsConstant()) return std::nullopt;
  return size;
}

/// The list at argument 0, whose first word points to the first entry, which
/// begins with a pointer to the next. Argument 1 is the entry to be pushed.
std::optional<Value> Interpreter::ChangeList(State& state, AnswerKind kind) {
  const std::optional<MemoryAddress> list = AddressOf(Argument(state, 0));
  const std::optional<MemoryAddress> entry = AddressOf(Argument(state, 1));
  const bool pushes = kind == AnswerKind::kPushOnList;
  if (!list || (pushes && !entry)) return std::nullopt;
  const Value first = state.memory.Load(*list, 4);
  if (!first.IsConstant()) return std::nullopt;
  if (pushes) StoreAt(state, *entry, 4, first);
  StoreAt(state, *list, 4, pushes ? Argument(state, 1) : ConstantValue(0));
  return first;
}

std::optional<Value> Interpreter::WriteFileName(State& state, uint32_t width) {
  const std::optional<MemoryAddress> to = AddressOf(Argument(state, 1));
  const Value room = Argument(state, 2);
  const std::string_view path = ProgramPath();
  if (!to || !room.IsConstant() || room.bits <= path.size()) {
    return std::nullopt;
  }
  WriteText(state, *to, std::string(path) + '\0', width);
  return ConstantValue(path.size());
}

}  // namespace detachfix
