// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes that say they are for Alpha, through verify -> patch
// -> verify -> revert.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "disasm/code_view.h"
#include "patcher/bytes.h"
#include "tests/fuzz/check_pipeline.h"

namespace detachfix::fuzz {

namespace {

/// The file with Alpha's number as the machine of its COFF header, so that no
/// mutation leads away from this machine.
Bytes ForAlpha(const uint8_t* data, size_t size) {
  constexpr uint32_t kLfanew = 0x3c;  // winnt.h: e_lfanew
  Bytes file(data, data + size);
  const ByteReader reader(file);
  const uint64_t header = reader.U32(kLfanew).value_or(0);
  const uint64_t machine = header + 4;  // behind "PE\0\0"
  if (!reader.Holds(machine, 2)) return file;
  file[machine] = kMachineAlpha & 0xff;
  file[machine + 1] = kMachineAlpha >> 8;
  return file;
}

}  // namespace

}  // namespace detachfix::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  detachfix::fuzz::CheckPipeline(detachfix::fuzz::ForAlpha(data, size));
  return 0;
}
