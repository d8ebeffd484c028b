// SPDX-License-Identifier: Apache-2.0
#include "patcher/code_pattern.h"

#include <set>

#include "disasm/instruction.h"
#include "patcher/pe_format.h"

namespace detachfix {

namespace {

// PE/COFF specification, "Base Relocation Types": HIGHLOW has 32 bits, those
// of Alpha code (HIGH, LOW, HIGHADJ) 16.

std::set<uint32_t> RelocatedBytes(const PeImage& image) {
  std::set<uint32_t> bytes;
  for (const BaseRelocation& relocation : image.relocations) {
    const uint32_t width = relocation.type == kHighLow ? 4 : 2;
    for (uint32_t i = 0; i < width; ++i) bytes.insert(relocation.rva.value + i);
  }
  return bytes;
}

/// The addresses of every byte of code that counts.
std::set<uint32_t> JudgedBytes(const CodeView& view, Rva entry,
                               const EntryTraces& traces) {
  std::set<Rva> starts;
  for (const Trace* trace :
       {&traces.attach, &traces.detach, &traces.process_exit,
        &traces.thread_attach, &traces.thread_detach}) {
    starts.insert(trace->visited.begin(), trace->visited.end());
  }
  for (const Instruction& instruction :
       DecodeFunction(view, entry).instructions) {
    starts.insert(instruction.rva);
  }
  std::set<uint32_t> bytes;
  for (const Rva start : starts) {
    const Instruction instruction = Decode(view, start);
    for (uint32_t i = 0; i < instruction.size; ++i) {
      bytes.insert(start.value + i);
    }
  }
  return bytes;
}

}  // namespace

CodePattern PatternOf(const PeImage& image, const EntryTraces& traces) {
  const CodeView view = MakeCodeView(image);
  const std::set<uint32_t> relocated = RelocatedBytes(image);
  const uint32_t entry = image.entry_point.value;
  std::vector<CodePart> parts;
  uint32_t next = 0;
  for (const uint32_t rva : JudgedBytes(view, image.entry_point, traces)) {
    const std::optional<FileOffset> offset = ToOffset(image, Rva{rva});
    if (!offset) continue;  // nothing of it stands in the file
    if (parts.empty() || rva != next || rva == entry) {
      parts.push_back({int64_t{rva} - int64_t{entry}, {}});
    }
    parts.back().code.push_back(
        relocated.contains(rva)
            ? std::nullopt
            : std::optional<uint8_t>(image.bytes[offset->value]));
    next = rva + 1;
  }
  CodePattern pattern;
  for (CodePart& part : parts) {
    if (part.from_entry == 0) {
      pattern.dllmain = std::move(part.code);
    } else if (FixedBytes(part.code) > 0) {
      pattern.helpers.push_back(std::move(part));
    }
  }
  return pattern;
}

}  // namespace detachfix
