// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pe_tables.h"

#include <algorithm>

namespace detachfix::test {

namespace {

std::string Name(const std::string& table, size_t index,
                 const std::string& field) {
  return table + "[" + std::to_string(index) + "]." + field;
}

std::string Id(const std::string& what, size_t i, size_t j) {
  return "import." + what + "." + std::to_string(i) + "." + std::to_string(j);
}

uint32_t Ordinal(const std::string& function) {
  return static_cast<uint32_t>(std::stoul(function.substr(1)));
}

void AddDescriptor(Blob& blob, const ImportSpec& import, size_t i) {
  if (import.lookup_table) {
    blob.Ref(Reference::kRva, Id("lookup", i, 0),
             Name("Import", i, "OriginalFirstThunk"));
  } else {
    blob.U32(0, Name("Import", i, "OriginalFirstThunk"));
  }
  blob.U32(import.bound_stamp == 0 ? 0 : 0xffffffff,
           Name("Import", i, "TimeDateStamp"));
  blob.U32(import.bound_stamp == 0 ? 0 : 0xffffffff,
           Name("Import", i, "ForwarderChain"));
  blob.Ref(Reference::kRva, Id("dll", i, 0), Name("Import", i, "Name"));
  blob.Ref(Reference::kRva, Id("slots", i, 0), Name("Import", i, "FirstThunk"));
}

void AddThunk(Blob& blob, const ImportSpec& import, size_t i, size_t j,
              const std::string& field) {
  const std::string& function = import.functions[j];
  if (function.front() == '#') {
    blob.U32(0x80000000 | Ordinal(function), field);
  } else {
    blob.Ref(Reference::kRva, Id("name", i, j), field);
  }
}

void AddSlots(Blob& blob, const ImportSpec& import, size_t i) {
  blob.Label(Id("slots", i, 0));
  for (size_t j = 0; j < import.functions.size(); ++j) {
    const std::string field =
        Name("Slot", i, std::to_string(j));  // "Slot[0].1"
    const std::string slot = import.dll + "!" + import.functions[j];
    if (!blob.labels.contains(slot)) blob.Label(slot);
    if (import.bound_stamp != 0) {
      // What BIND wrote: some address inside the other DLL.
      blob.U32(0x77f01000 + static_cast<uint32_t>(i * 0x10000 + j * 0x10),
               field);
    } else {
      AddThunk(blob, import, i, j, field);
    }
  }
  blob.U32(0);
}

void AddLookupAndNames(Blob& blob, const ImportSpec& import, size_t i) {
  if (import.lookup_table) {
    blob.Label(Id("lookup", i, 0));
    for (size_t j = 0; j < import.functions.size(); ++j) {
      AddThunk(blob, import, i, j, Name("Lookup", i, std::to_string(j)));
    }
    blob.U32(0);
  }
  for (size_t j = 0; j < import.functions.size(); ++j) {
    if (import.functions[j].front() == '#') continue;
    blob.Label(Id("name", i, j));
    blob.U16(static_cast<uint32_t>(j));  // hint
    blob.Text(import.functions[j]);
    blob.Align(2);
  }
  blob.Label(Id("dll", i, 0));
  blob.Text(import.dll);
  blob.Align(4);
}

}  // namespace

Blob ImportTables(const PeSpec& spec) {
  Blob blob;
  blob.Label("iat.begin");
  for (size_t i = 0; i < spec.imports.size(); ++i) {
    AddSlots(blob, spec.imports[i], i);
  }
  blob.Label("iat.end");
  blob.Label("import.begin");
  for (size_t i = 0; i < spec.imports.size(); ++i) {
    AddDescriptor(blob, spec.imports[i], i);
  }
  blob.Zero(20);
  blob.Label("import.end");
  for (size_t i = 0; i < spec.imports.size(); ++i) {
    AddLookupAndNames(blob, spec.imports[i], i);
  }
  return blob;
}

Blob BoundImportTable(const PeSpec& spec) {
  Blob table;
  std::vector<std::pair<uint32_t, std::string>> names;  // place, name
  size_t entry = 0;
  const auto add = [&](const std::string& dll, uint32_t stamp, size_t refs) {
    table.U32(stamp, Name("Bound", entry, "TimeDateStamp"));
    names.emplace_back(table.size(), dll);
    table.U16(0, Name("Bound", entry, "OffsetModuleName"));
    table.U16(static_cast<uint32_t>(refs),
              Name("Bound", entry, "NumberOfModuleForwarderRefs"));
    ++entry;
  };
  for (const ImportSpec& import : spec.imports) {
    if (import.bound_stamp == 0) continue;
    add(import.dll, import.bound_stamp, import.forwarder_refs.size());
    for (const auto& [dll, stamp] : import.forwarder_refs) add(dll, stamp, 0);
  }
  if (entry == 0) return table;
  table.Zero(8);
  for (const auto& [place, name] : names) {
    table.bytes[place] = static_cast<uint8_t>(table.size());
    table.bytes[place + 1] = static_cast<uint8_t>(table.size() >> 8);
    table.Text(name);
  }
  table.Align(4);
  return table;
}

Blob ExportTables(const PeSpec& spec) {
  Blob blob;
  // The name table is sorted, since loaders search it by halving.
  std::vector<size_t> named;
  for (size_t i = 0; i < spec.exports.size(); ++i) {
    if (!spec.exports[i].name.empty()) named.push_back(i);
  }
  std::sort(named.begin(), named.end(), [&](size_t a, size_t b) {
    return spec.exports[a].name < spec.exports[b].name;
  });
  blob.Label("export.begin");
  blob.U32(0, "Export.Characteristics");
  blob.U32(spec.time_date_stamp, "Export.TimeDateStamp");
  blob.U32(0);  // version
  blob.Ref(Reference::kRva, "export.dll", "Export.Name");
  blob.U32(1, "Export.Base");
  blob.U32(static_cast<uint32_t>(spec.exports.size()),
           "Export.NumberOfFunctions");
  blob.U32(static_cast<uint32_t>(named.size()), "Export.NumberOfNames");
  blob.Ref(Reference::kRva, "export.functions", "Export.AddressOfFunctions");
  blob.Ref(Reference::kRva, "export.names", "Export.AddressOfNames");
  blob.Ref(Reference::kRva, "export.ordinals", "Export.AddressOfNameOrdinals");
  blob.Label("export.functions");
  for (size_t i = 0; i < spec.exports.size(); ++i) {
    const bool forwarded = !spec.exports[i].forwarder.empty();
    blob.Ref(Reference::kRva,
             forwarded ? "export.forwarder." + std::to_string(i)
                       : spec.exports[i].place,
             "Export.Function[" + std::to_string(i) + "]");
  }
  blob.Label("export.names");
  for (size_t i = 0; i < named.size(); ++i) {
    blob.Ref(Reference::kRva, "export.name." + std::to_string(named[i]),
             "Export.Name[" + std::to_string(i) + "]");
  }
  blob.Label("export.ordinals");
  for (size_t i = 0; i < named.size(); ++i) {
    blob.U16(static_cast<uint32_t>(named[i]),
             "Export.Ordinal[" + std::to_string(i) + "]");
  }
  blob.Label("export.dll");
  blob.Text(spec.export_name);
  for (size_t i = 0; i < spec.exports.size(); ++i) {
    blob.Label("export.name." + std::to_string(i));
    blob.Text(spec.exports[i].name);
    if (spec.exports[i].forwarder.empty()) continue;
    blob.Label("export.forwarder." + std::to_string(i));
    blob.Text(spec.exports[i].forwarder);
  }
  blob.Label("export.end");
  return blob;
}

Blob RelocationTable(const std::vector<uint32_t>& rvas) {
  Blob blob;
  size_t next = 0;
  for (size_t block = 0; next < rvas.size(); ++block) {
    const uint32_t page = rvas[next] & ~0xfffu;
    size_t end = next;
    while (end < rvas.size() && (rvas[end] & ~0xfffu) == page) ++end;
    const size_t entries = (end - next + 1) / 2 * 2;
    blob.U32(page, Name("Reloc", block, "VirtualAddress"));
    blob.U32(static_cast<uint32_t>(8 + entries * 2),
             Name("Reloc", block, "SizeOfBlock"));
    for (; next < end; ++next) blob.U16(0x3000 | (rvas[next] & 0xfff));
    blob.Align(4);  // one ABSOLUTE entry
  }
  return blob;
}

}  // namespace detachfix::test
