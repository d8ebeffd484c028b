// SPDX-License-Identifier: Apache-2.0
// DOT, as "The DOT Language" and "escString" of Graphviz's documentation
// describe it: in a quoted string a backslash begins an escape ("\N" is the
// node's name), and "&lt;" is taken for a character. Colours are Okabe and
// Ito's, which people with any kind of colour vision tell apart.
#include "patcher/graph_text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include "patcher/hex_text.h"
#include "patcher/report_text.h"

namespace detachfix {

namespace {

constexpr char kAttachColour[] = "#0072b2";   // blue
constexpr char kDetachColour[] = "#d55e00";   // vermilion
constexpr char kChangedColour[] = "#009e73";  // bluish green
constexpr char kOtherColour[] = "#999999";
constexpr char kAttachFill[] = "#d9ecf7";
constexpr char kDetachFill[] = "#fbe3d2";
constexpr char kChangedFill[] = "#c9efe2";

/// `text` inside quotes.
std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char letter : ForTerminal(text)) {
    if (letter == '&') {
      escaped += "&amp;";
      continue;
    }
    if (letter == '"' || letter == '\\') escaped += '\\';
    escaped += letter;
  }
  return escaped;
}

/// A line of a label, flush left.
std::string Line(const std::string& text) { return Escaped(text) + "\\l"; }

std::string NodeName(const GraphPart& part, Rva rva) {
  return part.name + "_" + HexNumber(rva.value);
}

std::vector<std::pair<const char*, const Trace*>> Runs(
    const EntryTraces& traces) {
  return {{"attach", &traces.attach}, {"detach", &traces.detach}};
}

/// Calls of imports at `site`, each once. Which run made them the colours say.
std::vector<std::string> CallsAt(const EntryTraces& traces, Rva site) {
  std::vector<std::string> texts;
  for (const Trace* trace :
       {&traces.attach, &traces.detach, &traces.process_exit,
        &traces.thread_attach, &traces.thread_detach}) {
    for (const CallRecord& call : trace->calls) {
      if (call.site != site || !call.import) continue;
      if (std::ranges::find(texts, call.text) == texts.end()) {
        texts.push_back(call.text);
      }
    }
  }
  return texts;
}

/// What attach and detach leave behind when they return at `site`.
std::vector<std::string> StatesAt(const EntryTraces& traces, Rva site) {
  std::vector<std::string> lines;
  for (const auto& [name, trace] : Runs(traces)) {
    for (const TraceExit& exit : trace->exits) {
      if (exit.site != site) continue;
      for (const auto& [rva, state] : exit.sections) {
        const std::string line = std::string("after ") + name + ": section " +
                                 HexNumber(rva.value) +
                                 (state.live ? " exists" : " is deleted");
        if (std::ranges::find(lines, line) == lines.end()) {
          lines.push_back(line);
        }
      }
    }
  }
  return lines;
}

std::string BlockLabel(const GraphPart& part, const FlowBlock& block) {
  std::string label;
  const SymbolName* name = NameAt(part.names, block.begin);
  if (name != nullptr && name->names_function) label = Line(name->name + ":");
  for (const Instruction& instruction : block.instructions) {
    std::array<char, 24> address{};
    std::snprintf(address.data(), address.size(), "%-8s",
                  HexNumber(instruction.rva.value).c_str());
    label += Line(address.data() + instruction.text);
    for (const std::string& call : CallsAt(*part.traces, instruction.rva)) {
      label += Line("          = " + call);
    }
    for (const std::string& state : StatesAt(*part.traces, instruction.rva)) {
      label += Line("          " + state);
    }
  }
  return label;
}

/// Colour of the border and of the inside.
std::pair<std::string, std::string> BlockColours(const FlowBlock& block) {
  const bool attach = (block.runs & kAttachRun) != 0;
  const bool detach = (block.runs & kDetachRun) != 0;
  if (block.changed) return {kChangedColour, kChangedFill};
  if (attach && detach) {
    return {"black", std::string(kAttachFill) + ":" + kDetachFill};
  }
  if (attach) return {kAttachColour, kAttachFill};
  if (detach) return {kDetachColour, kDetachFill};
  return {kOtherColour, "white"};
}

std::string BlockText(const GraphPart& part, const FlowBlock& block) {
  const auto [border, fill] = BlockColours(block);
  return "    \"" + NodeName(part, block.begin) + "\" [color=\"" + border +
         "\", fillcolor=\"" + fill + "\", label=\"" + BlockLabel(part, block) +
         "\"]\n";
}

const char* EdgeStyle(FlowKind kind) {
  switch (kind) {
    case FlowKind::kCall:
      return ", style=dashed, label=\"call\"";
    case FlowKind::kTable:
      return ", style=dotted, label=\"table\"";
    case FlowKind::kBranch:
      return ", label=\"taken\"";
    case FlowKind::kNext:
      break;
  }
  return "";
}

/// One line in each colour; runs other than attach and detach only where
/// neither of these went.
std::string EdgeText(const GraphPart& part, const FlowEdge& edge) {
  std::string colours;
  if ((edge.runs & kAttachRun) != 0) colours = kAttachColour;
  if ((edge.runs & kDetachRun) != 0) {
    colours += (colours.empty() ? "" : ":") + std::string(kDetachColour);
  }
  if (colours.empty()) colours = kOtherColour;
  return "    \"" + NodeName(part, edge.from) + "\" -> \"" +
         NodeName(part, edge.to) + "\" [color=\"" + colours + "\"" +
         EdgeStyle(edge.kind) + "]\n";
}

std::string PartText(const GraphPart& part) {
  std::string text = "  subgraph cluster_" + part.name +
                     " {\n    label=" + DotString(part.title) +
                     "\n    color=\"#cccccc\"\n";
  for (const FlowBlock& block : part.graph.blocks) {
    text += BlockText(part, block);
  }
  for (const FlowEdge& edge : part.graph.edges) text += EdgeText(part, edge);
  return text + "  }\n";
}

std::string KeyText() {
  const auto entry = [](const char* name, const char* text, const char* border,
                        const std::string& fill) {
    return std::string("    ") + name + " [label=\"" + text + "\", color=\"" +
           border + "\", fillcolor=\"" + fill + "\"]\n";
  };
  return "  subgraph cluster_key {\n    label=\"code that was run;\\na line "
         "where the run\\nwas at both its ends\"\n"
         "    color=\"#cccccc\"\n" +
         entry("key_attach", "by attach", kAttachColour, kAttachFill) +
         entry("key_both", "by attach and detach", "black",
               std::string(kAttachFill) + ":" + kDetachFill) +
         entry("key_detach", "by detach", kDetachColour, kDetachFill) +
         entry("key_other", "by the other calls only", kOtherColour, "white") +
         entry("key_changed", "written by detachfix", kChangedColour,
               kChangedFill) +
         "    key_attach -> key_both -> key_detach -> key_other -> "
         "key_changed [style=invis]\n  }\n";
}

}  // namespace

std::string DotString(const std::string& text) {
  return "\"" + Escaped(text) + "\"";
}

std::string DotText(std::span<const GraphPart> parts) {
  // Beyond, dot would take most of its time for shorter lines ("network simplex
  // applications", Graphviz's nslimit): a third of it does, less well.
  constexpr size_t kManyBlocks = 200;
  size_t blocks = 0;
  for (const GraphPart& part : parts) blocks += part.graph.blocks.size();
  std::string text =
      "digraph detachfix {\n"
      "  fontname=\"Helvetica\"\n"
      "  labeljust=l\n"
      "  node [shape=box, style=filled, fontname=\"Courier\", fontsize=10]\n"
      "  edge [fontname=\"Helvetica\", fontsize=9]\n";
  if (blocks > kManyBlocks) text += "  nslimit=1\n  nslimit1=1\n";
  text += KeyText();
  for (const GraphPart& part : parts) text += PartText(part);
  return text + "}\n";
}

}  // namespace detachfix
