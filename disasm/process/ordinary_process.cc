// SPDX-License-Identifier: Apache-2.0
// Where things lie in one ordinary process (process.h): the stack, the blocks
// and pages that are handed out, the thread's own data.
//
// All are at addresses that are numbers: code that hides, aligns or compares
// them is followed to the bit. Blocks come one after the other, each in a slice
// of 64 KiB of its own, as VirtualAlloc's do.

#include "disasm/process/ordinary_process.h"

#include <algorithm>
#include <span>

#include "disasm/process/characters.h"
#include "disasm/process/process.h"
#include "disasm/process/stack_place.h"

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

MemoryAddress At(uint64_t va) { return {kAbsolute, static_cast<int64_t>(va)}; }

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

bool OrdinaryProcess::FindPlaces(State& state) {
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
      program == for_program.end() ||
      !is_free({kStackPlace, kStackPlaceSize})) {
    return false;
  }
  blocks_at_ = state.blocks_end = blocks->begin;
  blocks_limit_ = blocks->begin + blocks->size;
  pages_at_ = state.pages_end = pages->begin;
  pages_limit_ = pages->begin + pages->size;
  program_ = static_cast<uint32_t>(program->begin);
  return true;
}

bool OrdinaryProcess::Enter(CodeRunner& runner, State& state,
                            bool has_thread_block) {
  if (!FindPlaces(state)) return false;
  imported_dlls_ = ImportedDlls(view_);
  const std::string_view memory = ProcessMemory();
  memory_at_ = NewBlock(runner, state, ConstantValue(memory.size())).bits;
  WriteBytes(runner, state, At(memory_at_), memory);
  EnterTypes(runner, state);
  EnterEnvironment(runner, state);
  if (has_thread_block) {
    EnterBlocks(state);
    EnterThread(runner, state);
  }
  own_blocks_at_ = state.blocks_end;
  // A heap that nothing was freed of yet has its blocks from such pages.
  state.memory.SetZeros(
      {static_cast<int64_t>(pages_at_), static_cast<int64_t>(pages_limit_)},
      {static_cast<int64_t>(own_blocks_at_),
       static_cast<int64_t>(blocks_limit_)});
  return true;
}

/// The table of CharacterType, as the C runtime has it (_pctype).
void OrdinaryProcess::EnterTypes(CodeRunner& runner, State& state) {
  constexpr uint32_t kCharacters = 256;
  constexpr uint32_t kOfTable = 0x1ff;
  types_at_ =
      NewBlock(runner, state, ConstantValue(uint64_t{2} * kCharacters)).bits;
  for (uint32_t c = 0; c < kCharacters; ++c) {
    const uint32_t type =
        c < 0x80 ? CharacterType(c).value_or(0) & kOfTable : 0;
    runner.StoreAt(state, At(types_at_ + uint64_t{2} * c), 2,
                   ConstantValue(type));
  }
}

/// Has the C runtime's variable _environ, which some DLLs import, or ask for by
/// __p__environ, point to a list of the environment's variables.
void OrdinaryProcess::EnterEnvironment(CodeRunner& runner, State& state) {
  for (const auto& [slot, import] : view_.import_slots) {
    const bool is_variable = import.name == "_environ";
    if (!is_variable && import.name != "__p__environ") continue;
    if (!LookUpApi(import).of_system) continue;
    environment_at_ = NewBlock(runner, state, ConstantValue(12)).bits;
    const Value list = ConstantValue(environment_at_ + 4);
    runner.StoreAt(state, At(environment_at_), 4, list);
    runner.StoreAt(state, At(environment_at_ + 4), 4,
                   ConstantValue(memory_at_ + EnvironmentAt()));
    runner.StoreAt(state, At(environment_at_ + 8), 4, ConstantValue(0));
    if (!is_variable) continue;
    runner.StoreAt(state, {kImportSymbol, int64_t{slot.value}}, 4, list);
  }
}

/// Fills the environment blocks of the thread and of the process.
void OrdinaryProcess::EnterBlocks(State& state) const {
  for (const BlockWord& word : BlockWords()) {
    state.memory.Store({kAbsolute, int64_t{word.address}}, 4,
                       ConstantValue(word.value));
  }
  state.memory.Store({kAbsolute, int64_t{kProcessBlock} + kProgramOffset}, 4,
                     ConstantValue(program_));
}

/// Gives the thread its copy of the image's template, as the loader does.
void OrdinaryProcess::EnterThread(CodeRunner& runner, State& state) const {
  constexpr uint32_t kMaxTemplate = 0x10000;
  constexpr uint32_t kIndex = 1;
  if (!view_.thread_template) return;
  const ThreadTemplate& from = *view_.thread_template;
  if (from.size > kMaxTemplate || from.zeros > kMaxTemplate) return;
  const uint64_t image = view_.image_base;
  const Value size = ConstantValue(from.size + from.zeros);
  const Value block = NewBlock(runner, state, size);
  runner.Clear(state, block, size);
  for (uint32_t i = 0; i < from.size; ++i) {
    runner.StoreAt(state, At(block.bits + i), 1,
                   state.memory.Load(At(image + from.begin.value + i), 1));
  }
  const Value blocks =
      NewBlock(runner, state, ConstantValue(uint64_t{4} * (kIndex + 1)));
  runner.StoreAt(state, At(blocks.bits + 4 * kIndex), 4, block);
  runner.StoreAt(state, At(image + from.index.value), 4, ConstantValue(kIndex));
  runner.StoreAt(state, At(uint64_t{kThreadBlock} + kThreadStorageOffset), 4,
                 blocks);
}

Value OrdinaryProcess::NewBlock(CodeRunner& runner, State& state,
                                const Value& size) const {
  const bool known = size.IsConstant() && size.bits <= kMaxBlock;
  const uint64_t room = known ? size.bits : 1;
  const uint64_t block = state.blocks_end;
  state.blocks_end += (room + kSlice) / kSlice * kSlice;
  if (state.blocks_end > blocks_limit_) {
    runner.IncompleteHere("allocates more memory than is followed,");
    state.blocks_end = block;
  }
  const int64_t at = static_cast<int64_t>(block);
  state.memory.Store({kBlockSizesSymbol, at}, 4,
                     known ? size : runner.Fresh(state, true));
  return ConstantValue(block);
}

std::optional<Memory::Range> OrdinaryProcess::RestOfBlock(
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

std::optional<Value> OrdinaryProcess::AllocatePages(State& state,
                                                    const Value& address,
                                                    const Value& size,
                                                    const Value& type) const {
  constexpr uint64_t kPage = 0x1000, kCommit = 0x1000;  // MEM_COMMIT (winnt.h)
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

std::optional<Value> OrdinaryProcess::BlockSize(const State& state,
                                                const Value& pointer) {
  const std::optional<MemoryAddress> address = AddressOf(pointer);
  if (!address || address->region != kAbsolute) return std::nullopt;
  const Value size = state.memory.Load({kBlockSizesSymbol, address->offset}, 4);
  if (!size.IsConstant()) return std::nullopt;
  return size;
}

bool OrdinaryProcess::HasCalled(std::string_view part) const {
  return std::ranges::any_of(called_, [part](const std::string& name) {
    return name.find(part) != std::string::npos;
  });
}

}  // namespace detachfix
