// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as Alpha code. Every place decodes and lifts.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/check_lifter.h"
#include "tests/fuzz/code_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  detachfix::fuzz::CheckLifter(detachfix::fuzz::AsAlpha({data, size}));
  return 0;
}
