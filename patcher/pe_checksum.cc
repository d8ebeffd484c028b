// SPDX-License-Identifier: Apache-2.0
// The algorithm of imagehlp's CheckSumMappedFile, as documented for the
// optional header's CheckSum (PE/COFF specification) and re-implemented in
// public tools (pefile, osslsigncode, binutils).
#include "patcher/pe_checksum.h"

namespace detachfix {

namespace {

constexpr uint32_t kFieldSize = 4;

}  // namespace

uint32_t PeChecksum(std::span<const uint8_t> file, FileOffset checksum_offset) {
  // 64 bits cannot overflow: a file has at most 2^31 words of 16 bits.
  uint64_t sum = 0;
  for (size_t i = 0; i + 1 < file.size(); i += 2) {
    sum += file[i] | static_cast<uint32_t>(file[i + 1]) << 8;
  }
  if (file.size() % 2 != 0) sum += file.back();
  // The field's own bytes count as zero. Each weighs by its own place, so a
  // field at an odd offset is left out rightly too.
  for (uint64_t i = checksum_offset.value; i < file.size(); ++i) {
    if (i == checksum_offset.value + uint64_t{kFieldSize}) break;
    sum -= static_cast<uint64_t>(file[i]) << (i % 2 == 0 ? 0 : 8);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint32_t>(sum + file.size());
}

}  // namespace detachfix
