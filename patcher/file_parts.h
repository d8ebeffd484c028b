// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_FILE_PARTS_H_
#define DETACHFIX_PATCHER_FILE_PARTS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace detachfix {

/// The bytes of a file of which only some parts have been read. Who needs
/// others asks for them by Has, gets a no, and the first such question is kept:
/// what was found out meanwhile is void, and to be tried again with that part.
class FileParts {
 public:
  struct Part {
    uint64_t offset = 0;  ///< bytes from the begin of the file
    uint64_t size = 0;    ///< bytes
  };

  /// Memory that is 0 but for the bytes that were given out by Room; pages that
  /// nothing was put into cost nothing.
  struct Mapping {
    uint8_t* bytes = nullptr;
    uint64_t size = 0;
    uint64_t written = 0;  ///< bytes given out since it was made, at most
  };

  explicit FileParts(uint64_t size);
  ~FileParts();
  FileParts(const FileParts&) = delete;
  FileParts& operator=(const FileParts&) = delete;

  uint64_t size() const { return size_; }
  /// As many bytes as the file has; those that were not read are 0.
  std::span<const uint8_t> bytes() const { return {mapping_.bytes, size_}; }
  /// Where to put what is read at `part`, which lies inside the file.
  std::span<uint8_t> Room(Part part);
  /// Whole pages, the one at the end of the file excepted.
  void MarkRead(Part part);

  /// Whether the `size` bytes at `offset`, which lie inside the file, were
  /// read.
  bool Has(uint64_t offset, uint64_t size) const;
  /// How many bytes from `offset` on were read, at most `limit`.
  uint64_t CountFrom(uint64_t offset, uint64_t limit) const;

  /// Whether `file` has this size, and what was read of it: whether it may be
  /// the same file.
  bool AgreesWith(std::span<const uint8_t> file) const;

  const std::optional<Part>& missed() const { return missed_; }
  void ForgetMissed() { missed_.reset(); }

  static constexpr uint64_t kPage = 4096;

 private:
  uint64_t size_;
  Mapping mapping_;
  std::vector<Part> given_out_;
  std::vector<bool> is_read_;  // by page
  mutable std::optional<Part> missed_;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_FILE_PARTS_H_
