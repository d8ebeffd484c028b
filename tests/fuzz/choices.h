// SPDX-License-Identifier: Apache-2.0
// Fuzz input as a row of decisions: each takes one byte, 0 when none is left.
#ifndef DETACHFIX_TESTS_FUZZ_CHOICES_H_
#define DETACHFIX_TESTS_FUZZ_CHOICES_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace detachfix::fuzz {

class Choices {
 public:
  explicit Choices(std::span<const uint8_t> input) : input_(input) {}

  /// A number below `count`, which is 1 to 256.
  uint32_t Below(uint32_t count) { return Byte() % count; }
  bool Yes() { return Byte() % 2 == 1; }
  /// Once in `count`; never when no byte is left.
  bool OneIn(uint32_t count) { return Byte() % count == count - 1; }
  uint32_t Word() {
    uint32_t word = 0;
    for (unsigned shift = 0; shift < 32; shift += 8) word |= Byte() << shift;
    return word;
  }
  bool empty() const { return at_ >= input_.size(); }

 private:
  uint32_t Byte() { return empty() ? 0u : input_[at_++]; }

  std::span<const uint8_t> input_;
  size_t at_ = 0;
};

}  // namespace detachfix::fuzz

#endif  // DETACHFIX_TESTS_FUZZ_CHOICES_H_
