// SPDX-License-Identifier: Apache-2.0
// A second reading of PE32 files, for the emulator alone. It shares no line
// with the product's reader on purpose, so that the two can contradict each
// other, and it refuses what the NT loader refuses (PE/COFF specification; the
// section rules as observed in ReactOS ntoskrnl/mm/section.c).
#ifndef DETACHFIX_TESTS_EMULATOR_PE_FILE_H_
#define DETACHFIX_TESTS_EMULATOR_PE_FILE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "patcher/result.h"

namespace detachfix::emulator {

inline constexpr uint32_t kPage = 0x1000;

/// `value` rounded up to a multiple of `unit`, a power of two.
constexpr uint64_t RoundUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) & ~(unit - 1);
}

/// FileHeader.Machine.
inline constexpr uint32_t kMachineI386 = 0x14c;
inline constexpr uint32_t kMachineAlpha = 0x184;

struct DirectoryEntry {
  uint32_t rva = 0;
  uint32_t size = 0;
};

/// Indices into the optional header's data directories.
enum DirectoryIndex : size_t {
  kExportDirectory = 0,
  kImportDirectory = 1,
  kExceptionDirectory = 3,
  kRelocationDirectory = 5,
  kTlsDirectory = 9,
  kBoundImportDirectory = 11,
  kIatDirectory = 12,
};

struct SectionHeader {
  std::string name;
  uint32_t rva = 0;
  uint32_t size = 0;  ///< VirtualSize, or SizeOfRawData where that is 0
  uint32_t raw_offset = 0;
  uint32_t raw_size = 0;
  uint32_t characteristics = 0;

  bool executable() const { return (characteristics & 0x20000000) != 0; }
  bool readable() const { return (characteristics & 0x40000000) != 0; }
  bool writable() const { return (characteristics & 0x80000000) != 0; }
  uint32_t end() const { return rva + size; }
};

struct PeHeaders {
  uint32_t machine = 0;
  uint32_t stamp = 0;
  uint32_t characteristics = 0;
  uint32_t entry = 0;  ///< RVA, 0 for none
  uint32_t image_base = 0;
  uint32_t section_alignment = 0;
  uint32_t image_size = 0;
  uint32_t headers_size = 0;
  uint32_t checksum = 0;
  size_t checksum_offset = 0;
  std::array<DirectoryEntry, 16> directories{};
  std::vector<SectionHeader> sections;

  bool relocations_stripped() const { return (characteristics & 1) != 0; }
  const SectionHeader* SectionAt(uint32_t rva) const;
};

/// Reads and checks the headers of a PE32 DLL. Fails when NT would not
/// map the file: sections with gaps or out of order, raw data past the end.
Result<PeHeaders> ReadHeaders(std::span<const uint8_t> file);

/// OptionalHeader.CheckSum as imagehlp defines it, computed over 32-bit sums:
/// a second hand's version of the product's.
uint32_t ImageChecksum(std::span<const uint8_t> file, size_t field_offset);

/// The file laid out as in memory: `image_size` bytes rounded up to a page.
/// Raw bytes past a section's VirtualSize are there to the end of the page, as
/// NT maps them.
std::vector<uint8_t> LayOut(const PeHeaders& headers,
                            std::span<const uint8_t> file);

/// Bounds-checked little-endian reads from a laid-out image.
class ImageBytes {
 public:
  explicit ImageBytes(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  std::optional<uint32_t> U16(uint64_t rva) const;
  std::optional<uint32_t> U32(uint64_t rva) const;
  /// The zero-terminated text at `rva`; nothing if longer than 512 bytes.
  std::optional<std::string> Text(uint64_t rva) const;

 private:
  std::span<const uint8_t> bytes_;
};

/// One row of the import directory.
struct ImportRow {
  /// A stamp that says: bound, see the bound-import directory.
  static constexpr uint32_t kSeeDirectory = 0xffffffff;

  std::string dll;  ///< lower case, with its extension
  uint32_t stamp = 0;
  uint32_t lookup_rva = 0;  ///< OriginalFirstThunk, 0 where absent
  uint32_t slots_rva = 0;   ///< FirstThunk
};

/// One row of the bound-import directory, or one of its forwarder references.
struct BoundRow {
  std::string dll;
  uint32_t stamp = 0;
  std::vector<BoundRow> forwarders;
};

Result<std::vector<ImportRow>> ReadImports(const PeHeaders& headers,
                                           const ImageBytes& image);
Result<std::vector<BoundRow>> ReadBoundImports(const PeHeaders& headers,
                                               const ImageBytes& image);
/// The names ("#12" for an ordinal) of a zero-terminated lookup table.
Result<std::vector<std::string>> ReadLookupTable(uint32_t rva,
                                                 const ImageBytes& image);
/// The RVA of the export `name`. Fails for a forwarder.
Result<uint32_t> FindExport(const PeHeaders& headers, const ImageBytes& image,
                            const std::string& name);
/// What a load at another base rewrites.
struct Relocation {
  enum class Type : uint8_t { kLow = 2, kHighLow = 3, kHighAdj = 4 };
  uint32_t rva = 0;
  Type type = Type::kHighLow;
  uint32_t low_half = 0;  ///< of the address, for kHighAdj
};

/// The base relocations. Fails for a type that the machine's loaders do not
/// know.
Result<std::vector<Relocation>> ReadRelocations(const PeHeaders& headers,
                                                const ImageBytes& image);

/// `value` as 0x….
std::string Hex(uint64_t value);

/// `text` in lower case (ASCII).
std::string LowerCase(std::string text);

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_PE_FILE_H_
