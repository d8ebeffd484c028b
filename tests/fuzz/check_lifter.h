// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_TESTS_FUZZ_CHECK_LIFTER_H_
#define DETACHFIX_TESTS_FUZZ_CHECK_LIFTER_H_

#include <cstdint>
#include <span>

namespace detachfix::fuzz {

/// Takes `input` (code_input.h) as code, of which every place decodes and
/// lifts, and holds the operations to what the interpreter relies on.
void CheckLifter(std::span<const uint8_t> input);

}  // namespace detachfix::fuzz

#endif  // DETACHFIX_TESTS_FUZZ_CHECK_LIFTER_H_
