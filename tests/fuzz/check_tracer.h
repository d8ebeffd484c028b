// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_TESTS_FUZZ_CHECK_TRACER_H_
#define DETACHFIX_TESTS_FUZZ_CHECK_TRACER_H_

#include <cstdint>
#include <span>

namespace detachfix::fuzz {

/// Takes `input` (code_input.h) as a DLL's entry, runs it abstractly for every
/// reason, and holds the traces to what they promise.
void CheckTracer(std::span<const uint8_t> input);

}  // namespace detachfix::fuzz

#endif  // DETACHFIX_TESTS_FUZZ_CHECK_TRACER_H_
