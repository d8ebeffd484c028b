// SPDX-License-Identifier: Apache-2.0
#include "patcher/file_parts.h"

#include <algorithm>

#include "patcher/bytes.h"

namespace detachfix {

FileParts::FileParts(uint64_t size)
    : size_(size),
      bytes_(std::make_unique_for_overwrite<uint8_t[]>(size)),
      is_read_(RoundUp(size, kPage) / kPage) {}

void FileParts::MarkRead(Part part) {
  const uint64_t end = part.offset + part.size;
  const uint64_t last = end == size_ ? is_read_.size() : end / kPage;
  for (uint64_t page = RoundUp(part.offset, kPage) / kPage; page < last;
       ++page) {
    is_read_[page] = true;
  }
}

uint64_t FileParts::CountFrom(uint64_t offset, uint64_t limit) const {
  uint64_t end = offset;
  while (end < size_ && end - offset < limit && is_read_[end / kPage]) {
    end = (end / kPage + 1) * kPage;
  }
  return std::min({end, size_, offset + limit}) - offset;
}

bool FileParts::Has(uint64_t offset, uint64_t size) const {
  if (CountFrom(offset, size) == size) return true;
  if (!missed_) missed_ = Part{offset, size};
  return false;
}

}  // namespace detachfix
