// SPDX-License-Identifier: Apache-2.0
// Makes .dbg files for tests, by winnt.h (IMAGE_SEPARATE_DEBUG_HEADER,
// IMAGE_COFF_SYMBOLS_HEADER), the PE/COFF specification and, for CodeView, the
// Tool Interface Standards.
#ifndef DETACHFIX_TESTS_SUPPORT_DBG_BUILDER_H_
#define DETACHFIX_TESTS_SUPPORT_DBG_BUILDER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "patcher/pe_image.h"

namespace detachfix::test {

struct CoffRow {
  std::string name;
  uint32_t value = 0;
  uint16_t section = 1;       ///< from 1; 0xffff is absolute
  uint16_t type = 0x20;       ///< 0x20 is a function
  uint8_t storage_class = 2;  ///< external
  uint8_t auxiliary = 0;      ///< rows of zeros that follow
};

struct CodeViewRow {
  std::string name;
  uint32_t offset = 0;
  uint16_t segment = 1;
  uint16_t record = 0x203;  ///< S_PUB32, or its NB11 form 0x1009
};

/// Type (IMAGE_DEBUG_TYPE_*) and data.
using DebugData = std::pair<uint32_t, std::vector<uint8_t>>;

DebugData Coff(const std::vector<CoffRow>& rows);
/// `signature` is "NB09", "NB11"; the rows stand in sstGlobalPub (0x12a), or
/// behind a word in sstAlignSym (0x125).
DebugData CodeView(const std::string& signature,
                   const std::vector<CodeViewRow>& rows,
                   uint16_t subsection = 0x12a);

/// The .dbg file of `image`. Fields of the header by winnt.h: Signature 0,
/// Flags 2, Machine 4, Characteristics 6, TimeDateStamp 8, CheckSum 12,
/// ImageBase 16, SizeOfImage 20, NumberOfSections 24, ExportedNamesSize 28,
/// DebugDirectorySize 32; section headers from 48 on.
std::vector<uint8_t> BuildDbg(const PeImage& image,
                              const std::vector<DebugData>& entries);

/// Offset of the debug directory in what BuildDbg made.
uint64_t DirectoryOffset(const PeImage& image);

void Poke16(std::vector<uint8_t>& bytes, uint64_t at, uint16_t value);
void Poke32(std::vector<uint8_t>& bytes, uint64_t at, uint32_t value);

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_DBG_BUILDER_H_
