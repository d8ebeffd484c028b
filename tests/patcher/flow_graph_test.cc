// SPDX-License-Identifier: Apache-2.0
#include "patcher/flow_graph.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "patcher/diagnosis.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix::test {
namespace {

/// "1000: 3, 4 instructions": a line a block.
std::string BlocksOf(const FlowGraph& graph) {
  std::string text;
  for (const FlowBlock& block : graph.blocks) {
    std::array<char, 64> line{};
    std::snprintf(line.data(), line.size(), "%x: runs %x, %zu%s\n",
                  block.begin.value, unsigned{block.runs},
                  block.instructions.size(), block.changed ? ", changed" : "");
    text += line.data();
  }
  return text;
}

std::string EdgesOf(const FlowGraph& graph) {
  const char* kinds[] = {"next", "branch", "call", "table"};
  std::string text;
  for (const FlowEdge& edge : graph.edges) {
    std::array<char, 64> line{};
    std::snprintf(line.data(), line.size(), "%x %s %x: runs %x\n",
                  edge.from.value, kinds[static_cast<size_t>(edge.kind)],
                  edge.to.value, unsigned{edge.runs});
    text += line.data();
  }
  return text;
}

FlowGraph GraphOf(const std::string& code, const std::set<Rva>& changed = {}) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = code;
  const PeImage image = MustRead(spec);
  const CodeView view = MakeCodeView(image);
  const EntryTraces traces = TraceEntry(view, image.entry_point, {});
  return MakeFlowGraph(view, image.entry_point, traces, changed);
}

// cmp, jne | push, call | inc and return: attach (bit 1) alone goes through the
// middle, all five (0x1f) through the rest.
TEST(FlowGraph, ShowsWhichRunsWentWhere) {
  const FlowGraph graph = GraphOf(LeakyCode("31 c0 40 c2 0c 00"));
  EXPECT_EQ(BlocksOf(graph),
            "1000: runs 1f, 2\n1007: runs 1, 2\n1012: runs 1f, 3\n");
  EXPECT_EQ(EdgesOf(graph),
            "1000 branch 1012: runs 1f\n1000 next 1007: runs 1\n"
            "1007 next 1012: runs 1\n");
}

TEST(FlowGraph, CutsWhereDetachfixWrote) {
  const FlowGraph graph =
      GraphOf("entry: 31 c0 40 c2 0c 00", {Rva{0x1002}, Rva{0x1003}});
  EXPECT_EQ(BlocksOf(graph), "1000: runs 1f, 1\n1002: runs 1f, 2, changed\n");
  EXPECT_EQ(EdgesOf(graph), "1000 next 1002: runs 1f\n");
}

TEST(FlowGraph, LeadsIntoCalledFunctions) {
  const FlowGraph graph = GraphOf("entry: e8 {f} 40 c2 0c 00  f: 31 c0 c3");
  EXPECT_EQ(EdgesOf(graph), "1000 call 1009: runs 1f\n");
}

TEST(FlowGraph, TakesAQuestionForTheAddressForNoCall) {
  const FlowGraph graph = GraphOf("entry: e8 00 00 00 00 59 31 c0 40 c2 0c 00");
  EXPECT_EQ(BlocksOf(graph), "1000: runs 1f, 5\n");
  EXPECT_EQ(EdgesOf(graph), "");
}

// mov eax, place; jmp eax
TEST(FlowGraph, LeadsAnIndirectJumpToWhatNothingElseLeadsTo) {
  const FlowGraph graph =
      GraphOf("entry: b8 [there] ff e0 cc cc there: 31 c0 40 c2 0c 00");
  EXPECT_EQ(EdgesOf(graph), "1000 table 1009: runs 1f\n");
}

}  // namespace
}  // namespace detachfix::test
