// SPDX-License-Identifier: Apache-2.0
// Lays the blobs out, resolves the references, writes headers and overrides.
#include "tests/support/pe_builder.h"

#include <algorithm>
#include <stdexcept>

#include "patcher/pe_checksum.h"
#include "tests/support/pe_tables.h"

namespace detachfix::test {

namespace {

constexpr uint32_t kPeOffset = 0x80;
constexpr uint32_t kOptionalHeaderOffset = kPeOffset + 24;
constexpr uint32_t kSectionTableOffset = kOptionalHeaderOffset + 224;

struct Placed {
  SectionSpec spec;
  Blob blob;
  uint32_t rva = 0;
  uint32_t raw_offset = 0;
  uint32_t virtual_size = 0;
  uint32_t raw_size = 0;
};

uint32_t RoundUp(uint32_t value, uint32_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

class Builder {
 public:
  explicit Builder(const PeSpec& spec) : spec_(spec) {}
  BuiltPe Build();

 private:
  void CollectSections();
  void AddSection(const std::string& name, uint32_t flags, Blob blob);
  void Place(Placed& section, uint32_t previous);
  void CollectPlaces();
  uint32_t Resolve(const std::string& place) const;
  void ResolveFixups();
  void AddRelocations();
  void WriteHeaders(Blob& out);
  void WriteOptionalHeader(Blob& out);
  void WriteDirectories(Blob& out);
  void WriteSections(Blob& out);
  void WriteTail(Blob& out);
  uint32_t Size(const std::string& table) const;
  uint32_t SumOf(uint32_t flag) const;
  uint32_t EndOfRawData() const;

  const PeSpec& spec_;
  Blob bound_;
  std::vector<Placed> sections_;
  std::map<std::string, uint32_t> places_;
  uint32_t size_of_headers_ = 0;
  uint32_t relocation_size_ = 0;
  uint32_t certificate_offset_ = 0;
};

void Builder::AddSection(const std::string& name, uint32_t flags, Blob blob) {
  if (blob.bytes.empty()) return;
  sections_.push_back({{name, "", flags}, std::move(blob)});
}

void Builder::CollectSections() {
  for (const SectionSpec& section : spec_.sections) {
    sections_.push_back({section, ParseContent(section.content)});
  }
  if (!spec_.imports.empty()) {
    AddSection(".idata", kDataFlags, ImportTables(spec_));
  }
  if (!spec_.exports.empty() || !spec_.export_name.empty()) {
    AddSection(".edata", kReadOnlyFlags, ExportTables(spec_));
  }
  // The record's offset is known only after all sections are placed.
  AddSection(".rdata", kReadOnlyFlags, DebugAndTlsTables(spec_, 0));
  if (!spec_.version.empty()) {
    AddSection(".rsrc", kReadOnlyFlags, VersionTables(spec_));
  }
}

void Builder::Place(Placed& section, uint32_t index) {
  section.virtual_size = section.spec.virtual_size != 0
                             ? section.spec.virtual_size
                             : section.blob.size();
  section.raw_size = RoundUp(section.blob.size(), spec_.file_alignment);
  if (index == 0) {
    section.rva = RoundUp(size_of_headers_, spec_.section_alignment);
    section.raw_offset = size_of_headers_;
    return;
  }
  const Placed& before = sections_[index - 1];
  const uint32_t memory = std::max({before.virtual_size, before.raw_size, 1u});
  section.rva = RoundUp(before.rva + memory, spec_.section_alignment);
  section.raw_offset = before.raw_offset + before.raw_size;
}

void Builder::CollectPlaces() {
  for (const Placed& section : sections_) {
    places_[section.spec.name] = section.rva;
    for (const auto& [label, offset] : section.blob.labels) {
      if (!places_.emplace(label, section.rva + offset).second) {
        throw std::logic_error("label twice: " + label);
      }
    }
  }
}

uint32_t Builder::Resolve(const std::string& place) const {
  const size_t plus = place.rfind("+0x");
  const std::string base = place.substr(0, plus);
  uint32_t added = 0;
  if (plus != std::string::npos) {
    added =
        static_cast<uint32_t>(std::stoul(place.substr(plus + 1), nullptr, 16));
  }
  if (const auto found = places_.find(base); found != places_.end()) {
    return found->second + added;
  }
  if (!base.starts_with("0x")) throw std::logic_error("no place: " + place);
  return static_cast<uint32_t>(std::stoul(base, nullptr, 16)) + added;
}

void Builder::ResolveFixups() {
  for (Placed& section : sections_) {
    for (const Fixup& fixup : section.blob.fixups) {
      const uint32_t at = section.rva + fixup.offset;
      uint32_t value = Resolve(fixup.place);
      size_t width = 4;
      if (fixup.kind == Reference::kVa) value += spec_.image_base;
      if (fixup.kind == Reference::kRelative32) value -= at + 4;
      if (fixup.kind == Reference::kRelative8) {
        value -= at + 1;
        width = 1;
        if (value + 128 > 255) {
          throw std::logic_error("too far for 8 bits: " + fixup.place);
        }
      }
      for (size_t i = 0; i < width; ++i) {
        section.blob.bytes[fixup.offset + i] =
            static_cast<uint8_t>(value >> (8 * i));
      }
    }
  }
}

void Builder::AddRelocations() {
  if (!spec_.relocations) return;
  std::vector<uint32_t> rvas;
  for (const Placed& section : sections_) {
    for (const Fixup& fixup : section.blob.fixups) {
      if (fixup.kind != Reference::kVa) continue;
      rvas.push_back(section.rva + fixup.offset);
    }
  }
  std::sort(rvas.begin(), rvas.end());
  Blob table = RelocationTable(rvas);
  relocation_size_ = table.size();
  AddSection(".reloc", kDiscardFlags, std::move(table));
}

uint32_t Builder::Size(const std::string& table) const {
  return places_.at(table + ".end") - places_.at(table + ".begin");
}

uint32_t Builder::SumOf(uint32_t flag) const {
  uint32_t sum = 0;
  for (const Placed& section : sections_) {
    if (section.spec.characteristics & flag) sum += section.raw_size;
  }
  return sum;
}

uint32_t Builder::EndOfRawData() const {
  if (sections_.empty()) return size_of_headers_;
  return sections_.back().raw_offset + sections_.back().raw_size;
}

void Builder::WriteHeaders(Blob& out) {
  out.U16(0x5a4d, "e_magic");
  out.Zero(0x3a);
  out.U32(kPeOffset, "e_lfanew");
  out.Zero(kPeOffset - out.size());
  out.U32(0x4550, "Signature");
  out.U16(spec_.machine, "Machine");
  out.U16(static_cast<uint32_t>(sections_.size()), "NumberOfSections");
  out.U32(spec_.time_date_stamp, "TimeDateStamp");
  out.U32(0, "PointerToSymbolTable");
  out.U32(0, "NumberOfSymbols");
  out.U16(224, "SizeOfOptionalHeader");
  out.U16(spec_.characteristics, "Characteristics");
  WriteOptionalHeader(out);
  WriteDirectories(out);
}

void Builder::WriteOptionalHeader(Blob& out) {
  const Placed* last = sections_.empty() ? nullptr : &sections_.back();
  out.U16(0x10b, "Magic");
  out.U8(3, "MajorLinkerVersion");
  out.U8(10, "MinorLinkerVersion");
  out.U32(SumOf(0x20), "SizeOfCode");
  out.U32(SumOf(0x40), "SizeOfInitializedData");
  out.U32(0, "SizeOfUninitializedData");
  out.U32(spec_.entry.empty() ? 0 : Resolve(spec_.entry),
          "AddressOfEntryPoint");
  out.U32(0x1000, "BaseOfCode");
  out.U32(0x2000, "BaseOfData");
  out.U32(spec_.image_base, "ImageBase");
  out.U32(spec_.section_alignment, "SectionAlignment");
  out.U32(spec_.file_alignment, "FileAlignment");
  for (const char* name : {"OperatingSystemVersion", "ImageVersion"}) {
    out.U32(4, name);
  }
  out.U32(4, "SubsystemVersion");
  out.U32(0, "Win32VersionValue");
  const uint32_t end =
      last ? last->rva + std::max(last->virtual_size, 1u) : size_of_headers_;
  out.U32(RoundUp(end, spec_.section_alignment), "SizeOfImage");
  out.U32(size_of_headers_, "SizeOfHeaders");
  out.U32(0, "CheckSum");
  out.U16(2, "Subsystem");
  out.U16(0, "DllCharacteristics");
  out.U32(0x40000, "SizeOfStackReserve");
  out.U32(0x1000, "SizeOfStackCommit");
  out.U32(0x100000, "SizeOfHeapReserve");
  out.U32(0x1000, "SizeOfHeapCommit");
  out.U32(0, "LoaderFlags");
  out.U32(16, "NumberOfRvaAndSizes");
}

void Builder::WriteDirectories(Blob& out) {
  std::map<int, std::pair<uint32_t, uint32_t>> directories;
  const std::pair<int, const char*> tables[] = {
      {0, "export"}, {1, "import"}, {2, "resource"}, {6, "debug"}, {9, "tls"}};
  for (const auto& [index, name] : tables) {
    const std::string table = name;
    if (!places_.contains(table + ".begin")) continue;
    directories[index] = {places_.at(table + ".begin"), Size(table)};
  }
  if (!spec_.imports.empty() && spec_.iat_directory) {
    directories[12] = {places_.at("iat.begin"), Size("iat")};
  }
  if (relocation_size_ != 0) {
    directories[5] = {sections_.back().rva, relocation_size_};
  }
  if (!spec_.certificate.empty()) {
    directories[4] = {
        certificate_offset_,
        RoundUp(8 + static_cast<uint32_t>(spec_.certificate.size()), 8)};
  }
  if (!bound_.bytes.empty()) {
    const uint32_t headers = static_cast<uint32_t>(sections_.size()) * 40;
    directories[11] = {kSectionTableOffset + headers, bound_.size()};
  }
  for (int i = 0; i < 16; ++i) {
    const std::string name = "Directory[" + std::to_string(i) + "].";
    out.U32(directories[i].first, name + "Rva");
    out.U32(directories[i].second, name + "Size");
  }
}

void Builder::WriteSections(Blob& out) {
  for (size_t i = 0; i < sections_.size(); ++i) {
    const Placed& section = sections_[i];
    const std::string field = "Section[" + std::to_string(i) + "].";
    std::string name = section.spec.name;
    name.resize(8);
    out.bytes.insert(out.bytes.end(), name.begin(), name.end());
    out.U32(section.virtual_size, field + "VirtualSize");
    out.U32(section.rva, field + "VirtualAddress");
    out.U32(section.raw_size, field + "SizeOfRawData");
    out.U32(section.raw_size == 0 ? 0 : section.raw_offset,
            field + "PointerToRawData");
    out.Zero(12);
    out.U32(section.spec.characteristics, field + "Characteristics");
  }
  for (const auto& [name, field] : bound_.fields) {
    out.fields[name] = {out.size() + field.offset, field.size};
  }
  out.bytes.insert(out.bytes.end(), bound_.bytes.begin(), bound_.bytes.end());
  for (const Placed& section : sections_) {
    if (section.raw_size == 0) continue;
    out.Zero(section.raw_offset - out.size());
    for (const auto& [name, field] : section.blob.fields) {
      out.fields[name] = {out.size() + field.offset, field.size};
    }
    out.bytes.insert(out.bytes.end(), section.blob.bytes.begin(),
                     section.blob.bytes.end());
    out.Zero(section.raw_offset + section.raw_size - out.size());
  }
  if (sections_.empty()) out.Zero(size_of_headers_ - out.size());
}

void Builder::WriteTail(Blob& out) {
  if (spec_.debug_misc) {
    const Blob record = DebugMiscRecord(*spec_.debug_misc);
    out.bytes.insert(out.bytes.end(), record.bytes.begin(), record.bytes.end());
  }
  out.bytes.insert(out.bytes.end(), spec_.overlay.begin(), spec_.overlay.end());
  if (spec_.certificate.empty()) return;
  out.Align(8);
  out.U32(8 + static_cast<uint32_t>(spec_.certificate.size()),
          "Certificate.dwLength");
  out.U16(0x200, "Certificate.wRevision");
  out.U16(2, "Certificate.wCertificateType");
  out.bytes.insert(out.bytes.end(), spec_.certificate.begin(),
                   spec_.certificate.end());
  out.Align(8);
}

BuiltPe Builder::Build() {
  bound_ = BoundImportTable(spec_);
  CollectSections();
  const uint32_t header_count = static_cast<uint32_t>(sections_.size()) + 1;
  size_of_headers_ =
      RoundUp(kSectionTableOffset + header_count * 40 + bound_.size(),
              spec_.file_alignment);
  for (uint32_t i = 0; i < sections_.size(); ++i) Place(sections_[i], i);
  CollectPlaces();
  AddRelocations();
  if (relocation_size_ != 0) {
    Place(sections_.back(), static_cast<uint32_t>(sections_.size()) - 1);
    places_[".reloc"] = sections_.back().rva;
  }
  for (Placed& section : sections_) {
    if (section.spec.name != ".rdata" || !section.spec.content.empty())
      continue;
    section.blob = DebugAndTlsTables(spec_, EndOfRawData());
  }
  ResolveFixups();
  certificate_offset_ =
      RoundUp(EndOfRawData() + (spec_.debug_misc ? 0x110 : 0) +
                  static_cast<uint32_t>(spec_.overlay.size()),
              8);
  Blob out;
  WriteHeaders(out);
  WriteSections(out);
  WriteTail(out);
  return {out.bytes, out.fields, places_};
}

void Put(BuiltPe& pe, const std::string& name, uint32_t value) {
  const auto found = pe.fields.find(name);
  if (found == pe.fields.end()) throw std::logic_error("no field: " + name);
  for (uint32_t i = 0; i < found->second.size; ++i) {
    pe.bytes[found->second.offset + i] = static_cast<uint8_t>(value >> (8 * i));
  }
}

}  // namespace

BuiltPe BuildPe(const PeSpec& spec) {
  BuiltPe pe = Builder(spec).Build();
  bool own_checksum = false;
  for (const auto& [name, value] : spec.overrides) {
    Put(pe, name, value);
    own_checksum = own_checksum || name == "CheckSum";
  }
  if (!own_checksum) {
    const FileOffset at{pe.fields.at("CheckSum").offset};
    Put(pe, "CheckSum", PeChecksum(pe.bytes, at));
  }
  return pe;
}

}  // namespace detachfix::test
