// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/usual_form.h"

#include <algorithm>

#include "patcher/bytes.h"
#include "patcher/image_reader.h"
#include "patcher/lief_copy.h"
#include "patcher/pe_format.h"

namespace detachfix {
namespace {

constexpr uint32_t kSizeOfOptionalHeader = 20;  // from "PE\0\0"
constexpr uint16_t kUsualOptionalHeader = 0xe0;
constexpr uint32_t kPage = 0x1000;
constexpr size_t kShortestDllName = 4;

// Whether the range is file content that its section says to have.
bool IsContent(const PeImage& image, uint64_t rva, uint64_t size) {
  if (rva > UINT32_MAX) return false;
  const Section* section = SectionAt(image, Rva{static_cast<uint32_t>(rva)});
  if (section == nullptr) return false;
  const uint64_t content = std::min(section->virtual_size, section->raw_size);
  const uint64_t delta = rva - section->rva.value;
  return delta <= content && size <= content - delta;
}

bool HasUsualHeaders(const PeImage& image) {
  const ByteReader reader(image.file());
  // Whether a larger one can be read at all is for LIEF to say.
  if (image.file().size() > kMaxLiefCopy) return false;
  const uint64_t pe = image.pe_header_offset.value;
  return reader.U16(pe + kSizeOfOptionalHeader) == kUsualOptionalHeader &&
         image.directory_count == kDirectoryCount &&
         image.file_alignment >= kSectorSize &&
         image.section_alignment >= kPage;
}

bool HasUsualSections(const PeImage& image) {
  const ByteReader reader(image.file());
  uint64_t end = image.size_of_headers;
  for (const Section& section : image.sections) {
    const uint64_t header = section.header_offset.value;
    if (*reader.U32(header + kRawOffsetField) % kSectorSize != 0) return false;
    if (section.raw_size == 0) continue;
    // One behind the other, in the order of their addresses.
    if (section.shares_file_bytes || section.raw_offset.value < end) {
      return false;
    }
    end = uint64_t{section.raw_offset.value} + section.raw_size;
    if (section.virtual_size == 0) return false;
  }
  return true;
}

// The lookup table and the slots, with the zero behind them, and what the
// first points at.
bool HasUsualFunctions(const PeImage& image, const ImageReader& reader,
                       const ImportDescriptor& import) {
  const uint64_t table = import.original_first_thunk;
  const uint64_t size = (import.functions.size() + 1) * 4;
  if (!IsContent(image, table, size) ||
      !IsContent(image, import.first_thunk, size)) {
    return false;
  }
  for (size_t i = 0; i < import.functions.size(); ++i) {
    const std::string& name = import.functions[i].name.name;
    if (name.empty()) continue;  // by ordinal
    const std::optional<uint32_t> at = reader.U32(table + i * 4);
    if (!at || !IsContent(image, *at, 2 + name.size() + 1)) return false;
  }
  return true;
}

bool HasUsualImports(const PeImage& image) {
  const DataDirectory& directory = image.directory(Directory::kImport);
  if (directory.rva == 0) return true;
  const uint64_t size = (image.imports.size() + 1) * kImportDescriptorSize;
  if (directory.size < size || !IsContent(image, directory.rva, size)) {
    return false;
  }
  const ImageReader reader(image);
  return std::ranges::all_of(
      image.imports, [&](const ImportDescriptor& import) {
        return import.dll.size() >= kShortestDllName &&
               IsContent(image, import.name, import.dll.size() + 1) &&
               HasUsualFunctions(image, reader, import);
      });
}

// Blocks that fill the directory, each of whole words and with a page.
bool HasUsualRelocations(const PeImage& image) {
  const DataDirectory& directory = image.directory(Directory::kBaseRelocation);
  if (directory.rva == 0) return directory.size == 0;
  if (!IsContent(image, directory.rva, directory.size)) return false;
  const ImageReader reader(image);
  const uint64_t end = uint64_t{directory.rva} + directory.size;
  uint64_t at = directory.rva;
  while (at < end) {
    const std::optional<uint32_t> page = reader.U32(at);
    const std::optional<uint32_t> size = reader.U32(at + 4);
    if (!page || !size || *page == 0 || *page % kPage != 0) return false;
    if (*size < kRelocationBlockHeader || *size % 4 != 0) return false;
    at += *size;
  }
  return at == end;
}

}  // namespace

bool HasUsualOutline(const PeImage& image) {
  return HasUsualHeaders(image) && HasUsualSections(image);
}

bool HasUsualForm(const PeImage& image) {
  return HasUsualOutline(image) && HasUsualImports(image) &&
         HasUsualRelocations(image);
}

}  // namespace detachfix
