// SPDX-License-Identifier: Apache-2.0
#include "patcher/hook_listing.h"

#include <algorithm>

namespace detachfix {

namespace {

// Enough to see what the place belongs to: a call before a return, a prologue.
constexpr int kLinesBefore = 6;
constexpr int kLinesOfEntry = 12;

using Place = std::map<Rva, Instruction>::const_iterator;

/// The instruction, where the file holds all its bytes.
void Append(const PeImage& image, const Instruction& instruction,
            std::vector<ListingLine>& lines) {
  const std::optional<FileOffset> offset = ToOffset(image, instruction.rva);
  if (!offset) return;
  const size_t begin = offset->value;
  if (begin + instruction.size > image.bytes.size()) return;
  const auto first = image.bytes.begin() + static_cast<ptrdiff_t>(begin);
  lines.push_back(
      {instruction.rva, {first, first + instruction.size}, instruction.text});
}

bool RunsInto(const Instruction& one, const Instruction& next) {
  const bool goes_on = one.flow == Flow::kNext || one.flow == Flow::kBranch ||
                       one.flow == Flow::kCall;
  return goes_on && one.rva + one.size == next.rva;
}

/// Up to `count` instructions back from `place`, as long as each runs into the
/// next.
Place WalkBack(const KnownCode& code, Place place, int count) {
  while (count-- > 0 && place != code.instructions.begin() &&
         RunsInto(std::prev(place)->second, place->second)) {
    --place;
  }
  return place;
}

}  // namespace

std::vector<ListingLine> ListSites(const PeImage& image, const KnownCode& code,
                                   const std::vector<HookSite>& sites) {
  std::vector<ListingLine> lines;
  for (const HookSite& site : sites) {
    const Place hooked = code.instructions.find(site.rva);
    if (hooked == code.instructions.end()) continue;
    Place at = WalkBack(code, hooked, kLinesBefore);
    const Rva end = site.rva + site.size;
    for (; at != code.instructions.end() && at->first < end; ++at) {
      const bool listed = !lines.empty() && at->first <= lines.back().rva;
      if (!listed) Append(image, at->second, lines);
    }
  }
  return lines;
}

std::vector<ListingLine> ListEntry(const PeImage& image,
                                   const KnownCode& code) {
  std::vector<ListingLine> lines;
  Place at = code.instructions.find(image.entry_point);
  for (int i = 0; i < kLinesOfEntry && at != code.instructions.end(); ++i) {
    Append(image, at->second, lines);
    const Place next = std::next(at);
    if (next == code.instructions.end() || !RunsInto(at->second, next->second))
      break;
    at = next;
  }
  return lines;
}

std::vector<ListingLine> ListHooked(const std::vector<ListingLine>& before,
                                    const std::vector<ListingLine>& injected) {
  std::vector<ListingLine> lines;
  Rva written{0};  // the end of the last injected line
  for (const ListingLine& line : before) {
    const Rva end = line.rva + static_cast<uint32_t>(line.bytes.size());
    const auto jump = std::find_if(
        injected.begin(), injected.end(),
        [&](const ListingLine& one) { return one.rva == line.rva; });
    if (jump != injected.end()) {
      lines.push_back(*jump);
      written = jump->rva + static_cast<uint32_t>(jump->bytes.size());
    }
    if (line.rva >= written) {
      lines.push_back(line);
    } else if (end > written) {
      const auto rest =
          line.bytes.end() - static_cast<ptrdiff_t>(end.value - written.value);
      lines.push_back({written, {rest, line.bytes.end()}, "(not reached)"});
    }
  }
  return lines;
}

}  // namespace detachfix
