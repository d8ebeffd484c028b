// SPDX-License-Identifier: Apache-2.0
// Ranges of the data directories; base relocations, debug directory and TLS
// callbacks (PE/COFF specification, sections of these names).
//
// The debug directory is read here since LIEF 0.9 gives its first entry only;
// TLS since it takes callbacks at any address; relocations since its answer
// for a hostile table takes thirty times the table's size.
// CheckRelocationsWithLief holds its relocations against these.
#include <algorithm>

#include "patcher/bytes.h"
#include "patcher/hex_text.h"
#include "patcher/image_reader.h"
#include "patcher/pe_format.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

struct DirectoryName {
  Directory directory;
  const char* name;
};
// Those that are addresses. Not here: 4, a file offset; 7, 8 and 15, which
// loaders on i386 do not read and old linkers fill with other things.
constexpr DirectoryName kMapped[] = {
    {Directory::kExport, "export"},
    {Directory::kImport, "import"},
    {Directory::kResource, "resource"},
    {Directory::kException, "exception"},
    {Directory::kBaseRelocation, "base relocation"},
    {Directory::kDebug, "debug"},
    {Directory::kTls, "TLS"},
    {Directory::kLoadConfig, "load configuration"},
    {Directory::kBoundImport, "bound import"},
    {Directory::kImportAddressTable, "import address table"},
    {Directory::kDelayImport, "delay import"},
    {Directory::kClrHeader, "CLR header"},
};

constexpr uint8_t kAbsolute = 0;  // IMAGE_REL_BASED_ABSOLUTE: padding
constexpr uint8_t kHighAdj = 4;   // its next entry is a parameter
constexpr uint32_t kTlsDirectorySize = 24;

// Bytes that a relocation rewrites, by its type.
uint32_t WidthOf(uint8_t type) {
  if (type == 1 || type == 2 || type == kHighAdj) return 2;
  return type == 10 ? 8 : 4;
}

struct Block {
  uint64_t begin = 0;  // RVA of its header
  uint32_t page = 0;
  uint32_t size = 0;
};

// The entries of one block. Nearly every block stands in the file as one piece,
// and is read as that; what does not, memory that the file has no bytes for or
// a block across two sections, is looked up word by word.
class BlockEntries {
 public:
  BlockEntries(const ImageReader& reader, const Block& block)
      : reader_(reader),
        begin_(block.begin),
        content_(reader.Bytes(block.begin, block.size)
                     .value_or(std::span<const uint8_t>())) {}

  /// The entry `at` bytes from the block's begin.
  std::optional<uint16_t> At(uint64_t at) const {
    if (at + 2 > content_.size()) return reader_.U16(begin_ + at);
    return static_cast<uint16_t>(content_[at] | content_[at + 1] << 8);
  }

 private:
  const ImageReader& reader_;
  uint64_t begin_;
  std::span<const uint8_t> content_;
};

// The caller has checked that the block lies inside the directory.
Result<void> ReadBlock(const ImageReader& reader, const Block& block,
                       PeImage& image) {
  const BlockEntries entries(reader, block);
  for (uint64_t at = kRelocationBlockHeader; at + 2 <= block.size; at += 2) {
    const std::optional<uint16_t> entry = entries.At(at);
    if (!entry) {
      return Error{"base relocation at RVA " + HexNumber(block.begin + at) +
                   " is outside the sections"};
    }
    const uint8_t type = static_cast<uint8_t>(*entry >> 12);
    if (type == kAbsolute) continue;
    const uint64_t target = uint64_t{block.page} + (*entry & 0xfff);
    if (target + WidthOf(type) > image.size_of_image) {
      return Error{"base relocation at RVA " + HexNumber(block.begin + at) +
                   " rewrites RVA " + HexNumber(target) + ", SizeOfImage is " +
                   HexNumber(image.size_of_image)};
    }
    BaseRelocation relocation{Rva{static_cast<uint32_t>(target)}, type};
    if (type == kHighAdj) {
      at += 2;
      if (at + 2 <= block.size) {
        relocation.low = static_cast<int16_t>(entries.At(at).value_or(0));
      }
    }
    image.relocations.push_back(relocation);
  }
  if (image.relocations.size() > kMaxRelocations) {
    return Error{"more than " + std::to_string(kMaxRelocations) +
                 " base relocations"};
  }
  return {};
}

Result<DebugEntry> ReadDebugEntry(const ImageReader& reader, uint64_t rva,
                                  const PeImage& image) {
  const std::string text =
      "debug entry " + std::to_string(image.debug.size() + 1);
  const std::optional<FileOffset> offset =
      ToOffset(image, Rva{static_cast<uint32_t>(rva)});
  if (!offset || !reader.Bytes(rva, kDebugDirectorySize)) {
    return Error{text + " at RVA " + HexNumber(rva) +
                 " has no bytes of its own in the file"};
  }
  DebugEntry entry;
  entry.time_date_stamp = *reader.U32(rva + 4);
  entry.type = *reader.U32(rva + 12);
  entry.size = *reader.U32(rva + 16);
  entry.rva = *reader.U32(rva + 20);
  entry.raw_offset = *reader.U32(rva + 24);
  entry.entry_offset = *offset;
  const uint64_t end = uint64_t{entry.raw_offset} + entry.size;
  if (entry.raw_offset != 0 && end > image.file().size()) {
    return Error{text + " (type " + std::to_string(entry.type) + ") ends at " +
                 HexNumber(end) + ", file has " +
                 HexNumber(image.file().size()) + " bytes"};
  }
  return entry;
}

}  // namespace

Result<void> CheckDirectories(const PeImage& image) {
  for (const DirectoryName& known : kMapped) {
    const DataDirectory& directory = image.directory(known.directory);
    const uint64_t end = uint64_t{directory.rva} + directory.size;
    if (directory.rva == 0 || end <= image.size_of_image) continue;
    return Error{std::string(known.name) + " directory ends at RVA " +
                 HexNumber(end) + ", SizeOfImage is " +
                 HexNumber(image.size_of_image)};
  }
  const DataDirectory& certificate = image.directory(Directory::kCertificate);
  const uint64_t end = uint64_t{certificate.rva} + certificate.size;
  if (certificate.rva != 0 && end > image.file().size()) {
    return Error{"certificate table ends at " + HexNumber(end) + ", file has " +
                 HexNumber(image.file().size()) + " bytes"};
  }
  return {};
}

void SortByRva(std::vector<BaseRelocation>& relocations) {
  const auto before = [](const BaseRelocation& a, const BaseRelocation& b) {
    return a.rva < b.rva;
  };
  if (std::is_sorted(relocations.begin(), relocations.end(), before)) return;
  std::stable_sort(relocations.begin(), relocations.end(), before);
}

Result<void> ReadRelocations(PeImage& image) {
  const DataDirectory& directory = image.directory(Directory::kBaseRelocation);
  if (directory.rva == 0) return {};
  const ImageReader reader(image);
  const uint64_t end = uint64_t{directory.rva} + directory.size;
  image.relocations.reserve(
      std::min<size_t>(directory.size, image.file().size()) / 2);
  Block block{directory.rva, 0, 0};
  for (uint32_t i = 1; block.begin + kRelocationBlockHeader <= end; ++i) {
    const std::optional<uint32_t> page = reader.U32(block.begin);
    const std::optional<uint32_t> size = reader.U32(block.begin + 4);
    const std::string text = "base relocation block " + std::to_string(i) +
                             " at RVA " + HexNumber(block.begin);
    if (!page || !size) return Error{text + " is outside the sections"};
    // Some linkers round the directory's size up and leave zeros.
    if (*page == 0 && *size == 0) break;
    if (*size < kRelocationBlockHeader || *size > end - block.begin) {
      return Error{text + " has SizeOfBlock " + HexNumber(*size) + ", " +
                   HexNumber(end - block.begin) +
                   " bytes are left in the directory"};
    }
    block.page = *page;
    block.size = *size;
    if (Result<void> ok = ReadBlock(reader, block, image); !ok) return ok;
    block.begin += block.size;
  }
  SortByRva(image.relocations);
  return {};
}

Result<void> ReadDebugDirectory(PeImage& image) {
  const DataDirectory& directory = image.directory(Directory::kDebug);
  if (directory.rva == 0) return {};
  // Borland's linker writes the number of entries instead of their size; what
  // is less than one entry is none.
  const uint32_t count = directory.size / kDebugDirectorySize;
  if (count > kMaxDebugEntries) {
    return Error{"debug directory has " + std::to_string(count) +
                 " entries, at most " + std::to_string(kMaxDebugEntries) +
                 " are read"};
  }
  const ImageReader reader(image);
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t at =
        uint64_t{directory.rva} + uint64_t{i} * kDebugDirectorySize;
    const Result<DebugEntry> entry = ReadDebugEntry(reader, at, image);
    if (!entry) return entry.error();
    image.debug.push_back(*entry);
  }
  return {};
}

namespace {

/// Of the TLS directory at `tls`, which the reader holds; its addresses are
/// virtual ones.
std::optional<ThreadTemplate> ReadThreadTemplate(const PeImage& image,
                                                 const ImageReader& reader,
                                                 uint64_t tls) {
  constexpr uint32_t kEndOffset = 4, kIndexOffset = 8, kZerosOffset = 16;
  const std::optional<uint32_t> begin_va = reader.U32(tls);
  const std::optional<uint32_t> end_va = reader.U32(tls + kEndOffset);
  const std::optional<uint32_t> index_va = reader.U32(tls + kIndexOffset);
  const std::optional<uint32_t> zeros = reader.U32(tls + kZerosOffset);
  if (!begin_va || !end_va || !index_va || !zeros) return std::nullopt;
  const uint32_t begin = *begin_va - image.image_base;
  const uint32_t end = *end_va - image.image_base;
  const uint32_t index = *index_va - image.image_base;
  if (end < begin || end > image.size_of_image || !reader.Holds(index, 4)) {
    return std::nullopt;
  }
  return ThreadTemplate{Rva{begin}, end - begin, *zeros, Rva{index}};
}

}  // namespace

Result<void> ReadTlsCallbacks(PeImage& image) {
  const uint64_t tls = image.directory(Directory::kTls).rva;
  if (tls == 0) return {};
  const ImageReader reader(image);
  if (!reader.Holds(tls, kTlsDirectorySize)) {
    return Error{"TLS directory at RVA " + HexNumber(tls) +
                 " is outside the sections"};
  }
  image.thread_template = ReadThreadTemplate(image, reader, tls);
  // AddressOfCallBacks, a VA.
  const uint32_t list = reader.U32(tls + 12).value_or(0);
  if (list == 0) return {};
  image.callback_list = Rva{list - image.image_base};
  for (uint64_t at = list;; at += 4) {
    const std::optional<uint32_t> callback = reader.U32(at - image.image_base);
    if (!callback) {
      return Error{"TLS callback list at " + HexNumber(at) +
                   " is outside the sections"};
    }
    if (*callback == 0) return {};
    const Rva rva{*callback - image.image_base};
    if (rva.value >= image.size_of_image) {
      return Error{"TLS callback " +
                   std::to_string(image.tls_callbacks.size() + 1) + " at " +
                   HexNumber(*callback) + " is outside the image"};
    }
    image.tls_callbacks.push_back(rva);
    if (image.tls_callbacks.size() > kMaxTlsCallbacks) {
      return Error{"more than " + std::to_string(kMaxTlsCallbacks) +
                   " TLS callbacks"};
    }
  }
}

void ReadLoadConfiguration(PeImage& image) {
  // IMAGE_LOAD_CONFIG_DIRECTORY32 (winnt.h): Size, ..., SecurityCookie.
  constexpr uint32_t kCookieOffset = 60;
  const uint64_t at = image.directory(Directory::kLoadConfig).rva;
  if (at == 0) return;
  const ImageReader reader(image);
  const std::optional<uint32_t> size = reader.U32(at);
  if (!size || *size < kCookieOffset + 4) return;
  const std::optional<uint32_t> cookie = reader.U32(at + kCookieOffset);
  if (!cookie || *cookie < image.image_base) return;
  const Rva rva{*cookie - image.image_base};
  if (rva.value < image.size_of_image) image.security_cookie = rva;
}

void ReadClrHeader(PeImage& image) {
  // IMAGE_COR20_HEADER (corhdr.h): ..., Flags, EntryPointRVA.
  constexpr uint32_t kFlagsOffset = 16, kEntryOffset = 20;
  constexpr uint32_t kNativeEntry = 0x10;  // COMIMAGE_FLAGS_NATIVE_ENTRYPOINT
  const uint64_t at = image.directory(Directory::kClrHeader).rva;
  if (at == 0) return;
  const ImageReader reader(image);
  const std::optional<uint32_t> flags = reader.U32(at + kFlagsOffset);
  const std::optional<uint32_t> entry = reader.U32(at + kEntryOffset);
  if (!flags || !entry || (*flags & kNativeEntry) == 0) return;
  if (*entry != 0 && *entry < image.size_of_image)
    image.clr_entry = Rva{*entry};
}

}  // namespace detachfix
