// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_SHARED_BYTES_H_
#define DETACHFIX_PATCHER_SHARED_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace detachfix {

/// The content of a file, which nobody changes any more. Copies share it: what
/// was read, the image of it and what is reported are of one file, and files
/// have up to kMaxFileSize bytes.
class SharedBytes {
 public:
  SharedBytes() : SharedBytes(std::vector<uint8_t>()) {}
  SharedBytes(std::vector<uint8_t> bytes)
      : bytes_(std::make_shared<const std::vector<uint8_t>>(std::move(bytes))) {
  }

  operator const std::vector<uint8_t>&() const { return *bytes_; }

  size_t size() const { return bytes_->size(); }
  bool empty() const { return bytes_->empty(); }
  const uint8_t* data() const { return bytes_->data(); }
  auto begin() const { return bytes_->begin(); }
  auto end() const { return bytes_->end(); }
  uint8_t operator[](size_t offset) const { return (*bytes_)[offset]; }

  friend bool operator==(const SharedBytes& a, const SharedBytes& b) {
    return a.bytes_ == b.bytes_ || *a.bytes_ == *b.bytes_;
  }

 private:
  std::shared_ptr<const std::vector<uint8_t>> bytes_;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SHARED_BYTES_H_
