// SPDX-License-Identifier: Apache-2.0
// The runs of a DLL's entry, as a listing that people read.
#ifndef DETACHFIX_PATCHER_TRACE_TEXT_H_
#define DETACHFIX_PATCHER_TRACE_TEXT_H_

#include <set>
#include <string>

#include "disasm/trace.h"
#include "patcher/symbol_names.h"

namespace detachfix {

/// What the margin of CodeListing means, a line each.
std::string MarginLegend();

/// Every instruction that a run went through, in the order of addresses: which
/// runs, the address, the bytes, the text, the calls made with their arguments,
/// and the way each branch went. Addresses in `changed` are marked; functions
/// have the names that `names` gives them.
std::string CodeListing(const CodeView& view, Rva entry,
                        const EntryTraces& traces, const std::set<Rva>& changed,
                        const SymbolNames& names);

/// For each run: every way it returned with the state of each critical section
/// there, and why the run is incomplete, if it is.
std::string ExitsText(const EntryTraces& traces);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_TRACE_TEXT_H_
