// SPDX-License-Identifier: Apache-2.0
// What sections must be to each other, to the headers and to the file: the NT
// memory manager creates no image section otherwise (PE/COFF specification,
// "Section Table": addresses ascend; ReactOS, ntoskrnl/mm/section.c).
#include <algorithm>

#include "patcher/bytes.h"
#include "patcher/hex_text.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

Result<void> CheckMemory(const PeImage& image, size_t index) {
  const Section& section = image.sections[index];
  const std::string text = SectionText(image, index);
  if (section.rva.value % image.section_alignment != 0) {
    return Error{text + " begins at RVA " + HexNumber(section.rva.value) +
                 ", not a multiple of SectionAlignment " +
                 HexNumber(image.section_alignment)};
  }
  const uint64_t end = uint64_t{section.rva.value} + section.MemorySize();
  const uint64_t image_end =
      RoundUp(image.size_of_image, image.section_alignment);
  if (end > image_end) {
    return Error{text + " ends at RVA " + HexNumber(end) + ", SizeOfImage is " +
                 HexNumber(image.size_of_image)};
  }
  const bool first = index == 0;
  const Section* before = first ? nullptr : &image.sections[index - 1];
  const uint64_t free_from =
      first ? image.size_of_headers
            : uint64_t{before->rva.value} + before->MemorySize();
  if (section.rva.value < free_from) {
    return Error{text + " begins at RVA " + HexNumber(section.rva.value) +
                 ", " + (first ? "headers" : SectionText(image, index - 1)) +
                 " end" + (first ? "" : "s") + " at " + HexNumber(free_from)};
  }
  return {};
}

Result<void> CheckRawData(const PeImage& image, size_t index) {
  const Section& section = image.sections[index];
  if (section.raw_size == 0) return {};
  const uint64_t end = uint64_t{section.raw_offset.value} + section.raw_size;
  if (end > image.file().size()) {
    return Error{SectionText(image, index) + " ends at " + HexNumber(end) +
                 ", file has " + HexNumber(image.file().size()) + " bytes"};
  }
  const uint64_t headers =
      image.section_table_offset.value + image.sections.size() * uint64_t{40};
  if (section.raw_offset.value < headers) {
    return Error{SectionText(image, index) + " begins at " +
                 HexNumber(section.raw_offset.value) +
                 ", the section table ends at " + HexNumber(headers)};
  }
  return {};
}

void MarkSharing(PeImage& image) {
  std::vector<Section*> order;
  for (Section& section : image.sections) {
    if (section.raw_size != 0) order.push_back(&section);
  }
  std::sort(order.begin(), order.end(), [](const Section* a, const Section* b) {
    return a->raw_offset < b->raw_offset;
  });
  Section* longest = nullptr;  // of those so far, the one that ends last
  uint64_t end = 0;
  for (Section* section : order) {
    if (section->raw_offset.value < end) {
      section->shares_file_bytes = true;
      longest->shares_file_bytes = true;
    }
    const uint64_t own_end =
        uint64_t{section->raw_offset.value} + section->raw_size;
    if (own_end <= end) continue;
    end = own_end;
    longest = section;
  }
}

}  // namespace

std::string Printable(const std::string& text) {
  std::string printable = text;
  for (char& c : printable) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return printable;
}

std::string SectionText(const PeImage& image, size_t index) {
  return "section " + std::to_string(index + 1) + " (" +
         Printable(image.sections[index].name) + ")";
}

Result<void> CheckSections(PeImage& image) {
  for (size_t i = 0; i < image.sections.size(); ++i) {
    if (Result<void> ok = CheckMemory(image, i); !ok) return ok;
    if (Result<void> ok = CheckRawData(image, i); !ok) return ok;
  }
  MarkSharing(image);
  return {};
}

}  // namespace detachfix
