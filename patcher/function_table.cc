// SPDX-License-Identifier: Apache-2.0
// The table of an Alpha image has entries of five words: BeginAddress,
// EndAddress, ExceptionHandler, HandlerData, PrologEndAddress, the addresses
// virtual ones at the preferred base (winnt.h,
// IMAGE_ALPHA_RUNTIME_FUNCTION_ENTRY; MSDN Library, April 2000, "Windows NT for
// Alpha Calling Standard", 8.1). It is sorted by BeginAddress (PE/COFF
// specification, "The .pdata Section"), since the unwinder searches it by
// bisection. To enter a function in the middle would move the words behind it,
// each with its base relocation: so only what comes last is entered.
#include "patcher/function_table.h"

#include <algorithm>
#include <map>

#include "patcher/hex_text.h"
#include "patcher/number_bytes.h"
#include "patcher/pe_format.h"

namespace detachfix {
namespace {

constexpr uint32_t kEntrySize = 20;
constexpr uint32_t kEndField = 4;
constexpr uint32_t kPrologEndField = 16;

void Append16(Bytes& bytes, uint32_t value) {
  bytes.push_back(static_cast<uint8_t>(value));
  bytes.push_back(static_cast<uint8_t>(value >> 8));
}

/// The word at `rva` in the file.
std::optional<uint32_t> WordAt(const PeImage& image, Rva rva) {
  const std::optional<FileOffset> offset = ToOffset(image, rva);
  if (!offset) return std::nullopt;
  return ByteReader(image.bytes).U32(offset->value);
}

/// The free bytes that begin at `end`, in the section with the byte before it.
std::optional<Piece> TakeBehind(Draft& draft, Rva end, uint32_t size,
                                bool load_only) {
  const PeImage& image = draft.image();
  const Section* section = SectionAt(image, Rva{end.value - 1});
  if (section == nullptr) return std::nullopt;
  Need need{size, 1};
  need.section = static_cast<size_t>(section - image.sections.data());
  need.load_only = load_only;
  Draft tried = draft;
  std::optional<Piece> piece = tried.Take(need);
  if (!piece || piece->rva != end) return std::nullopt;
  draft = std::move(tried);
  return piece;
}

Result<Piece> TakeEntry(Draft& draft) {
  const PeImage& image = draft.image();
  const DataDirectory& table = image.directory(Directory::kException);
  const std::optional<Piece> piece =
      table.size == 0
          ? draft.Take({kEntrySize, 4})
          : TakeBehind(draft, Rva{table.rva + table.size}, kEntrySize, false);
  if (piece) return *piece;
  return Error{"no " + HexNumber(kEntrySize) +
               " free bytes behind the function table for the stub's entry"};
}

Result<void> CheckTable(const PeImage& image, const FrameRange& function) {
  if (image.directory_count <=
      static_cast<size_t>(Directory::kBaseRelocation)) {
    return Error{"the header has " + std::to_string(image.directory_count) +
                 " data directories, none for base relocations"};
  }
  const DataDirectory& table = image.directory(Directory::kException);
  if (table.size % kEntrySize != 0) {
    return Error{"the function table has " + HexNumber(table.size) +
                 " bytes, no multiple of 0x14"};
  }
  for (uint32_t at = 0; at < table.size; at += kEntrySize) {
    const std::optional<uint32_t> begin = WordAt(image, Rva{table.rva + at});
    if (begin && *begin - image.image_base < function.begin.value) continue;
    return Error{"entry " + std::to_string(at / kEntrySize) +
                 " of the function table does not come before the stub"};
  }
  return {};
}

/// The last block of base relocations; its end is that of all of them. The
/// directory may go on with zeros.
struct LastBlock {
  Rva begin;
  uint32_t page = 0;
  uint32_t size = 0;  ///< 0 when there is none
  Rva end() const { return begin + size; }
};

LastBlock FindLastBlock(const PeImage& image) {
  const DataDirectory& table = image.directory(Directory::kBaseRelocation);
  LastBlock last{Rva{table.rva}, 0, 0};
  while (last.end().value + kRelocationBlockHeader <= table.rva + table.size) {
    const Rva at = last.end();
    const uint32_t size = WordAt(image, at + 4).value_or(0);
    if (size < kRelocationBlockHeader) break;
    last = {at, WordAt(image, at).value_or(0), size};
  }
  return last;
}

/// Bytes of the block's relocations, without one of padding at its end.
uint32_t UsedBytes(const PeImage& image, const LastBlock& block) {
  constexpr uint32_t kHighAdj = 4;
  uint32_t used = kRelocationBlockHeader;
  for (uint32_t at = kRelocationBlockHeader; at + 2 <= block.size; at += 2) {
    const std::optional<FileOffset> offset = ToOffset(image, block.begin + at);
    if (!offset) return block.size;
    const uint32_t entry =
        ByteReader(image.bytes).U16(offset->value).value_or(0);
    if (entry >> 12 == kHighAdj) at += 2;  // what follows is its parameter
    if (entry >> 12 != 0) used = at + 2;
  }
  return used;
}

Bytes MakeBlocks(const std::vector<Rva>& words) {
  std::map<uint32_t, std::vector<uint32_t>> pages;
  for (const Rva word : words) {
    const uint32_t offset = word.value % kRelocationPage;
    pages[word.value - offset].push_back(offset);
  }
  Bytes blocks;
  for (auto& [page, offsets] : pages) {
    const uint32_t entries = AlignUp(static_cast<uint32_t>(offsets.size()), 2);
    Append32(blocks, page);
    Append32(blocks, kRelocationBlockHeader + 2 * entries);
    for (const uint32_t offset : offsets) {
      Append16(blocks, kHighLow << 12 | offset);
    }
    if (offsets.size() % 2 != 0) Append16(blocks, 0);  // ABSOLUTE: padding
  }
  return blocks;
}

/// More relocations in the last block, where it is that of the same page.
bool ExtendLastBlock(Draft& draft, const std::vector<Rva>& words) {
  const PeImage& image = draft.image();
  const LastBlock block = FindLastBlock(image);
  const DataDirectory& table = image.directory(Directory::kBaseRelocation);
  if (block.size == 0 || block.end().value != table.rva + table.size) {
    return false;
  }
  Bytes entries;
  for (const Rva word : words) {
    if (word.value - block.page >= kRelocationPage) return false;
    Append16(entries, kHighLow << 12 | (word.value - block.page));
  }
  const uint32_t used = UsedBytes(image, block);
  // Its last entry's parameter lies behind it.
  if (used > block.size) return false;
  const uint32_t size =
      AlignUp(used + static_cast<uint32_t>(entries.size()), 4);
  entries.resize(size - used);
  const uint32_t inside = std::min(size, block.size) - used;
  const std::optional<FileOffset> padding = ToOffset(image, block.begin + used);
  const std::optional<FileOffset> header = ToOffset(image, block.begin);
  if (size < block.size || !header || (inside != 0 && !padding)) return false;
  const std::string why = "base relocations of the stub's function entry";
  const auto split = entries.begin() + inside;
  if (size > block.size) {
    const std::optional<Piece> piece =
        TakeBehind(draft, block.end(), size - block.size, true);
    if (!piece) return false;
    draft.Fill(*piece, Bytes(split, entries.end()), why);
    draft.Replace(*header + 4, ToBytes32(size),
                  "block of base relocations -> also covers the new ones");
    draft.Replace(
        DirectoryOffset(image, Directory::kBaseRelocation),
        DirectoryBytes(table.rva, table.size + size - block.size),
        "base relocation directory -> also covers the new relocations");
  }
  if (inside != 0) draft.Replace(*padding, Bytes(entries.begin(), split), why);
  return true;
}

/// The blocks behind those that are there, where the section has room.
bool ExtendRelocations(Draft& draft, const Bytes& blocks) {
  const DataDirectory& table =
      draft.image().directory(Directory::kBaseRelocation);
  const Rva end = FindLastBlock(draft.image()).end();
  if (table.size == 0 || end.value != table.rva + table.size) return false;
  const std::optional<Piece> piece =
      TakeBehind(draft, end, static_cast<uint32_t>(blocks.size()), true);
  if (!piece) return false;
  draft.Fill(*piece, blocks, "base relocations of the stub's function entry");
  draft.Replace(DirectoryOffset(draft.image(), Directory::kBaseRelocation),
                DirectoryBytes(table.rva, table.size + piece->size),
                "base relocation directory -> also covers the new relocations");
  return true;
}

/// All blocks, the old ones and the new, where there is room.
bool MoveRelocations(Draft& draft, const Bytes& blocks) {
  const PeImage& image = draft.image();
  const DataDirectory& table = image.directory(Directory::kBaseRelocation);
  const uint32_t old_size = FindLastBlock(image).end().value - table.rva;
  Bytes all;
  if (old_size != 0) {
    const std::optional<FileOffset> offset = ToOffset(image, Rva{table.rva});
    if (!offset || offset->value + old_size > image.bytes.size()) return false;
    const auto begin = image.bytes.begin() + offset->value;
    all.assign(begin, begin + old_size);
  }
  all.insert(all.end(), blocks.begin(), blocks.end());
  Need need{static_cast<uint32_t>(all.size()), 4};
  need.load_only = true;
  const std::optional<Piece> piece = draft.Take(need);
  if (!piece) return false;
  draft.Fill(*piece, all,
             "base relocations, moved, and those of the stub's function entry");
  draft.Replace(DirectoryOffset(image, Directory::kBaseRelocation),
                DirectoryBytes(piece->rva.value, piece->size),
                "base relocation directory -> moved relocations");
  return true;
}

}  // namespace

Rva LastFunction(const PeImage& image) {
  const DataDirectory& table = image.directory(Directory::kException);
  if (table.size < kEntrySize) return Rva{0};
  const uint32_t last = table.rva + table.size - kEntrySize;
  const std::optional<uint32_t> end = WordAt(image, Rva{last + kEndField});
  if (!end) return Rva{0};
  return Rva{*end - image.image_base};
}

Result<void> AddFunction(Draft& draft, const FrameRange& function) {
  const PeImage& image = draft.image();
  Result<void> sound = CheckTable(image, function);
  if (!sound) return sound;
  const Result<Piece> piece = TakeEntry(draft);
  if (!piece) return piece.error();
  Bytes entry;
  for (const uint32_t field : {image.image_base + function.begin.value,
                               image.image_base + function.end.value, 0u, 0u,
                               image.image_base + function.prolog_end.value}) {
    Append32(entry, field);
  }
  draft.Fill(*piece, entry, "entry of the stub in the function table");
  const DataDirectory& table = image.directory(Directory::kException);
  const uint32_t begin = table.size == 0 ? piece->rva.value : table.rva;
  draft.Replace(DirectoryOffset(image, Directory::kException),
                DirectoryBytes(begin, table.size + kEntrySize),
                "exception directory -> also covers the stub's entry");
  return AddRelocations(draft, {piece->rva, piece->rva + kEndField,
                                piece->rva + kPrologEndField});
}

Result<void> AddRelocations(Draft& draft, const std::vector<Rva>& words) {
  if ((draft.image().characteristics & kRelocationsStripped) != 0) return {};
  const Bytes blocks = MakeBlocks(words);
  if (ExtendLastBlock(draft, words) || ExtendRelocations(draft, blocks) ||
      MoveRelocations(draft, blocks)) {
    return {};
  }
  return Error{"no free bytes for " + std::to_string(words.size()) +
               " more base relocations, neither behind the others nor for all "
               "of them"};
}

}  // namespace detachfix
