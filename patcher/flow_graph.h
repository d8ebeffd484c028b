// SPDX-License-Identifier: Apache-2.0
// The code that the runs of an entry went through, as blocks and the ways
// between them.
#ifndef DETACHFIX_PATCHER_FLOW_GRAPH_H_
#define DETACHFIX_PATCHER_FLOW_GRAPH_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "disasm/instruction.h"
#include "disasm/trace.h"

namespace detachfix {

/// The runs of EntryTraces, as bits.
enum RunBit : uint8_t {
  kAttachRun = 1,
  kDetachRun = 2,
  kProcessExitRun = 4,
  kThreadAttachRun = 8,
  kThreadDetachRun = 16,
};

/// Instructions that are only ever run in a row.
struct FlowBlock {
  Rva begin;
  std::vector<Instruction> instructions;
  uint8_t runs = 0;      ///< RunBits of those that were here
  bool changed = false;  ///< written by detachfix
};

/// How control gets from one block to another.
enum class FlowKind : uint8_t {
  kNext,    ///< jump, or nothing else to run
  kBranch,  ///< the side of a branch that is taken
  kCall,
  kTable,  ///< where an indirect jump may have led
};

/// A way that some run may have gone.
struct FlowEdge {
  Rva from;  ///< FlowBlock::begin
  Rva to;
  FlowKind kind = FlowKind::kNext;
  /// The runs that were at both ends: those that may have gone this way.
  uint8_t runs = 0;
};

/// The code that was run, and nothing else.
struct FlowGraph {
  std::vector<FlowBlock> blocks;  ///< ascending
  std::vector<FlowEdge> edges;
};

/// `changed` holds the addresses that detachfix wrote.
FlowGraph MakeFlowGraph(const CodeView& view, Rva entry,
                        const EntryTraces& traces,
                        const std::set<Rva>& changed);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_FLOW_GRAPH_H_
