// SPDX-License-Identifier: Apache-2.0
// Two readers must give one answer. What LIEF reads reliably is compared with
// what was read here from the bytes; plain header fields that nothing was
// checked against are LIEF's alone.
#include <algorithm>

#include "patcher/bytes.h"
#include "patcher/hex_text.h"
#include "patcher/image_reader.h"
#include "patcher/pe_format.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

// LIEF 0.9 looks for tables at whole sectors, also where FileAlignment is less
// and the sections begin between them: there nothing can be compared.

Error Disagree(const std::string& what, uint64_t lief, uint64_t file) {
  return Error{what + " is " + HexNumber(file) + " in the file, LIEF reads " +
               HexNumber(lief)};
}

struct Compared {
  const char* name;
  uint64_t lief;
  uint64_t file;
};

Result<void> CompareAll(const std::string& prefix,
                        std::initializer_list<Compared> fields) {
  for (const Compared& field : fields) {
    if (field.lief == field.file) continue;
    return Disagree(prefix + field.name, field.lief, field.file);
  }
  return {};
}

Result<void> CompareHeaders(const PeImage& image, const LiefFile& lief) {
  return CompareAll(
      "",
      {{"Machine", lief.machine, image.machine},
       {"Characteristics", lief.characteristics, image.characteristics},
       {"AddressOfEntryPoint", lief.entry_point, image.entry_point.value},
       {"ImageBase", lief.image_base, image.image_base},
       {"SectionAlignment", lief.section_alignment, image.section_alignment},
       {"FileAlignment", lief.file_alignment, image.file_alignment},
       {"SizeOfImage", lief.size_of_image, image.size_of_image},
       {"SizeOfHeaders", lief.size_of_headers, image.size_of_headers},
       {"number of sections", lief.sections.size(), image.sections.size()}});
}

// Not where their content stands, which is another place in what LIEF is given
// (lief_copy.h).
Result<void> CompareTables(const PeImage& image, const LiefFile& lief) {
  const ByteReader reader(image.bytes);
  for (size_t i = 0; i < image.sections.size(); ++i) {
    const Section& ours = image.sections[i];
    const LiefSection& theirs = lief.sections[i];
    const uint32_t virtual_size = *reader.U32(ours.header_offset.value + 8);
    Result<void> ok = CompareAll(
        SectionText(image, i) + ": ",
        {{"VirtualAddress", theirs.rva, ours.rva.value},
         {"VirtualSize", theirs.virtual_size,
          virtual_size != 0 ? virtual_size : ours.MemorySize()},
         {"Characteristics", theirs.characteristics, ours.characteristics}});
    if (!ok) return ok;
  }
  const size_t count =
      std::min<size_t>(image.directory_count, lief.directories.size());
  for (size_t i = 0; i < count; ++i) {
    // What LIEF is given has some directories cleared.
    const LiefDirectory& theirs = lief.directories[i];
    if (theirs.rva == 0) continue;
    Result<void> ok =
        CompareAll("data directory " + std::to_string(i) + ": ",
                   {{"VirtualAddress", theirs.rva, image.directories[i].rva},
                    {"Size", theirs.size, image.directories[i].size}});
    if (!ok) return ok;
  }
  return {};
}

// LIEF is given the lookup table for the slots (see pe_image.cc), so the place
// of a function in it is compared.
Result<void> CompareFunctions(const ImportDescriptor& ours,
                              const LiefImport& theirs) {
  for (size_t i = 0; i < ours.functions.size(); ++i) {
    const ImportedFunction& function = ours.functions[i];
    const uint32_t place = function.slot.value - ours.first_thunk;
    const bool same =
        i < theirs.functions.size() &&
        theirs.functions[i].slot - theirs.first_slot == place &&
        theirs.functions[i].name == function.name.name &&
        theirs.functions[i].ordinal == function.name.ordinal.value_or(0);
    if (same) continue;
    return Error{"LIEF reads another function than " +
                 Printable(ToText(function.name)) + " for the slot at RVA " +
                 HexNumber(function.slot.value)};
  }
  return {};
}

// LIEF 0.9 gives one function only where there is no lookup table, none where
// it is empty, and drops DLLs with names of less than four characters. It may
// also read on behind the end of the table.
bool LiefReads(const PeImage& image, const ImageReader& reader,
               const ImportDescriptor& import) {
  constexpr size_t kShortestName = 4;
  return import.original_first_thunk >= image.size_of_headers &&
         reader.U32(import.original_first_thunk).value_or(0) != 0 &&
         import.dll.size() >= kShortestName &&
         Printable(import.dll) == import.dll;
}

Result<void> CompareImports(const PeImage& image, const LiefFile& lief) {
  const ImageReader reader(image);
  auto theirs = lief.imports.begin();
  for (const ImportDescriptor& ours : image.imports) {
    if (!LiefReads(image, reader, ours)) continue;
    // Both go by the table, so what comes next stands behind this.
    theirs =
        std::find_if(theirs, lief.imports.end(), [&](const LiefImport& import) {
          return import.lookup_table == ours.original_first_thunk &&
                 import.dll == ours.dll;
        });
    if (theirs == lief.imports.end()) {
      return Error{"LIEF reads no import of " + Printable(ours.dll) +
                   " with its slots at RVA " + HexNumber(ours.first_thunk)};
    }
    if (Result<void> ok = CompareFunctions(ours, *theirs); !ok) return ok;
    ++theirs;
  }
  return {};
}

}  // namespace

Result<void> AgreeOnRelocations(const PeImage& image, const LiefFile& lief) {
  if (image.file_alignment < kSectorSize) return {};
  constexpr uint8_t kHighAdj = 4;
  std::vector<BaseRelocation> theirs;
  theirs.reserve(lief.relocations.size());
  for (size_t i = 0; i < lief.relocations.size(); ++i) {
    const LiefRelocation& relocation = lief.relocations[i];
    if (relocation.type == 0) continue;
    theirs.push_back({Rva{relocation.rva}, relocation.type});
    // What follows is its parameter, unless the block ends before.
    if (relocation.type == kHighAdj && !relocation.ends_block) ++i;
  }
  if (theirs.size() != image.relocations.size()) {
    return Disagree("number of base relocations", theirs.size(),
                    image.relocations.size());
  }
  SortByRva(theirs);
  for (size_t i = 0; i < theirs.size(); ++i) {
    const BaseRelocation& ours = image.relocations[i];
    if (theirs[i].rva == ours.rva && theirs[i].type == ours.type) continue;
    return Disagree("base relocation " + std::to_string(i + 1),
                    theirs[i].rva.value, ours.rva.value);
  }
  return {};
}

Result<void> AgreeWithLief(PeImage& image, const LiefFile& lief) {
  image.time_date_stamp = lief.time_date_stamp;
  image.major_linker_version = lief.major_linker_version;
  image.minor_linker_version = lief.minor_linker_version;
  image.checksum = lief.checksum;
  image.dll_characteristics = static_cast<uint16_t>(lief.dll_characteristics);
  Result<void> ok = CompareHeaders(image, lief);
  if (ok) ok = CompareTables(image, lief);
  if (ok && image.file_alignment >= kSectorSize)
    ok = CompareImports(image, lief);
  return ok;
}

}  // namespace detachfix
