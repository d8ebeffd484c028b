// SPDX-License-Identifier: Apache-2.0
// COFF header, optional header and section table of a PE32 file. Offsets are
// those of IMAGE_NT_HEADERS32 and IMAGE_SECTION_HEADER in winnt.h.
#include <algorithm>

#include "patcher/bytes.h"
#include "patcher/hex_text.h"
#include "patcher/pe_format.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

constexpr uint32_t kNumberOfSections = 6;  // from "PE\0\0"
constexpr uint32_t kSizeOfOptionalHeader = 20;
constexpr uint32_t kDirectories = 96;  // from the optional header
constexpr uint32_t kLoaderPage = 0x1000;

void PlaceFields(PeImage& image) {
  const FileOffset optional = image.pe_header_offset + kCoffHeaderSize;
  image.number_of_sections_offset = image.pe_header_offset + kNumberOfSections;
  image.entry_point_offset = optional + 16;
  image.size_of_image_offset = optional + 56;
  image.checksum_offset = optional + 64;
  image.directories_offset = optional + kDirectories;
}

Result<void> CheckOptionalHeaderSize(const ByteReader& reader, uint64_t begin,
                                     uint32_t size) {
  if (size < kDirectories) {
    return Error{"SizeOfOptionalHeader is " + HexNumber(size) +
                 ", a PE32 file needs 0x60"};
  }
  if (!reader.Holds(begin, size)) {
    return Error{"optional header ends at " + HexNumber(begin + size) +
                 ", file has " + HexNumber(reader.size()) + " bytes"};
  }
  return {};
}

// The caller has checked that the optional header is there.
void ReadOptionalHeader(const ByteReader& reader, uint64_t at, PeImage& image) {
  image.entry_point = Rva{*reader.U32(at + 16)};
  image.image_base = *reader.U32(at + 28);
  image.section_alignment = *reader.U32(at + 32);
  image.file_alignment = *reader.U32(at + 36);
  image.size_of_image = *reader.U32(at + 56);
  image.size_of_headers = *reader.U32(at + 60);
}

Result<void> ReadDirectories(const ByteReader& reader, uint64_t optional,
                             uint32_t optional_size, PeImage& image) {
  // Loaders look at the first 16 and take no notice of a larger number.
  const uint32_t count = *reader.U32(optional + 92);
  image.directory_count =
      std::min(count, static_cast<uint32_t>(kDirectoryCount));
  const uint32_t end =
      kDirectories + image.directory_count * kDataDirectorySize;
  if (end > optional_size) {
    return Error{std::to_string(image.directory_count) +
                 " data directories end at " + HexNumber(optional + end) +
                 ", optional header at " + HexNumber(optional + optional_size)};
  }
  for (uint32_t i = 0; i < image.directory_count; ++i) {
    const uint64_t at =
        optional + kDirectories + uint64_t{i} * kDataDirectorySize;
    image.directories[i] = {*reader.U32(at), *reader.U32(at + 4)};
  }
  return {};
}

Result<void> CheckAlignments(const PeImage& image) {
  const std::pair<const char*, uint32_t> fields[] = {
      {"SectionAlignment", image.section_alignment},
      {"FileAlignment", image.file_alignment}};
  for (const auto& [name, value] : fields) {
    if (IsPowerOfTwo(value)) continue;
    return Error{std::string(name) + " is " + HexNumber(value) +
                 ", not a power of two"};
  }
  if (image.section_alignment < image.file_alignment) {
    return Error{"SectionAlignment is " + HexNumber(image.section_alignment) +
                 ", less than FileAlignment " +
                 HexNumber(image.file_alignment)};
  }
  return {};
}

Result<void> CheckImageSize(const PeImage& image) {
  if (image.size_of_headers > image.file().size()) {
    return Error{"SizeOfHeaders is " + HexNumber(image.size_of_headers) +
                 ", file has " + HexNumber(image.file().size()) + " bytes"};
  }
  if (image.size_of_image < image.size_of_headers) {
    return Error{"SizeOfImage is " + HexNumber(image.size_of_image) +
                 ", less than SizeOfHeaders " +
                 HexNumber(image.size_of_headers)};
  }
  const uint64_t end =
      image.image_base + RoundUp(image.size_of_image, kLoaderPage);
  if (end > uint64_t{1} << 32) {
    return Error{"image ends at " + HexNumber(end) + " (ImageBase " +
                 HexNumber(image.image_base) + ", SizeOfImage " +
                 HexNumber(image.size_of_image) + "), past 4 GiB"};
  }
  if (image.entry_point.value >= image.size_of_image) {
    return Error{"AddressOfEntryPoint is " +
                 HexNumber(image.entry_point.value) + ", SizeOfImage is " +
                 HexNumber(image.size_of_image)};
  }
  return {};
}

Section ReadSection(const ByteReader& reader, FileOffset at) {
  Section section;
  const std::span<const uint8_t> name = *reader.Range(at.value, 8);
  section.name.assign(name.begin(), std::find(name.begin(), name.end(), 0));
  section.header_offset = at;
  section.virtual_size = *reader.U32(at.value + 8);
  section.rva = Rva{*reader.U32(at.value + 12)};
  section.raw_size = *reader.U32(at.value + 16);
  section.raw_offset = FileOffset{*reader.U32(at.value + 20)};
  section.characteristics = *reader.U32(at.value + 36);
  return section;
}

// See Section::raw_offset. What has no VirtualSize is as large in memory as
// SizeOfRawData says, also when nothing of it stands in the file.
void TakeAsLoaderDoes(uint32_t section_alignment, Section& section) {
  if (section.raw_offset.value == 0 || section.raw_size == 0) {
    section.virtual_size = section.MemorySize();
    section.raw_offset = FileOffset{0};
    section.raw_size = 0;
  } else if (section_alignment >= kLoaderPage) {
    section.raw_offset.value -= section.raw_offset.value % kSectorSize;
  }
}

Result<void> ReadSectionTable(const ByteReader& reader, PeImage& image) {
  const uint32_t count = *reader.U16(image.number_of_sections_offset.value);
  if (count > kMaxSections) {
    return Error{"NumberOfSections is " + std::to_string(count) + ", at most " +
                 std::to_string(kMaxSections) + " can be loaded"};
  }
  const uint64_t begin = image.section_table_offset.value;
  const uint64_t end = begin + uint64_t{count} * kSectionHeaderSize;
  if (end > reader.size()) {
    return Error{"section table ends at " + HexNumber(end) + ", file has " +
                 HexNumber(reader.size()) + " bytes"};
  }
  if (end > image.size_of_headers) {
    return Error{"section table ends at " + HexNumber(end) +
                 ", SizeOfHeaders is " + HexNumber(image.size_of_headers)};
  }
  for (uint32_t i = 0; i < count; ++i) {
    Section section = ReadSection(
        reader, image.section_table_offset + i * kSectionHeaderSize);
    TakeAsLoaderDoes(image.section_alignment, section);
    image.sections.push_back(std::move(section));
  }
  return {};
}

}  // namespace

Result<void> ReadHeaders(PeImage& image) {
  const ByteReader reader(image.file());
  PlaceFields(image);
  const uint64_t pe = image.pe_header_offset.value;
  image.machine = *reader.U16(pe + 4);
  image.characteristics = *reader.U16(pe + kCharacteristicsField);
  const uint32_t size = *reader.U16(pe + kSizeOfOptionalHeader);
  const uint64_t optional = pe + kCoffHeaderSize;
  if (Result<void> ok = CheckOptionalHeaderSize(reader, optional, size); !ok) {
    return ok;
  }
  ReadOptionalHeader(reader, optional, image);
  image.section_table_offset = image.pe_header_offset + kCoffHeaderSize + size;
  Result<void> ok = ReadDirectories(reader, optional, size, image);
  if (ok) ok = CheckAlignments(image);
  if (ok) ok = CheckImageSize(image);
  if (ok) ok = ReadSectionTable(reader, image);
  return ok;
}

}  // namespace detachfix
