// SPDX-License-Identifier: Apache-2.0
#include "tests/support/dbg_builder.h"

#include "tests/support/pe_blob.h"

namespace detachfix::test {

namespace {

constexpr char kExportedNames[] = "InitSecurityInterfaceA\0";  // and one zero

void Append(Blob& blob, const std::vector<uint8_t>& bytes) {
  blob.bytes.insert(blob.bytes.end(), bytes.begin(), bytes.end());
}

/// The name field of a symbol: in place, or where it stands in `strings`.
void CoffName(Blob& blob, Blob& strings, const std::string& name) {
  if (name.size() <= 8) {
    for (const char letter : name) blob.U8(static_cast<uint8_t>(letter));
    blob.Zero(static_cast<uint32_t>(8 - name.size()));
    return;
  }
  blob.U32(0);
  blob.U32(strings.size() + 4);
  strings.Text(name);
}

bool IsProcedure(uint16_t record) {
  return record == 0x204 || record == 0x205 || record == 0x100a ||
         record == 0x100b;
}

Blob Record(const CodeViewRow& row) {
  Blob body;
  body.U16(row.record);
  if (IsProcedure(row.record)) body.Zero(24);  // links, length, its parts
  const bool long_types = row.record >= 0x1000;
  if (long_types) body.U32(0);
  body.U32(row.offset);
  body.U16(row.segment);
  if (!long_types) body.U16(0);
  if (IsProcedure(row.record)) body.U8(0);
  body.U8(static_cast<uint32_t>(row.name.size()));
  for (const char letter : row.name) body.U8(static_cast<uint8_t>(letter));
  Blob record;
  record.U16(body.size());
  Append(record, body.bytes);
  return record;
}

}  // namespace

DebugData Coff(const std::vector<CoffRow>& rows) {
  Blob table;
  Blob strings;
  uint32_t count = 0;
  for (const CoffRow& row : rows) {
    CoffName(table, strings, row.name);
    table.U32(row.value);
    table.U16(row.section);
    table.U16(row.type);
    table.U8(row.storage_class);
    table.U8(row.auxiliary);
    table.Zero(row.auxiliary * 18u);
    count += 1u + row.auxiliary;
  }
  Blob data;
  data.U32(count);
  data.U32(32);  // LvaToFirstSymbol
  data.Zero(24);
  Append(data, table.bytes);
  data.U32(strings.size() + 4);
  Append(data, strings.bytes);
  return {1, data.bytes};
}

DebugData CodeView(const std::string& signature,
                   const std::vector<CodeViewRow>& rows, uint16_t subsection) {
  Blob records;
  for (const CodeViewRow& row : rows) Append(records, Record(row).bytes);
  Blob data;
  for (const char letter : signature) data.U8(static_cast<uint8_t>(letter));
  data.U32(0);  // lfoDirectory, below
  const uint32_t begin = data.size();
  if (subsection == 0x125) {
    data.U32(1);
  } else {
    data.U32(0);  // symhash, addrhash
    data.U32(records.size());
    data.Zero(8);
  }
  Append(data, records.bytes);
  const uint32_t directory = data.size();
  Poke32(data.bytes, 4, directory);
  data.U16(16);
  data.U16(12);
  data.U32(1);
  data.Zero(8);
  data.U16(subsection);
  data.U16(0xffff);
  data.U32(begin);
  data.U32(directory - begin);
  return {2, data.bytes};
}

uint64_t DirectoryOffset(const PeImage& image) {
  return 48 + 40 * image.sections.size() + sizeof kExportedNames;
}

std::vector<uint8_t> BuildDbg(const PeImage& image,
                              const std::vector<DebugData>& entries) {
  Blob blob;
  blob.U16(0x4944);
  blob.U16(0);
  blob.U16(image.machine);
  blob.U16(image.characteristics);
  blob.U32(image.time_date_stamp);
  blob.U32(image.checksum);
  blob.U32(image.image_base);
  blob.U32(image.size_of_image);
  blob.U32(static_cast<uint32_t>(image.sections.size()));
  blob.U32(sizeof kExportedNames);
  blob.U32(static_cast<uint32_t>(entries.size()) * 28);
  blob.U32(image.section_alignment);
  blob.Zero(8);
  const auto headers =
      image.bytes.begin() + int64_t{image.section_table_offset.value};
  blob.bytes.insert(blob.bytes.end(), headers,
                    headers + 40 * static_cast<int64_t>(image.sections.size()));
  blob.bytes.insert(blob.bytes.end(), std::begin(kExportedNames),
                    std::end(kExportedNames));
  uint32_t at = blob.size() + static_cast<uint32_t>(entries.size()) * 28;
  for (const auto& [type, data] : entries) {
    blob.Zero(12);
    blob.U32(type);
    blob.U32(static_cast<uint32_t>(data.size()));
    blob.U32(0);
    blob.U32(at);
    at += static_cast<uint32_t>(data.size());
  }
  for (const auto& [type, data] : entries) Append(blob, data);
  return blob.bytes;
}

void Poke16(std::vector<uint8_t>& bytes, uint64_t at, uint16_t value) {
  bytes.at(at) = static_cast<uint8_t>(value);
  bytes.at(at + 1) = static_cast<uint8_t>(value >> 8);
}

void Poke32(std::vector<uint8_t>& bytes, uint64_t at, uint32_t value) {
  Poke16(bytes, at, static_cast<uint16_t>(value));
  Poke16(bytes, at + 2, static_cast<uint16_t>(value >> 16));
}

}  // namespace detachfix::test
