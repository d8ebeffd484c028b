// SPDX-License-Identifier: Apache-2.0
// Little-endian reading of a file's bytes. Every offset that comes from a file
// goes through here: offsets and sizes are 64 bits wide, so that sums of two
// 32-bit fields cannot wrap, and what lies outside is nothing, not a crash.
#ifndef DETACHFIX_PATCHER_BYTES_H_
#define DETACHFIX_PATCHER_BYTES_H_

#include <cstdint>
#include <optional>
#include <span>

namespace detachfix {

/// The reads: a little-endian number at an offset, or nothing where it does not
/// lie inside as a whole.
class ByteReader {
 public:
  /// Points into `bytes`, which must outlive it.
  explicit ByteReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint64_t size() const { return bytes_.size(); }

  /// Whether `count` bytes stand at `offset`.
  bool Holds(uint64_t offset, uint64_t count) const {
    return offset <= bytes_.size() && count <= bytes_.size() - offset;
  }

  /// `count` bytes from `offset` on; they are not copied.
  std::optional<std::span<const uint8_t>> Range(uint64_t offset,
                                                uint64_t count) const {
    if (!Holds(offset, count)) return std::nullopt;
    return bytes_.subspan(static_cast<size_t>(offset),
                          static_cast<size_t>(count));
  }

  std::optional<uint8_t> U8(uint64_t offset) const {
    if (!Holds(offset, 1)) return std::nullopt;
    return bytes_[static_cast<size_t>(offset)];
  }

  std::optional<uint16_t> U16(uint64_t offset) const {
    if (!Holds(offset, 2)) return std::nullopt;
    return static_cast<uint16_t>(Word(offset, 2));
  }

  std::optional<uint32_t> U32(uint64_t offset) const {
    if (!Holds(offset, 4)) return std::nullopt;
    return Word(offset, 4);
  }

 private:
  uint32_t Word(uint64_t offset, size_t width) const {
    uint32_t word = 0;
    for (size_t i = 0; i < width; ++i) {
      word |= static_cast<uint32_t>(bytes_[static_cast<size_t>(offset) + i])
              << (8 * i);
    }
    return word;
  }

  std::span<const uint8_t> bytes_;
};

/// `value` rounded up to a multiple of `alignment`, which is a power of two.
constexpr uint64_t RoundUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

/// 0 is none.
constexpr bool IsPowerOfTwo(uint64_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BYTES_H_
