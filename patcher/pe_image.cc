// SPDX-License-Identifier: Apache-2.0
// Reads a PE32 file in three steps: our own range checks of everything, since
// LIEF 0.9 accepts truncated files and follows any size; then LIEF, on bytes
// that it cannot be led astray by; then the comparison of both answers.
#include "patcher/pe_image.h"

#include <algorithm>

#include "patcher/lief_copy.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

// LIEF reads these tables beside us. Its resource tree, relocations and
// signatures would cost most of its time.
using Directories = std::initializer_list<Directory>;
constexpr Directories kAlways = {Directory::kImport,
                                 Directory::kImportAddressTable};

Result<LiefFile> AskLief(const PeImage& image, Directories directories) {
  const Result<std::vector<uint8_t>> copy = CopyForLief(image, directories);
  if (!copy) return copy.error();
  return ReadWithLief(*copy);
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
  if (ok) ReadClrHeader(image);
  if (!ok) return ok;
  ReadVersionResource(image);
  PlaceOverlay(image);
  return {};
}

}  // namespace

Result<ReadPe> ReadPeImage(SharedBytes bytes) {
  Result<PeKind> kind = FindPe(bytes);
  if (!kind) return kind.error();
  if (kind->other) return ReadPe{std::nullopt, std::move(kind->other)};
  PeImage image;
  image.bytes = std::move(bytes);
  image.pe_header_offset = kind->pe_header_offset;
  if (Result<void> ok = ReadOwn(image); !ok) return ok.error();
  const Result<LiefFile> lief = AskLief(image, kAlways);
  if (!lief) return lief.error();
  if (Result<void> ok = AgreeWithLief(image, *lief); !ok) return ok.error();
  return ReadPe{std::move(image), std::nullopt};
}

Result<void> CheckRelocationsWithLief(const PeImage& image) {
  const Result<LiefFile> lief = AskLief(image, {Directory::kBaseRelocation});
  if (!lief) return lief.error();
  return AgreeOnRelocations(image, *lief);
}

}  // namespace detachfix
