// SPDX-License-Identifier: Apache-2.0
// Makes PE32 files for tests from a description, so that a test shows its
// input. What is not said has a sound value; `overrides` then breaks one field.
//
//   PeSpec spec;
//   spec.entry = "entry";
//   spec.sections = {
//       {".text", "entry: 83 7c 24 08 01 75 (out)  ; cmp [esp+8],1; jne out\n"
//                 "68 [.data+0x10]                 ; push offset section\n"
//                 "ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
//                 "out: 31 c0 40 c2 0c 00          ; mov eax,1; ret 12"},
//       {".data", "zero:64", kDataFlags},
//   };
//   spec.imports = {{"KERNEL32.dll", {"InitializeCriticalSection", "#115"}}};
//   spec.export_name = "SECURITY.dll";
//   spec.exports = {{"InitSecurityInterfaceA", "entry"}};
//   spec.overrides = {{"SizeOfImage", 0}};
//   BuiltPe pe = BuildPe(spec);   // pe.bytes, pe.places.at("entry")
//
// Content of a section: words between spaces, `;` starts a comment.
//   55 or 558bec     bytes in hexadecimal
//   'text'           the characters, without a zero after them
//   zero:16          16 zero bytes      fill:16:cc   16 bytes 0xcc
//   align:16:90      bytes 0x90 up to the next multiple of 16
//   here:            a label
//   [place]          the virtual address, with a base relocation (HIGHLOW)
//   <place>          the RVA
//   {place}          32-bit distance from the end of this field (call, jmp)
//   (place)          8-bit distance from the end of this field
// A place is a label, a section's name, an import as "DLL!function" (its slot)
// or 0x1234 (an RVA), each with an optional +0x10 behind it.
#ifndef DETACHFIX_TESTS_SUPPORT_PE_BUILDER_H_
#define DETACHFIX_TESTS_SUPPORT_PE_BUILDER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace detachfix::test {

inline constexpr uint32_t kCodeFlags = 0x60000020;      // code, execute, read
inline constexpr uint32_t kDataFlags = 0xc0000040;      // read, write
inline constexpr uint32_t kReadOnlyFlags = 0x40000040;  // read
inline constexpr uint32_t kDiscardFlags = 0x42000040;   // read, discardable

struct SectionSpec {
  std::string name;
  std::string content;
  uint32_t characteristics = kCodeFlags;
  uint32_t virtual_size = 0;  ///< 0: as long as the content
};

struct ImportSpec {
  std::string dll;
  std::vector<std::string> functions;  ///< "Name", or "#115" by ordinal
  /// Not 0: bound (new style), with this stamp in the bound-import table.
  uint32_t bound_stamp = 0;
  /// Forwarder references of the bound-import table: DLL name and stamp.
  std::vector<std::pair<std::string, uint32_t>> forwarder_refs = {};
  bool lookup_table = true;  ///< false: OriginalFirstThunk is 0 (Borland)
};

struct ExportSpec {
  std::string name;  ///< empty: by ordinal only
  std::string place;
  std::string forwarder = {};  ///< "SECUR32.Name" instead of a place
};

struct PeSpec {
  uint16_t machine = 0x14c;
  uint16_t characteristics = 0x2102;  // DLL, 32 bit, executable
  uint32_t image_base = 0x77a80000;
  uint32_t section_alignment = 0x1000;
  uint32_t file_alignment = 0x200;
  uint32_t time_date_stamp = 0x3338158d;
  std::string entry = {};  ///< a place; empty: no entry point
  std::vector<SectionSpec> sections = {};
  // Each of these, where given, makes a section of its own, in this order:
  std::vector<ImportSpec> imports = {};  ///< .idata; holds the slots, writable
  bool iat_directory = true;             ///< directory 12 covers the slots
  std::string export_name = {};          ///< .edata
  std::vector<ExportSpec> exports = {};
  std::optional<std::string> debug_misc = {};   ///< .rdata; name of the .dbg
  std::vector<std::string> tls_callbacks = {};  ///< .rdata; places
  std::vector<std::pair<std::string, std::string>> version = {};  ///< .rsrc
  bool relocations = true;                                        ///< .reloc
  std::vector<uint8_t> overlay = {};      ///< after the debug record
  std::vector<uint8_t> certificate = {};  ///< content of a WIN_CERTIFICATE
  /// Field name and value, as in BuiltPe::fields. Made before the CheckSum is
  /// computed; an override of "CheckSum" itself stands.
  std::vector<std::pair<std::string, uint32_t>> overrides = {};
};

/// Where a field stands in the file.
struct Field {
  uint32_t offset = 0;
  uint32_t size = 0;  ///< bytes: 1, 2 or 4
};

struct BuiltPe {
  std::vector<uint8_t> bytes;
  /// "e_lfanew", "NumberOfSections", "SizeOfImage", "Directory[1].Size",
  /// "Section[0].PointerToRawData", "Import[0].Name", "Bound[0].TimeDateStamp",
  /// "Export.NumberOfNames", "Debug[0].SizeOfData", "Tls.AddressOfCallBacks",
  /// "Reloc[0].SizeOfBlock", "Certificate.dwLength": winnt.h's names.
  std::map<std::string, Field> fields;
  std::map<std::string, uint32_t> places;  ///< RVA of each place
};

/// Throws std::logic_error when the description makes no sense.
BuiltPe BuildPe(const PeSpec& spec);

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_PE_BUILDER_H_
