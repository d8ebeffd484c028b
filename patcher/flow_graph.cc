// SPDX-License-Identifier: Apache-2.0
// A trace says which instructions were run, not in which order. The ways
// between blocks are therefore those that the instructions allow, and a run is
// taken to have gone where it was at both ends. For an indirect jump the
// targets are not in the instruction: blocks that nothing else leads to are
// taken for them when there is but one such jump.
#include "patcher/flow_graph.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace detachfix {

namespace {

using Code = std::map<Rva, Instruction>;

class GraphMaker {
 public:
  GraphMaker(const CodeView& view, const EntryTraces& traces,
             const std::set<Rva>& changed);
  FlowGraph Make(Rva entry);

 private:
  uint8_t RunsAt(Rva rva) const;
  Rva After(const Instruction& instruction) const {
    return instruction.rva + uint32_t{instruction.size};
  }
  bool IsIndirectJump(const Instruction& instruction) const {
    return instruction.flow == Flow::kJump && !instruction.target &&
           !instruction.slot;
  }
  /// A call of the next instruction only asks where it is.
  bool AsksForAddress(const Instruction& instruction) const {
    return instruction.flow == Flow::kCall &&
           instruction.target == After(instruction);
  }
  std::set<Rva> Leaders(Rva entry) const;
  void CutIntoBlocks(const std::set<Rva>& leaders);
  void Connect(const FlowBlock& from, Rva to, FlowKind kind);
  void ConnectEnd(const FlowBlock& block);
  void ConnectCalls(const FlowBlock& block);
  void ConnectTable(Rva entry);

  const EntryTraces& traces_;
  const std::set<Rva>& changed_;
  Code code_;
  FlowGraph graph_;
};

std::vector<std::pair<const Trace*, uint8_t>> Runs(const EntryTraces& traces) {
  return {{&traces.attach, kAttachRun},
          {&traces.detach, kDetachRun},
          {&traces.process_exit, kProcessExitRun},
          {&traces.thread_attach, kThreadAttachRun},
          {&traces.thread_detach, kThreadDetachRun}};
}

GraphMaker::GraphMaker(const CodeView& view, const EntryTraces& traces,
                       const std::set<Rva>& changed)
    : traces_(traces), changed_(changed) {
  for (const auto& [trace, bit] : Runs(traces)) {
    for (const Rva rva : trace->visited) {
      if (!code_.contains(rva)) code_.emplace(rva, Disassemble(view, rva));
    }
  }
}

uint8_t GraphMaker::RunsAt(Rva rva) const {
  unsigned runs = 0;
  for (const auto& [trace, bit] : Runs(traces_)) {
    if (trace->visited.contains(rva)) runs |= bit;
  }
  return static_cast<uint8_t>(runs);
}

/// Where blocks begin: the entry, targets, what follows an instruction that may
/// not go on, where other runs come in or leave, and where the bytes are ours.
std::set<Rva> GraphMaker::Leaders(Rva entry) const {
  std::set<Rva> leaders = {entry};
  std::optional<Rva> expected;
  uint8_t runs = 0;
  bool changed = false;
  for (const auto& [rva, instruction] : code_) {
    const bool is_changed = changed_.contains(rva);
    if (rva != expected || RunsAt(rva) != runs || is_changed != changed) {
      leaders.insert(rva);
    }
    runs = RunsAt(rva);
    changed = is_changed;
    expected = After(instruction);
    if (instruction.target && !AsksForAddress(instruction)) {
      leaders.insert(*instruction.target);
    }
    const bool goes_on =
        instruction.flow == Flow::kNext || instruction.flow == Flow::kCall;
    if (!goes_on) leaders.insert(*expected);
  }
  for (const auto& [trace, bit] : Runs(traces_)) {
    for (const CallRecord& call : trace->calls) {
      const auto site = code_.find(call.site);
      if (!call.target || site == code_.end()) continue;
      if (!AsksForAddress(site->second)) leaders.insert(*call.target);
    }
  }
  return leaders;
}

void GraphMaker::CutIntoBlocks(const std::set<Rva>& leaders) {
  for (const auto& [rva, instruction] : code_) {
    if (leaders.contains(rva)) {
      graph_.blocks.push_back({rva, {}, RunsAt(rva), changed_.contains(rva)});
    }
    graph_.blocks.back().instructions.push_back(instruction);
  }
}

void GraphMaker::Connect(const FlowBlock& from, Rva to, FlowKind kind) {
  const auto block = std::ranges::find(graph_.blocks, to, &FlowBlock::begin);
  if (block == graph_.blocks.end()) return;  // no run went there
  const auto runs = static_cast<uint8_t>(from.runs & block->runs);
  if (runs != 0) graph_.edges.push_back({from.begin, to, kind, runs});
}

void GraphMaker::ConnectEnd(const FlowBlock& block) {
  const Instruction& last = block.instructions.back();
  if (last.flow == Flow::kBranch && last.target) {
    Connect(block, *last.target, FlowKind::kBranch);
  }
  if (last.flow == Flow::kJump && last.target) {
    Connect(block, *last.target, FlowKind::kNext);
  }
  if (last.flow == Flow::kNext || last.flow == Flow::kBranch ||
      last.flow == Flow::kCall) {
    Connect(block, After(last), FlowKind::kNext);
  }
}

void GraphMaker::ConnectCalls(const FlowBlock& block) {
  for (const Instruction& instruction : block.instructions) {
    if (instruction.flow != Flow::kCall || AsksForAddress(instruction)) {
      continue;
    }
    std::set<Rva> targets;
    for (const auto& [trace, bit] : Runs(traces_)) {
      for (const CallRecord& call : trace->calls) {
        if (call.site == instruction.rva && call.target) {
          targets.insert(*call.target);
        }
      }
    }
    for (const Rva target : targets) Connect(block, target, FlowKind::kCall);
  }
}

void GraphMaker::ConnectTable(Rva entry) {
  const FlowBlock* jump = nullptr;
  for (const FlowBlock& block : graph_.blocks) {
    if (!IsIndirectJump(block.instructions.back())) continue;
    if (jump != nullptr) return;
    jump = &block;
  }
  if (jump == nullptr) return;
  std::set<Rva> reached = {entry};
  for (const FlowEdge& edge : graph_.edges) reached.insert(edge.to);
  for (const FlowBlock& block : graph_.blocks) {
    if (!reached.contains(block.begin)) {
      Connect(*jump, block.begin, FlowKind::kTable);
    }
  }
}

FlowGraph GraphMaker::Make(Rva entry) {
  CutIntoBlocks(Leaders(entry));
  for (const FlowBlock& block : graph_.blocks) {
    ConnectEnd(block);
    ConnectCalls(block);
  }
  ConnectTable(entry);
  return std::move(graph_);
}

}  // namespace

FlowGraph MakeFlowGraph(const CodeView& view, Rva entry,
                        const EntryTraces& traces,
                        const std::set<Rva>& changed) {
  return GraphMaker(view, traces, changed).Make(entry);
}

}  // namespace detachfix
