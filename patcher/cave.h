// SPDX-License-Identifier: Apache-2.0
// Free space inside a file: bytes that hold nothing and that nothing refers to.
#ifndef DETACHFIX_PATCHER_CAVE_H_
#define DETACHFIX_PATCHER_CAVE_H_

#include <string>
#include <vector>

#include "patcher/bytes.h"
#include "patcher/pe_image.h"
#include "patcher/references.h"

namespace detachfix {

/// What kind of free bytes.
enum class CaveKind : uint8_t {
  kSlack,       ///< behind a section's content; VirtualSize is raised to use it
  kPadding,     ///< between or behind functions, inside a section's content
  kNewSection,  ///< in a section that is to be appended to the file
};

/// A run of free bytes of one section, all with the same protection.
struct Cave {
  CaveKind kind = CaveKind::kSlack;
  size_t section = 0;  ///< index; the number of sections for a new one
  FileOffset offset;
  Rva rva;
  uint32_t size = 0;  ///< bytes
  std::string text;   ///< "slack of .text"
};

/// Smallest run that is looked at: two base relocations.
inline constexpr uint32_t kSmallestCave = 4;

/// Slack that can be mapped, by section and address. Never bytes that a
/// directory, debug record, relocation, certificate, overlay or other section
/// covers, nor behind a place that a reference leads to.
std::vector<Cave> FindCaves(const PeImage& image, const References& references);

/// Free bytes of the file behind a section's content, mapped or not: room for
/// what the loader need not see. `text` names them; `rva` means nothing.
std::vector<Cave> FindRawSlack(const PeImage& image);

/// Whether a directory, debug record, import table, the overlay or another
/// section covers some byte of `cave`.
bool IsClaimed(const PeImage& image, const Cave& cave);

/// Whether the bound import table, which linkers and BIND put behind the
/// section headers, counts as free there: it does once its directory is
/// cleared.
enum class BoundImports : uint8_t { kKept, kCleared };

/// Room for a section of up to `capacity` bytes appended to the file. Fails
/// with the reason when the headers or the layout do not allow one.
Result<Cave> FindNewSectionRoom(const PeImage& image, uint32_t capacity,
                                BoundImports bound = BoundImports::kKept);

/// `value` raised to a multiple of `alignment`, a power of two; 0 counts as 1.
constexpr uint32_t AlignUp(uint32_t value, uint32_t alignment) {
  return static_cast<uint32_t>(RoundUp(value, alignment == 0 ? 1 : alignment));
}

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_CAVE_H_
