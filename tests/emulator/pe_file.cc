// SPDX-License-Identifier: Apache-2.0
// Field offsets are those of the PE/COFF specification, sections 2 to 4: the
// DOS header's e_lfanew at 0x3c, a 20-byte file header, a PE32 optional header
// of 0xe0 bytes with its data directories at 96, 40 bytes for each section.
//
// What NT's memory manager asks of sections, as ReactOS ntoskrnl/mm/section.c
// shows it: addresses aligned, ascending and without a gap, the first right
// after the headers, each as long as its VirtualSize (SizeOfRawData where that
// is 0) rounded up to SectionAlignment, together exactly SizeOfImage.
#include "tests/emulator/pe_file.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace detachfix::emulator {
namespace {

constexpr uint32_t kMagicPe32 = 0x10b;
constexpr uint32_t kFileIsDll = 0x2000;
constexpr uint32_t kMaxSections = 96;  // the limit of NT's loader
constexpr uint32_t kMaxImage = 64u << 20;

Result<void> CheckSection(const SectionHeader& section, uint64_t expected_rva,
                          std::span<const uint8_t> file) {
  std::string name = "section " + section.name;
  if (section.rva != expected_rva) {
    return Error{name + " is at " + Hex(section.rva) + ", not at " +
                 Hex(expected_rva) + " where the one before it ends"};
  }
  if (section.size == 0) return Error{name + " is empty"};
  uint64_t raw_end = uint64_t{section.raw_offset} + section.raw_size;
  if (section.raw_size != 0 && raw_end > file.size()) {
    return Error{name + " ends at " + Hex(raw_end) + ", file has " +
                 Hex(file.size()) + " bytes"};
  }
  if (section.raw_size != 0 && section.raw_offset % 0x200 != 0) {
    return Error{name + " lies at file offset " + Hex(section.raw_offset) +
                 ", not at a sector"};
  }
  return {};
}

Result<void> CheckSections(const PeHeaders& headers,
                           std::span<const uint8_t> file) {
  uint32_t unit = headers.section_alignment;
  uint64_t next = RoundUp(headers.headers_size, unit);
  for (const SectionHeader& section : headers.sections) {
    Result<void> good = CheckSection(section, next, file);
    if (!good) return good.error();
    next = RoundUp(uint64_t{section.rva} + section.size, unit);
  }
  if (next != RoundUp(headers.image_size, unit)) {
    return Error{"the sections end at " + Hex(next) + ", SizeOfImage is " +
                 Hex(headers.image_size)};
  }
  return {};
}

SectionHeader ReadSection(const ImageBytes& bytes,
                          std::span<const uint8_t> file, size_t at) {
  SectionHeader section;
  for (size_t i = 0; i < 8 && file[at + i] != 0; ++i) {
    section.name += static_cast<char>(file[at + i]);
  }
  section.size = *bytes.U32(at + 8);
  section.rva = *bytes.U32(at + 12);
  section.raw_size = *bytes.U32(at + 16);
  section.raw_offset = *bytes.U32(at + 20);
  section.characteristics = *bytes.U32(at + 36);
  if (section.size == 0) section.size = section.raw_size;
  return section;
}

Result<void> CheckOptionalHeader(const PeHeaders& headers, size_t table_end,
                                 size_t file_size) {
  uint32_t unit = headers.section_alignment;
  if (unit < kPage || (unit & (unit - 1)) != 0) {
    return Error{"SectionAlignment is " + Hex(unit)};
  }
  if (headers.image_size > kMaxImage) {
    return Error{"SizeOfImage is " + Hex(headers.image_size)};
  }
  if (table_end > headers.headers_size || headers.headers_size > file_size) {
    return Error{"SizeOfHeaders is " + Hex(headers.headers_size) +
                 ", the section table ends at " + Hex(table_end) +
                 ", file has " + Hex(file_size) + " bytes"};
  }
  if (headers.image_base % 0x10000 != 0) {
    return Error{"ImageBase is " + Hex(headers.image_base)};
  }
  return {};
}

Result<BoundRow> ReadBoundRow(uint32_t table, uint32_t at,
                              const ImageBytes& image) {
  std::optional<uint32_t> stamp = image.U32(at);
  std::optional<uint32_t> name = image.U16(at + 4);
  if (!stamp || !name) return Error{"bound imports leave the image"};
  std::optional<std::string> dll = image.Text(uint64_t{table} + *name);
  if (!dll) return Error{"a bound import has no name"};
  return BoundRow{LowerCase(*dll), *stamp, {}};
}

}  // namespace

std::string Hex(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

std::string LowerCase(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

const SectionHeader* PeHeaders::SectionAt(uint32_t rva) const {
  for (const SectionHeader& section : sections) {
    if (rva >= section.rva && rva < section.end()) return &section;
  }
  return nullptr;
}

std::optional<uint32_t> ImageBytes::U16(uint64_t rva) const {
  if (rva + 2 > bytes_.size()) return std::nullopt;
  return uint32_t{bytes_[rva]} | uint32_t{bytes_[rva + 1]} << 8;
}

std::optional<uint32_t> ImageBytes::U32(uint64_t rva) const {
  if (rva + 4 > bytes_.size()) return std::nullopt;
  return *U16(rva) | *U16(rva + 2) << 16;
}

std::optional<std::string> ImageBytes::Text(uint64_t rva) const {
  std::string text;
  for (; rva < bytes_.size() && text.size() < 512; ++rva) {
    if (bytes_[rva] == 0) return text;
    text += static_cast<char>(bytes_[rva]);
  }
  return std::nullopt;
}

Result<PeHeaders> ReadHeaders(std::span<const uint8_t> file) {
  ImageBytes bytes(file);
  if (bytes.U16(0) != 0x5a4d) return Error{"no MZ header"};
  std::optional<uint32_t> start = bytes.U32(0x3c);
  if (!start || bytes.U32(*start) != 0x4550) return Error{"no PE header"};
  size_t pe = *start;
  size_t optional = pe + 24;
  if (!bytes.U32(optional + 0xdc)) return Error{"the headers are cut off"};
  if (bytes.U16(optional) != kMagicPe32) return Error{"not a PE32 file"};
  PeHeaders headers;
  headers.machine = *bytes.U16(pe + 4);
  headers.stamp = *bytes.U32(pe + 8);
  headers.characteristics = *bytes.U16(pe + 22);
  if ((headers.characteristics & kFileIsDll) == 0) return Error{"not a DLL"};
  headers.entry = *bytes.U32(optional + 16);
  headers.image_base = *bytes.U32(optional + 28);
  headers.section_alignment = *bytes.U32(optional + 32);
  headers.image_size = *bytes.U32(optional + 56);
  headers.headers_size = *bytes.U32(optional + 60);
  headers.checksum_offset = optional + 64;
  headers.checksum = *bytes.U32(optional + 64);
  size_t directories = std::min<size_t>(*bytes.U32(optional + 92), 16);
  for (size_t i = 0; i < directories; ++i) {
    headers.directories[i] = {*bytes.U32(optional + 96 + i * 8),
                              *bytes.U32(optional + 100 + i * 8)};
  }
  uint32_t count = *bytes.U16(pe + 6);
  size_t table = optional + *bytes.U16(pe + 20);
  size_t table_end = table + size_t{count} * 40;
  if (count == 0 || count > kMaxSections || table_end > file.size()) {
    return Error{"the file claims " + Hex(count) + " sections"};
  }
  for (size_t at = table; at < table_end; at += 40) {
    headers.sections.push_back(ReadSection(bytes, file, at));
  }
  Result<void> good = CheckOptionalHeader(headers, table_end, file.size());
  if (good) good = CheckSections(headers, file);
  if (!good) return good.error();
  return headers;
}

uint32_t ImageChecksum(std::span<const uint8_t> file, size_t field_offset) {
  uint64_t sum = 0;
  for (size_t i = 0; i < file.size(); ++i) {
    if (i >= field_offset && i < field_offset + 4) continue;
    sum += uint64_t{file[i]} << (8 * (i & 1));
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint32_t>(sum + file.size());
}

std::vector<uint8_t> LayOut(const PeHeaders& headers,
                            std::span<const uint8_t> file) {
  std::vector<uint8_t> image(RoundUp(headers.image_size, kPage));
  std::memcpy(image.data(), file.data(), headers.headers_size);
  for (const SectionHeader& section : headers.sections) {
    if (section.raw_size == 0) continue;
    uint64_t length =
        std::min<uint64_t>(section.raw_size, RoundUp(section.size, kPage));
    std::memcpy(image.data() + section.rva, file.data() + section.raw_offset,
                length);
  }
  return image;
}

Result<std::vector<ImportRow>> ReadImports(const PeHeaders& headers,
                                           const ImageBytes& image) {
  std::vector<ImportRow> rows;
  uint32_t at = headers.directories[kImportDirectory].rva;
  if (at == 0) return rows;
  for (;; at += 20) {
    std::optional<uint32_t> slots = image.U32(uint64_t{at} + 16);
    if (!slots) return Error{"the import directory leaves the image"};
    uint32_t name = *image.U32(at + 12);
    if (name == 0 || *slots == 0) return rows;
    std::optional<std::string> dll = image.Text(name);
    if (!dll) return Error{"an import descriptor has no name"};
    rows.push_back(
        {LowerCase(*dll), *image.U32(at + 4), *image.U32(at), *slots});
  }
}

Result<std::vector<BoundRow>> ReadBoundImports(const PeHeaders& headers,
                                               const ImageBytes& image) {
  std::vector<BoundRow> rows;
  uint32_t table = headers.directories[kBoundImportDirectory].rva;
  if (table == 0) return rows;
  uint32_t at = table;
  while (true) {
    std::optional<uint32_t> name = image.U16(uint64_t{at} + 4);
    std::optional<uint32_t> forwarders = image.U16(uint64_t{at} + 6);
    if (!name || !forwarders) return Error{"bound imports leave the image"};
    if (*name == 0) return rows;
    Result<BoundRow> row = ReadBoundRow(table, at, image);
    if (!row) return row.error();
    for (uint32_t i = 0; i < *forwarders; ++i) {
      at += 8;
      Result<BoundRow> forwarder = ReadBoundRow(table, at, image);
      if (!forwarder) return forwarder.error();
      row->forwarders.push_back(*forwarder);
    }
    rows.push_back(*row);
    at += 8;
  }
}

Result<std::vector<std::string>> ReadLookupTable(uint32_t rva,
                                                 const ImageBytes& image) {
  std::vector<std::string> names;
  for (uint64_t at = rva;; at += 4) {
    std::optional<uint32_t> entry = image.U32(at);
    if (!entry) return Error{"a lookup table leaves the image"};
    if (*entry == 0) return names;
    if ((*entry & 0x80000000) != 0) {
      names.push_back("#" + std::to_string(*entry & 0xffff));
      continue;
    }
    std::optional<std::string> name = image.Text(uint64_t{*entry} + 2);
    if (!name || name->empty()) {
      return Error{"the lookup entry at " + Hex(at) + " holds " + Hex(*entry) +
                   ", which is no name"};
    }
    names.push_back(*name);
  }
}

Result<uint32_t> FindExport(const PeHeaders& headers, const ImageBytes& image,
                            const std::string& name) {
  DirectoryEntry directory = headers.directories[kExportDirectory];
  uint64_t table = directory.rva;
  std::optional<uint32_t> count = image.U32(table + 24);
  if (table == 0 || !count) return Error{"no export directory"};
  for (uint64_t i = 0; i < *count; ++i) {
    std::optional<uint32_t> text = image.U32(*image.U32(table + 32) + i * 4);
    if (!text) break;
    if (image.Text(*text) != name) continue;
    std::optional<uint32_t> index = image.U16(*image.U32(table + 36) + i * 2);
    if (!index) break;
    std::optional<uint32_t> rva =
        image.U32(*image.U32(table + 28) + uint64_t{*index} * 4);
    if (!rva) break;
    if (*rva >= directory.rva && *rva < directory.rva + directory.size) {
      return Error{"export " + name + " is a forwarder"};
    }
    return *rva;
  }
  return Error{"no export " + name};
}

namespace {

bool IsKnownType(uint32_t machine, uint32_t type) {
  if (machine == kMachineI386) return type == 3;
  return machine == kMachineAlpha && type >= 2 && type <= 4;
}

/// Reads the relocation at `entry`, which it moves behind it; nothing for
/// padding.
Result<std::optional<Relocation>> ReadRelocation(const PeHeaders& headers,
                                                 const ImageBytes& image,
                                                 uint32_t page,
                                                 uint64_t& entry) {
  std::optional<uint32_t> word = image.U16(entry);
  if (!word) return Error{"the relocations leave the image"};
  entry += 2;
  uint32_t type = *word >> 12;
  Relocation found{page + (*word & 0xfff), Relocation::Type(type), 0};
  if (type == 0) return std::optional<Relocation>();  // ABSOLUTE: padding
  if (!IsKnownType(headers.machine, type)) {
    return Error{"relocation type " + std::to_string(type) + " at " +
                 Hex(found.rva)};
  }
  if (!image.U32(found.rva)) return Error{"a relocation leaves the image"};
  if (found.type == Relocation::Type::kHighAdj) {
    std::optional<uint32_t> low = image.U16(entry);
    if (!low) return Error{"the relocations leave the image"};
    found.low_half = *low;
    entry += 2;
  }
  return std::optional<Relocation>(found);
}

}  // namespace

Result<std::vector<Relocation>> ReadRelocations(const PeHeaders& headers,
                                                const ImageBytes& image) {
  std::vector<Relocation> found;
  DirectoryEntry table = headers.directories[kRelocationDirectory];
  uint64_t end = uint64_t{table.rva} + table.size;
  for (uint64_t at = table.rva; at + 8 <= end;) {
    std::optional<uint32_t> page = image.U32(at);
    std::optional<uint32_t> size = image.U32(at + 4);
    if (!page || !size || *size < 8 || at + *size > end) {
      return Error{"the relocation block at " + Hex(at) + " is damaged"};
    }
    for (uint64_t entry = at + 8; entry + 2 <= at + *size;) {
      Result<std::optional<Relocation>> relocation =
          ReadRelocation(headers, image, *page, entry);
      if (!relocation) return relocation.error();
      if (*relocation) found.push_back(**relocation);
    }
    at += *size;
  }
  return found;
}

}  // namespace detachfix::emulator
