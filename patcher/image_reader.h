// SPDX-License-Identifier: Apache-2.0
// Reads the image as it lies in memory: by RVA, across the zeros that follow a
// section's file data.
#ifndef DETACHFIX_PATCHER_IMAGE_READER_H_
#define DETACHFIX_PATCHER_IMAGE_READER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "patcher/pe_image.h"

namespace detachfix {

/// Takes RVAs as 64 bits, so that sums of two fields cannot wrap. A read
/// outside headers and sections, or across their ends, gives nothing; so does
/// one of a part that PeImage::parts does not have, which is noted there.
class ImageReader {
 public:
  /// `image` must have its headers read and outlive the reader.
  explicit ImageReader(const PeImage& image);

  std::optional<uint16_t> U16(uint64_t rva) const;
  std::optional<uint32_t> U32(uint64_t rva) const;
  /// Whether `size` bytes are mapped from `rva` on, in one section.
  bool Holds(uint64_t rva, uint64_t size) const;
  /// The text up to its zero; nothing when it has none within `limit` bytes.
  std::optional<std::string> Text(uint64_t rva, uint32_t limit) const;
  /// `size` bytes that all stand in the file.
  std::optional<std::span<const uint8_t>> Bytes(uint64_t rva,
                                                uint64_t size) const;

 private:
  struct Range {
    uint64_t begin = 0;  ///< RVA
    uint64_t size = 0;   ///< mapped bytes
    std::span<const uint8_t> content;
  };
  const Range* At(uint64_t rva) const;
  /// Whether `size` bytes at `delta` in `range` are there to be looked at.
  bool WasRead(const Range& range, uint64_t delta, uint64_t size) const;
  std::optional<uint32_t> Word(uint64_t rva, uint32_t width) const;

  const FileParts* parts_;
  const uint8_t* file_;  ///< its first byte
  std::vector<Range> ranges_;
  mutable const Range* last_ = nullptr;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_IMAGE_READER_H_
