// SPDX-License-Identifier: Apache-2.0
// That bytes look like padding proves nothing: a table of zeros looks the same.
// What proves it is that control cannot arrive (what stands before ends a path,
// and no branch, export or pointer leads in) and that no pointer leads to the
// first byte, as the code that reads a table must have one. That holds only
// where base relocations mark every pointer.
#include "patcher/padding.h"

#include <algorithm>

#include "patcher/stub.h"

namespace detachfix {
namespace {

bool EndsPath(const Instruction& instruction) {
  return instruction.flow == Flow::kReturn ||
         (instruction.flow == Flow::kJump && instruction.target);
}

bool StandsAt(const Bytes& filler, std::span<const uint8_t> bytes) {
  return filler.size() <= bytes.size() &&
         std::equal(filler.begin(), filler.end(), bytes.begin());
}

/// The run of one repeated filler from `begin` on, no longer than the content
/// of `section` in the file and in memory. Zero bytes long where it is not
/// padding or where other bytes follow that are no known code.
uint32_t RunLength(const PeImage& image, const Section& section,
                   const KnownCode& code, uint32_t begin) {
  const uint32_t content = std::min(section.MemorySize(), section.raw_size);
  const std::span<const uint8_t> bytes =
      std::span(image.bytes).subspan(section.raw_offset.value, content);
  const std::vector<Bytes>& fillers =
      StubMakerFor(image.machine)->rules().fillers;
  const auto filler =
      std::ranges::find_if(fillers, [&](const Bytes& candidate) {
        return StandsAt(candidate, bytes.subspan(begin));
      });
  if (filler == fillers.end()) return 0;
  uint32_t end = begin;
  while (StandsAt(*filler, bytes.subspan(end)) &&
         !code.instructions.contains(section.rva + end)) {
    end += static_cast<uint32_t>(filler->size());
  }
  if (end == begin) return 0;
  const bool ends_at_code = code.instructions.contains(section.rva + end);
  return end == content || ends_at_code ? end - begin : 0;
}

}  // namespace

std::vector<Cave> FindPadding(const PeImage& image,
                              const References& references,
                              const KnownCode& code) {
  std::vector<Cave> padding;
  if (!references.pointers_known() || !StubMakerFor(image.machine)) {
    return padding;
  }
  for (const auto& [rva, instruction] : code.instructions) {
    const Section* section = SectionAt(image, rva);
    if (!EndsPath(instruction) || !section || !section->IsExecutable()) {
      continue;
    }
    const uint32_t begin = rva.value + instruction.size - section->rva.value;
    if (begin >= std::min(section->MemorySize(), section->raw_size)) continue;
    Cave cave;
    cave.kind = CaveKind::kPadding;
    cave.section = static_cast<size_t>(section - image.sections.data());
    cave.offset = section->raw_offset + begin;
    cave.rva = section->rva + begin;
    cave.size = RunLength(image, *section, code, begin);
    cave.text = "padding of " + section->name;
    if (cave.size < kSmallestCave || references.Into(cave.rva, cave.size) ||
        RelocationIn(image, cave.rva, cave.size) || IsClaimed(image, cave)) {
      continue;
    }
    padding.push_back(cave);
  }
  return padding;
}

}  // namespace detachfix
