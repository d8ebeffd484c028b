// SPDX-License-Identifier: Apache-2.0
// What LIEF says about a PE32 file, as plain data. lief_reader.cc is the only
// file that includes LIEF.
#ifndef DETACHFIX_PATCHER_LIEF_READER_H_
#define DETACHFIX_PATCHER_LIEF_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "patcher/result.h"

namespace detachfix {

/// Fields of a section header, as LIEF gives them. Bytes; characteristics are
/// IMAGE_SCN_*.
struct LiefSection {
  uint32_t rva = 0;
  uint32_t virtual_size = 0;
  uint32_t raw_offset = 0;
  uint32_t raw_size = 0;
  uint32_t characteristics = 0;
};

/// A data directory; size in bytes.
struct LiefDirectory {
  uint32_t rva = 0;
  uint32_t size = 0;
};

/// One function of an import.
struct LiefImportedFunction {
  std::string name;      ///< empty when imported by ordinal
  uint16_t ordinal = 0;  ///< when `name` is empty
  uint32_t slot = 0;     ///< RVA
};

/// One import descriptor.
struct LiefImport {
  std::string dll;
  uint32_t lookup_table = 0;  ///< RVA, or 0
  uint32_t first_slot = 0;    ///< RVA
  std::vector<LiefImportedFunction> functions;
};

/// One base relocation.
struct LiefRelocation {
  uint32_t rva = 0;
  uint8_t type = 0;         ///< IMAGE_REL_BASED_*
  bool ends_block = false;  ///< the last entry of its block
};

/// Field names as in PeImage.
struct LiefFile {
  uint16_t machine = 0;
  uint16_t characteristics = 0;
  uint32_t time_date_stamp = 0;
  uint8_t major_linker_version = 0;
  uint8_t minor_linker_version = 0;
  uint32_t entry_point = 0;
  uint64_t image_base = 0;
  uint32_t section_alignment = 0;
  uint32_t file_alignment = 0;
  uint32_t size_of_image = 0;
  uint32_t size_of_headers = 0;
  uint32_t checksum = 0;
  uint32_t dll_characteristics = 0;
  std::vector<LiefSection> sections;
  std::vector<LiefDirectory> directories;
  std::vector<LiefImport> imports;
  std::vector<LiefRelocation> relocations;  ///< with the ABSOLUTE ones
};

/// LIEF's reading of `bytes`: headers, imports and relocations. LIEF 0.9
/// believes every size it meets, so the caller has checked them before. Fails
/// when LIEF gives up.
Result<LiefFile> ReadWithLief(const std::vector<uint8_t>& bytes);

/// The version of LIEF in use, e.g. "0.9.0".
std::string LiefVersion();

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_LIEF_READER_H_
