// SPDX-License-Identifier: Apache-2.0
// KB Q153658 tells administrators to run `REBASE -b 77A80000 SECURITY.DLL`, so
// copies in the field differ from the shipped file in what REBASE writes:
//
//   ImageBase          set to 0
//   TimeDateStamp      of the COFF header, set to 0
//   CheckSum           set to 0
//   relocated words    as they are at base 0: HIGHLOW less ImageBase, HIGH and
//                      HIGHADJ less ImageBase >> 16; LOW is the same at every
//                      base, since bases are multiples of 64 KB (PE/COFF
//                      specification, "Base Relocation Types")
//   TimeDateStamp      of each debug directory entry, set to 0: it repeats the
//                      header's, and tools that set the one may set the other
//
// Everything else counts. So does what BIND writes: the stamps of other DLLs in
// the bound imports, and the addresses in the import address table. REBASE of
// this file does not touch them; a copy that was bound anew is another file.
#include "patcher/rebase_invariant.h"

#include "patcher/bytes.h"
#include "patcher/pe_format.h"
#include "patcher/sha256.h"

namespace detachfix {

namespace {

// PE/COFF specification, "Base Relocation Types".
constexpr uint8_t kHigh = 1;
constexpr uint8_t kHighAdj = 4;

// Offsets from "PE\0\0": TimeDateStamp, and ImageBase of a PE32.
constexpr uint32_t kStampField = 8;
constexpr uint32_t kImageBaseField = 24 + 28;
constexpr uint32_t kDebugStampField = 4;  // of IMAGE_DEBUG_DIRECTORY

/// Adds to the little-endian word of `width` bytes at `offset`.
void AddTo(Bytes& bytes, uint32_t offset, uint32_t width, uint32_t amount) {
  uint32_t carry = 0;
  for (uint32_t i = 0; i < width; ++i) {
    const uint32_t sum =
        bytes[offset + i] + ((amount >> (8 * i)) & 0xff) + carry;
    bytes[offset + i] = static_cast<uint8_t>(sum);
    carry = sum >> 8;
  }
}

void SetZero(Bytes& bytes, uint64_t offset) {
  if (!ByteReader(bytes).Holds(offset, 4)) return;
  for (uint64_t i = 0; i < 4; ++i) bytes[static_cast<size_t>(offset + i)] = 0;
}

/// Turns the word of `relocation` into what it is at base 0. Words in memory
/// that has no file bytes are 0 at every base.
void MoveToZero(const PeImage& image, const BaseRelocation& relocation,
                Bytes& bytes) {
  uint32_t width = 2;
  uint32_t amount = image.image_base >> 16;
  if (relocation.type == kHighLow) {
    width = 4;
    amount = image.image_base;
  } else if (relocation.type != kHigh && relocation.type != kHighAdj) {
    return;
  }
  const std::optional<FileOffset> offset = ToOffset(image, relocation.rva);
  if (!offset || !ByteReader(bytes).Holds(offset->value, width)) return;
  AddTo(bytes, offset->value, width, 0 - amount);
}

}  // namespace

std::optional<Bytes> WithoutBase(const PeImage& image) {
  if (image.image_base % 0x10000 != 0) return std::nullopt;
  Bytes bytes = image.bytes;
  for (const BaseRelocation& relocation : image.relocations) {
    MoveToZero(image, relocation, bytes);
  }
  SetZero(bytes, image.pe_header_offset.value + kStampField);
  SetZero(bytes, image.pe_header_offset.value + kImageBaseField);
  SetZero(bytes, image.checksum_offset.value);
  for (const DebugEntry& entry : image.debug) {
    SetZero(bytes, uint64_t{entry.entry_offset.value} + kDebugStampField);
  }
  return bytes;
}

std::optional<Sha256> RebaseInvariantSha256(const PeImage& image) {
  const std::optional<Bytes> bytes = WithoutBase(image);
  if (!bytes) return std::nullopt;
  return HashSha256(*bytes);
}

}  // namespace detachfix
