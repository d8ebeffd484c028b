// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_PE_CHECKSUM_H_
#define DETACHFIX_PATCHER_PE_CHECKSUM_H_

#include <cstdint>
#include <span>

#include "patcher/file_offset.h"

namespace detachfix {

/// OptionalHeader.CheckSum of a PE file: the 16-bit one's-complement sum of all
/// words except the field itself at `checksum_offset`, plus the file's length
/// (as imagehlp's CheckSumMappedFile computes it). An odd last byte counts as a
/// word with a zero high byte.
uint32_t PeChecksum(std::span<const uint8_t> file, FileOffset checksum_offset);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_PE_CHECKSUM_H_
