// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as a DLL's entry, run abstractly for every reason.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/check_tracer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  detachfix::fuzz::CheckTracer({data, size});
  return 0;
}
