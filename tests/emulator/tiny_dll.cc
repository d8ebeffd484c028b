// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/tiny_dll.h"

#include <cassert>

#include "tests/emulator/pe_file.h"

namespace detachfix::emulator {
namespace {

constexpr uint32_t kRelocations = 0x4000;
constexpr uint32_t kImageSize = 0x5000;
constexpr uint32_t kHeaders = 0x400;
constexpr uint32_t kBoundImports = 0x300;  // within the headers, as BIND does
constexpr uint32_t kRawUnit = 0x200;
constexpr uint32_t kPe = 0x80;
constexpr uint32_t kOptional = kPe + 24;

void Put32(std::vector<uint8_t>& bytes, size_t at, uint32_t value) {
  if (bytes.size() < at + 4) bytes.resize(at + 4);
  for (size_t i = 0; i < 4; ++i) {
    bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
  }
}

void Put16(std::vector<uint8_t>& bytes, size_t at, uint32_t value) {
  if (bytes.size() < at + 2) bytes.resize(at + 2);
  bytes[at] = static_cast<uint8_t>(value);
  bytes[at + 1] = static_cast<uint8_t>(value >> 8);
}

/// Appends `text` with its zero; returns where it begins.
uint32_t PutText(std::vector<uint8_t>& bytes, const std::string& text) {
  uint32_t at = static_cast<uint32_t>(bytes.size());
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.push_back(0);
  return at;
}

/// Where each import's slots begin in .idata, and where they all end.
std::vector<uint32_t> SlotTables(const std::vector<TinyImport>& imports) {
  std::vector<uint32_t> tables;
  uint32_t at = static_cast<uint32_t>(imports.size() + 1) * 20;
  for (const TinyImport& import : imports) {
    tables.push_back(at);
    at += static_cast<uint32_t>(import.names.size() + 1) * 4;
  }
  tables.push_back(at);
  return tables;
}

std::vector<uint8_t> ImportSection(const std::vector<TinyImport>& imports) {
  std::vector<uint32_t> tables = SlotTables(imports);
  uint32_t slots_size = tables.back() - tables.front();
  std::vector<uint8_t> bytes(tables.back() + slots_size);
  for (size_t i = 0; i < imports.size(); ++i) {
    const TinyImport& import = imports[i];
    bool bound = !import.bound_addresses.empty();
    uint32_t slots = tables[i], lookup = tables[i] + slots_size;
    Put32(bytes, i * 20 + 0,
          import.has_lookup_table ? TinyDll::kImports + lookup : 0);
    Put32(bytes, i * 20 + 4, bound ? 0xffffffff : 0);
    uint32_t dll = PutText(bytes, import.dll);
    Put32(bytes, i * 20 + 12, TinyDll::kImports + dll);
    Put32(bytes, i * 20 + 16, TinyDll::kImports + slots);
    for (uint32_t j = 0; j < import.names.size(); ++j) {
      Put16(bytes, bytes.size(), 0);  // the hint
      uint32_t name = PutText(bytes, import.names[j]) - 2;
      Put32(bytes, lookup + j * 4, TinyDll::kImports + name);
      Put32(bytes, slots + j * 4,
            bound ? import.bound_addresses[j] : TinyDll::kImports + name);
    }
  }
  return bytes;
}

/// One block for .text, with the padding entry where the count is odd.
std::vector<uint8_t> RelocationSection(const std::vector<uint32_t>& fixups) {
  std::vector<uint8_t> bytes(8);
  for (uint32_t rva : fixups) {
    Put16(bytes, bytes.size(), 0x3000 | (rva & 0xfff));
  }
  if (fixups.size() % 2 != 0) Put16(bytes, bytes.size(), 0);
  Put32(bytes, 0, TinyDll::kText);
  Put32(bytes, 4, static_cast<uint32_t>(bytes.size()));
  return bytes;
}

/// The bound-import directory: rows of stamp, name offset, forwarder count.
std::vector<uint8_t> BoundImports(const std::vector<TinyImport>& imports) {
  std::vector<std::pair<std::string, uint32_t>> rows;
  std::vector<size_t> forwarders;
  for (const TinyImport& import : imports) {
    if (import.bound_addresses.empty()) continue;
    rows.emplace_back(import.dll, import.bound_stamp);
    forwarders.push_back(import.bound_forwarders.size());
    for (const auto& row : import.bound_forwarders) {
      rows.push_back(row);
      forwarders.push_back(0);
    }
  }
  if (rows.empty()) return {};
  std::vector<uint8_t> bytes((rows.size() + 1) * 8);
  for (size_t i = 0; i < rows.size(); ++i) {
    Put32(bytes, i * 8, rows[i].second);
    Put16(bytes, i * 8 + 4, PutText(bytes, rows[i].first));
    Put16(bytes, i * 8 + 6, static_cast<uint32_t>(forwarders[i]));
  }
  return bytes;
}

void PutDirectory(std::vector<uint8_t>& file, DirectoryIndex index,
                  uint32_t rva, size_t size) {
  Put32(file, kOptional + 96 + index * 8, rva);
  Put32(file, kOptional + 100 + index * 8, static_cast<uint32_t>(size));
}

void PutSection(std::vector<uint8_t>& file, size_t index, const char* name,
                const SectionHeader& section) {
  size_t at = kOptional + 0xe0 + index * 40;
  for (size_t i = 0; name[i] != 0; ++i) {
    file[at + i] = static_cast<uint8_t>(name[i]);
  }
  Put32(file, at + 8, section.size);
  Put32(file, at + 12, section.rva);
  Put32(file, at + 16, section.raw_size);
  Put32(file, at + 20, section.raw_offset);
  Put32(file, at + 36, section.characteristics);
}

}  // namespace

TinyDll::TinyDll(std::vector<TinyImport> imports)
    : imports_(std::move(imports)) {}

uint32_t TinyDll::SlotOf(const std::string& name) const {
  std::vector<uint32_t> tables = SlotTables(imports_);
  for (size_t i = 0; i < imports_.size(); ++i) {
    for (uint32_t j = 0; j < imports_[i].names.size(); ++j) {
      if (imports_[i].names[j] == name) return kImports + tables[i] + j * 4;
    }
  }
  assert(false);
  return 0;
}

TinyDll& TinyDll::Code(const std::vector<uint8_t>& bytes) {
  text_.insert(text_.end(), bytes.begin(), bytes.end());
  return *this;
}

TinyDll& TinyDll::CodeAt(const std::vector<uint8_t>& bytes, uint32_t rva) {
  Code(bytes);
  fixups_.push_back(end_of_text());
  Put32(text_, text_.size(), kBase + rva);
  return *this;
}

TinyDll& TinyDll::CallWithLock(const std::string& name, uint32_t offset) {
  CodeAt({0x68}, kLock + offset);
  return CodeAt({0xff, 0x15}, SlotOf(name));
}

std::vector<uint8_t> TinyDll::Build() const {
  std::vector<uint8_t> file(kHeaders);
  std::vector<uint8_t> bound = BoundImports(imports_);
  for (size_t i = 0; i < bound.size(); ++i) file[kBoundImports + i] = bound[i];
  Put16(file, 0, 0x5a4d);
  Put32(file, 0x3c, kPe);
  Put32(file, kPe, 0x4550);
  Put16(file, kPe + 4, 0x14c);
  Put16(file, kPe + 6, 4);
  Put16(file, kPe + 20, 0xe0);
  Put16(file, kPe + 22, 0x2102 | (relocations_stripped ? 1 : 0));
  Put16(file, kOptional, 0x10b);
  Put32(file, kOptional + 16, entry);
  Put32(file, kOptional + 28, kBase);
  Put32(file, kOptional + 32, kPage);
  Put32(file, kOptional + 36, kRawUnit);
  Put32(file, kOptional + 56, kImageSize);
  Put32(file, kOptional + 60, kHeaders);
  Put32(file, kOptional + 92, 16);

  std::vector<uint32_t> tables = SlotTables(imports_);
  std::vector<uint8_t> imports = ImportSection(imports_);
  std::vector<uint8_t> fixups = RelocationSection(fixups_);
  PutDirectory(file, kImportDirectory, kImports, tables.front());
  if (iat_directory) {
    PutDirectory(file, kIatDirectory, kImports + tables.front(),
                 tables.back() - tables.front());
  }
  if (relocations) {
    PutDirectory(file, kRelocationDirectory, kRelocations, fixups.size());
  }
  if (!bound.empty()) {
    PutDirectory(file, kBoundImportDirectory, kBoundImports, bound.size());
  }
  const std::vector<uint8_t>* contents[] = {&text_, &imports, nullptr, &fixups};
  const char* names[] = {".text", ".idata", ".data", ".reloc"};
  uint32_t flags[] = {writable_text ? 0xe0000020 : 0x60000020,
                      writable_imports ? 0xc0000040 : 0x40000040, 0xc0000040,
                      0x42000040};
  for (uint32_t i = 0; i < 4; ++i) {
    SectionHeader section;
    section.rva = kText + i * kPage;
    section.characteristics = flags[i];
    section.raw_offset = static_cast<uint32_t>(file.size());
    section.raw_size = kRawUnit;
    section.size = 0x100;
    if (contents[i]) {
      section.size = static_cast<uint32_t>(contents[i]->size());
      section.raw_size = static_cast<uint32_t>(RoundUp(section.size, kRawUnit));
      file.insert(file.end(), contents[i]->begin(), contents[i]->end());
    }
    file.resize(section.raw_offset + section.raw_size);
    if (i == 0 && text_virtual_size != 0) section.size = text_virtual_size;
    PutSection(file, i, names[i], section);
  }
  Put32(file, kOptional + 64, ImageChecksum(file, kOptional + 64));
  return file;
}

}  // namespace detachfix::emulator
