// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes, through verify -> patch -> verify -> revert.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/check_pipeline.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  detachfix::fuzz::CheckPipeline({data, data + size});
  return 0;
}
