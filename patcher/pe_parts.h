// SPDX-License-Identifier: Apache-2.0
// The steps of ReadPeImage, in their order. Each reads its part from the bytes
// into the image, checking every offset, size and count on the way.
//
// What is an error: whatever the NT loader, this program's analysis or its
// edits rely on and that does not lie inside the file or the image. What is
// not: odd values that loaders ignore (directory sizes of imports and bound
// imports, directories 7, 8 and 15, exports that point outside the image, the
// content of the version resource). Where the loader of NT is documented to
// take a second way, so do we, and the comment there says so.
#ifndef DETACHFIX_PATCHER_PE_PARTS_H_
#define DETACHFIX_PATCHER_PE_PARTS_H_

#include <optional>
#include <span>
#include <string>

#include "patcher/lief_reader.h"
#include "patcher/pe_image.h"

namespace detachfix {

// Limits on what a file may ask for; chosen well above what linkers make.
inline constexpr uint32_t kMaxSections = 96;  // PE/COFF: the loader's limit
inline constexpr uint32_t kMaxImportDescriptors = 4096;
inline constexpr uint32_t kMaxImportedFunctions = 65536;
inline constexpr uint32_t kMaxBoundImports = 4096;
inline constexpr uint32_t kMaxExports = 65536;  // ordinals are 16 bits wide
inline constexpr uint32_t kMaxRelocations = 1024 * 1024;
inline constexpr uint32_t kMaxDebugEntries = 64;
inline constexpr uint32_t kMaxTlsCallbacks = 256;
inline constexpr uint32_t kMaxNameLength = 4096;  // bytes; MSVC's is 4095

/// Where the headers stand, and what kind of PE they announce.
struct PeKind {
  FileOffset pe_header_offset;
  std::optional<OtherMachine> other;
};

/// Finds the PE header. Fails, naming what the file is, when it is not a PE.
Result<PeKind> FindPe(std::span<const uint8_t> bytes);

/// "x86-64 (0x8664)"; the bare number where it has no name here.
std::string MachineText(uint16_t machine);

/// COFF header, optional header, section table.
Result<void> ReadHeaders(PeImage& image);
/// The checks of sections against each other, the headers and the file.
Result<void> CheckSections(PeImage& image);
/// That directories lie inside the image, the certificate inside the file.
Result<void> CheckDirectories(const PeImage& image);

// Each fails with one line that names the field and the numbers where
// something lies outside of image or file.
Result<void> ReadImports(PeImage& image);
Result<void> ReadBoundImports(PeImage& image);
Result<void> ReadRelocations(PeImage& image);
/// Stable; linkers write them in order, so mostly there is nothing to do.
void SortByRva(std::vector<BaseRelocation>& relocations);
Result<void> ReadExports(PeImage& image);
Result<void> ReadDebugDirectory(PeImage& image);
Result<void> ReadTlsCallbacks(PeImage& image);
/// Nothing in it is needed: what does not fit is taken as absent.
void ReadLoadConfiguration(PeImage& image);
void ReadClrHeader(PeImage& image);
/// Never fails: nothing is loaded by it. What is damaged is left out.
void ReadVersionResource(PeImage& image);

/// Takes LIEF's plain header fields over, and fails where LIEF's answer to
/// what was read here is another one.
Result<void> AgreeWithLief(PeImage& image, const LiefFile& lief);
/// Fails where LIEF reads other base relocations.
Result<void> AgreeOnRelocations(const PeImage& image, const LiefFile& lief);
/// Asks LIEF for them. Not a part of ReadPeImage, since it takes LIEF longer
/// than everything else: no verdict rests on relocations, what is written does.
Result<void> CheckRelocationsWithLief(const PeImage& image);

/// "section 2 (.data)": counted from 1, with unprintable characters as '?'.
std::string SectionText(const PeImage& image, size_t index);
/// `text` with everything but printable ASCII as '?'.
std::string Printable(const std::string& text);

/// File bytes of the section that the loader maps: at most up to the end of
/// its last page.
uint64_t MappedRawSize(const PeImage& image, const Section& section);
/// Bytes from the start of file and image that are mapped as headers.
uint64_t MappedHeaderSize(const PeImage& image);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_PE_PARTS_H_
