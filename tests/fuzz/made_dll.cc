// SPDX-License-Identifier: Apache-2.0
// Fuzz target: DLLs made from decisions, through verify -> patch -> verify ->
// revert.
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "tests/fuzz/check_pipeline.h"
#include "tests/fuzz/dll_maker.h"

namespace detachfix::fuzz {

namespace {

Bytes MakeFile(Choices& choices) {
  try {
    return test::BuildPe(MakeDll(choices)).bytes;
  } catch (const std::logic_error&) {
    return {};  // a description that the builder refuses
  }
}

}  // namespace

void CheckMadeDll(std::span<const uint8_t> input) {
  Choices choices(input);
  const Bytes file = MakeFile(choices);
  if (!file.empty()) CheckPipeline(file);
}

}  // namespace detachfix::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  detachfix::fuzz::CheckMadeDll({data, size});
  return 0;
}
