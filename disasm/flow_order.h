// SPDX-License-Identifier: Apache-2.0
// In which order the blocks of one procedure are best followed: before a block
// all that lead to it, and a loop whole before what comes after it, so that
// paths that meet are there together. This is the weak topological order of
// F. Bourdoncle, "Efficient chaotic iteration strategies with widenings"
// (Formal Methods in Programming and Their Applications, 1993).
#ifndef DETACHFIX_DISASM_FLOW_ORDER_H_
#define DETACHFIX_DISASM_FLOW_ORDER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace detachfix {

class FlowOrder {
 public:
  /// Where an instruction goes on to in its procedure: calls are stepped over.
  struct Exits {
    bool next = false;              ///< to the one behind it
    std::vector<uint64_t> targets;  ///< jumps and branches
    uint8_t size = 1;               ///< bytes of the instruction
  };
  using ExitsOf = std::function<Exits(uint64_t va)>;

  /// Orders what can be reached from `entry`. What is too large keeps the order
  /// of the addresses.
  FlowOrder(uint64_t entry, const ExitsOf& exits_of);

  /// Less comes first. What cannot be reached comes last.
  uint32_t PositionOf(uint64_t va) const;

  /// The position behind the loop whose head the block at `va` begins; nothing
  /// when it begins none. The blocks of a loop stand side by side.
  std::optional<uint32_t> EndOfLoop(uint64_t va) const;

 private:
  struct Block {
    uint64_t begin = 0;
    std::vector<uint32_t> successors;  ///< indices of blocks
    uint32_t number = 0;  ///< in the depth-first search; 0: not yet
    uint32_t position = 0;
    uint32_t loop_end = 0;  ///< of a head, the position behind the loop
  };

  bool FindBlocks(uint64_t entry, const ExitsOf& exits_of);
  uint32_t Visit(uint32_t block);
  void OrderLoop(uint32_t head);

  std::vector<Block> blocks_;  ///< ascending by address
  std::vector<uint32_t> stack_;
  uint32_t last_number_ = 0;
  uint32_t next_position_ = 0;  ///< counts down
  uint32_t visits_ = 0;
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_FLOW_ORDER_H_
