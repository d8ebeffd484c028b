// SPDX-License-Identifier: Apache-2.0
// Reads a PE32 file in three steps: our own range checks of everything, since
// LIEF 0.9 accepts truncated files and follows any size; then LIEF, on bytes
// that it cannot be led astray by; then the comparison of both answers.
#include "patcher/pe_image.h"

#include <algorithm>

#include "patcher/hex_text.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

// The directories that LIEF reads for us. The others are cleared in its copy:
// they are read here, and its resource tree and signatures cost most of its
// time.
constexpr Directory kForLief[] = {Directory::kImport,
                                  Directory::kBaseRelocation,
                                  Directory::kImportAddressTable};

constexpr uint32_t kAllDirectories = kDirectoryCount * 8;  // bytes
constexpr uint32_t kSectionHeaderSize = 40;
constexpr uint32_t kImportDescriptorSize = 20;
constexpr uint32_t kFirstThunkField = 16;  // in a descriptor

void PutZeros(std::vector<uint8_t>& bytes, FileOffset offset, size_t count) {
  const auto begin = bytes.begin() + offset.value;
  std::fill(begin, begin + static_cast<std::ptrdiff_t>(count), uint8_t{0});
}

// LIEF 0.9 reads 16 data directories, whatever the header's count is. Where it
// would take the section table for directories, the table moves on in its copy.
Result<void> MakeRoomForDirectories(const PeImage& image,
                                    std::vector<uint8_t>& copy) {
  const uint64_t table = image.section_table_offset.value;
  const uint64_t wanted = image.directories_offset.value + kAllDirectories;
  if (table >= wanted) return {};
  const size_t size = image.sections.size() * kSectionHeaderSize;
  if (wanted + size > MappedHeaderSize(image)) {
    return Error{"headers of " + HexNumber(MappedHeaderSize(image)) +
                 " bytes have no room for 16 data directories and " +
                 std::to_string(image.sections.size()) + " sections"};
  }
  const auto begin = copy.begin() + static_cast<std::ptrdiff_t>(table);
  std::copy_backward(begin, begin + static_cast<std::ptrdiff_t>(size),
                     copy.begin() + static_cast<std::ptrdiff_t>(wanted + size));
  copy[image.pe_header_offset.value + 20] = 0xe0;  // SizeOfOptionalHeader
  copy[image.pe_header_offset.value + 21] = 0;
  return {};
}

void PutZerosAt(const PeImage& image, uint64_t rva, size_t count,
                std::vector<uint8_t>& copy) {
  if (rva > UINT32_MAX) return;
  const std::optional<FileOffset> offset =
      ToOffset(image, Rva{static_cast<uint32_t>(rva)});
  if (!offset || offset->value + uint64_t{count} > copy.size()) return;
  PutZeros(copy, *offset, count);
}

// LIEF 0.9 ends import tables later than the loader: slots only where the
// lookup table and the slots both end, descriptors only where Name is 0.
// What stands there was not checked, so its copy ends where our reading did.
// Behind the slots that a lookup table counts may stand anything, names too:
// there LIEF is given the lookup table for the slots.
void EndImportTables(const PeImage& image, std::vector<uint8_t>& copy) {
  for (const ImportDescriptor& import : image.imports) {
    if (import.original_first_thunk >= image.size_of_headers) {
      const auto descriptor = copy.begin() + import.offset.value;
      std::copy_n(descriptor, 4, descriptor + kFirstThunkField);
      continue;
    }
    PutZerosAt(image, import.first_thunk + import.functions.size() * 4, 4,
               copy);
    PutZeros(copy, import.offset, 4);
  }
  const uint64_t table = image.directory(Directory::kImport).rva;
  if (table == 0) return;
  PutZerosAt(image, table + image.imports.size() * kImportDescriptorSize,
             kImportDescriptorSize, copy);
}

Result<std::vector<uint8_t>> CopyForLief(const PeImage& image) {
  // An overlay can be long (an installer's payload), and nothing of it is used.
  std::vector<uint8_t> copy(image.bytes.begin(),
                            image.bytes.begin() + image.overlay_offset.value);
  // PointerToSymbolTable, NumberOfSymbols: NT 4.0's files state a number of
  // symbols although these were moved to a .dbg file.
  PutZeros(copy, image.pe_header_offset + 12, 8);
  EndImportTables(image, copy);
  if (Result<void> ok = MakeRoomForDirectories(image, copy); !ok) {
    return ok.error();
  }
  for (uint32_t i = 0; i < kDirectoryCount; ++i) {
    const bool wanted =
        i < image.directory_count &&
        std::find(std::begin(kForLief), std::end(kForLief),
                  static_cast<Directory>(i)) != std::end(kForLief);
    if (!wanted) PutZeros(copy, image.directories_offset + i * 8, 8);
  }
  return copy;
}

// What follows the last section's data: debug records, certificates, payloads.
void PlaceOverlay(PeImage& image) {
  uint64_t end = image.size_of_headers;
  for (const Section& section : image.sections) {
    end = std::max(end, uint64_t{section.raw_offset.value} + section.raw_size);
  }
  image.overlay_offset = FileOffset{static_cast<uint32_t>(end)};
  image.overlay_size = static_cast<uint32_t>(image.bytes.size() - end);
}

Result<void> ReadOwn(PeImage& image) {
  Result<void> ok = ReadHeaders(image);
  if (ok) ok = CheckSections(image);
  if (ok) ok = CheckDirectories(image);
  // From here on every section's data lies in the file and every directory in
  // the image.
  if (ok) ok = ReadImports(image);
  if (ok) ok = ReadBoundImports(image);
  if (ok) ok = ReadRelocations(image);
  if (ok) ok = ReadExports(image);
  if (ok) ok = ReadDebugDirectory(image);
  if (ok) ok = ReadTlsCallbacks(image);
  if (ok) ReadLoadConfiguration(image);
  if (!ok) return ok;
  ReadVersionResource(image);
  PlaceOverlay(image);
  return {};
}

}  // namespace

Result<ReadPe> ReadPeImage(std::vector<uint8_t> bytes) {
  Result<PeKind> kind = FindPe(bytes);
  if (!kind) return kind.error();
  if (kind->other) return ReadPe{std::nullopt, std::move(kind->other)};
  PeImage image;
  image.bytes = std::move(bytes);
  image.pe_header_offset = kind->pe_header_offset;
  if (Result<void> ok = ReadOwn(image); !ok) return ok.error();
  const Result<std::vector<uint8_t>> copy = CopyForLief(image);
  if (!copy) return copy.error();
  const Result<LiefFile> lief = ReadWithLief(*copy);
  if (!lief) return lief.error();
  if (Result<void> ok = AgreeWithLief(image, *lief); !ok) return ok.error();
  return ReadPe{std::move(image), std::nullopt};
}

}  // namespace detachfix
