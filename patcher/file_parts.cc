// SPDX-License-Identifier: Apache-2.0
#include "patcher/file_parts.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "patcher/bytes.h"

namespace detachfix {

namespace {

/// Address space of a mapping, at least: most files fit in.
constexpr uint64_t kUsualSize = uint64_t{32} * 1024 * 1024;
/// Memory that a mapping may hold and still be kept, in bytes.
constexpr uint64_t kMostKept = uint64_t{4} * 1024 * 1024;

/// What a thread keeps for its next file. To unmap memory costs more than to
/// read what most files need of it: every processor has to be told.
struct Spare {
  FileParts::Mapping mapping;
  ~Spare() {
    if (mapping.bytes != nullptr) munmap(mapping.bytes, mapping.size);
  }
};
thread_local Spare spare;

// Not the file itself is mapped: one that is cut short meanwhile, or whose
// server goes away, would end the program by a signal.
FileParts::Mapping MapZeros(uint64_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return {static_cast<uint8_t*>(memory), size, 0};
}

}  // namespace

FileParts::FileParts(uint64_t size)
    : size_(size), is_read_(RoundUp(size, kPage) / kPage) {
  mapping_ = spare.mapping.size >= size && spare.mapping.bytes != nullptr
                 ? std::exchange(spare.mapping, {})
                 : MapZeros(std::max(size, kUsualSize));
}

FileParts::~FileParts() {
  if (spare.mapping.bytes != nullptr || mapping_.written > kMostKept) {
    munmap(mapping_.bytes, mapping_.size);
    return;
  }
  for (const Part& part : given_out_) {
    std::memset(mapping_.bytes + part.offset, 0, part.size);
  }
  spare.mapping = mapping_;
}

std::span<uint8_t> FileParts::Room(Part part) {
  given_out_.push_back(part);
  mapping_.written += part.size;
  return {mapping_.bytes + part.offset, part.size};
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

bool FileParts::AgreesWith(std::span<const uint8_t> file) const {
  if (file.size() != size_) return false;
  for (size_t page = 0; page < is_read_.size(); ++page) {
    if (!is_read_[page]) continue;
    const uint64_t begin = page * kPage;
    const uint64_t size = std::min(kPage, size_ - begin);
    if (!std::ranges::equal(bytes().subspan(begin, size),
                            file.subspan(begin, size))) {
      return false;
    }
  }
  return true;
}

}  // namespace detachfix
