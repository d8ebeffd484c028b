// SPDX-License-Identifier: Apache-2.0
// Others are what is called or exported, and what a pointer leads to: a
// function in a table, such as the one that a security package hands out. Where
// base relocations do not tell the pointers, every word counts that may be one
// into the code.
//
// The table of a switch is told from such tables by how it is read.
#include "patcher/other_callers.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "disasm/isa.h"
#include "patcher/bytes.h"
#include "patcher/hex_text.h"
#include "patcher/named_addresses.h"

namespace detachfix {
namespace {

using Pointer = References::Pointer;

constexpr uint32_t kWord = 4;
/// Pointers that are looked at, and instructions that are decoded behind them
/// beside the known ones. A file of 64 MiB may hold sixteen million.
constexpr size_t kMaxPointers = 100'000;
constexpr size_t kMaxPointedTo = 100'000;

/// Instructions by what may be run after them.
using Before = std::multimap<Rva, Rva>;

/// Words at any offset that may lead into the code; one more than kMaxPointers
/// where there are more.
std::vector<Pointer> WordsIntoCode(const PeImage& image) {
  const CodeView view = MakeCodeView(image);
  std::vector<Pointer> words;
  for (const Section& section : image.sections) {
    const ByteReader reader(
        std::span(image.bytes)
            .subspan(section.raw_offset.value, section.raw_size));
    for (uint32_t at = 0; const auto va = reader.U32(at); ++at) {
      const Rva target{*va - image.image_base};
      if (target.value >= image.size_of_image || !IsCode(view, target))
        continue;
      words.push_back({section.rva + at, target});
      if (words.size() > kMaxPointers) return words;
    }
  }
  return words;
}

/// No instruction begins with an address: there is a table of them.
bool IsTable(const PeImage& image, Rva rva) {
  return RelocationIn(image, rva, 1).has_value();
}

/// Whether the loader's table of functions, which unwinds and calls none of
/// them, has the word (PE/COFF specification, ".pdata").
bool IsInFunctionTable(const PeImage& image, Rva rva) {
  const DataDirectory& table = image.directory(Directory::kException);
  return rva.value - table.rva < table.size;
}

/// Whether an instruction of an i386 reads or writes there (`call [slot]`), so
/// that the word is the address of data, though among the code.
bool IsMemoryOperand(const CodeView& view, const KnownCode& code, Rva word) {
  if (view.machine != kMachineI386) return false;
  auto at = code.instructions.upper_bound(word);
  if (at == code.instructions.begin()) return false;
  --at;
  return word.value - at->first.value < at->second.size &&
         !TakesValue(view, at->first);
}

/// By their places.
std::vector<Pointer> PointersIntoCode(const PeImage& image,
                                      const References& references,
                                      const KnownCode& code) {
  if (!references.pointers_known()) return WordsIntoCode(image);
  const CodeView view = MakeCodeView(image);
  std::vector<Pointer> pointers = references.Pointers();
  std::erase_if(pointers, [&](const Pointer& pointer) {
    return !IsCode(view, pointer.target) || IsTable(image, pointer.target) ||
           IsInFunctionTable(image, pointer.source) ||
           IsMemoryOperand(view, code, pointer.source);
  });
  std::ranges::sort(pointers, {}, &Pointer::source);
  return pointers;
}

/// Adds what follows each of `roots` to `before`; false where that is too much.
bool AddPointedTo(const PeImage& image, const KnownCode& code,
                  std::vector<Rva> todo, Before& before) {
  const CodeView view = MakeCodeView(image);
  std::set<Rva> seen;
  while (!todo.empty()) {
    const Rva rva = todo.back();
    todo.pop_back();
    if (code.instructions.contains(rva) || IsTable(image, rva) ||
        !seen.insert(rva).second) {
      continue;
    }
    if (seen.size() > kMaxPointedTo) return false;
    const Instruction instruction = Decode(view, rva);
    if (instruction.flow == Flow::kUnknown) continue;
    for (const Rva next : Successors(instruction)) {
      before.emplace(next, rva);
      todo.push_back(next);
    }
    if (instruction.flow == Flow::kCall && instruction.target) {
      todo.push_back(*instruction.target);
    }
  }
  return true;
}

bool WasRun(const EntryTraces& traces, Rva rva) {
  return traces.attach.visited.contains(rva) ||
         traces.detach.visited.contains(rva) ||
         traces.process_exit.visited.contains(rva) ||
         traces.thread_attach.visited.contains(rva) ||
         traces.thread_detach.visited.contains(rva);
}

/// Where an instruction of an i386 that was run reads by an index alone:
/// `jmp [eax*4+table]`, or the mov before a `jmp eax` (SDM volume 2, tables 2-2
/// and 2-3: ModR/M without displacement, a SIB byte without base).
std::set<Rva> IndexedTables(const PeImage& image, const EntryTraces& traces,
                            const KnownCode& code) {
  constexpr uint32_t kTail = 6;  // ModR/M, SIB, displacement
  std::set<Rva> tables;
  if (image.machine != kMachineI386) return tables;
  const CodeView view = MakeCodeView(image);
  for (const auto& [rva, instruction] : code.instructions) {
    if (instruction.size <= kTail || !WasRun(traces, rva)) continue;
    const ByteReader tail(
        ContentAt(view, rva + (instruction.size - kTail), kTail));
    const uint32_t mod_rm = tail.U8(0).value_or(0);
    const uint32_t sib = tail.U8(1).value_or(0);
    const bool is_indexed =
        (mod_rm & 0xc7) == 0x04 && (sib & 7) == 5 && (sib >> 3 & 7) != 4;
    if (is_indexed) {
      tables.insert(Rva{tail.U32(2).value_or(0) - image.image_base});
    }
  }
  return tables;
}

struct Extent {
  Rva begin;
  Rva end;
};

/// Of an Alpha's functions, ascending, by .pdata, whose entries begin with that
/// (PE/COFF specification).
std::vector<Extent> FunctionExtents(const PeImage& image) {
  constexpr uint32_t kEntry = 20;
  std::vector<Extent> functions;
  if (image.machine != kMachineAlpha) return functions;
  const CodeView view = MakeCodeView(image);
  const DataDirectory& table = image.directory(Directory::kException);
  const ByteReader entries(ContentAt(view, Rva{table.rva}, table.size));
  for (uint32_t at = 0; entries.Holds(at, kEntry); at += kEntry) {
    functions.push_back({Rva{*entries.U32(at) - image.image_base},
                         Rva{*entries.U32(at + kWord) - image.image_base}});
  }
  std::ranges::sort(functions, {}, &Extent::begin);
  return functions;
}

/// Takes out the tables of switches that were run: pointers side by side, to
/// instructions that were run, from where one of those reads by an index; or,
/// on an Alpha, where all lead to the inside of a function.
void EraseSwitches(const PeImage& image, const KnownCode& code,
                   const EntryTraces& traces, std::vector<Pointer>& pointers) {
  const std::set<Rva> tables = IndexedTables(image, traces, code);
  const std::vector<Extent> functions = FunctionExtents(image);
  const auto is_inside = [&](Rva target) {
    const auto behind =
        std::ranges::lower_bound(functions, target, {}, &Extent::begin);
    return behind != functions.begin() && target < std::prev(behind)->end;
  };
  bool in_switch = false;
  Rva behind;  // the pointer before
  std::erase_if(pointers, [&](const Pointer& pointer) {
    const bool goes_on = in_switch && pointer.source == behind;
    behind = pointer.source + kWord;
    in_switch = (goes_on || tables.contains(pointer.source) ||
                 is_inside(pointer.target)) &&
                WasRun(traces, pointer.target);
    return in_switch;
  });
}

/// What leads to each of `returns` within a function, itself included, and to
/// which of them.
std::map<Rva, Rva> LeadingTo(const Before& before,
                             const std::set<Rva>& returns) {
  std::map<Rva, Rva> leading;
  std::vector<Rva> todo;
  const auto add = [&](Rva rva, Rva ret) {
    if (leading.emplace(rva, ret).second) todo.push_back(rva);
  };
  for (const Rva ret : returns) {
    add(ret, ret);
    while (!todo.empty()) {
      const Rva rva = todo.back();
      todo.pop_back();
      const auto [begin, end] = before.equal_range(rva);
      for (auto it = begin; it != end; ++it) add(it->second, ret);
    }
  }
  return leading;
}

/// Functions that are called or exported, and by whom; but the entry.
std::map<Rva, std::string> CalledFunctions(const PeImage& image,
                                           const KnownCode& code) {
  std::map<Rva, std::string> functions;
  for (const auto& [rva, instruction] : code.instructions) {
    if (instruction.flow != Flow::kCall || !instruction.target) continue;
    functions.emplace(*instruction.target, "\"" + instruction.text + "\" at " +
                                               HexNumber(rva.value));
  }
  for (const ExportedFunction& function : image.exports) {
    if (function.rva == image.entry_point) continue;
    functions.emplace(function.rva, "the export " + function.name);
  }
  return functions;
}

}  // namespace

Result<void> CheckOtherCallers(const PeImage& image,
                               const References& references,
                               const KnownCode& code, const EntryTraces& traces,
                               const std::set<Rva>& returns) {
  const Error too_much{
      "there is more code than is searched for other ways to it"};
  if (!code.is_all) return too_much;
  std::map<Rva, std::string> others = CalledFunctions(image, code);
  Before before;
  for (const auto& [rva, instruction] : code.instructions) {
    for (const Rva next : Successors(instruction)) before.emplace(next, rva);
    if (instruction.flow == Flow::kCall && instruction.target) {
      before.emplace(*instruction.target, rva);
    }
  }
  std::vector<Pointer> pointers = PointersIntoCode(image, references, code);
  EraseSwitches(image, code, traces, pointers);
  if (pointers.size() > kMaxPointers) return too_much;
  std::vector<Rva> roots;
  for (const Pointer& pointer : pointers) {
    if (pointer.target == image.entry_point) continue;
    roots.push_back(pointer.target);
    others.emplace(pointer.target,
                   "the pointer at " + HexNumber(pointer.source.value));
  }
  if (!AddPointedTo(image, code, std::move(roots), before)) return too_much;
  for (const auto& [start, ret] : LeadingTo(before, returns)) {
    const auto other = others.find(start);
    if (other == others.end()) continue;
    return Error{other->second + " leads to the return " +
                 HexNumber(ret.value) + ", too"};
  }
  return {};
}

}  // namespace detachfix
