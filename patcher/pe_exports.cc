// SPDX-License-Identifier: Apache-2.0
// Export directory (PE/COFF specification, "The .edata Section").
//
// Read here rather than by LIEF: 0.9 keeps no text of forwarders and lists
// some exports twice. A function outside the image is left out, since loaders
// mind it only when somebody asks for it; so is an unused ordinal.
#include <algorithm>
#include <map>

#include "patcher/hex_text.h"
#include "patcher/image_reader.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

constexpr uint32_t kExportDirectorySize = 40;

struct ExportTable {
  uint32_t base = 0;
  uint32_t function_count = 0;
  uint32_t name_count = 0;
  uint64_t functions = 0;  // RVAs of the three tables
  uint64_t names = 0;
  uint64_t ordinals = 0;
};

Result<void> CheckTable(const ImageReader& reader, const std::string& name,
                        uint64_t rva, uint64_t size) {
  if (size == 0 || reader.Holds(rva, size)) return {};
  return Error{"export directory's " + name + " (" + HexNumber(size) +
               " bytes at RVA " + HexNumber(rva) + ") is outside the sections"};
}

Result<ExportTable> ReadTable(const ImageReader& reader, uint64_t rva) {
  ExportTable table;
  table.base = *reader.U32(rva + 16);
  table.function_count = *reader.U32(rva + 20);
  table.name_count = *reader.U32(rva + 24);
  table.functions = *reader.U32(rva + 28);
  table.names = *reader.U32(rva + 32);
  table.ordinals = *reader.U32(rva + 36);
  for (const uint32_t count : {table.function_count, table.name_count}) {
    if (count <= kMaxExports) continue;
    return Error{"export directory counts " + std::to_string(count) +
                 " entries, at most " + std::to_string(kMaxExports) +
                 " are read"};
  }
  Result<void> ok = CheckTable(reader, "AddressOfFunctions", table.functions,
                               uint64_t{table.function_count} * 4);
  if (ok) {
    ok = CheckTable(reader, "AddressOfNames", table.names,
                    uint64_t{table.name_count} * 4);
  }
  if (ok) {
    ok = CheckTable(reader, "AddressOfNameOrdinals", table.ordinals,
                    uint64_t{table.name_count} * 2);
  }
  if (!ok) return ok.error();
  return table;
}

// Names by index into AddressOfFunctions; one function may have several.
using NamesByIndex = std::multimap<uint32_t, std::string>;

Result<NamesByIndex> ReadNames(const ImageReader& reader,
                               const ExportTable& table, uint64_t file_size) {
  NamesByIndex names;
  uint64_t name_bytes = 0;
  for (uint32_t i = 0; i < table.name_count; ++i) {
    const uint32_t rva = *reader.U32(table.names + uint64_t{i} * 4);
    const uint32_t index = *reader.U16(table.ordinals + uint64_t{i} * 2);
    std::optional<std::string> name = reader.Text(rva, kMaxNameLength);
    if (!name) {
      return Error{"export name " + std::to_string(i + 1) + " at RVA " +
                   HexNumber(rva) + " is not in the file"};
    }
    if (index >= table.function_count) {
      return Error{"export " + Printable(*name) + " is function " +
                   std::to_string(index) + " of " +
                   std::to_string(table.function_count)};
    }
    name_bytes += name->size();
    if (name_bytes > file_size) {
      return Error{"names of exports overlap, " + std::to_string(i + 1) +
                   " of them have " + HexNumber(name_bytes) +
                   " bytes, the file " + HexNumber(file_size)};
    }
    names.emplace(index, std::move(*name));
  }
  return names;
}

// Fills in where `function` leads: code, or another DLL's export when the
// address lies in the export directory itself.
Result<void> ReadTarget(const ImageReader& reader, const PeImage& image,
                        uint32_t target, ExportedFunction& function) {
  const DataDirectory& directory = image.directory(Directory::kExport);
  const bool forwarded =
      target >= directory.rva && target - directory.rva < directory.size;
  if (!forwarded) {
    function.rva = Rva{target};
    return {};
  }
  std::optional<std::string> text = reader.Text(target, kMaxNameLength);
  if (!text || text->empty()) {
    return Error{"export " + std::to_string(function.ordinal) +
                 " has its forwarder at RVA " + HexNumber(target) +
                 ", where none stands"};
  }
  function.forwarder = std::move(*text);
  return {};
}

Result<void> ReadFunctions(const ImageReader& reader, const ExportTable& table,
                           const NamesByIndex& names, PeImage& image) {
  uint64_t forwarder_bytes = 0;
  for (uint32_t i = 0; i < table.function_count; ++i) {
    const uint32_t target = *reader.U32(table.functions + uint64_t{i} * 4);
    if (target == 0 || target >= image.size_of_image) continue;
    ExportedFunction function;
    function.ordinal = table.base + i;
    Result<void> ok = ReadTarget(reader, image, target, function);
    if (!ok) return ok;
    forwarder_bytes += function.forwarder.size();
    if (forwarder_bytes > image.file().size()) {
      return Error{"forwarders of exports overlap, they have " +
                   HexNumber(forwarder_bytes) + " bytes, the file " +
                   HexNumber(image.file().size())};
    }
    const auto [begin, end] = names.equal_range(i);
    if (begin == end) image.exports.push_back(function);
    for (auto name = begin; name != end; ++name) {
      function.name = name->second;
      image.exports.push_back(function);
    }
  }
  return {};
}

}  // namespace

Result<void> ReadExports(PeImage& image) {
  const uint64_t directory = image.directory(Directory::kExport).rva;
  if (directory == 0) return {};
  const ImageReader reader(image);
  if (!reader.Holds(directory, kExportDirectorySize)) {
    return Error{"export directory at RVA " + HexNumber(directory) +
                 " is outside the sections"};
  }
  const uint32_t name = *reader.U32(directory + 12);
  // Images have loaded without a name, and names that nobody reads.
  image.export_name = reader.Text(name, kMaxNameLength).value_or("");
  const Result<ExportTable> table = ReadTable(reader, directory);
  if (!table) return table.error();
  const Result<NamesByIndex> names =
      ReadNames(reader, *table, image.file().size());
  if (!names) return names.error();
  return ReadFunctions(reader, *table, *names, image);
}

}  // namespace detachfix
