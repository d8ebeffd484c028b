// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_FILE_OFFSET_H_
#define DETACHFIX_PATCHER_FILE_OFFSET_H_

#include <compare>
#include <cstdint>

namespace detachfix {

/// Bytes from the start of the file. Its own type, so that it cannot be mixed
/// with an Rva. Files are at most 64 MiB (kMaxFileSize), so 32 bits hold it.
struct FileOffset {
  uint32_t value = 0;

  friend auto operator<=>(const FileOffset&, const FileOffset&) = default;
};

/// `offset` moved by `delta` bytes, modulo 2^32. Callers that add numbers read
/// from a file check the range first.
constexpr FileOffset operator+(FileOffset offset, uint32_t delta) {
  return FileOffset{offset.value + delta};
}

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_FILE_OFFSET_H_
