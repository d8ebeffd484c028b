// SPDX-License-Identifier: Apache-2.0
// Where file and image meet.
#include <algorithm>

#include "patcher/bytes.h"
#include "patcher/pe_format.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

constexpr uint32_t kCode = 0x00000020;      // IMAGE_SCN_CNT_CODE
constexpr uint32_t kMemWrite = 0x80000000;  // IMAGE_SCN_MEM_WRITE
constexpr uint64_t kPage = 0x1000;

CodeRegion RegionOf(const PeImage& image, const Section& section) {
  CodeRegion region;
  region.begin = section.rva;
  region.size = section.MemorySize();
  region.executable = section.IsExecutable();
  region.writable = section.IsWritable();
  const uint64_t content =
      std::min<uint64_t>(MappedRawSize(image, section), region.size);
  region.content = image.file().subspan(section.raw_offset.value, content);
  return region;
}

bool IsShared(const PeImage& image, FileOffset offset) {
  int holders = 0;
  for (const Section& section : image.sections) {
    if (offset < section.raw_offset) continue;
    if (offset.value - section.raw_offset.value < section.raw_size) ++holders;
  }
  return holders > 1;
}

}  // namespace

uint32_t Section::MemorySize() const {
  return virtual_size != 0 ? virtual_size : raw_size;
}

bool Section::IsExecutable() const {
  // NT 4.0 on i386 executes any readable page; what is meant to be code says
  // so by either flag.
  return (characteristics & (kCode | kScnMemExecute)) != 0;
}

bool Section::IsWritable() const { return (characteristics & kMemWrite) != 0; }

uint64_t MappedRawSize(const PeImage& image, const Section& section) {
  const uint64_t unit = std::min<uint64_t>(image.section_alignment, kPage);
  return std::min<uint64_t>(section.raw_size,
                            RoundUp(section.MemorySize(), unit));
}

uint64_t MappedHeaderSize(const PeImage& image) {
  // Some linkers count into SizeOfHeaders what sections hold too. Such bytes
  // are taken as the section's.
  uint64_t size = image.size_of_headers;
  for (const Section& section : image.sections) {
    if (MappedRawSize(image, section) == 0) continue;
    size = std::min<uint64_t>(size, section.raw_offset.value);
  }
  return size;
}

const Section* SectionAt(const PeImage& image, Rva rva) {
  for (const Section& section : image.sections) {
    if (rva < section.rva) continue;
    const uint64_t size =
        std::max<uint64_t>(section.MemorySize(), MappedRawSize(image, section));
    if (rva.value - section.rva.value < size) return &section;
  }
  return nullptr;
}

std::optional<FileOffset> ToOffset(const PeImage& image, Rva rva) {
  if (const Section* section = SectionAt(image, rva)) {
    const uint32_t delta = rva.value - section->rva.value;
    if (delta >= MappedRawSize(image, *section)) return std::nullopt;
    const FileOffset offset = section->raw_offset + delta;
    if (section->shares_file_bytes && IsShared(image, offset)) {
      return std::nullopt;
    }
    return offset;
  }
  if (rva.value < MappedHeaderSize(image)) return FileOffset{rva.value};
  return std::nullopt;
}

std::optional<Rva> ToRva(const PeImage& image, FileOffset offset) {
  for (const Section& section : image.sections) {
    if (offset < section.raw_offset) continue;
    const uint32_t delta = offset.value - section.raw_offset.value;
    if (delta >= MappedRawSize(image, section)) continue;
    return section.rva + delta;
  }
  if (offset.value < MappedHeaderSize(image)) return Rva{offset.value};
  return std::nullopt;
}

CodeView MakeCodeView(const PeImage& image) {
  CodeView view;
  view.machine = image.machine;
  view.image_base = image.image_base;
  view.image_size = image.size_of_image;
  view.name = image.export_name;
  const uint32_t headers = static_cast<uint32_t>(MappedHeaderSize(image));
  view.regions.push_back(
      {Rva{0}, headers, image.file().first(headers), false, false});
  for (const Section& section : image.sections) {
    if (section.MemorySize() == 0) continue;
    view.regions.push_back(RegionOf(image, section));
  }
  for (const ImportDescriptor& import : image.imports) {
    for (const ImportedFunction& function : import.functions) {
      view.import_slots[function.slot] = function.name;
    }
  }
  for (const ExportedFunction& function : image.exports) {
    if (function.rva.value == 0 || function.name.empty()) continue;
    view.exports.emplace(function.name, function.rva);
  }
  view.security_cookie = image.security_cookie;
  view.thread_template = image.thread_template;
  view.callback_list = image.callback_list;
  const Rva resources{image.directory(Directory::kResource).rva};
  if (resources.value != 0) view.resources = resources;
  view.source = image.source;
  return view;
}

}  // namespace detachfix
