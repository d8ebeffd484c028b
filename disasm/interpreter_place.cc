// SPDX-License-Identifier: Apache-2.0
// Where things lie in one ordinary process (process.h): the stack, the blocks
// and pages that are handed out, the thread's own data.
//
// All are at addresses that are numbers: code that hides, aligns or compares
// them is followed to the bit. Blocks come one after the other, each in a slice
// of 64 KiB of its own, as VirtualAlloc's do.

#include <algorithm>
#include <span>

#include "disasm/interpreter.h"
#include "disasm/process.h"

namespace detachfix {
namespace {

constexpr uint64_t kSlice = 0x10000;
/// Of blocks whose size is not known, and of longer ones.
constexpr uint64_t kMaxBlock = 0x1000000;

struct Area {
  uint64_t begin = 0;
  uint64_t size = 0;
};
/// Where blocks, pages and the program are: at the first of these places that
/// the image does not touch.
constexpr Area kForBlocks[] = {{0x20000000, 0x10000000},
                               {0x48000000, 0x10000000}};
constexpr Area kForPages[] = {{0x30000000, 0x10000000},
                              {0x58000000, 0x10000000}};
constexpr Area kForProgram[] = {{0x00400000, 0x10000}, {0x01000000, 0x10000}};
/// The entry's stack pointer, and what lies around it: where few numbers are
/// that mean something else.
constexpr uint64_t kStack = 0x1b49f000;
constexpr Area kStackPlace = {0x1b480000, 0x20000};

/// The DLLs that the image imports from, sorted, without doubles.
std::vector<std::string> ImportedDlls(const CodeView& view) {
  std::vector<std::string> dlls;
  for (const auto& [slot, import] : view.import_slots) {
    dlls.push_back(LowerCase(import.dll));
  }
  std::ranges::sort(dlls);
  dlls.erase(std::unique(dlls.begin(), dlls.end()), dlls.end());
  return dlls;
}

}  // namespace

/// An address of the stack as a number: for code that does not use it as an
/// address, such as a cookie that is mixed with it.
Value Interpreter::PlacedStack(const Value& value) {
  if (!value.IsSymbolic() || value.symbol != kStackSymbol) return value;
  return ConstantValue((kStack + value.bits) & LowBits(32));
}

/// The other way: what is computed from such numbers may be an address again;
/// and what is computed from an address of the stack may be a number.
Value Interpreter::StackFromPlace(const Value& value) {
  const Value number = PlacedStack(value);
  if (!number.IsConstant()) return value;
  if (number.bits - kStackPlace.begin >= kStackPlace.size) return number;
  return SymbolicValue(kStackSymbol, (number.bits - kStack) & LowBits(32));
}

/// What is used as an address, where numbers may be addresses of the stack.
Value Interpreter::OnStack(const Value& value) const {
  return setting_ == Setting::kOrdinary ? StackFromPlace(value) : value;
}

/// The `size` bytes at `address` where they are a part of a word that holds an
/// address of the stack.
std::optional<Value> Interpreter::PartOfStackAddress(const State& state,
                                                     MemoryAddress address,
                                                     uint32_t size) const {
  if (setting_ != Setting::kOrdinary) return std::nullopt;
  Count(4);  // it looks at as many words
  for (uint32_t before = 0; before + size <= 4; ++before) {
    const Value word = PlacedStack(
        state.memory.Load({address.region, address.offset - before}, 4));
    if (word.IsConstant()) {
      return ConstantValue((word.bits >> (8 * before)) & LowBits(8 * size));
    }
  }
  return std::nullopt;
}

bool Interpreter::EnterProcess(State& state) {
  const auto is_free = [this](const Area& place) {
    return view_.image_base >= place.begin + place.size ||
           uint64_t{view_.image_base} + view_.image_size <= place.begin;
  };
  const auto find = [&](std::span<const Area> places) {
    return std::ranges::find_if(places, is_free);
  };
  const std::span<const Area> for_blocks = kForBlocks;
  const std::span<const Area> for_pages = kForPages;
  const std::span<const Area> for_program = kForProgram;
  const auto blocks = find(for_blocks);
  const auto pages = find(for_pages);
  const auto program = find(for_program);
  if (blocks == for_blocks.end() || pages == for_pages.end() ||
      program == for_program.end() || !is_free(kStackPlace)) {
    return false;
  }
  blocks_at_ = state.blocks_end = blocks->begin;
  blocks_limit_ = blocks->begin + blocks->size;
  pages_at_ = state.pages_end = pages->begin;
  pages_limit_ = pages->begin + pages->size;
  program_ = static_cast<uint32_t>(program->begin);
  imported_dlls_ = ImportedDlls(view_);
  const std::string_view memory = ProcessMemory();
  process_memory_ = AddressOf(NewBlock(state, ConstantValue(memory.size())))
                        .value_or(MemoryAddress{});
  WriteBytes(state, process_memory_, memory);
  constexpr int64_t kCharacters = 256;
  constexpr uint32_t kOfTable = 0x1ff;
  types_ = AddressOf(NewBlock(state, ConstantValue(uint64_t{2} * kCharacters)))
               .value_or(MemoryAddress{});
  for (int64_t c = 0; c < kCharacters; ++c) {
    const uint32_t type =
        c < 0x80 ? CharacterType(static_cast<uint32_t>(c)) & kOfTable : 0;
    StoreAt(state, {types_.region, types_.offset + 2 * c}, 2,
            ConstantValue(type));
  }
  EnterEnvironment(state);
  if (isa_.convention().thread_block) EnterBlocks(state);
  EnterThread(state);
  own_blocks_at_ = state.blocks_end;
  // A heap that nothing was freed of yet has its blocks from such pages.
  state.memory.SetZeros(
      {static_cast<int64_t>(pages_at_), static_cast<int64_t>(pages_limit_)},
      {static_cast<int64_t>(own_blocks_at_),
       static_cast<int64_t>(blocks_limit_)});
  return true;
}

/// Has the C runtime's variable _environ, which some DLLs import, or ask for by
/// __p__environ, point to a list of the environment's variables.
void Interpreter::EnterEnvironment(State& state) {
  for (const auto& [slot, import] : view_.import_slots) {
    const bool is_variable = import.name == "_environ";
    if (!is_variable && import.name != "__p__environ") continue;
    if (!LookUpApi(import).of_system) continue;
    environment_ = NewBlock(state, ConstantValue(12)).bits;
    const MemoryAddress at{kAbsolute, static_cast<int64_t>(environment_)};
    const Value list = ConstantValue(environment_ + 4);
    const int64_t variable =
        process_memory_.offset + static_cast<int64_t>(EnvironmentAt());
    StoreAt(state, at, 4, list);
    StoreAt(state, {at.region, at.offset + 4}, 4,
            ConstantValue(static_cast<uint64_t>(variable)));
    StoreAt(state, {at.region, at.offset + 8}, 4, ConstantValue(0));
    if (!is_variable) continue;
    StoreAt(state, {kImportSymbol, int64_t{slot.value}}, 4, list);
  }
}

/// Fills the environment blocks of the thread and of the process.
void Interpreter::EnterBlocks(State& state) const {
  for (const BlockWord& word : BlockWords()) {
    state.memory.Store({kAbsolute, int64_t{word.address}}, 4,
                       ConstantValue(word.value));
  }
  state.memory.Store({kAbsolute, int64_t{kProcessBlock} + kProgramOffset}, 4,
                     ConstantValue(program_));
}

/// Gives the thread its copy of the image's template, as the loader does.
void Interpreter::EnterThread(State& state) {
  constexpr uint32_t kMaxTemplate = 0x10000;
  constexpr uint32_t kIndex = 1;
  if (!view_.thread_template || !isa_.convention().thread_block) return;
  const ThreadTemplate& from = *view_.thread_template;
  if (from.size > kMaxTemplate || from.zeros > kMaxTemplate) return;
  const int64_t image = view_.image_base;
  const Value size = ConstantValue(from.size + from.zeros);
  const Value block = NewBlock(state, size);
  const MemoryAddress to = AddressOf(block).value_or(MemoryAddress{});
  Clear(state, block, size);
  for (int64_t i = 0; i < int64_t{from.size}; ++i) {
    const MemoryAddress byte{kAbsolute, image + from.begin.value + i};
    StoreAt(state, {to.region, to.offset + i}, 1, state.memory.Load(byte, 1));
  }
  const Value blocks =
      NewBlock(state, ConstantValue(uint64_t{4} * (kIndex + 1)));
  MemoryAddress own = AddressOf(blocks).value_or(MemoryAddress{});
  own.offset += int64_t{4} * kIndex;
  StoreAt(state, own, 4, block);
  StoreAt(state, {kAbsolute, image + from.index.value}, 4,
          ConstantValue(kIndex));
  StoreAt(state, {kAbsolute, int64_t{kThreadBlock} + kThreadStorageOffset}, 4,
          blocks);
}

void Interpreter::WriteBytes(State& state, MemoryAddress address,
                             std::string_view bytes) {
  Count(bytes.size());
  for (const char byte : bytes) {
    StoreAt(state, address, 1, ConstantValue(static_cast<uint8_t>(byte)));
    ++address.offset;
  }
}

/// A block of `size` bytes, which may be unknown.
Value Interpreter::NewBlock(State& state, const Value& size) {
  const bool known = size.IsConstant() && size.bits <= kMaxBlock;
  const uint64_t room = known ? size.bits : 1;
  const uint64_t block = state.blocks_end;
  state.blocks_end += (room + kSlice) / kSlice * kSlice;
  if (state.blocks_end > blocks_limit_) {
    Incomplete("allocates more memory than is followed, at " + Site());
    state.blocks_end = block;
  }
  const int64_t at = static_cast<int64_t>(block);
  state.memory.Store({kBlockSizesSymbol, at}, 4,
                     known ? size : Fresh(state, true));
  return ConstantValue(block);
}

/// The bytes from `address` to the end of the block that it lies in; nothing
/// where it lies in none. One of unknown size ends where the next begins.
std::optional<Memory::Range> Interpreter::RestOfBlock(
    const State& state, MemoryAddress address) const {
  const uint64_t va = static_cast<uint64_t>(address.offset);
  if (address.region == kAbsolute && va >= pages_at_ && va < state.pages_end) {
    return Memory::Range{address.offset, static_cast<int64_t>(state.pages_end)};
  }
  if (address.region != kAbsolute || va < blocks_at_ ||
      va >= state.blocks_end) {
    return std::nullopt;
  }
  const CellMap& cells = state.memory.cells();
  const CellMap::Entry* block =
      cells.AtOrBefore({kBlockSizesSymbol, address.offset});
  if (block == nullptr || block->address.region != kBlockSizesSymbol) {
    return Memory::Range{address.offset,
                         static_cast<int64_t>(state.blocks_end)};
  }
  const CellMap::Entry* next = cells.After(block->address);
  const bool is_last =
      next == nullptr || next->address.region != kBlockSizesSymbol;
  return Memory::Range{
      address.offset,
      is_last ? static_cast<int64_t>(state.blocks_end) : next->address.offset};
}

/// `result` of the operation in an ordinary process, where the stack lies at
/// numbers.
Value Interpreter::InPlace(const Binary& op, const Value& a, const Value& b,
                           const Value& result) {
  const bool of_stack = result.HasSymbol() && result.symbol == kStackSymbol;
  if (result.IsSymbolic() && of_stack) return StackFromPlace(result);
  if (result.IsConstant() || (result.HasSymbol() && !of_stack)) return result;
  return StackFromPlace(
      Evaluate(op.op, op.width, PlacedStack(a), PlacedStack(b)));
}

/// VirtualAlloc(address, size, type): new pages, which hold zeros, where nobody
/// says at which address; some of them to be used (MEM_COMMIT) gives those.
std::optional<Value> Interpreter::AllocatePages(State& state) {
  constexpr uint64_t kPage = 0x1000, kCommit = 0x1000;
  const Value address = Argument(state, 0);
  const Value size = Argument(state, 1);
  const Value type = Argument(state, 2);
  if (!address.IsConstant() || !size.IsConstant() ||
      size.bits > pages_limit_ - pages_at_) {
    return std::nullopt;
  }
  if (address.bits != 0) {
    const bool there = address.bits >= pages_at_ &&
                       address.bits + size.bits <= state.pages_end;
    if (!there || !type.IsConstant(kCommit)) return std::nullopt;
    return ConstantValue(address.bits / kPage * kPage);
  }
  const uint64_t pages = state.pages_end;
  const uint64_t end = pages + (size.bits + kSlice - 1) / kSlice * kSlice;
  if (size.bits == 0 || end > pages_limit_) return std::nullopt;
  state.pages_end = end;
  return ConstantValue(pages);
}

/// The bytes of the block at `pointer`.
std::optional<Value> Interpreter::BlockSize(const State& state,
                                            const Value& pointer) {
  const std::optional<MemoryAddress> address = AddressOf(pointer);
  if (!address || address->region != kAbsolute) return std::nullopt;
  const Value size = state.memory.Load({kBlockSizesSymbol, address->offset}, 4);
  if (!size.IsConstant()) return std::nullopt;
  return size;
}

}  // namespace detachfix
