// SPDX-License-Identifier: Apache-2.0
// A flow graph in Graphviz's DOT language.
#ifndef DETACHFIX_PATCHER_GRAPH_TEXT_H_
#define DETACHFIX_PATCHER_GRAPH_TEXT_H_

#include <span>
#include <string>

#include "disasm/trace.h"
#include "patcher/flow_graph.h"
#include "patcher/symbol_names.h"

namespace detachfix {

/// One picture of a file: its graph under a title.
struct GraphPart {
  std::string name;   ///< "before", "after": distinct, letters only
  std::string title;  ///< any text
  FlowGraph graph;
  const EntryTraces* traces = nullptr;
  SymbolNames names = {};  ///< of functions, for their first blocks
};

/// The parts side by side, with the key to their colours, as one DOT graph.
std::string DotText(std::span<const GraphPart> parts);

/// `text` as a quoted DOT string that Graphviz prints as it is.
std::string DotString(const std::string& text);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_GRAPH_TEXT_H_
