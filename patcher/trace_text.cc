// SPDX-License-Identifier: Apache-2.0
#include "patcher/trace_text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

#include "disasm/instruction.h"
#include "patcher/hex_text.h"
#include "patcher/report_text.h"

namespace detachfix {

namespace {

struct NamedTrace {
  char letter;
  const char* name;
  const Trace* trace;
};

std::array<NamedTrace, 5> Named(const EntryTraces& traces) {
  return {{{'A', "attach", &traces.attach},
           {'D', "detach", &traces.detach},
           {'X', "process exit", &traces.process_exit},
           {'T', "thread attach", &traces.thread_attach},
           {'E', "thread detach", &traces.thread_detach}}};
}

/// Texts in order of first appearance, each with the runs that it holds for.
class ByRun {
 public:
  void Add(const std::string& text, const char* run) {
    const auto row = std::ranges::find(rows_, text, &Row::text);
    if (row == rows_.end()) {
      rows_.push_back({text, {run}});
    } else if (row->runs.back() != run) {
      row->runs.emplace_back(run);
    }
  }

  /// "text (attach, detach); other text (process exit)"; without the runs when
  /// there is but one text.
  std::string Text() const {
    if (rows_.size() == 1) return rows_[0].text;
    std::string text;
    for (const Row& row : rows_) {
      text += (text.empty() ? "" : "; ") + row.text;
      for (size_t i = 0; i < row.runs.size(); ++i) {
        text += (i == 0 ? " (" : ", ") + row.runs[i];
      }
      text += ")";
    }
    return text;
  }

 private:
  struct Row {
    std::string text;
    std::vector<std::string> runs;
  };
  std::vector<Row> rows_;
};

const char* BranchText(const Instruction& branch, const Trace& trace) {
  if (trace.open_branches.contains(branch.rva)) return "both ways";
  const bool taken = branch.target && trace.visited.contains(*branch.target);
  const bool not_taken =
      trace.visited.contains(branch.rva + uint32_t{branch.size});
  if (taken && not_taken) return "decided at each visit";
  if (taken) return "taken";
  return not_taken ? "not taken" : "not followed";
}

/// What became of critical sections at one place: made or deleted by a call, or
/// left behind by a return.
void AddSectionNotes(const Instruction& instruction, const NamedTrace& named,
                     ByRun& notes) {
  for (const TraceExit& exit : named.trace->exits) {
    for (const auto& [rva, state] : exit.sections) {
      const std::string section = "section " + HexNumber(rva.value);
      if (exit.site == instruction.rva) {
        notes.Add(section + (state.live ? " exists" : " does not exist"),
                  named.name);
      } else if (instruction.flow == Flow::kCall) {
        if (state.initialised_at.contains(instruction.rva)) {
          notes.Add(section + " made", named.name);
        }
        if (state.deleted_at.contains(instruction.rva)) {
          notes.Add(section + " deleted", named.name);
        }
      }
    }
  }
}

/// The name of the function that is called or jumped to, or empty.
std::string TargetName(const Instruction& instruction,
                       const SymbolNames& names) {
  if (!instruction.target || instruction.flow == Flow::kBranch) return "";
  const SymbolName* name = NameAt(names, *instruction.target);
  const bool called = instruction.flow == Flow::kCall;
  return name != nullptr && (called || name->names_function) ? name->name : "";
}

/// What the runs did at one instruction.
std::string NoteText(const Instruction& instruction,
                     const std::array<NamedTrace, 5>& traces,
                     const SymbolNames& names) {
  ByRun notes;
  for (const NamedTrace& named : traces) {
    if (!named.trace->visited.contains(instruction.rva)) continue;
    if (instruction.flow == Flow::kBranch) {
      notes.Add(BranchText(instruction, *named.trace), named.name);
    }
    for (const CallRecord& call : named.trace->calls) {
      if (call.site == instruction.rva) notes.Add(call.text, named.name);
    }
    AddSectionNotes(instruction, named, notes);
  }
  const std::string target = TargetName(instruction, names);
  const std::string did = notes.Text();
  const char* between = target.empty() || did.empty() ? "" : "; ";
  return ForTerminal(target + between + did);
}

std::string Bytes(const CodeView& view, const Instruction& instruction) {
  for (const CodeRegion& region : view.regions) {
    const uint64_t at =
        uint64_t{instruction.rva.value} - uint64_t{region.begin.value};
    if (instruction.rva < region.begin || at >= region.content.size()) continue;
    const size_t size =
        std::min<size_t>(instruction.size, region.content.size() - at);
    return HexBytes(region.content.subspan(at, size), " ");
  }
  return "";
}

std::string ListingRow(const CodeView& view, const Instruction& instruction,
                       const std::array<NamedTrace, 5>& traces,
                       const std::set<Rva>& changed, const SymbolNames& names) {
  std::string margin;
  for (const NamedTrace& named : traces) {
    const bool seen = named.trace->visited.contains(instruction.rva);
    margin += seen ? named.letter : '.';
  }
  margin += changed.contains(instruction.rva) ? '*' : ' ';
  char row[96];
  snprintf(row, sizeof row, "  %s %-8s  %-23s  ", margin.c_str(),
           HexNumber(instruction.rva.value).c_str(),
           Bytes(view, instruction).c_str());
  std::string line = row + instruction.text;
  const std::string note = NoteText(instruction, traces, names);
  if (!note.empty()) {
    constexpr size_t kNoteColumn = 72;
    line.resize(std::max(line.size() + 2, kNoteColumn), ' ');
    line += "; " + note;
  }
  return line + "\n";
}

/// The line in front of the instruction at `rva`, where a function begins.
std::string LabelText(Rva rva, Rva entry, const std::set<Rva>& functions,
                      const SymbolNames& names) {
  const SymbolName* name = NameAt(names, rva);
  const bool begins = rva == entry || functions.contains(rva) ||
                      (name != nullptr && name->names_function);
  if (!begins) return "";
  const std::string place =
      (rva == entry ? "  entry " : "  function ") + HexNumber(rva.value);
  if (name == nullptr) return place + ":\n";
  return place + " " + ForTerminal(name->name) + ":\n";
}

std::string SitesText(const char* verb, const std::set<Rva>& sites) {
  std::string text;
  for (const Rva site : sites) {
    text += (text.empty() ? std::string(", ") + verb + " at " : ", ");
    text += HexNumber(site.value);
  }
  return text;
}

std::string ExitText(const TraceExit& exit) {
  std::string text = "  returns at " + HexNumber(exit.site.value) + ": ";
  text += exit.returns_nonzero ? "not 0"
          : exit.returns_zero  ? "0"
                               : "a value left open";
  if (!exit.stack_balanced) text += ", stack not proven balanced";
  text += "\n";
  for (const auto& [rva, state] : exit.sections) {
    text += "    critical section " + HexNumber(rva.value) + " " +
            (state.live ? "exists" : "does not exist") +
            SitesText("initialised", state.initialised_at) +
            SitesText("deleted", state.deleted_at) + "\n";
  }
  return text;
}

}  // namespace

std::string MarginLegend() {
  return "  A attach, D detach, X process exit (detach with lpvReserved not "
         "NULL),\n"
         "  T thread attach, E thread detach, * changed by detachfix;\n"
         "  addresses are RVAs, operands count from the image base\n";
}

std::string CodeListing(const CodeView& view, Rva entry,
                        const EntryTraces& traces, const std::set<Rva>& changed,
                        const SymbolNames& names) {
  const std::array<NamedTrace, 5> named = Named(traces);
  std::set<Rva> visited;
  std::set<Rva> functions;
  for (const NamedTrace& run : named) {
    visited.insert(run.trace->visited.begin(), run.trace->visited.end());
    for (const CallRecord& call : run.trace->calls) {
      // A call of the next instruction only asks where it is.
      const uint32_t size = Decode(view, call.site).size;
      const bool calls_next = call.target == call.site + size;
      if (call.target && !calls_next) functions.insert(*call.target);
    }
  }
  std::string text;
  Rva expected = entry;
  for (const Rva rva : visited) {
    const std::string label = LabelText(rva, entry, functions, names);
    text += !label.empty() ? label : rva != expected ? "  ...\n" : "";
    const Instruction instruction = Disassemble(view, rva);
    text += ListingRow(view, instruction, named, changed, names);
    expected = rva + uint32_t{instruction.size};
  }
  return text;
}

std::string ExitsText(const EntryTraces& traces) {
  std::string text;
  for (const NamedTrace& named : Named(traces)) {
    const Trace& trace = *named.trace;
    text += std::string(named.name) + (trace.complete ? "" : " (incomplete)") +
            ":\n";
    for (const std::string& because : trace.incomplete_because) {
      text += "  incomplete: " + ForTerminal(because) + "\n";
    }
    // Paths that came back alike look alike here.
    std::set<std::string> told;
    for (const TraceExit& exit : trace.exits) {
      const std::string line = ExitText(exit);
      if (told.insert(line).second) text += line;
    }
    for (const std::string& other : trace.other_sections) {
      text += "  elsewhere: " + ForTerminal(other) + "\n";
    }
  }
  return text;
}

}  // namespace detachfix
