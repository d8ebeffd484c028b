// SPDX-License-Identifier: Apache-2.0
// CodeView data as "Tool Interface Standards, Portable Formats Specification"
// (1993), part "Microsoft Symbol and Type Information", has it: a signature,
// the offset of a directory of subsections, and in some of these subsections
// records of symbols, each with its length and kind. NB11 is NB09 with type
// numbers of 32 bits, which moves fields of the records and gives them other
// numbers (those with 0x1000). NB10 is no symbol table: it names a PDB file.
#include <algorithm>
#include <array>
#include <optional>

#include "patcher/bytes.h"
#include "patcher/debug_parts.h"
#include "patcher/hex_text.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

constexpr uint32_t kDirectoryHeader = 16;
constexpr uint32_t kDirectoryEntry = 12;

// Subsections that hold symbols.
constexpr uint16_t kAlignSym = 0x125;   // of one module, behind a word
constexpr uint16_t kGlobalSym = 0x129;  // these two behind a hash header
constexpr uint16_t kGlobalPub = 0x12a;
constexpr uint32_t kHashHeader = 16;

/// Where the fields of a kind of record stand, from its length on.
struct RecordKind {
  uint16_t number;
  uint8_t offset;
  uint8_t segment;
  uint8_t name;  ///< a length byte and so many letters
};

constexpr std::array<RecordKind, 6> kKinds = {{
    {0x0203, 4, 8, 12},    // S_PUB32
    {0x0204, 28, 32, 37},  // S_LPROC32
    {0x0205, 28, 32, 37},  // S_GPROC32
    {0x1009, 8, 12, 14},   // the same with long type numbers
    {0x100a, 32, 36, 39},  //
    {0x100b, 32, 36, 39},  //
}};

Result<void> ReadRecord(std::span<const uint8_t> record, uint64_t at,
                        DebugFile& file) {
  const ByteReader reader(record);
  const uint16_t number = *reader.U16(2);
  const auto kind = std::ranges::find(kKinds, number, &RecordKind::number);
  if (kind == kKinds.end()) return {};
  const std::string text = "symbol at " + HexNumber(at);
  const std::optional<uint8_t> length = reader.U8(kind->name);
  const auto name = length ? reader.Range(kind->name + 1u, *length)
                           : std::optional<std::span<const uint8_t>>();
  if (!name) {
    return Error{text + " takes more than its " + HexNumber(record.size()) +
                 " bytes"};
  }
  const uint16_t segment = *reader.U16(kind->segment);
  if (segment == 0 || name->empty()) return {};  // absolute
  if (file.code_view.size() == kMaxSymbols) {
    return Error{"more than " + std::to_string(kMaxSymbols) + " symbols"};
  }
  if (segment > file.sections.size()) {
    return Error{text + " is in section " + std::to_string(segment) + " of " +
                 std::to_string(file.sections.size())};
  }
  file.code_view.push_back({Printable({name->begin(), name->end()}),
                            segment - 1u, *reader.U32(kind->offset),
                            file.sections[segment - 1u].executable});
  return {};
}

/// The records from `begin` to `end`, both offsets in `data`.
Result<void> ReadRecords(std::span<const uint8_t> data, uint64_t begin,
                         uint64_t end, DebugFile& file) {
  const ByteReader reader(data);
  for (uint64_t at = begin; at < end;) {
    const uint64_t size = uint64_t{reader.U16(at).value_or(0)} + 2;
    if (size < 4 || size > end - at) {
      return Error{"symbol at " + HexNumber(at) + " takes " + HexNumber(size) +
                   " bytes, its subsection ends at " + HexNumber(end)};
    }
    Result<void> read = ReadRecord(*reader.Range(at, size), at, file);
    if (!read) return read;
    at += size;
  }
  return {};
}

/// Where the records of a subsection stand that holds any.
struct Records {
  uint64_t begin = 0;
  uint64_t end = 0;
};

Result<Records> FindRecords(const ByteReader& reader, uint16_t type,
                            uint64_t begin, uint64_t size) {
  const uint64_t header = type == kAlignSym ? 4 : kHashHeader;
  if (!reader.Holds(begin, size) || size < header) {
    return Error{"subsection " + HexNumber(type) + " at " + HexNumber(begin) +
                 " with " + HexNumber(size) + " bytes, there are " +
                 HexNumber(reader.size())};
  }
  if (type == kAlignSym) return Records{begin + header, begin + size};
  const uint32_t bytes = *reader.U32(begin + 4);  // cbSymbol
  if (bytes > size - header) {
    return Error{"subsection " + HexNumber(type) + " at " + HexNumber(begin) +
                 " has " + HexNumber(bytes) + " bytes of symbols in " +
                 HexNumber(size)};
  }
  return Records{begin + header, begin + header + bytes};
}

}  // namespace

std::string CodeViewKind(std::span<const uint8_t> data) {
  std::string text = "CodeView ";
  for (size_t i = 0; i < std::min<size_t>(data.size(), 4); ++i) {
    const bool plain = data[i] > ' ' && data[i] < 0x7f;
    text += plain ? static_cast<char>(data[i]) : '?';
  }
  return text;
}

bool IsReadCodeView(std::span<const uint8_t> data) {
  const std::string kind = CodeViewKind(data);
  return kind == "CodeView NB09" || kind == "CodeView NB11";
}

Result<void> ReadCodeViewSymbols(std::span<const uint8_t> data,
                                 DebugFile& file) {
  const ByteReader reader(data);
  const uint64_t directory = reader.U32(4).value_or(0);
  if (!reader.Holds(directory, kDirectoryHeader)) {
    return Error{"subsection directory at " + HexNumber(directory) +
                 ", there are " + HexNumber(reader.size()) + " bytes"};
  }
  const uint32_t header_size = *reader.U16(directory);
  const uint32_t entry_size = *reader.U16(directory + 2);
  const uint32_t count = *reader.U32(directory + 4);
  if (header_size < kDirectoryHeader || entry_size < kDirectoryEntry ||
      !reader.Holds(directory + header_size, uint64_t{count} * entry_size)) {
    return Error{"subsection directory at " + HexNumber(directory) + " has " +
                 std::to_string(count) + " entries of " +
                 std::to_string(entry_size) + " bytes behind " +
                 std::to_string(header_size) + ", there are " +
                 HexNumber(reader.size()) + " bytes"};
  }
  uint64_t total = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = directory + header_size + i * entry_size;
    const uint16_t type = *reader.U16(at);
    if (type != kAlignSym && type != kGlobalSym && type != kGlobalPub) continue;
    const Result<Records> records =
        FindRecords(reader, type, *reader.U32(at + 4), *reader.U32(at + 8));
    if (!records) return records.error();
    total += records->end - records->begin;
    if (total > data.size()) return Error{"subsections overlap"};
    Result<void> read = ReadRecords(data, records->begin, records->end, file);
    if (!read) return read;
  }
  return {};
}

}  // namespace detachfix
