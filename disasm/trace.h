// SPDX-License-Identifier: Apache-2.0
// What one abstract run of a DLL's entry did: the code it went through, the
// calls, what became of each critical section, and how it returned. A trace is
// complete, or says why it is not.
#ifndef DETACHFIX_DISASM_TRACE_H_
#define DETACHFIX_DISASM_TRACE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "disasm/code_view.h"

namespace detachfix {

/// fdwReason of DllMain (winnt.h).
enum class Reason : uint32_t {
  kProcessDetach = 0,
  kProcessAttach = 1,
  kThreadAttach = 2,
  kThreadDetach = 3,
};

/// Bytes of an RTL_CRITICAL_SECTION on a 32-bit machine: six words (winnt.h).
inline constexpr uint32_t kCriticalSectionSize = 24;

/// One critical section as a run leaves it.
struct SectionState {
  bool live = false;
  std::set<Rva> initialised_at;  ///< call sites that may have made it
  std::set<Rva> deleted_at;      ///< call sites that may have deleted it
};

/// A call that was made, merged over all visits of its site.
struct CallRecord {
  Rva site;
  std::optional<ImportName> import;  ///< what was called, if an import
  std::optional<Rva> target;         ///< ... or if inside the image
  std::string text;  ///< "kernel32.dll!DeleteCriticalSection(0x77a8a010)"
};

/// One way in which the entry returned.
struct TraceExit {
  Rva site;  ///< of the return instruction
  /// The value returned is known not to be 0 / known to be 0. Both false: open.
  bool returns_nonzero = false;
  bool returns_zero = false;
  /// The stack pointer is back where the entry found it.
  bool stack_balanced = false;
  /// At the return instruction the caller's arguments (fdwReason, lpvReserved)
  /// still have the values that the entry was called with.
  bool arguments_intact = false;
  /// Sections at a fixed place in the image, by RVA.
  std::map<Rva, SectionState> sections;
  /// Of a detach run: the exit of the attach run that it started from, as an
  /// index into that trace's `exits`. The attach run has 0 everywhere.
  size_t origin = 0;
  /// A section that is not at a fixed place (heap, stack) is left alive.
  bool leaves_other_section = false;
};

/// What a run takes the functions of other DLLs to answer.
enum class Setting : uint8_t {
  kAny,       ///< whatever their documentation allows
  kMemory,    ///< the same, but there is memory for what is allocated
  kOrdinary,  ///< what they answer in one ordinary process (process/process.h)
};

/// What one run did. `reason` and `reserved_null` are what it was given.
struct Trace {
  Reason reason = Reason::kProcessAttach;
  bool reserved_null = true;
  bool complete = false;
  std::vector<std::string> incomplete_because;  ///< empty when complete
  std::vector<TraceExit> exits;
  std::vector<CallRecord> calls;  ///< by address of the site
  std::set<Rva> visited;          ///< every instruction that was come to
  /// Something was stored that outlives the run: not only in its own frames.
  bool writes_memory = false;
  /// The first instruction that may read what is in a critical section that is
  /// alive: there, or where it is not known.
  std::optional<Rva> reads_section_at;
  /// An allocation that may fail was taken to succeed (Setting::kMemory).
  bool assumes_memory = false;
  /// The image was loaded once more by itself, or pinned: FreeLibrary may not
  /// unload it then.
  bool keeps_itself_loaded = false;
  /// Addresses of the image's data that functions were given which nobody
  /// knows, or that stood in what they were given; of each the first call's
  /// site. Windows' own may run what they find there, too
  /// (RtlQueryRegistryValues).
  std::map<Rva, Rva> given;
  /// Words of the image's data that hold an address in the image when the run
  /// ends, of those that were stored, and that address.
  std::set<std::pair<Rva, Rva>> left_addresses;
  /// Where it is not known what is in stored data then: [begin, end).
  std::set<std::pair<Rva, Rva>> left_open;
  /// Branches with an outcome that the run could not decide.
  std::set<Rva> open_branches;
  /// Sections made or deleted at an address that is not fixed in the image
  /// (heap, stack, not known): text for the reader, one line each.
  std::vector<std::string> other_sections;
};

/// All runs that a verdict rests on.
struct EntryTraces {
  Trace attach;
  Trace detach;        ///< lpvReserved NULL, from every state attach left
  Trace process_exit;  ///< detach with lpvReserved not NULL
  Trace thread_attach;
  Trace thread_detach;
  bool only_some = false;  ///< others were not wanted (Runs::kThatCount)
  Setting setting = Setting::kAny;

  /// Whether an allocation that may fail was taken to succeed
  /// (Setting::kMemory): otherwise the runs are those of kAny.
  bool AssumesMemory() const;
};

/// Which runs are wanted.
enum class Runs : uint8_t {
  kAll,
  /// Attach, and detach only when it leaves a critical section; the others only
  /// when every path was followed so far, for those who make a plan.
  kThatCount,
};

/// Runs `entry` of `view` for each reason, and before it, as the loader does,
/// each of `callbacks` (the TLS directory's, with the same arguments). An
/// `entry` of 0 means that the image has only callbacks. Never
/// fails: what cannot be followed makes the trace concerned incomplete.
EntryTraces TraceEntry(const CodeView& view, Rva entry,
                       const std::vector<Rva>& callbacks,
                       Runs runs = Runs::kAll, Setting setting = Setting::kAny);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_TRACE_H_
