// SPDX-License-Identifier: Apache-2.0
// What makes it safe to write a jump over the end of a function:
// - The exit knows reason and lpvReserved still: at the `ret 0Ch` the stack is
//   balanced and the arguments are as the caller passed them, for every way
//   that the entry was seen to return there, whatever the reason.
// - The instructions that make room mean the same in the stub: no relative
//   operand, nothing that a base relocation rewrites, no call, no branch.
// - Nobody else comes to the return (other_callers.h).
// - Nothing leads behind the first of the replaced bytes. Branches of code that
//   is known are decoded; others, with their 32-bit distances, and
//   pointers are searched for byte by byte; exports are known. A jump through a
//   table goes where the table's pointers say, and those carry base
//   relocations, so an image without relocations must not have such a jump.
//   Short branches reach 128 bytes: bytes so near that are no known code are
//   read as short branches at every offset, but for words that a base
//   relocation rewrites.
#include "patcher/hook.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "patcher/hex_text.h"
#include "patcher/other_callers.h"

namespace detachfix {
namespace {

/// The caller has checked that stubs can be made for the machine.
const HookRules& RulesFor(const PeImage& image) {
  return StubMakerFor(image.machine)->rules();
}

std::vector<const Trace*> AllTraces(const EntryTraces& traces) {
  return {&traces.attach, &traces.detach, &traces.process_exit,
          &traces.thread_attach, &traces.thread_detach};
}

Result<void> CheckComplete(const Trace& trace, const std::string& name) {
  if (trace.complete) return {};
  return Error{"the run of " + name + " is not complete" +
               (trace.incomplete_because.empty()
                    ? ""
                    : ": " + trace.incomplete_because.front())};
}

Result<void> CheckAllComplete(const EntryTraces& traces) {
  static const char* const kNames[] = {"process attach", "process detach",
                                       "process exit", "thread attach",
                                       "thread detach"};
  const std::vector<const Trace*> all = AllTraces(traces);
  for (size_t i = 0; i < all.size(); ++i) {
    Result<void> complete = CheckComplete(*all[i], kNames[i]);
    if (!complete) return complete;
  }
  return {};
}

/// The returns at which a section to be deleted may be alive.
std::set<Rva> LeakingReturns(const Trace& detach,
                             const std::vector<Rva>& leaked) {
  std::set<Rva> returns;
  for (const TraceExit& exit : detach.exits) {
    for (Rva section : leaked) {
      const auto state = exit.sections.find(section);
      if (state == exit.sections.end() || !state->second.live) continue;
      returns.insert(exit.site);
    }
  }
  return returns;
}

/// What the stub relies on at the return `site`, for every reason.
Result<void> CheckExits(const EntryTraces& traces, Rva site) {
  for (const Trace* trace : AllTraces(traces)) {
    for (const TraceExit& exit : trace->exits) {
      if (exit.site != site) continue;
      const std::string place = "at the return " + HexNumber(site.value);
      if (!exit.stack_balanced) {
        return Error{place + " the stack is not known to be balanced"};
      }
      if (!exit.arguments_intact) {
        return Error{place +
                     " fdwReason and lpvReserved are not known to be "
                     "what the caller passed"};
      }
    }
  }
  return {};
}

/// The instructions that a jump in place of the return at `site` replaces: the
/// return and as many before it as it takes.
Result<std::vector<Instruction>> Replaced(const HookRules& rules,
                                          const KnownCode& code, Rva site) {
  const std::string place = "the return " + HexNumber(site.value);
  auto at = code.instructions.find(site);
  if (at == code.instructions.end()) {
    return Error{place + " is in no code that is known"};
  }
  if (at->second.text != rules.return_text) {
    return Error{place + " is \"" + at->second.text + "\", not \"" +
                 rules.return_text + "\""};
  }
  std::vector<Instruction> replaced = {at->second};
  uint32_t size = at->second.size;
  while (size < rules.jump_size) {
    const Rva end = replaced.front().rva;
    if (at != code.instructions.begin()) --at;
    if (at->first + at->second.size != end) {
      return Error{"before " + place +
                   " stand no instructions to make room for a jump of " +
                   std::to_string(rules.jump_size) + " bytes"};
    }
    const Instruction& before = at->second;
    if (before.flow != Flow::kNext || !before.position_independent) {
      return Error{"\"" + before.text + "\" at " + HexNumber(before.rva.value) +
                   " before " + place + " cannot be moved"};
    }
    size += before.size;
    replaced.insert(replaced.begin(), before);
  }
  return replaced;
}

/// Whether a short branch that starts at `source` would end in the range.
bool IsShortBranchInto(const PeImage& image, uint32_t source, Rva begin,
                       uint32_t size) {
  const std::optional<FileOffset> offset = ToOffset(image, Rva{source});
  if (!offset || offset->value + 2 > image.bytes.size()) return false;
  const uint8_t opcode = image.bytes[offset->value];
  // jcc 70..7F, loopcc and jecxz E0..E3, jmp EB (SDM volume 2, appendix A).
  if ((opcode & 0xf0) != 0x70 && (opcode & 0xfc) != 0xe0 && opcode != 0xeb) {
    return false;
  }
  const int8_t distance = static_cast<int8_t>(image.bytes[offset->value + 1]);
  const uint32_t target = source + 2 + static_cast<uint32_t>(distance);
  return target - begin.value < size;
}

/// Looks for a short branch into [begin, begin + size) among the bytes near it
/// that are no known code.
Result<void> CheckNearBytes(const PeImage& image, const KnownCode& code,
                            Rva begin, uint32_t size) {
  const uint32_t reach = RulesFor(image).short_branch_reach;
  if (reach == 0) return {};
  const uint32_t from = begin.value - std::min(begin.value, reach);
  const uint32_t to = begin.value + size + reach;
  std::vector<bool> known(to - from, false);
  const auto mark = [&](uint32_t rva, uint32_t length) {
    for (uint32_t i = rva; i < rva + length; ++i) {
      if (i >= from && i < to) known[i - from] = true;
    }
  };
  for (const auto& [rva, instruction] : code.instructions) {
    mark(rva.value, instruction.size);
  }
  for (const BaseRelocation& relocation : image.relocations) {
    mark(relocation.rva.value, 4);
  }
  for (uint32_t rva = from; rva < to; ++rva) {
    if (known[rva - from] || !IsShortBranchInto(image, rva, begin, size)) {
      continue;
    }
    return Error{"a short branch may lead from " + HexNumber(rva) + " behind " +
                 HexNumber(begin.value - 1)};
  }
  return {};
}

/// Nothing may lead to [begin, begin + size), bytes inside the jump.
Result<void> CheckInterior(const PeImage& image, const References& references,
                           const KnownCode& code, Rva begin, uint32_t size) {
  const std::string behind = " leads behind " + HexNumber(begin.value - 1);
  for (const auto& [rva, instruction] : code.instructions) {
    if (!instruction.target ||
        instruction.target->value - begin.value >= size) {
      continue;
    }
    return Error{"\"" + instruction.text + "\" at " + HexNumber(rva.value) +
                 behind};
  }
  const std::optional<References::Found> found = references.Into(begin, size);
  if (found) return Error{found->text + behind};
  return CheckNearBytes(image, code, begin, size);
}

Result<void> CheckEntry(const References& references, const KnownCode& code) {
  if (code.entry_has_unknown) {
    return Error{
        "the entry's function holds bytes that are no known "
        "instruction"};
  }
  if (code.entry_jumps_indirectly && !references.pointers_known()) {
    return Error{
        "the entry's function has an indirect jump and no base "
        "relocations tell where it leads"};
  }
  return {};
}

HookSite MakeSite(const PeImage& image,
                  const std::vector<Instruction>& replaced) {
  HookSite site;
  site.rva = replaced.front().rva;
  for (const Instruction& instruction : replaced) {
    site.size += instruction.size;
    if (&instruction == &replaced.back()) break;
    const std::optional<FileOffset> offset = ToOffset(image, instruction.rva);
    const auto begin = image.bytes.begin() + offset->value;
    site.moved.instructions.emplace_back(begin, begin + instruction.size);
    site.moved.texts.push_back(instruction.text);
  }
  return site;
}

Result<HookSite> HookReturn(const PeImage& image, const References& references,
                            const KnownCode& code, Rva ret) {
  const Result<std::vector<Instruction>> replaced =
      Replaced(RulesFor(image), code, ret);
  if (!replaced) return replaced.error();
  const Rva begin = replaced->front().rva;
  const uint32_t size = ret.value + replaced->back().size - begin.value;
  const std::optional<FileOffset> offset = ToOffset(image, begin);
  if (!offset || offset->value + size > image.bytes.size()) {
    return Error{"the code at " + HexNumber(begin.value) +
                 " is not in the file"};
  }
  const std::optional<Rva> relocation = RelocationIn(image, begin, size);
  if (relocation) {
    return Error{"a base relocation rewrites " + HexNumber(relocation->value) +
                 " before the return " + HexNumber(ret.value)};
  }
  Result<void> free =
      CheckInterior(image, references, code, begin + 1, size - 1);
  if (!free) return free.error();
  return MakeSite(image, *replaced);
}

/// There is an entry that a stub can go on to, and its detach is known.
Result<void> CheckEntryReturns(const PeImage& image,
                               const EntryTraces& traces) {
  if (image.entry_point.value == 0) {
    return Error{"the image has no entry, only TLS callbacks"};
  }
  Result<void> complete = CheckComplete(traces.detach, "process detach");
  if (!complete) return complete;
  if (traces.detach.exits.empty()) {
    return Error{"the entry is not seen to return from a detach"};
  }
  return {};
}

/// Two returns so near that their jumps would share bytes.
Result<void> CheckApart(const std::vector<HookSite>& sites) {
  for (size_t i = 1; i < sites.size(); ++i) {
    if (sites[i - 1].rva + sites[i - 1].size <= sites[i].rva) continue;
    return Error{"the jumps at " + HexNumber(sites[i - 1].rva.value) + " and " +
                 HexNumber(sites[i].rva.value) + " would overlap"};
  }
  return {};
}

}  // namespace

Result<std::vector<HookSite>> HookDetachExits(const PeImage& image,
                                              const References& references,
                                              const KnownCode& code,
                                              const EntryTraces& traces,
                                              const std::vector<Rva>& leaked) {
  Result<void> complete = CheckAllComplete(traces);
  if (!complete) return complete.error();
  const std::set<Rva> returns = LeakingReturns(traces.detach, leaked);
  if (returns.empty()) {
    return Error{"no detach that leaks is seen to return"};
  }
  Result<void> known = CheckEntry(references, code);
  if (!known) return known.error();
  std::vector<HookSite> sites;
  for (Rva ret : returns) {
    Result<void> exits = CheckExits(traces, ret);
    if (!exits) return exits.error();
    Result<HookSite> site = HookReturn(image, references, code, ret);
    if (!site) return site.error();
    sites.push_back(std::move(*site));
  }
  Result<void> apart = CheckApart(sites);
  if (!apart) return apart.error();
  Result<void> alone =
      CheckOtherCallers(image, references, code, traces, returns);
  if (!alone) return alone.error();
  return sites;
}

Result<void> CheckEntryTail(const PeImage& image, const EntryTraces& traces) {
  Result<void> returns = CheckEntryReturns(image, traces);
  if (!returns) return returns;
  if (!traces.detach.calls.empty()) {
    return Error{"detach calls " + traces.detach.calls.front().text + " at " +
                 HexNumber(traces.detach.calls.front().site.value)};
  }
  if (traces.detach.writes_memory) return Error{"detach writes to memory"};
  if (const std::optional<Rva> reader = traces.detach.reads_section_at) {
    return Error{"the instruction at " + HexNumber(reader->value) +
                 " of the detach path may read a critical section"};
  }
  return {};
}

Result<void> CheckEntryWrapper(const PeImage& image,
                               const EntryTraces& traces) {
  Result<void> returns = CheckEntryReturns(image, traces);
  if (!returns) return returns;
  const CodeView view = MakeCodeView(image);
  for (const TraceExit& exit : traces.detach.exits) {
    const std::string place = "at the return " + HexNumber(exit.site.value);
    if (!exit.stack_balanced) {
      return Error{place + " the stack is not known to be balanced"};
    }
    const Instruction ret = Disassemble(view, exit.site);
    const char* const expected = RulesFor(image).return_text;
    if (ret.text != expected) {
      return Error{place + " stands \"" + ret.text + "\", not \"" + expected +
                   "\""};
    }
  }
  return {};
}

}  // namespace detachfix
