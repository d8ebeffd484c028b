// SPDX-License-Identifier: Apache-2.0
// The image that the tests of memory look at.
#ifndef DETACHFIX_TESTS_DISASM_MEMORY_TEST_IMAGE_H_
#define DETACHFIX_TESTS_DISASM_MEMORY_TEST_IMAGE_H_

#include <gtest/gtest.h>

#include <array>

#include "disasm/memory.h"

namespace detachfix {

inline constexpr uint32_t kBase = 0x400000;
inline constexpr Symbol kHeap = kFirstFreshSymbol;
inline constexpr Symbol kNumber = kFirstFreshSymbol + 1;

inline constexpr uint32_t kDataRva = 0x1000;
inline constexpr uint32_t kDataSize = 0x40;  // the second half has no content
inline constexpr uint32_t kConstRva = 0x2000;
inline constexpr uint32_t kConstSize = 0x10;
inline constexpr uint32_t kSlotRva = kDataRva + 0x10;

/// Whether nothing is known of the `size` bytes that were loaded: above them, a
/// load is 0.
inline bool IsOpen(const Value& value, uint32_t size) {
  return value.IsUnknown() || (value.kind == Value::Kind::kPartial &&
                               (value.known & LowBits(8 * size)) == 0);
}

/// Writable data with 0x20 bytes of content (0x80, 0x81, ...) of which one word
/// is an import slot, zeros behind them, and a read-only region.
class MemoryTest : public testing::Test {
 protected:
  MemoryTest() {
    for (size_t i = 0; i < content_.size(); ++i) {
      content_[i] = static_cast<uint8_t>(0x80 + i);
    }
    view_.machine = kMachineI386;
    view_.image_base = kBase;
    view_.image_size = 0x3000;
    view_.regions = {
        {Rva{kDataRva}, kDataSize, std::span(content_), false, true},
        {Rva{kConstRva}, kConstSize, std::span(content_).first(kConstSize),
         false, false}};
    view_.import_slots[Rva{kSlotRva}] = {"kernel32.dll", "Sleep", std::nullopt};
  }

  static MemoryAddress Data(int64_t offset) {
    return {kAbsolute, int64_t{kBase} + kDataRva + offset};
  }
  static MemoryAddress Const(int64_t offset) {
    return {kAbsolute, int64_t{kBase} + kConstRva + offset};
  }
  static MemoryAddress Heap(int64_t offset) { return {kHeap, offset}; }

  std::array<uint8_t, 0x20> content_{};
  CodeView view_;
};
}  // namespace detachfix

#endif  // DETACHFIX_TESTS_DISASM_MEMORY_TEST_IMAGE_H_
