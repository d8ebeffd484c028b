// SPDX-License-Identifier: Apache-2.0
// LIEF 0.9 believes every size and offset that it meets, and reads on where the
// loader stops. Its copy is made so that it meets none that was not checked,
// and that it finds what we found:
//  - room for 16 data directories, which it reads whatever their count;
//  - import tables that end where ours do;
//  - no symbols, which headers may state although they were moved away;
//  - no base relocation block of page 0, where it stops reading.
#include "patcher/lief_copy.h"

#include <algorithm>
#include <optional>
#include <span>

#include "patcher/bytes.h"
#include "patcher/hex_text.h"
#include "patcher/image_reader.h"
#include "patcher/pe_format.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

constexpr uint32_t kAllDirectories = kDirectoryCount * 8;  // bytes
constexpr uint32_t kFirstThunkField = 16;                  // in a descriptor

void PutU32(std::vector<uint8_t>& bytes, uint64_t at, uint32_t word) {
  for (size_t i = 0; i < 4; ++i) {
    bytes[at + i] = static_cast<uint8_t>(word >> (8 * i));
  }
}

class LiefCopy {
 public:
  explicit LiefCopy(const PeImage& image)
      : image_(image), reader_(image), ends_(image.sections.size()) {}

  Result<std::vector<uint8_t>> Make(
      std::initializer_list<Directory> directories);

 private:
  void Need(uint64_t rva, uint64_t size);
  void NeedFunctions(const ImportDescriptor& import);
  void NeedImports();
  void CopyHeaders();
  Result<void> CopySections();
  Result<void> MakeRoomForDirectories();
  std::optional<uint64_t> PlaceOf(uint64_t rva) const;
  void PutZeros(uint64_t place, uint64_t size);
  void PutZerosAt(uint64_t rva, uint64_t size);
  void EndImportTables();
  bool HasEntries(uint64_t block, uint32_t size) const;
  void NameEmptyBlocks();

  const PeImage& image_;
  const ImageReader reader_;
  std::vector<uint8_t> copy_;
  std::vector<uint64_t> ends_;    // of what is needed, in bytes, by section
  std::vector<uint64_t> places_;  // of a section's content in the copy
};

void LiefCopy::Need(uint64_t rva, uint64_t size) {
  if (rva > UINT32_MAX) return;
  const Section* section = SectionAt(image_, Rva{static_cast<uint32_t>(rva)});
  if (section == nullptr) return;
  uint64_t& end = ends_[static_cast<size_t>(section - image_.sections.data())];
  end = std::max(end, rva - section->rva.value + size);
}

void LiefCopy::NeedFunctions(const ImportDescriptor& import) {
  const uint64_t size = (import.functions.size() + 1) * 4;
  Need(import.original_first_thunk, size);
  Need(import.first_thunk, size);
  for (size_t i = 0; i < import.functions.size(); ++i) {
    const uint64_t table = import.original_first_thunk != 0
                               ? import.original_first_thunk
                               : import.first_thunk;
    const uint32_t entry = reader_.U32(table + i * 4).value_or(kByOrdinal);
    const std::string& name = import.functions[i].name.name;
    if ((entry & kByOrdinal) == 0) Need(entry, 2 + name.size() + 1);
  }
}

void LiefCopy::NeedImports() {
  const DataDirectory& directory = image_.directory(Directory::kImport);
  if (directory.rva == 0) return;
  Need(directory.rva, (image_.imports.size() + 1) * kImportDescriptorSize);
  for (const ImportDescriptor& import : image_.imports) {
    Need(import.name, import.dll.size() + 1);
    NeedFunctions(import);
  }
}

// Up to the end of the section table, at its second place too; what else they
// may hold is little.
void LiefCopy::CopyHeaders() {
  constexpr uint64_t kMostOfHeaders = uint64_t{64} * 1024;
  const uint64_t table =
      std::max<uint64_t>(image_.section_table_offset.value,
                         image_.directories_offset.value + kAllDirectories);
  const uint64_t table_end =
      table + image_.sections.size() * kSectionHeaderSize;
  const uint64_t size =
      std::max(table_end, std::min(MappedHeaderSize(image_), kMostOfHeaders));
  const uint64_t in_file = std::min<uint64_t>(size, image_.bytes.size());
  copy_.assign(image_.bytes.begin(),
               image_.bytes.begin() + static_cast<ptrdiff_t>(in_file));
  copy_.resize(size);
}

// Each where LIEF looks for it: RVAs in sections, from PointerToRawData on,
// which it rounds up to FileAlignment.
Result<void> LiefCopy::CopySections() {
  const std::span<const uint8_t> file(image_.bytes);
  const uint64_t unit = std::max<uint64_t>(image_.file_alignment, kSectorSize);
  for (size_t i = 0; i < image_.sections.size(); ++i) {
    const Section& section = image_.sections[i];
    const uint64_t size =
        std::min<uint64_t>(section.raw_size, RoundUp(ends_[i], kSectorSize));
    const uint64_t place = RoundUp(copy_.size(), unit);
    places_.push_back(place);
    ends_[i] = size;
    if (size == 0) continue;
    if (place + size > kMaxLiefCopy) {
      return Error{"import tables end at " + HexNumber(size) + " in " +
                   SectionText(image_, i) + ", too far for LIEF"};
    }
    const auto content = file.subspan(section.raw_offset.value, size);
    copy_.resize(place);
    copy_.insert(copy_.end(), content.begin(), content.end());
  }
  for (size_t i = 0; i < image_.sections.size(); ++i) {
    const uint64_t header = image_.sections[i].header_offset.value;
    // LIEF 0.9 takes a VirtualSize of 0 as it stands.
    PutU32(copy_, header + kVirtualSizeField, image_.sections[i].MemorySize());
    PutU32(copy_, header + kRawSizeField, static_cast<uint32_t>(ends_[i]));
    PutU32(copy_, header + kRawOffsetField,
           ends_[i] == 0 ? 0 : static_cast<uint32_t>(places_[i]));
  }
  return {};
}

// Where it would take the section table for directories, the table moves on.
Result<void> LiefCopy::MakeRoomForDirectories() {
  const uint64_t table = image_.section_table_offset.value;
  const uint64_t wanted = image_.directories_offset.value + kAllDirectories;
  if (table >= wanted) return {};
  const size_t size = image_.sections.size() * kSectionHeaderSize;
  if (wanted + size > MappedHeaderSize(image_)) {
    return Error{"headers of " + HexNumber(MappedHeaderSize(image_)) +
                 " bytes have no room for 16 data directories and " +
                 std::to_string(image_.sections.size()) + " sections"};
  }
  const auto begin = copy_.begin() + static_cast<std::ptrdiff_t>(table);
  std::copy_backward(
      begin, begin + static_cast<std::ptrdiff_t>(size),
      copy_.begin() + static_cast<std::ptrdiff_t>(wanted + size));
  copy_[image_.pe_header_offset.value + 20] = 0xe0;  // SizeOfOptionalHeader
  copy_[image_.pe_header_offset.value + 21] = 0;
  return {};
}

std::optional<uint64_t> LiefCopy::PlaceOf(uint64_t rva) const {
  if (rva > UINT32_MAX) return std::nullopt;
  const Section* section = SectionAt(image_, Rva{static_cast<uint32_t>(rva)});
  if (section == nullptr) {
    if (rva < MappedHeaderSize(image_)) return rva;
    return std::nullopt;
  }
  const size_t index = static_cast<size_t>(section - image_.sections.data());
  const uint64_t delta = rva - section->rva.value;
  if (delta >= ends_[index]) return std::nullopt;
  return places_[index] + delta;
}

void LiefCopy::PutZeros(uint64_t place, uint64_t size) {
  if (place + size > copy_.size()) return;
  std::fill_n(copy_.begin() + static_cast<ptrdiff_t>(place), size, uint8_t{0});
}

void LiefCopy::PutZerosAt(uint64_t rva, uint64_t size) {
  if (const std::optional<uint64_t> place = PlaceOf(rva)) {
    PutZeros(*place, size);
  }
}

// LIEF 0.9 ends import tables later than the loader: slots only where the
// lookup table and the slots both end, descriptors only where Name is 0.
// Behind the slots that a lookup table counts may stand anything, names too:
// there LIEF is given the lookup table for the slots.
void LiefCopy::EndImportTables() {
  const uint64_t table = image_.directory(Directory::kImport).rva;
  if (table == 0) return;
  for (size_t i = 0; i < image_.imports.size(); ++i) {
    const ImportDescriptor& import = image_.imports[i];
    const std::optional<uint64_t> place =
        PlaceOf(table + i * kImportDescriptorSize);
    if (!place || *place + kImportDescriptorSize > copy_.size()) continue;
    if (import.original_first_thunk >= image_.size_of_headers) {
      PutU32(copy_, *place + kFirstThunkField, import.original_first_thunk);
      continue;
    }
    PutZerosAt(import.first_thunk + import.functions.size() * 4, 4);
    PutZeros(*place, 4);
  }
  PutZerosAt(table + image_.imports.size() * kImportDescriptorSize,
             kImportDescriptorSize);
}

/// Whether a block of base relocations holds anything but padding.
bool LiefCopy::HasEntries(uint64_t block, uint32_t size) const {
  for (uint64_t at = kRelocationBlockHeader; at + 2 <= size; at += 2) {
    if (reader_.U16(block + at).value_or(0) >> 12 != 0) return true;
  }
  return false;
}

// LIEF 0.9 takes a block of page 0 for the end. One that holds padding alone
// says nothing of any page, so it may name another one; entries for page 0, of
// the headers, it does not see, which then is a contradiction.
void LiefCopy::NameEmptyBlocks() {
  constexpr uint32_t kAnyPage = 0x1000;
  const DataDirectory& table = image_.directory(Directory::kBaseRelocation);
  if (table.rva == 0) return;
  const uint64_t end = uint64_t{table.rva} + table.size;
  uint32_t size = 0;
  for (uint64_t at = table.rva; at + kRelocationBlockHeader <= end;
       at += size) {
    size = reader_.U32(at + 4).value_or(0);
    if (size < kRelocationBlockHeader) return;
    if (reader_.U32(at) != 0U || HasEntries(at, size)) continue;
    const std::optional<uint64_t> place = PlaceOf(at);
    if (place && *place + 4 <= copy_.size()) PutU32(copy_, *place, kAnyPage);
  }
}

Result<std::vector<uint8_t>> LiefCopy::Make(
    std::initializer_list<Directory> directories) {
  for (const Directory wanted : directories) {
    const DataDirectory& directory = image_.directory(wanted);
    if (wanted == Directory::kImport) NeedImports();
    if (wanted == Directory::kBaseRelocation) {
      Need(directory.rva, directory.size);
    }
  }
  CopyHeaders();
  if (Result<void> ok = CopySections(); !ok) return ok.error();
  // PointerToSymbolTable, NumberOfSymbols: NT 4.0's files state a number of
  // symbols although these were moved to a .dbg file.
  PutZeros(image_.pe_header_offset.value + 12, 8);
  EndImportTables();
  if (std::ranges::find(directories, Directory::kBaseRelocation) !=
      directories.end()) {
    NameEmptyBlocks();
  }
  if (Result<void> ok = MakeRoomForDirectories(); !ok) return ok.error();
  for (uint32_t i = 0; i < kDirectoryCount; ++i) {
    const bool wanted =
        i < image_.directory_count &&
        std::ranges::find(directories, static_cast<Directory>(i)) !=
            directories.end();
    if (!wanted) PutZeros(image_.directories_offset.value + i * 8, 8);
  }
  return std::move(copy_);
}

}  // namespace

Result<std::vector<uint8_t>> CopyForLief(
    const PeImage& image, std::initializer_list<Directory> directories) {
  return LiefCopy(image).Make(directories);
}

}  // namespace detachfix
