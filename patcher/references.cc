// SPDX-License-Identifier: Apache-2.0
// Three kinds of reference are looked for. Branches: on i386, at every byte of
// every executable section, not only where an instruction is known to start,
// the encodings with a 32-bit distance (call E8, jmp E9, jcc 0F 80..8F); on
// Alpha, every word of them, whether it is code or not. Pointers: every word
// that a base relocation rewrites (PE/COFF specification, "Base Relocation
// Types"). HIGHLOW rewrites a whole pointer; on Alpha, LDAH has the upper half
// of one (HIGHADJ, which brings one lower half along) and LDA or a load has a
// lower half (LOW), which may belong to any upper one. Exports and the entry
// point.
#include "patcher/references.h"

#include <algorithm>
#include <set>
#include <utility>

#include "patcher/bytes.h"
#include "patcher/hex_text.h"

namespace detachfix {
namespace {

constexpr uint8_t kRelocationLow = 2;      // IMAGE_REL_BASED_LOW
constexpr uint8_t kRelocationHighLow = 3;  // IMAGE_REL_BASED_HIGHLOW
constexpr uint8_t kRelocationHighAdj = 4;  // IMAGE_REL_BASED_HIGHADJ
/// Widest field that a base relocation type rewrites, in bytes.
constexpr uint32_t kRelocationWidth = 4;

/// Length of the branch opcode that stands at `offset`, or 0.
uint32_t BranchOpcodeSize(std::span<const uint8_t> bytes, size_t offset) {
  if (bytes[offset] == 0xe8 || bytes[offset] == 0xe9) return 1;
  if (bytes[offset] == 0x0f && offset + 1 < bytes.size() &&
      (bytes[offset + 1] & 0xf0) == 0x80) {
    return 2;
  }
  return 0;
}

}  // namespace

References::References(const PeImage& image) {
  AddBranches(image);
  AddPointers(image);
  for (const ExportedFunction& exported : image.exports) {
    if (exported.rva.value == 0) continue;
    references_.push_back({exported.rva, Kind::kExport,
                           static_cast<uint32_t>(export_names_.size())});
    export_names_.push_back(exported.name.empty()
                                ? "#" + std::to_string(exported.ordinal)
                                : exported.name);
  }
  if (image.entry_point.value != 0) {
    references_.push_back({image.entry_point, Kind::kEntry, 0});
  }
  for (Rva callback : image.tls_callbacks) {
    references_.push_back({callback, Kind::kEntry, 0});
  }
  std::stable_sort(references_.begin(), references_.end(),
                   [](const Reference& a, const Reference& b) {
                     return a.target < b.target;
                   });
}

void References::AddBranches(const PeImage& image) {
  for (const Section& section : image.sections) {
    if (!section.IsExecutable()) continue;
    if (image.machine == kMachineAlpha) {
      AddAlphaBranches(image, section);
    } else {
      AddX86Branches(image, section);
    }
  }
}

void References::AddBranch(const PeImage& image, uint32_t source, Rva target) {
  if (target.value >= image.size_of_image) return;
  references_.push_back({target, Kind::kBranch, source});
}

void References::AddX86Branches(const PeImage& image, const Section& section) {
  const std::span<const uint8_t> bytes =
      std::span(image.bytes)
          .subspan(section.raw_offset.value, section.raw_size);
  for (size_t i = 0; i + 5 <= bytes.size(); ++i) {
    const uint32_t opcode = BranchOpcodeSize(bytes, i);
    if (opcode == 0 || i + opcode + 4 > bytes.size()) continue;
    const uint32_t source = section.rva.value + static_cast<uint32_t>(i);
    AddBranch(image, source,
              Rva{source + opcode + 4 + *ByteReader(bytes).U32(i + opcode)});
  }
}

void References::AddAlphaBranches(const PeImage& image,
                                  const Section& section) {
  // Opcodes 30 to 3F; 21 bits of words behind the next instruction (Alpha
  // Architecture Handbook, version 4, section 3.3.2).
  constexpr uint32_t kFirstBranch = 0x30;
  const std::span<const uint8_t> bytes =
      std::span(image.bytes)
          .subspan(section.raw_offset.value, section.raw_size);
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    const uint32_t word = *ByteReader(bytes).U32(i);
    if (word >> 26 < kFirstBranch) continue;
    const uint32_t source = section.rva.value + static_cast<uint32_t>(i);
    const int32_t words = static_cast<int32_t>(word << 11) >> 11;
    AddBranch(image, source,
              Rva{source + 4 + static_cast<uint32_t>(words * 4)});
  }
}

void References::AddPointer(const PeImage& image, Rva source, uint32_t va) {
  const Rva target{va - image.image_base};
  if (target.value >= image.size_of_image) return;
  references_.push_back({target, Kind::kPointer, source.value});
}

void References::AddPointers(const PeImage& image) {
  pointers_known_ = !image.relocations.empty();
  std::set<uint32_t> upper_halves;
  std::vector<std::pair<Rva, int16_t>> lower_halves;
  for (const BaseRelocation& relocation : image.relocations) {
    const std::optional<FileOffset> offset = ToOffset(image, relocation.rva);
    const ByteReader reader(image.bytes);
    if (relocation.type == kRelocationHighLow) {
      const std::optional<uint32_t> va =
          offset ? reader.U32(offset->value) : std::nullopt;
      if (va) AddPointer(image, relocation.rva, *va);
      continue;
    }
    const std::optional<uint16_t> half =
        offset ? reader.U16(offset->value) : std::nullopt;
    if (relocation.type == kRelocationHighAdj && half) {
      const uint32_t upper = uint32_t{*half} << 16;
      upper_halves.insert(upper);
      AddPointer(image, relocation.rva,
                 upper + static_cast<uint32_t>(relocation.low));
    } else if (relocation.type == kRelocationLow && half) {
      lower_halves.emplace_back(relocation.rva, static_cast<int16_t>(*half));
    } else {
      pointers_known_ = false;
    }
  }
  for (const auto& [source, lower] : lower_halves) {
    for (const uint32_t upper : upper_halves) {
      AddPointer(image, source, upper + static_cast<uint32_t>(lower));
    }
  }
  // Lower halves that no relocation speaks of are not seen.
  if (!upper_halves.empty() && lower_halves.empty()) pointers_known_ = false;
}

std::string References::Describe(const Reference& reference) const {
  switch (reference.kind) {
    case Kind::kBranch:
      return "a branch at " + HexNumber(reference.source);
    case Kind::kPointer:
      return "a pointer at " + HexNumber(reference.source);
    case Kind::kExport:
      return "export " + export_names_[reference.source];
    case Kind::kEntry:
      break;
  }
  return "the loader";
}

std::optional<References::Found> References::Into(Rva begin,
                                                  uint32_t size) const {
  const auto at = std::lower_bound(
      references_.begin(), references_.end(), begin,
      [](const Reference& r, Rva rva) { return r.target < rva; });
  if (at == references_.end() || at->target.value - begin.value >= size) {
    return std::nullopt;
  }
  return Found{at->target, Describe(*at)};
}

std::vector<References::Pointer> References::Pointers() const {
  std::vector<Pointer> pointers;
  for (const Reference& reference : references_) {
    if (reference.kind != Kind::kPointer) continue;
    pointers.push_back({Rva{reference.source}, reference.target});
  }
  return pointers;
}

std::optional<Rva> RelocationIn(const PeImage& image, Rva begin,
                                uint32_t size) {
  const uint32_t from =
      begin.value < kRelocationWidth ? 0 : begin.value - kRelocationWidth + 1;
  const auto at = std::lower_bound(
      image.relocations.begin(), image.relocations.end(), Rva{from},
      [](const BaseRelocation& r, Rva rva) { return r.rva < rva; });
  if (at == image.relocations.end() ||
      at->rva.value >= uint64_t{begin.value} + size) {
    return std::nullopt;
  }
  return at->rva;
}

}  // namespace detachfix
