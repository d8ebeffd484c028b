// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/check_tracer.h"

#include <algorithm>
#include <optional>
#include <string>

#include "disasm/trace.h"
#include "patcher/trace_text.h"
#include "tests/fuzz/code_input.h"
#include "tests/fuzz/require.h"

namespace detachfix::fuzz {

namespace {

bool InCode(const CodeView& view, Rva rva) {
  return rva >= kCodeRva && rva < kCodeRva + view.regions[0].size;
}

void CheckTrace(const CodeView& view, const Trace& trace, size_t attach_exits) {
  Require(trace.complete == trace.incomplete_because.empty(),
          "a trace is complete, or says why not");
  for (const Rva rva : trace.visited) {
    // A path that leaves the code is noted where it does so, and not followed.
    Require(InCode(view, rva) || !trace.complete, "only code is run");
  }
  for (const Rva rva : trace.open_branches) {
    Require(trace.visited.contains(rva), "an open branch was run");
  }
  for (const CallRecord& call : trace.calls) {
    Require(trace.visited.contains(call.site), "a call's site was run");
    Require(!(call.import && call.target), "a call leads to one place");
  }
  Require(std::ranges::is_sorted(trace.calls, {}, &CallRecord::site),
          "calls ascend");
  for (const TraceExit& exit : trace.exits) {
    Require(trace.visited.contains(exit.site), "an exit was run");
    Require(exit.origin < attach_exits, "an exit stems from one of attach's");
    Require(!(exit.returns_zero && exit.returns_nonzero),
            "no value is 0 and is not");
    for (const auto& [rva, section] : exit.sections) {
      Require(rva.value < view.image_size, "a section lies in the image");
      Require(!section.initialised_at.empty() || !section.deleted_at.empty(),
              "a section was made or deleted somewhere");
    }
  }
}

void CheckTraces(const CodeView& view, const EntryTraces& traces) {
  const size_t exits = traces.attach.exits.size();
  for (const Trace* trace :
       {&traces.attach, &traces.detach, &traces.process_exit,
        &traces.thread_attach, &traces.thread_detach}) {
    CheckTrace(view, *trace, exits);
    Require(traces.attach.complete || !trace->complete,
            "no run is complete without attach");
  }
  Require(!CodeListing(view, kCodeRva, traces, {}, {}).empty(),
          "the entry is listed");
  (void)ExitsText(traces);
}

}  // namespace

void CheckTracer(std::span<const uint8_t> input) {
  const std::optional<CodeView> view = ViewOf(input);
  if (!view) return;
  const EntryTraces with_memory =
      TraceEntry(*view, kCodeRva, {}, Runs::kAll, Setting::kMemory);
  CheckTraces(*view, with_memory);
  // As Diagnose goes on.
  const bool complete =
      with_memory.attach.complete && with_memory.detach.complete;
  if (!complete) {
    CheckTraces(*view, TraceEntry(*view, kCodeRva, {}, Runs::kThatCount,
                                  Setting::kOrdinary));
  } else if (with_memory.AssumesMemory()) {
    CheckTraces(*view, TraceEntry(*view, kCodeRva, {}));
  }
}

}  // namespace detachfix::fuzz
