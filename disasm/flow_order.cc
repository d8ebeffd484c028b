// SPDX-License-Identifier: Apache-2.0
#include "disasm/flow_order.h"

#include <algorithm>
#include <map>
#include <set>

namespace detachfix {
namespace {

/// Procedures with more than this are not ordered. Both bound the time that is
/// spent, the second one the depth of the search too; the largest procedures of
/// real DLLs' entries have some hundred blocks.
constexpr size_t kMaxInstructions = 8192;
constexpr size_t kMaxBlocks = 1024;
/// Loops in loops are searched again and again.
constexpr uint32_t kMaxVisits = 16'384;

/// Of a block that is done.
constexpr uint32_t kDone = UINT32_MAX;

}  // namespace

FlowOrder::FlowOrder(uint64_t entry, const ExitsOf& exits_of) {
  if (!FindBlocks(entry, exits_of)) return;
  next_position_ = static_cast<uint32_t>(blocks_.size());
  const auto first =
      std::ranges::lower_bound(blocks_, entry, {}, &Block::begin);
  Visit(static_cast<uint32_t>(first - blocks_.begin()));
  if (visits_ <= kMaxVisits) return;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].position = static_cast<uint32_t>(i);
    blocks_[i].loop_end = 0;
  }
}

uint32_t FlowOrder::PositionOf(uint64_t va) const {
  const auto after = std::ranges::upper_bound(blocks_, va, {}, &Block::begin);
  if (after == blocks_.begin()) return UINT32_MAX;
  return std::prev(after)->position;
}

std::optional<uint32_t> FlowOrder::EndOfLoop(uint64_t va) const {
  const auto it = std::ranges::lower_bound(blocks_, va, {}, &Block::begin);
  if (it == blocks_.end() || it->begin != va || it->loop_end == 0) {
    return std::nullopt;
  }
  return it->loop_end;
}

/// Cuts what can be reached into blocks; whether it is small enough.
bool FlowOrder::FindBlocks(uint64_t entry, const ExitsOf& exits_of) {
  std::map<uint64_t, Exits> instructions;
  std::set<uint64_t> begins = {entry};
  std::vector<uint64_t> todo = {entry};
  while (!todo.empty()) {
    const uint64_t va = todo.back();
    todo.pop_back();
    if (instructions.contains(va)) continue;
    if (instructions.size() >= kMaxInstructions) return false;
    const Exits& exits = instructions.emplace(va, exits_of(va)).first->second;
    if (exits.next) todo.push_back(va + exits.size);
    if (exits.targets.empty()) continue;
    if (exits.next) begins.insert(va + exits.size);
    begins.insert(exits.targets.begin(), exits.targets.end());
    todo.insert(todo.end(), exits.targets.begin(), exits.targets.end());
  }
  if (begins.size() > kMaxBlocks) return false;
  blocks_.reserve(begins.size());
  for (const uint64_t begin : begins) blocks_.push_back({begin, {}});
  const auto index_of = [&](uint64_t va) {
    const auto it = std::ranges::upper_bound(blocks_, va, {}, &Block::begin);
    return static_cast<uint32_t>(it - blocks_.begin()) - 1;
  };
  for (const auto& [va, exits] : instructions) {
    const uint32_t block = index_of(va);
    std::vector<uint32_t>& successors = blocks_[block].successors;
    const uint64_t next = va + exits.size;
    if (exits.next && index_of(next) != block) {
      successors.push_back(index_of(next));
    }
    for (const uint64_t target : exits.targets) {
      successors.push_back(index_of(target));
    }
  }
  return true;
}

/// Bourdoncle's Visit. Gives out positions from the last one on; returns the
/// number of the outermost head of a loop that the block is in.
uint32_t FlowOrder::Visit(uint32_t block) {
  if (++visits_ > kMaxVisits) return kDone;
  stack_.push_back(block);
  const uint32_t number = blocks_[block].number = ++last_number_;
  uint32_t head = number;
  bool is_loop = false;
  for (const uint32_t successor : blocks_[block].successors) {
    const uint32_t seen = blocks_[successor].number;
    const uint32_t reached = seen == 0 ? Visit(successor) : seen;
    if (reached > head) continue;
    head = reached;
    is_loop = true;
  }
  if (head != number) return head;
  blocks_[block].number = kDone;
  uint32_t above = stack_.back();
  stack_.pop_back();
  while (is_loop && above != block) {
    blocks_[above].number = 0;
    above = stack_.back();
    stack_.pop_back();
  }
  if (is_loop) {
    blocks_[block].loop_end = next_position_;
    OrderLoop(block);
  }
  blocks_[block].position = --next_position_;
  return head;
}

/// Gives positions to the rest of the loop that begins at `head`.
void FlowOrder::OrderLoop(uint32_t head) {
  for (const uint32_t successor : blocks_[head].successors) {
    if (blocks_[successor].number == 0) Visit(successor);
  }
}

}  // namespace detachfix
