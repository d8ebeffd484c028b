// SPDX-License-Identifier: Apache-2.0
// A PE32 file, read and range-checked: every offset, RVA, count and size in
// here lies inside the file or the image it speaks of. Field names are those
// of winnt.h and of the PE/COFF specification.
#ifndef DETACHFIX_PATCHER_PE_IMAGE_H_
#define DETACHFIX_PATCHER_PE_IMAGE_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "disasm/code_view.h"
#include "patcher/file_offset.h"
#include "patcher/file_parts.h"
#include "patcher/pe_format.h"
#include "patcher/result.h"
#include "patcher/shared_bytes.h"

namespace detachfix {

/// Largest file that is read, in bytes.
inline constexpr uint32_t kMaxFileSize = 64u * 1024 * 1024;

/// Entries of the optional header's data directory, by their winnt.h index.
enum class Directory : uint8_t {
  kExport = 0,
  kImport = 1,
  kResource = 2,
  kException = 3,
  kCertificate = 4,  ///< its "rva" is a file offset
  kBaseRelocation = 5,
  kDebug = 6,
  kArchitecture = 7,
  kGlobalPointer = 8,
  kTls = 9,
  kLoadConfig = 10,
  kBoundImport = 11,  ///< its "rva" is also a file offset: it lies in headers
  kImportAddressTable = 12,
  kDelayImport = 13,
  kClrHeader = 14,
};
inline constexpr size_t kDirectoryCount = 16;

/// Where a part of the image is that the headers point to; 0 where it is
/// absent.
struct DataDirectory {
  uint32_t rva = 0;
  uint32_t size = 0;  ///< bytes
};

/// One section of the file, checked against it.
struct Section {
  std::string name;
  FileOffset header_offset;  ///< of its 40-byte IMAGE_SECTION_HEADER
  Rva rva;
  uint32_t virtual_size = 0;  ///< VirtualSize as written, may be 0
  /// PointerToRawData and SizeOfRawData as the loader takes them: the first
  /// rounded down to whole sectors of 0x200 bytes where sections are aligned to
  /// pages; both 0 where either is, since then nothing stands in the file.
  FileOffset raw_offset;
  uint32_t raw_size = 0;
  uint32_t characteristics = 0;
  /// Another section has some of the same file bytes (installers made by NSIS
  /// do that). ToOffset finds none of them: an edit would change both.
  bool shares_file_bytes = false;

  /// Bytes that the section defines in memory: VirtualSize, or SizeOfRawData
  /// where VirtualSize is 0 (as the NT memory manager takes it).
  uint32_t MemorySize() const;
  /// By `characteristics`: IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_WRITE.
  bool IsExecutable() const;
  bool IsWritable() const;
};

/// One name or ordinal of one descriptor, with the slot the loader fills.
struct ImportedFunction {
  ImportName name;
  Rva slot;
};

/// The imports from one DLL.
struct ImportDescriptor {
  FileOffset offset;                  ///< of its 20 bytes in the file
  std::string dll;                    ///< as written
  uint32_t original_first_thunk = 0;  ///< RVA of the lookup table, or 0
  uint32_t time_date_stamp = 0;       ///< 0 not bound, -1 bound (new style)
  uint32_t forwarder_chain = 0;
  uint32_t name = 0;         ///< RVA
  uint32_t first_thunk = 0;  ///< RVA of the first slot
  std::vector<ImportedFunction> functions;
};

/// One entry of the bound import directory.
struct BoundImport {
  std::string dll;
  uint32_t time_date_stamp = 0;
  bool forwarder = false;  ///< an entry that stands for a forwarder reference
};

/// One place that the loader rewrites when it moves the image.
struct BaseRelocation {
  Rva rva;           ///< of the first rewritten byte
  uint8_t type = 0;  ///< IMAGE_REL_BASED_*; padding (ABSOLUTE) is left out
  int16_t low = 0;   ///< of HIGHADJ: the low half of the address
};

/// One function that the image offers.
struct ExportedFunction {
  std::string name;  ///< empty when exported by ordinal only
  uint32_t ordinal = 0;
  Rva rva;                ///< of the code; 0 for a forwarder
  std::string forwarder;  ///< "SECUR32.InitSecurityInterfaceA", or empty
  friend bool operator==(const ExportedFunction&,
                         const ExportedFunction&) = default;
};

/// One entry of the debug directory.
struct DebugEntry {
  uint32_t type = 0;  ///< IMAGE_DEBUG_TYPE_*; MISC is 4
  uint32_t time_date_stamp = 0;
  uint32_t size = 0;        ///< SizeOfData, bytes
  uint32_t rva = 0;         ///< AddressOfRawData, 0 when not mapped
  uint32_t raw_offset = 0;  ///< PointerToRawData
  FileOffset entry_offset;  ///< of the 28-byte IMAGE_DEBUG_DIRECTORY
};

/// What is used of the VERSIONINFO resource. Empty strings where absent.
struct VersionResource {
  bool present = false;
  std::string original_filename;
  std::string internal_name;
  std::string file_description;
  std::string file_version;
  std::string product_version;
};

/// The whole file, taken apart. ReadPeImage alone makes one.
struct PeImage {
  SharedBytes bytes;  ///< the whole file
  /// In place of `bytes` where only parts of the file were read, for a quick
  /// look. Must outlive the image, which only readers and Diagnose may then be
  /// given.
  const FileParts* parts = nullptr;
  /// Reads the parts that running code needs; only with `parts`.
  ContentSource* source = nullptr;

  uint16_t machine = 0;
  uint16_t characteristics = 0;
  uint32_t time_date_stamp = 0;
  uint8_t major_linker_version = 0;
  uint8_t minor_linker_version = 0;
  Rva entry_point;  ///< 0: the image has none
  uint32_t image_base = 0;
  uint32_t section_alignment = 0;
  uint32_t file_alignment = 0;
  uint32_t size_of_image = 0;
  uint32_t size_of_headers = 0;
  uint32_t checksum = 0;
  uint16_t dll_characteristics = 0;

  FileOffset pe_header_offset;    ///< of "PE\0\0"
  FileOffset checksum_offset;     ///< of OptionalHeader.CheckSum
  FileOffset entry_point_offset;  ///< of AddressOfEntryPoint
  FileOffset size_of_image_offset;
  FileOffset number_of_sections_offset;
  FileOffset directories_offset;  ///< of data directory 0
  FileOffset section_table_offset;
  uint32_t directory_count = 0;  ///< NumberOfRvaAndSizes, at most 16

  std::array<DataDirectory, kDirectoryCount> directories{};
  std::vector<Section> sections;  ///< in header order, RVAs ascending
  std::vector<ImportDescriptor> imports;
  std::vector<BoundImport> bound_imports;
  std::vector<BaseRelocation> relocations;  ///< ascending by rva
  std::string export_name;  ///< DLL name of the export directory, or empty
  std::vector<ExportedFunction> exports;
  std::vector<DebugEntry> debug;
  VersionResource version;
  FileOffset overlay_offset;  ///< first byte after the last section's raw data
  uint32_t overlay_size = 0;
  std::vector<Rva> tls_callbacks;
  /// Where the TLS directory's list of them lies, which a 0 ends.
  std::optional<Rva> callback_list;
  /// Absent too where it does not lie in the image.
  std::optional<ThreadTemplate> thread_template;
  /// Where the load configuration says that the /GS cookie lies.
  std::optional<Rva> security_cookie;

  /// The entry of native code that the CLR runs in place of the image's own,
  /// which only starts it: of a DLL of C++/CLI (ECMA-335, II.25.3.3).
  std::optional<Rva> clr_entry;

  /// The file, as far as it was read.
  std::span<const uint8_t> file() const {
    return parts == nullptr ? std::span(bytes) : parts->bytes();
  }
  /// Bytes: what a new section's place and size in the file are multiples of.
  /// Where sections are aligned to pages, the loader reads whole sectors,
  /// whatever FileAlignment says (see Section::raw_offset).
  uint32_t raw_alignment() const {
    constexpr uint32_t kPageSize = 0x1000;
    return section_alignment < kPageSize
               ? file_alignment
               : std::max(file_alignment, kSectorSize);
  }
  const DataDirectory& directory(Directory d) const {
    return directories[static_cast<size_t>(d)];
  }
};

/// Whether KB Q238493 lists the machine ("Hardware: ALPHA x86").
constexpr bool IsListedMachine(uint16_t machine) {
  return machine == kMachineI386 || machine == kMachineAlpha;
}

/// A file that is a PE, but not one that is looked into: PE32+, or a machine
/// that KB Q238493 does not list. Not an error: the verdict is
/// "not applicable: machine …".
struct OtherMachine {
  uint16_t machine = 0;
  bool pe32_plus = false;
  std::string text;  ///< e.g. "x86-64 (0x8664)", "MIPS R4000 (0x166)"
};

/// What ReadPeImage gives: one of the two.
struct ReadPe {
  std::optional<PeImage> image;
  std::optional<OtherMachine> other;  ///< set exactly when `image` is not
};

/// Parses `bytes`. Fails with one line that names the field and the numbers
/// when they are not a PE, are truncated, lie about a size, or are more than
/// kMaxFileSize.
Result<ReadPe> ReadPeImage(SharedBytes bytes);

/// The section whose memory or raw data holds `rva`, or nullptr.
const Section* SectionAt(const PeImage& image, Rva rva);

/// Where `rva` lies in the file; nothing when no raw data stands behind it, or
/// when another section has the same byte.
std::optional<FileOffset> ToOffset(const PeImage& image, Rva rva);

/// The inverse of ToOffset; nothing when the loader does not map the offset.
std::optional<Rva> ToRva(const PeImage& image, FileOffset offset);

/// The image as the analysis sees it. Points into `image.bytes`.
CodeView MakeCodeView(const PeImage& image);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_PE_IMAGE_H_
