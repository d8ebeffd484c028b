// SPDX-License-Identifier: Apache-2.0
#include "patcher/file_parts.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "patcher/bytes.h"

namespace detachfix {

// Not the file itself is mapped: one that is cut short meanwhile, or whose
// server goes away, would end the program by a signal.
FileParts::FileParts(uint64_t size)
    : size_(size), is_read_(RoundUp(size, kPage) / kPage) {
  if (size == 0) return;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  bytes_ = static_cast<uint8_t*>(memory);
}

FileParts::~FileParts() {
  if (bytes_ != nullptr) munmap(bytes_, size_);
}

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
