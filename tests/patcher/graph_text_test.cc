// SPDX-License-Identifier: Apache-2.0
#include "patcher/graph_text.h"

#include <gtest/gtest.h>

#include <string>

#include "patcher/diagnosis.h"
#include "patcher/render_dot.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix::test {
namespace {

TEST(DotString, EscapesWhatGraphvizWouldRead) {
  EXPECT_EQ(DotString("a \"b\" \\N &lt; \n"),
            "\"a \\\"b\\\" \\\\N &amp;lt; \\\\x0a\"");
}

/// The graph of a DLL that imports a function of that name.
std::string DotWithImport(const std::string& name) {
  PeSpec spec = LeakySpec();
  spec.imports[0].functions = {"InitializeCriticalSection", name};
  spec.sections[0].content =
      "entry: ff 15 [KERNEL32.dll!InitializeCriticalSection+0x4] c2 0c 00";
  const PeImage image = MustRead(spec);
  const CodeView view = MakeCodeView(image);
  const EntryTraces traces = TraceEntry(view, image.entry_point, {});
  GraphPart part{"now", "a \"title\" \\N",
                 MakeFlowGraph(view, image.entry_point, traces, {}), &traces};
  return DotText(std::span(&part, 1));
}

// What Graphviz draws is what the file says, whatever that is.
TEST(DotText, KeepsHostileNamesAsTheyAre) {
  const Result<Bytes> svg = RenderSvg(DotWithImport("a\\N\"<b>&lt;"));
  ASSERT_TRUE(svg) << svg.error().message;
  const std::string text(svg->begin(), svg->end());
  EXPECT_NE(text.find("kernel32.dll!a\\N&quot;&lt;b&gt;&amp;lt;("),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(">a &quot;title&quot; \\N<"), std::string::npos);
}

TEST(DotText, AsksForLessOfALargeGraph) {
  GraphPart part;
  part.name = "now";
  part.graph.blocks.resize(200);
  EXPECT_EQ(DotText(std::span(&part, 1)).find("nslimit"), std::string::npos);
  part.graph.blocks.resize(201);
  EXPECT_NE(DotText(std::span(&part, 1)).find("nslimit=1"), std::string::npos);
}

TEST(RenderSvg, SaysThatDotFails) {
  const Result<Bytes> svg = RenderSvg("no graph {");
  ASSERT_FALSE(svg);
  EXPECT_EQ(svg.error().message, "'dot' of Graphviz failed");
}

}  // namespace
}  // namespace detachfix::test
