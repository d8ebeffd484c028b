// SPDX-License-Identifier: Apache-2.0
// The free space that a linked image leaves, and what we rely on:
// - SizeOfRawData is rounded up to FileAlignment, so bytes of the file may
//   follow a section's content; only VirtualSize bytes are defined content
//   (PE/COFF specification, "Section Table"). Raising VirtualSize makes them
//   content. It must stay within the pages that the section maps already, since
//   sections follow each other without a gap and SizeOfImage counts them.
// - A linker fills them with zeros, or in code with int3 or nop. Any other byte
//   there is somebody's data.
// - Programs keep data that nothing in the headers covers: the debug record
//   that NT's own build put behind the last section, a certificate table, a
//   bound import table behind the section headers. Those ranges are never free.
#include "patcher/cave.h"

#include <algorithm>

#include "patcher/bytes.h"
#include "patcher/hex_text.h"
#include "patcher/pe_format.h"

namespace detachfix {
namespace {

/// A range of the file, 64 bits wide so that sums do not wrap.
struct FileRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};

bool IsFileOffsetDirectory(Directory d) {
  return d == Directory::kCertificate || d == Directory::kBoundImport;
}

void AddMapped(const PeImage& image, uint32_t rva, uint64_t size,
               std::vector<FileRange>& used) {
  if (rva == 0 || size == 0) return;
  const std::optional<FileOffset> offset = ToOffset(image, Rva{rva});
  if (offset) used.push_back({offset->value, offset->value + size});
}

void AddImports(const PeImage& image, std::vector<FileRange>& used) {
  for (const ImportDescriptor& d : image.imports) {
    // The table ends with a descriptor of zeros, each thunk array with a zero.
    used.push_back(
        {d.offset.value, d.offset.value + 2 * kImportDescriptorSize});
    const uint64_t thunks = 4 * (uint64_t{d.functions.size()} + 1);
    AddMapped(image, d.original_first_thunk, thunks, used);
    AddMapped(image, d.first_thunk, thunks, used);
    AddMapped(image, d.name, d.dll.size() + 1, used);
  }
}

/// What is spoken for, apart from the raw data of sections.
std::vector<FileRange> UsedRanges(const PeImage& image) {
  std::vector<FileRange> used = {{0, image.size_of_headers}};
  for (size_t i = 0; i < image.directories.size(); ++i) {
    const DataDirectory& d = image.directories[i];
    if (IsFileOffsetDirectory(static_cast<Directory>(i))) {
      if (d.size != 0) used.push_back({d.rva, uint64_t{d.rva} + d.size});
    } else {
      AddMapped(image, d.rva, d.size, used);
    }
  }
  AddImports(image, used);
  for (const DebugEntry& entry : image.debug) {
    used.push_back({entry.entry_offset.value,
                    uint64_t{entry.entry_offset.value} + kDebugDirectorySize});
    if (entry.raw_offset == 0) continue;
    used.push_back({entry.raw_offset, uint64_t{entry.raw_offset} + entry.size});
  }
  if (image.overlay_size != 0) {
    used.push_back({image.overlay_offset.value,
                    uint64_t{image.overlay_offset.value} + image.overlay_size});
  }
  return used;
}

std::vector<FileRange> UsedBesides(const PeImage& image, size_t section) {
  std::vector<FileRange> used = UsedRanges(image);
  for (size_t i = 0; i < image.sections.size(); ++i) {
    const Section& s = image.sections[i];
    if (i == section || s.raw_size == 0) continue;
    used.push_back(
        {s.raw_offset.value, uint64_t{s.raw_offset.value} + s.raw_size});
  }
  return used;
}

bool IsPaddingByte(uint8_t byte) {
  return byte == 0x00 || byte == 0xcc || byte == 0x90;
}

/// The runs of one repeated padding byte in [begin, end) of the file that no
/// used range and no relocation touches.
std::vector<FileRange> FreeRuns(const PeImage& image, size_t section,
                                FileRange range) {
  std::vector<bool> free(range.end - range.begin, true);
  for (const FileRange& used : UsedBesides(image, section)) {
    for (uint64_t i = std::max(used.begin, range.begin);
         i < std::min(used.end, range.end); ++i) {
      free[i - range.begin] = false;
    }
  }
  std::vector<FileRange> runs;
  for (uint64_t i = range.begin; i < range.end;) {
    const uint8_t byte = image.bytes[i];
    uint64_t end = i;
    while (end < range.end && free[end - range.begin] &&
           image.bytes[end] == byte) {
      ++end;
    }
    if (end > i && IsPaddingByte(byte)) runs.push_back({i, end});
    i = std::max(end, i + 1);
  }
  return runs;
}

Cave MakeCave(const PeImage& image, size_t section, FileRange run) {
  const Section& s = image.sections[section];
  const uint32_t begin = static_cast<uint32_t>(run.begin);
  Cave cave;
  cave.section = section;
  cave.offset = FileOffset{begin};
  cave.rva = s.rva + (begin - s.raw_offset.value);
  cave.size = static_cast<uint32_t>(run.end - run.begin);
  cave.text = "slack of " + s.name;
  return cave;
}

/// `cave` without what a relocation rewrites or a reference leads into. A
/// pointer to the first byte is the end of the content before it, as compilers
/// keep it for comparison.
void CutAtReferences(const PeImage& image, const References& references,
                     Cave& cave) {
  if (cave.size < 2) return;
  const std::optional<References::Found> found =
      references.Into(cave.rva + 1, cave.size - 1);
  if (found) cave.size = found->target.value - cave.rva.value;
  const std::optional<Rva> relocation =
      RelocationIn(image, cave.rva, cave.size);
  if (!relocation) return;
  cave.size = relocation->value < cave.rva.value
                  ? 0
                  : relocation->value - cave.rva.value;
}

/// The end, in the file, of what `section` maps of its raw data once its
/// VirtualSize is raised as far as it can be.
uint64_t MappableEnd(const PeImage& image, size_t section) {
  const Section& s = image.sections[section];
  const uint32_t pages = AlignUp(s.MemorySize(), image.section_alignment);
  uint32_t size = std::min(s.raw_size, pages);
  if (section + 1 < image.sections.size()) {
    const uint32_t next = image.sections[section + 1].rva.value;
    size = std::min(size, next - std::min(next, s.rva.value));
  }
  return uint64_t{s.raw_offset.value} + size;
}

FileOffset LowestRawData(const PeImage& image) {
  FileOffset lowest{static_cast<uint32_t>(image.bytes.size())};
  for (const Section& s : image.sections) {
    if (s.raw_size != 0) lowest = std::min(lowest, s.raw_offset);
  }
  return lowest;
}

/// The first byte behind the section headers that is spoken for.
uint32_t HeaderRoomEnd(const PeImage& image, uint32_t table_end,
                       BoundImports bound) {
  uint32_t end = std::min(image.size_of_headers, LowestRawData(image).value);
  for (size_t i = 0; i < image.directories.size(); ++i) {
    const DataDirectory& d = image.directories[i];
    const bool is_free = static_cast<Directory>(i) == Directory::kBoundImport &&
                         bound == BoundImports::kCleared;
    if (d.size != 0 && d.rva >= table_end && !is_free) {
      end = std::min(end, d.rva);
    }
  }
  return end;
}

/// Whether the byte of the headers belongs to the bound import table.
bool IsBoundImport(const PeImage& image, uint32_t offset) {
  const DataDirectory& table = image.directory(Directory::kBoundImport);
  return offset >= table.rva && offset - table.rva < table.size;
}

Result<void> CheckHeaderRoom(const PeImage& image, BoundImports bound) {
  const uint32_t begin =
      image.section_table_offset.value +
      static_cast<uint32_t>(image.sections.size()) * kSectionHeaderSize;
  const uint32_t end = HeaderRoomEnd(image, begin, bound);
  if (begin > end || end - begin < kSectionHeaderSize) {
    return Error{"the section headers end at " + HexNumber(begin) +
                 " and what follows them begins at " + HexNumber(end) +
                 ": no room for another header of 0x28 bytes"};
  }
  for (uint32_t i = begin; i < begin + kSectionHeaderSize; ++i) {
    if (image.bytes[i] == 0) continue;
    if (bound == BoundImports::kCleared && IsBoundImport(image, i)) continue;
    return Error{"the byte at " + HexNumber(i) +
                 " behind the section headers is not zero: no room for "
                 "another header of 0x28 bytes"};
  }
  return {};
}

}  // namespace

std::vector<Cave> FindCaves(const PeImage& image,
                            const References& references) {
  std::vector<Cave> caves;
  for (size_t i = 0; i < image.sections.size(); ++i) {
    const Section& s = image.sections[i];
    const uint64_t begin = uint64_t{s.raw_offset.value} + s.MemorySize();
    const uint64_t end = MappableEnd(image, i);
    if (begin >= end) continue;
    for (const FileRange& run : FreeRuns(image, i, {begin, end})) {
      Cave cave = MakeCave(image, i, run);
      CutAtReferences(image, references, cave);
      if (cave.size >= kSmallestCave) caves.push_back(cave);
    }
  }
  return caves;
}

std::vector<Cave> FindRawSlack(const PeImage& image) {
  std::vector<Cave> slack;
  for (size_t i = 0; i < image.sections.size(); ++i) {
    const Section& s = image.sections[i];
    const uint64_t begin = uint64_t{s.raw_offset.value} + s.MemorySize();
    const uint64_t end = uint64_t{s.raw_offset.value} + s.raw_size;
    if (begin >= end) continue;
    for (const FileRange& run : FreeRuns(image, i, {begin, end})) {
      slack.push_back(MakeCave(image, i, run));
    }
  }
  return slack;
}

bool IsClaimed(const PeImage& image, const Cave& cave) {
  const uint64_t begin = cave.offset.value;
  const uint64_t end = begin + cave.size;
  const std::vector<FileRange> used = UsedBesides(image, cave.section);
  return std::any_of(used.begin(), used.end(), [&](const FileRange& range) {
    return range.begin < end && begin < range.end;
  });
}

Result<Cave> FindNewSectionRoom(const PeImage& image, uint32_t capacity,
                                BoundImports bound) {
  if (image.sections.empty()) return Error{"the image has no sections"};
  const DataDirectory& certificate = image.directory(Directory::kCertificate);
  if (certificate.size != 0) {
    return Error{"the certificate table at " + HexNumber(certificate.rva) +
                 " has to stay at the end of the file: no section can follow "
                 "it"};
  }
  Result<void> room = CheckHeaderRoom(image, bound);
  if (!room) return room.error();
  const Section& last = image.sections.back();
  const uint32_t end =
      AlignUp(last.rva.value + last.MemorySize(), image.section_alignment);
  if (AlignUp(image.size_of_image, image.section_alignment) != end) {
    return Error{"SizeOfImage is " + HexNumber(image.size_of_image) +
                 ", the last section ends at " + HexNumber(end) +
                 ": no section can follow it"};
  }
  const uint32_t file_end =
      AlignUp(static_cast<uint32_t>(image.bytes.size()), image.raw_alignment());
  if (uint64_t{file_end} + capacity > kMaxFileSize) {
    return Error{"the file would be larger than " + HexNumber(kMaxFileSize) +
                 " bytes"};
  }
  Cave cave;
  cave.kind = CaveKind::kNewSection;
  cave.section = image.sections.size();
  cave.offset = FileOffset{file_end};
  cave.rva = Rva{end};
  cave.size = capacity;
  cave.text = "a new section";
  return cave;
}

}  // namespace detachfix
