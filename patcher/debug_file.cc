// SPDX-License-Identifier: Apache-2.0
// The outside of a .dbg file: header, section headers, names of exports, debug
// directory, and then what the directory points at, by offsets in the file.
// Layouts are those of winnt.h (IMAGE_SEPARATE_DEBUG_HEADER,
// IMAGE_SECTION_HEADER) and of "Debug Directory" in the PE/COFF specification.
#include "patcher/debug_file.h"

#include <algorithm>
#include <optional>

#include "patcher/bytes.h"
#include "patcher/debug_parts.h"
#include "patcher/hex_text.h"
#include "patcher/pe_format.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

constexpr uint16_t kSignature = 0x4944;  // "DI"
constexpr uint16_t kMismatch = 0x8000;
constexpr uint32_t kHeaderSize = 48;

// IMAGE_DEBUG_TYPE_* of winnt.h
constexpr uint32_t kTypeCoff = 1;
constexpr uint32_t kTypeCodeView = 2;
constexpr uint32_t kTypeOmapToSource = 7;
constexpr uint32_t kTypeOmapFromSource = 8;

std::string TypeText(uint32_t type) {
  constexpr const char* kNames[] = {
      "unknown",   "COFF",  "CodeView",    "FPO",           "MISC",
      "EXCEPTION", "FIXUP", "OMAP_TO_SRC", "OMAP_FROM_SRC", "BORLAND"};
  if (type < std::size(kNames)) return kNames[type];
  return "type " + std::to_string(type);
}

Result<void> ReadHeader(const ByteReader& reader, DebugFile& file) {
  if (reader.U16(0) != kSignature) {
    return Error{"is not a .dbg file: does not begin with \"DI\""};
  }
  if (!reader.Holds(0, kHeaderSize)) {
    return Error{"header takes " + HexNumber(kHeaderSize) +
                 " bytes, file has " + HexNumber(reader.size())};
  }
  file.mismatched = (*reader.U16(2) & kMismatch) != 0;
  file.machine = *reader.U16(4);
  file.time_date_stamp = *reader.U32(8);
  file.checksum = *reader.U32(12);
  file.image_base = *reader.U32(16);
  file.size_of_image = *reader.U32(20);
  return {};
}

DebugSection ReadSection(const ByteReader& reader, uint64_t at) {
  DebugSection section;
  const std::span<const uint8_t> name = *reader.Range(at, 8);
  section.name.assign(name.begin(), std::find(name.begin(), name.end(), 0));
  section.name = Printable(section.name);
  section.rva = Rva{*reader.U32(at + 12)};
  section.size = *reader.U32(at + 8);
  if (section.size == 0) section.size = *reader.U32(at + 16);
  section.executable = (*reader.U32(at + 36) & kScnMemExecute) != 0;
  return section;
}

/// Gives where the debug directory begins.
Result<uint64_t> ReadSections(const ByteReader& reader, DebugFile& file) {
  const uint32_t count = *reader.U32(24);
  if (count > kMaxSections) {
    return Error{"NumberOfSections is " + std::to_string(count) + ", at most " +
                 std::to_string(kMaxSections) + " can be loaded"};
  }
  const uint64_t end = kHeaderSize + uint64_t{count} * kSectionHeaderSize;
  if (end > reader.size()) {
    return Error{"section headers end at " + HexNumber(end) + ", file has " +
                 HexNumber(reader.size()) + " bytes"};
  }
  for (uint32_t i = 0; i < count; ++i) {
    file.sections.push_back(
        ReadSection(reader, kHeaderSize + i * kSectionHeaderSize));
  }
  const uint64_t names_end = end + *reader.U32(28);
  if (names_end > reader.size()) {
    return Error{"names of exports end at " + HexNumber(names_end) +
                 ", file has " + HexNumber(reader.size()) + " bytes"};
  }
  return names_end;
}

Result<void> ReadData(uint32_t type, std::span<const uint8_t> data,
                      DebugFile& file) {
  const bool code_view = type == kTypeCodeView && IsReadCodeView(data);
  if (type == kTypeCoff || code_view) {
    const std::string kind = code_view ? CodeViewKind(data) : TypeText(type);
    if (std::ranges::find(file.kinds, kind) != file.kinds.end()) {
      return Error{"there is another one before it"};
    }
    file.kinds.push_back(kind);
    return code_view ? ReadCodeViewSymbols(data, file)
                     : ReadCoffSymbols(data, file);
  }
  file.rearranged |= type == kTypeOmapToSource || type == kTypeOmapFromSource;
  file.not_read.push_back(type == kTypeCodeView ? CodeViewKind(data)
                                                : TypeText(type));
  return {};
}

Result<void> ReadDirectory(const ByteReader& reader, uint64_t begin,
                           DebugFile& file) {
  const uint32_t size = *reader.U32(32);
  if (!reader.Holds(begin, size)) {
    return Error{"debug directory ends at " + HexNumber(begin + size) +
                 ", file has " + HexNumber(reader.size()) + " bytes"};
  }
  const uint32_t count = size / kDebugDirectorySize;
  if (size % kDebugDirectorySize != 0 || count > kMaxDebugEntries) {
    return Error{"DebugDirectorySize is " + HexNumber(size) +
                 ", not that of up to " + std::to_string(kMaxDebugEntries) +
                 " entries of 0x1c bytes"};
  }
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t at = begin + uint64_t{i} * kDebugDirectorySize;
    const uint32_t type = *reader.U32(at + 12);
    const uint32_t data_size = *reader.U32(at + 16);
    const uint32_t offset = *reader.U32(at + 24);  // PointerToRawData
    const std::string name =
        "debug entry " + std::to_string(i + 1) + " (" + TypeText(type) + ")";
    const std::optional<std::span<const uint8_t>> data =
        reader.Range(offset, data_size);
    if (!data) {
      return Error{name + " ends at " +
                   HexNumber(uint64_t{offset} + data_size) + ", file has " +
                   HexNumber(reader.size()) + " bytes"};
    }
    const Result<void> read = ReadData(type, *data, file);
    if (!read) return Error{name + ": " + read.error().message};
  }
  return {};
}

}  // namespace

Result<DebugFile> ReadDebugFile(std::span<const uint8_t> bytes) {
  const ByteReader reader(bytes);
  DebugFile file;
  if (Result<void> ok = ReadHeader(reader, file); !ok) return ok.error();
  const Result<uint64_t> directory = ReadSections(reader, file);
  if (!directory) return directory.error();
  const Result<void> ok = ReadDirectory(reader, *directory, file);
  if (!ok) return ok.error();
  return file;
}

}  // namespace detachfix
