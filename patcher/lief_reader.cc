// SPDX-License-Identifier: Apache-2.0
// Written for LIEF 0.9 (Debian 12) and for current LIEF (0.12 and later),
// which differ in three ways that matter here: logging moved from a class to a
// namespace, the parser takes a configuration, and enumerations moved into the
// classes that use them. The last is met by casting each to the integer that
// stands in the file: 0.9 has no name for Alpha's machine number anyway.
#include "patcher/lief_reader.h"

#include <LIEF/version.h>

#include <LIEF/PE.hpp>
#include <LIEF/logging.hpp>
#include <exception>
#include <memory>

#if __has_include(<LIEF/PE/ParserConfig.hpp>)
#define DETACHFIX_CURRENT_LIEF 1
#include <LIEF/PE/ParserConfig.hpp>
#else
#define DETACHFIX_CURRENT_LIEF 0
#endif

namespace detachfix {

namespace {

void SilenceLogging() {
#if DETACHFIX_CURRENT_LIEF
  LIEF::logging::disable();
#else
  LIEF::Logger::disable();
#endif
}

std::unique_ptr<LIEF::PE::Binary> Parse(const std::vector<uint8_t>& bytes) {
#if DETACHFIX_CURRENT_LIEF
  LIEF::PE::ParserConfig config;
  config.parse_signature = false;
  config.parse_exports = false;
  config.parse_rsrc = false;
  config.parse_imports = true;
  config.parse_reloc = true;
  return LIEF::PE::Parser::parse(bytes, config);
#else
  return LIEF::PE::Parser::parse(bytes);
#endif
}

void CopyHeaders(const LIEF::PE::Binary& binary, LiefFile& file) {
  const LIEF::PE::Header& header = binary.header();
  const LIEF::PE::OptionalHeader& optional = binary.optional_header();
  file.machine = static_cast<uint16_t>(header.machine());
  file.characteristics = static_cast<uint16_t>(header.characteristics());
  file.time_date_stamp = header.time_date_stamp();
  file.major_linker_version = optional.major_linker_version();
  file.minor_linker_version = optional.minor_linker_version();
  file.entry_point = optional.addressof_entrypoint();
  file.image_base = optional.imagebase();
  file.section_alignment = optional.section_alignment();
  file.file_alignment = optional.file_alignment();
  file.size_of_image = optional.sizeof_image();
  file.size_of_headers = optional.sizeof_headers();
  file.checksum = optional.checksum();
  file.dll_characteristics = optional.dll_characteristics();
}

void CopySectionsAndDirectories(const LIEF::PE::Binary& binary,
                                LiefFile& file) {
  for (const LIEF::PE::Section& section : binary.sections()) {
    file.sections.push_back({static_cast<uint32_t>(section.virtual_address()),
                             section.virtual_size(),
                             section.pointerto_raw_data(),
                             section.sizeof_raw_data(),
                             static_cast<uint32_t>(section.characteristics())});
  }
  for (const LIEF::PE::DataDirectory& directory : binary.data_directories()) {
    file.directories.push_back({directory.RVA(), directory.size()});
  }
}

void CopyImports(const LIEF::PE::Binary& binary, LiefFile& file) {
  for (const LIEF::PE::Import& import : binary.imports()) {
    LiefImport copy{import.name(),
                    import.import_lookup_table_rva(),
                    import.import_address_table_rva(),
                    {}};
    for (const LIEF::PE::ImportEntry& entry : import.entries()) {
      const bool by_ordinal = entry.is_ordinal();
      copy.functions.push_back(
          {by_ordinal ? std::string() : entry.name(),
           by_ordinal ? static_cast<uint16_t>(entry.ordinal()) : uint16_t{0},
           static_cast<uint32_t>(entry.iat_address())});
    }
    file.imports.push_back(std::move(copy));
  }
}

// An entry's word says place and type at once; to ask for each costs a call
// into the library, and a DLL has thousands.
void CopyRelocations(const LIEF::PE::Binary& binary, LiefFile& file) {
  size_t count = 0;
  for (const LIEF::PE::Relocation& block : binary.relocations()) {
    count += block.entries().size();
  }
  file.relocations.reserve(count);
  for (const LIEF::PE::Relocation& block : binary.relocations()) {
    const uint32_t page = block.virtual_address();
    for (const LIEF::PE::RelocationEntry& entry : block.entries()) {
      const uint16_t word = entry.data();
      file.relocations.push_back(
          {page + (word & 0xfff), static_cast<uint8_t>(word >> 12)});
    }
    if (block.entries().size() > 0) {
      file.relocations.back().ends_block = true;
    }
  }
}

}  // namespace

Result<LiefFile> ReadWithLief(const std::vector<uint8_t>& bytes) {
  try {
    SilenceLogging();
    const std::unique_ptr<LIEF::PE::Binary> binary = Parse(bytes);
    if (binary == nullptr) return Error{"LIEF does not read it as a PE"};
    LiefFile file;
    CopyHeaders(*binary, file);
    CopySectionsAndDirectories(*binary, file);
    CopyImports(*binary, file);
    CopyRelocations(*binary, file);
    return file;
  } catch (const std::exception& exception) {
    return Error{std::string("LIEF gave up: ") + exception.what()};
  }
}

std::string LiefVersion() {
  // 0.9 writes "0.9.0-" where a commit would follow.
  const std::string version = LIEF_VERSION;
  return version.substr(0, version.find('-'));
}

}  // namespace detachfix
