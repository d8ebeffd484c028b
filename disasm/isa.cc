// SPDX-License-Identifier: Apache-2.0
#include "disasm/isa.h"

#include <algorithm>

namespace detachfix {

const Isa* IsaFor(uint16_t machine) {
  if (machine == kMachineI386) return &X86Isa();
  if (machine == kMachineAlpha) return &AlphaIsa();
  return nullptr;
}

std::span<const uint8_t> ContentAt(const CodeView& view, Rva rva,
                                   uint32_t limit) {
  for (const CodeRegion& region : view.regions) {
    if (rva < region.begin) break;
    const uint32_t into = rva.value - region.begin.value;
    if (into >= region.content.size()) continue;
    const size_t rest = region.content.size() - into;
    const auto part =
        region.content.subspan(into, std::min<size_t>(rest, limit));
    if (view.source != nullptr) view.source->Need(part);
    return part;
  }
  return {};
}

Instruction Decode(const CodeView& view, Rva rva) {
  const Isa* isa = IsaFor(view.machine);
  if (isa != nullptr) return isa->Decode(view, rva);
  Instruction unknown;
  unknown.rva = rva;
  return unknown;
}

Instruction Disassemble(const CodeView& view, Rva rva) {
  const Isa* isa = IsaFor(view.machine);
  if (isa != nullptr) return isa->Disassemble(view, rva);
  Instruction unknown = Decode(view, rva);
  unknown.text = "(bad)";
  return unknown;
}

}  // namespace detachfix
