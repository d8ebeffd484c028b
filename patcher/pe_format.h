// SPDX-License-Identifier: Apache-2.0
// Sizes, offsets and flags of the file format, in bytes unless it says
// otherwise ("PE Format", Microsoft; winnt.h has the names in brackets).
#ifndef DETACHFIX_PATCHER_PE_FORMAT_H_
#define DETACHFIX_PATCHER_PE_FORMAT_H_

#include <cstdint>

namespace detachfix {

inline constexpr uint32_t kNewHeaderField = 0x3c;  ///< e_lfanew
inline constexpr uint32_t kCoffHeaderSize = 24;    ///< with "PE\0\0"

/// Field of the COFF header, from "PE\0\0", and flags in it (IMAGE_FILE_...).
inline constexpr uint32_t kCharacteristicsField = 22;
inline constexpr uint16_t kRelocationsStripped = 0x0001;
inline constexpr uint16_t kDebugStripped = 0x0200;

/// IMAGE_SECTION_HEADER, and fields in it.
inline constexpr uint32_t kSectionHeaderSize = 40;
inline constexpr uint32_t kVirtualSizeField = 8;
inline constexpr uint32_t kRawSizeField = 16;    ///< SizeOfRawData
inline constexpr uint32_t kRawOffsetField = 20;  ///< PointerToRawData

/// Characteristics of a section (IMAGE_SCN_...).
inline constexpr uint32_t kScnCntCode = 0x00000020;
inline constexpr uint32_t kScnCntInitializedData = 0x00000040;
inline constexpr uint32_t kScnMemDiscardable = 0x02000000;
inline constexpr uint32_t kScnMemShared = 0x10000000;
inline constexpr uint32_t kScnMemExecute = 0x20000000;
inline constexpr uint32_t kScnMemRead = 0x40000000;
inline constexpr uint32_t kScnMemWrite = 0x80000000;

inline constexpr uint32_t kDataDirectorySize = 8;      ///< an entry
inline constexpr uint32_t kImportDescriptorSize = 20;  ///< an entry
inline constexpr uint32_t kDebugDirectorySize = 28;    ///< an entry
/// In an entry of a lookup table: the rest is an ordinal (IMAGE_ORDINAL_FLAG).
inline constexpr uint32_t kByOrdinal = 0x80000000;

/// Base relocations: the header of a block, the page that one is of, and the
/// type that adds to a word (IMAGE_REL_BASED_HIGHLOW).
inline constexpr uint32_t kRelocationBlockHeader = 8;
inline constexpr uint32_t kRelocationPage = 0x1000;
inline constexpr uint8_t kHighLow = 3;

/// The loader reads a section's content from the begin of a sector on, whatever
/// FileAlignment says.
inline constexpr uint32_t kSectorSize = 0x200;

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_PE_FORMAT_H_
