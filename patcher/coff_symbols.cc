// SPDX-License-Identifier: Apache-2.0
// A COFF symbol table behind an IMAGE_COFF_SYMBOLS_HEADER (winnt.h). The table
// is that of "COFF Symbol Table" in the PE/COFF specification: rows of 18
// bytes, auxiliary rows among them, and behind them the names that are longer
// than eight bytes.
#include <algorithm>
#include <optional>

#include "patcher/bytes.h"
#include "patcher/debug_parts.h"
#include "patcher/hex_text.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

constexpr uint32_t kHeaderSize = 32;
constexpr uint32_t kRowSize = 18;
constexpr uint32_t kShortName = 8;

// Storage classes (IMAGE_SYM_CLASS_*). The others name files, ends of blocks,
// types, arguments: no place in a section that a reader asks for.
constexpr uint8_t kExternal = 2;
constexpr uint8_t kStatic = 3;
constexpr uint8_t kLabel = 6;
// Complex type "function", in the second nibble of Type.
constexpr uint16_t kTypeFunction = 0x20;

class Table {
 public:
  Table(std::span<const uint8_t> data, uint64_t begin, uint32_t count)
      : reader_(data),
        begin_(begin),
        names_(begin + uint64_t{count} * kRowSize) {}

  Result<std::string> NameAt(uint64_t row) const {
    if (*reader_.U32(row) != 0) return Short(row);
    const uint32_t offset = *reader_.U32(row + 4);
    // Offsets count from the length that the string table begins with.
    const uint32_t size = reader_.U32(names_).value_or(0);
    std::string name;
    for (uint64_t at = offset; at < size && name.size() <= kMaxNameLength;
         ++at) {
      const std::optional<uint8_t> byte = reader_.U8(names_ + at);
      if (!byte) break;
      if (*byte == 0) return name;
      name += static_cast<char>(*byte);
    }
    return Error{"symbol " + std::to_string((row - begin_) / kRowSize) +
                 " has its name at " + HexNumber(offset) +
                 ", string table has " + HexNumber(size) + " bytes"};
  }

 private:
  std::string Short(uint64_t row) const {
    const std::span<const uint8_t> name = *reader_.Range(row, kShortName);
    return {name.begin(), std::find(name.begin(), name.end(), 0)};
  }

  ByteReader reader_;
  uint64_t begin_;
  uint64_t names_;
};

/// Whether the row defines a place: a section's own row (static, with an
/// auxiliary row of its size) does not. That of a static function may have one
/// too.
bool IsPlace(uint8_t storage_class, uint16_t type, uint8_t auxiliary) {
  if (storage_class == kStatic) return auxiliary == 0 || type == kTypeFunction;
  return storage_class == kExternal || storage_class == kLabel;
}

}  // namespace

Result<void> ReadCoffSymbols(std::span<const uint8_t> data, DebugFile& file) {
  const ByteReader reader(data);
  if (!reader.Holds(0, kHeaderSize)) {
    return Error{"IMAGE_COFF_SYMBOLS_HEADER takes 0x20 bytes, there are " +
                 HexNumber(reader.size())};
  }
  const uint32_t count = *reader.U32(0);
  const uint32_t begin = *reader.U32(4);  // LvaToFirstSymbol
  const uint64_t end = begin + uint64_t{count} * kRowSize;
  if (end > reader.size()) {
    return Error{std::to_string(count) + " symbols end at " + HexNumber(end) +
                 ", there are " + HexNumber(reader.size()) + " bytes"};
  }
  if (count > kMaxSymbols) {
    return Error{std::to_string(count) + " symbols, at most " +
                 std::to_string(kMaxSymbols) + " are read"};
  }
  const Table table(data, begin, count);
  size_t name_bytes = 0;
  for (uint64_t i = 0; i < count;) {
    const uint64_t row = begin + i * kRowSize;
    const int16_t section = static_cast<int16_t>(*reader.U16(row + 12));
    const uint16_t type = *reader.U16(row + 14);
    const uint8_t storage_class = *reader.U8(row + 16);
    const uint8_t auxiliary = *reader.U8(row + 17);
    const uint64_t index = i;
    i += uint64_t{1} + auxiliary;
    // 0 is undefined, -1 absolute, -2 of debugging.
    if (section <= 0 || !IsPlace(storage_class, type, auxiliary)) continue;
    if (static_cast<size_t>(section) > file.sections.size()) {
      return Error{"symbol " + std::to_string(index) + " is in section " +
                   std::to_string(section) + " of " +
                   std::to_string(file.sections.size())};
    }
    const Result<std::string> name = table.NameAt(row);
    if (!name) return name.error();
    if (name->empty()) continue;
    name_bytes += name->size();
    if (name_bytes > kMaxSymbolNameBytes) {
      return Error{"names take more than " +
                   std::to_string(kMaxSymbolNameBytes) + " bytes"};
    }
    const uint32_t number = static_cast<uint32_t>(section) - 1;
    const bool known = storage_class == kExternal || type == kTypeFunction;
    file.coff.push_back({Printable(*name), number, *reader.U32(row + 8),
                         known && file.sections[number].executable});
  }
  return {};
}

}  // namespace detachfix
