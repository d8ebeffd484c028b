// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as the entry of an Alpha DLL, run for every reason.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/check_tracer.h"
#include "tests/fuzz/code_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  detachfix::fuzz::CheckTracer(detachfix::fuzz::AsAlpha({data, size}));
  return 0;
}
