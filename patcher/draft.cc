// SPDX-License-Identifier: Apache-2.0
// Field places and section flags are those of winnt.h (IMAGE_SECTION_HEADER,
// IMAGE_OPTIONAL_HEADER32).
#include "patcher/draft.h"

#include <algorithm>
#include <cassert>

#include "patcher/bytes.h"
#include "patcher/number_bytes.h"
#include "patcher/pe_format.h"

namespace detachfix {
namespace {

constexpr uint32_t kSizeOfCodeField = 28;  // from "PE\0\0"
constexpr uint32_t kSizeOfDataField = 32;  // SizeOfInitializedData

/// Name of an appended section, at most eight characters.
constexpr char kNewSectionName[] = ".detach";

uint32_t Read32(const PeImage& image, FileOffset at) {
  return ByteReader(image.bytes).U32(at.value).value_or(0);
}

}  // namespace

Edit MakeEdit(const PeImage& image, FileOffset offset, Bytes after,
              const std::string& why) {
  assert(uint64_t{offset.value} + after.size() <= image.bytes.size());
  const auto begin = image.bytes.begin() + offset.value;
  Bytes before(begin, begin + static_cast<std::ptrdiff_t>(after.size()));
  return {offset, std::move(before), std::move(after), why};
}

FileOffset DirectoryOffset(const PeImage& image, Directory d) {
  return image.directories_offset +
         static_cast<uint32_t>(d) * kDataDirectorySize;
}

Bytes DirectoryBytes(uint32_t rva, uint32_t size) {
  Bytes bytes = ToBytes32(rva);
  const Bytes tail = ToBytes32(size);
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  return bytes;
}

Draft::Draft(const PeImage& image, std::vector<Cave> caves)
    : image_(&image), caves_(std::move(caves)) {}

bool Draft::Serves(const Cave& cave, const Need& need) const {
  if (need.section && *need.section != cave.section) return false;
  if (cave.kind == CaveKind::kNewSection) return true;
  const Section& s = image_->sections[cave.section];
  if ((s.characteristics & kScnMemRead) == 0) return false;
  if ((s.characteristics & kScnMemDiscardable) != 0 && !need.load_only) {
    return false;
  }
  if (need.executable && !s.IsExecutable()) return false;
  // A slot that processes share would be written by each of them.
  return !need.writable ||
         (s.IsWritable() && (s.characteristics & kScnMemShared) == 0);
}

std::optional<Piece> Draft::Take(const Need& need) {
  assert(need.size != 0);
  for (Cave& cave : caves_) {
    const uint32_t lowest = std::max(cave.rva.value, need.lowest.value);
    const uint32_t skip = AlignUp(lowest, need.alignment) - cave.rva.value;
    if (!Serves(cave, need) || skip > cave.size ||
        cave.size - skip < need.size) {
      continue;
    }
    Piece piece{cave.kind,       cave.section, cave.offset + skip,
                cave.rva + skip, need.size,    cave.text};
    cave.offset = piece.offset + need.size;
    cave.rva = piece.rva + need.size;
    cave.size -= skip + need.size;
    if (cave.kind == CaveKind::kNewSection) {
      appended_.resize(appended_.size() + skip + need.size);
      appended_code_ |= need.executable;
      appended_writable_ |= need.writable;
    }
    pieces_.push_back(piece);
    return piece;
  }
  return std::nullopt;
}

void Draft::Fill(const Piece& piece, Bytes content, const std::string& why) {
  assert(content.size() <= piece.size);
  if (piece.kind != CaveKind::kNewSection) {
    Replace(piece.offset, std::move(content), why);
    return;
  }
  const uint32_t start = AlignUp(static_cast<uint32_t>(image_->bytes.size()),
                                 image_->raw_alignment());
  std::copy(content.begin(), content.end(),
            appended_.begin() + (piece.offset.value - start));
}

void Draft::Cover(Rva begin, uint32_t size) {
  covered_.emplace_back(begin, size);
}

void Draft::Replace(FileOffset offset, Bytes after, const std::string& why) {
  Edit edit = MakeEdit(*image_, offset, std::move(after), why);
  const bool asked_before =
      std::find(edits_.begin(), edits_.end(), edit) != edits_.end();
  if (edit.before != edit.after && !asked_before) {
    edits_.push_back(std::move(edit));
  }
}

void Draft::RaiseVirtualSizes(std::vector<Edit>& edits) const {
  for (size_t i = 0; i < image_->sections.size(); ++i) {
    const Section& s = image_->sections[i];
    uint32_t end = 0;
    for (const Piece& piece : pieces_) {
      if (piece.section != i || piece.kind != CaveKind::kSlack) continue;
      end = std::max(end, piece.rva.value + piece.size - s.rva.value);
    }
    for (const auto& [begin, size] : covered_) {
      const bool here = SectionAt(*image_, begin) == &s ||
                        begin.value == s.rva.value + s.MemorySize();
      if (here) end = std::max(end, begin.value + size - s.rva.value);
    }
    if (end <= s.MemorySize()) continue;
    edits.push_back(
        MakeEdit(*image_, s.header_offset + kVirtualSizeField, ToBytes32(end),
                 s.name + " VirtualSize raised to cover what is added"));
  }
}

void Draft::AddSection(std::vector<Edit>& edits) const {
  if (appended_.empty()) return;
  const uint32_t size = static_cast<uint32_t>(appended_.size());
  const uint32_t raw_size = AlignUp(size, image_->raw_alignment());
  const uint32_t file_end = static_cast<uint32_t>(image_->bytes.size());
  const uint32_t raw_offset = AlignUp(file_end, image_->raw_alignment());
  const Section& last = image_->sections.back();
  const uint32_t rva =
      AlignUp(last.rva.value + last.MemorySize(), image_->section_alignment);

  Bytes header(kNewSectionName, kNewSectionName + sizeof kNewSectionName - 1);
  header.resize(kVirtualSizeField);
  for (uint32_t field : {size, rva, raw_size, raw_offset, 0u, 0u, 0u}) {
    Append32(header, field);
  }
  Append32(header, kScnMemRead |
                       (appended_code_ ? kScnCntCode | kScnMemExecute
                                       : kScnCntInitializedData) |
                       (appended_writable_ ? kScnMemWrite : 0));
  assert(header.size() == kSectionHeaderSize);
  const FileOffset table_end =
      image_->section_table_offset +
      static_cast<uint32_t>(image_->sections.size()) * kSectionHeaderSize;
  edits.push_back(MakeEdit(*image_, table_end, std::move(header),
                           "header of the new section"));

  const uint32_t count = static_cast<uint32_t>(image_->sections.size()) + 1;
  edits.push_back(
      MakeEdit(*image_, image_->number_of_sections_offset,
               {static_cast<uint8_t>(count), static_cast<uint8_t>(count >> 8)},
               "NumberOfSections counts the new section"));
  edits.push_back(
      MakeEdit(*image_, image_->size_of_image_offset,
               ToBytes32(rva + AlignUp(size, image_->section_alignment)),
               "SizeOfImage covers the new section"));
  const FileOffset total =
      image_->pe_header_offset +
      (appended_code_ ? kSizeOfCodeField : kSizeOfDataField);
  edits.push_back(MakeEdit(
      *image_, total, ToBytes32(Read32(*image_, total) + raw_size),
      appended_code_ ? "SizeOfCode counts the new section"
                     : "SizeOfInitializedData counts the new section"));

  Bytes tail(raw_offset - file_end);
  tail.insert(tail.end(), appended_.begin(), appended_.end());
  tail.resize(raw_offset - file_end + raw_size);
  edits.push_back({FileOffset{file_end},
                   {},
                   std::move(tail),
                   "content of the new section"});
}

uint32_t Draft::padding() const {
  const uint32_t size = static_cast<uint32_t>(appended_.size());
  return AlignUp(size, image_->raw_alignment()) - size;
}

std::vector<Edit> Draft::Finish() const {
  std::vector<Edit> edits = edits_;
  RaiseVirtualSizes(edits);
  AddSection(edits);
  std::stable_sort(
      edits.begin(), edits.end(),
      [](const Edit& a, const Edit& b) { return a.offset < b.offset; });
  return edits;
}

}  // namespace detachfix
