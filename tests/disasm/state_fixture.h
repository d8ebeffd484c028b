// SPDX-License-Identifier: Apache-2.0
// A small image with data, and what the tests of states say of it.
#ifndef DETACHFIX_TESTS_DISASM_STATE_FIXTURE_H_
#define DETACHFIX_TESTS_DISASM_STATE_FIXTURE_H_

#include <gtest/gtest.h>

#include <array>

#include "disasm/state.h"

namespace detachfix::test {

inline constexpr uint32_t kBase = 0x400000;
inline constexpr uint32_t kDataRva = 0x1000;
inline constexpr uint32_t kDataSize = 0x20;
inline constexpr Symbol kSym = kFirstFreshSymbol;
inline constexpr Place kEax{0};
inline constexpr Place kEcx{1};

inline Value Is(Symbol symbol, uint64_t bits, bool negated = false) {
  Value value;
  value.kind = Value::Kind::kCondition;
  value.symbol = symbol;
  value.bits = bits;
  value.negated = negated;
  return value;
}

class StateTest : public testing::Test {
 protected:
  StateTest() {
    view_.machine = kMachineI386;
    view_.image_base = kBase;
    view_.image_size = 0x2000;
    view_.regions = {
        {Rva{kDataRva}, kDataSize, std::span(content_), false, true}};
  }

  static MemoryAddress Data(int64_t offset) {
    return {kAbsolute, int64_t{kBase} + kDataRva + offset};
  }

  State NewState() { return State(view_); }

  std::array<uint8_t, kDataSize> content_ = {1, 2, 3, 4, 5, 6, 7, 8};
  CodeView view_;
};

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_DISASM_STATE_FIXTURE_H_
