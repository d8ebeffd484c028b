// SPDX-License-Identifier: Apache-2.0
#include "patcher/image_reader.h"

#include <algorithm>

#include "patcher/pe_parts.h"

namespace detachfix {

ImageReader::ImageReader(const PeImage& image)
    : parts_(image.parts), file_(image.file().data()) {
  const std::span<const uint8_t> file = image.file();
  const uint64_t headers = MappedHeaderSize(image);
  ranges_.push_back({0, headers, file.first(headers)});
  for (const Section& section : image.sections) {
    const uint64_t raw = MappedRawSize(image, section);
    const uint64_t size = std::max<uint64_t>(section.MemorySize(), raw);
    ranges_.push_back(
        {section.rva.value, size, file.subspan(section.raw_offset.value, raw)});
  }
}

const ImageReader::Range* ImageReader::At(uint64_t rva) const {
  const auto holds = [rva](const Range& range) {
    return rva >= range.begin && rva - range.begin < range.size;
  };
  if (last_ != nullptr && holds(*last_)) return last_;
  for (const Range& range : ranges_) {
    if (!holds(range)) continue;
    last_ = &range;
    return last_;
  }
  return nullptr;
}

bool ImageReader::WasRead(const Range& range, uint64_t delta,
                          uint64_t size) const {
  if (parts_ == nullptr || delta >= range.content.size()) return true;
  const uint64_t begin =
      static_cast<uint64_t>(range.content.data() - file_) + delta;
  return parts_->Has(begin, std::min(size, range.content.size() - delta));
}

std::optional<uint32_t> ImageReader::Word(uint64_t rva, uint32_t width) const {
  const Range* range = At(rva);
  if (range == nullptr) return std::nullopt;
  const uint64_t delta = rva - range->begin;
  if (width > range->size - delta) return std::nullopt;
  if (!WasRead(*range, delta, width)) return std::nullopt;
  uint32_t word = 0;
  for (uint32_t i = 0; i < width; ++i) {
    if (delta + i >= range->content.size()) break;  // zeros from here on
    word |= static_cast<uint32_t>(range->content[delta + i]) << (8 * i);
  }
  return word;
}

std::optional<uint16_t> ImageReader::U16(uint64_t rva) const {
  const std::optional<uint32_t> word = Word(rva, 2);
  if (!word) return std::nullopt;
  return static_cast<uint16_t>(*word);
}

std::optional<uint32_t> ImageReader::U32(uint64_t rva) const {
  return Word(rva, 4);
}

bool ImageReader::Holds(uint64_t rva, uint64_t size) const {
  const Range* range = At(rva);
  return range != nullptr && size <= range->size - (rva - range->begin);
}

std::optional<std::string> ImageReader::Text(uint64_t rva,
                                             uint32_t limit) const {
  const Range* range = At(rva);
  if (range == nullptr) return std::nullopt;
  const uint64_t delta = rva - range->begin;
  if (delta >= range->content.size()) return std::string();
  const std::span<const uint8_t> rest = range->content.subspan(delta);
  // No more than `limit` bytes and the zero are looked at.
  std::span<const uint8_t> content =
      rest.first(std::min<uint64_t>(rest.size(), uint64_t{limit} + 1));
  if (parts_ != nullptr) {
    // Where the text ends in what was read, the rest does not matter.
    const uint64_t begin = static_cast<uint64_t>(content.data() - file_);
    const auto read = content.first(parts_->CountFrom(begin, content.size()));
    if (std::ranges::find(read, 0) != read.end()) content = read;
    if (!parts_->Has(begin, content.size())) return std::nullopt;
  }
  const auto end = std::find(content.begin(), content.end(), 0);
  const bool ends_in_zeros =
      content.size() <= limit && range->size > range->content.size();
  if (end == content.end() && !ends_in_zeros) return std::nullopt;
  return std::string(content.begin(), end);
}

std::optional<std::span<const uint8_t>> ImageReader::Bytes(
    uint64_t rva, uint64_t size) const {
  const Range* range = At(rva);
  if (range == nullptr) return std::nullopt;
  const uint64_t delta = rva - range->begin;
  if (delta > range->content.size()) return std::nullopt;
  if (size > range->content.size() - delta) return std::nullopt;
  if (!WasRead(*range, delta, size)) return std::nullopt;
  return range->content.subspan(delta, size);
}

}  // namespace detachfix
