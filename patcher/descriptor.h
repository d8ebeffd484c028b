// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_DESCRIPTOR_H_
#define DETACHFIX_PATCHER_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace detachfix {

/// A file descriptor that is closed at the end of its block; negative is none.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }
  int Release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_DESCRIPTOR_H_
