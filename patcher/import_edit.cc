// SPDX-License-Identifier: Apache-2.0
// Adding an import to a linked image. A descriptor names a DLL, a lookup table
// (OriginalFirstThunk) and the slots (FirstThunk); the table of descriptors
// ends with one of zeros and usually has no room behind it, so it moves
// (PE/COFF specification, "The .idata Section"). What NT's loader asks besides,
// as far as public sources show it (ReactOS, dll/ntdll/ldr/ldrpe.c):
// - While it fills slots it makes writable only the range of the import address
//   table directory; without that directory, the section that holds the import
//   directory. Slots elsewhere must be writable by themselves, and a table that
//   moves to another section takes that help away from the old slots.
// - Where a bound import directory exists, only the descriptors in it are
//   walked. A new descriptor is seen only once that directory is gone; then
//   bound descriptors fall back on their lookup tables, which must exist.
//   OriginalFirstThunk below SizeOfHeaders counts as none.
// - A descriptor whose first slot is zero is taken for unused and passed over.
//   Hence the first slot of a descriptor needs bytes in the file: memory behind
//   the raw data, which the loader would give us for nothing, starts as zero.
//   A further slot of a descriptor may lie there.
// Time stamp 0 in a descriptor means not bound, -1 bound by the directory
// (winnt.h, IMAGE_IMPORT_DESCRIPTOR).
#include "patcher/import_edit.h"

#include <algorithm>

#include "patcher/ascii_text.h"
#include "patcher/bytes.h"
#include "patcher/hex_text.h"
#include "patcher/number_bytes.h"
#include "patcher/pe_format.h"

namespace detachfix {
namespace {

constexpr uint32_t kStampField = 4;  // TimeDateStamp, then ForwarderChain
/// A slot and the zero that ends its array.
constexpr uint32_t kSlotArraySize = 8;

bool IsNtdll(const std::string& dll) { return dll == "ntdll.dll"; }

/// DLLs that export kernel32's synchronisation functions under its names.
bool IsKernel32Family(const std::string& dll) {
  return dll == "kernel32.dll" || dll == "kernelbase.dll" ||
         dll.starts_with("api-ms-win-core-synch-");
}

bool IsDeleteFunction(const ImportName& import) {
  return (IsKernel32Family(import.dll) &&
          import.name == "DeleteCriticalSection") ||
         (IsNtdll(import.dll) && import.name == "RtlDeleteCriticalSection");
}

/// The functions that serve, the closest first. kernel32's is ntdll's. What the
/// section was initialised by may have been looked up in a DLL of which nothing
/// is imported, or be a C runtime's, which exports none that deletes.
std::vector<ImportName> DeleteFunctionsFor(const ImportName& initialised_by) {
  const ImportName rtl{"ntdll.dll", "RtlDeleteCriticalSection", std::nullopt};
  const ImportName win32{"kernel32.dll", "DeleteCriticalSection", std::nullopt};
  if (IsNtdll(initialised_by.dll)) return {rtl, win32};
  if (!IsKernel32Family(initialised_by.dll)) return {win32, rtl};
  return {{initialised_by.dll, win32.name, std::nullopt}, win32, rtl};
}

bool IsPresent(const DataDirectory& d) { return d.rva != 0 && d.size != 0; }

bool HasLookupTable(const PeImage& image, const ImportDescriptor& d) {
  return d.original_first_thunk >= image.size_of_headers;
}

/// Whether the loader treats `d` as bound while the bound directory exists.
bool IsBound(const PeImage& image, const ImportDescriptor& d) {
  if (d.time_date_stamp != 0) return true;
  return std::any_of(
      image.bound_imports.begin(), image.bound_imports.end(),
      [&](const BoundImport& bound) { return EqualNoCase(bound.dll, d.dll); });
}

Result<void> CheckLookupTables(const PeImage& image) {
  if (!IsPresent(image.directory(Directory::kBoundImport))) return {};
  for (const ImportDescriptor& d : image.imports) {
    if (!IsBound(image, d) || HasLookupTable(image, d)) continue;
    return Error{"the imports of " + d.dll +
                 " are bound and have no lookup table to fall back on"};
  }
  return {};
}

/// The bound directory's entry becomes zero. The table itself stays: nothing
/// reads it any more.
void ClearBoundDirectory(Draft& draft) {
  const PeImage& image = draft.image();
  if (!IsPresent(image.directory(Directory::kBoundImport))) return;
  draft.Replace(DirectoryOffset(image, Directory::kBoundImport),
                Bytes(kDataDirectorySize),
                "bound import directory cleared: the loader would walk it "
                "instead of the descriptors");
}

/// The section that the loader makes writable as a whole while it fills slots:
/// the one with the import directory, where no import address table directory
/// is. Nothing when that directory exists.
std::optional<size_t> UnprotectedSection(const PeImage& image) {
  if (IsPresent(image.directory(Directory::kImportAddressTable))) {
    return std::nullopt;
  }
  const Section* section =
      SectionAt(image, Rva{image.directory(Directory::kImport).rva});
  if (section == nullptr) return std::nullopt;
  return static_cast<size_t>(section - image.sections.data());
}

/// Whether some slot can be filled only because its section is unprotected.
bool SlotsNeedTheirSection(const PeImage& image) {
  return std::any_of(image.imports.begin(), image.imports.end(),
                     [&](const ImportDescriptor& d) {
                       const Section* s = SectionAt(image, Rva{d.first_thunk});
                       return s != nullptr && !s->IsWritable();
                     });
}

/// Takes the bytes from the section that holds the import directory, or, when
/// they may lie anywhere, from any.
std::optional<Piece> TakeNearImports(Draft& draft, Need need, bool anywhere) {
  const PeImage& image = draft.image();
  const Section* home =
      SectionAt(image, Rva{image.directory(Directory::kImport).rva});
  if (home != nullptr) {
    need.section = static_cast<size_t>(home - image.sections.data());
    std::optional<Piece> piece = draft.Take(need);
    if (piece || !anywhere) return piece;
  }
  need.section = std::nullopt;
  return draft.Take(need);
}

/// A slot array in the slack of the section with the import address table; the
/// directory is made to reach it, so that the loader may write there.
std::optional<Piece> TakeBehindAddressTable(Draft& draft) {
  const PeImage& image = draft.image();
  const DataDirectory& table = image.directory(Directory::kImportAddressTable);
  const Section* section = SectionAt(image, Rva{table.rva});
  if (!IsPresent(table) || section == nullptr) return std::nullopt;
  std::optional<Piece> piece =
      draft.Take({kSlotArraySize, 4, false, false,
                  static_cast<size_t>(section - image.sections.data())});
  if (!piece || piece->rva.value < table.rva) return std::nullopt;
  draft.Replace(
      DirectoryOffset(image, Directory::kImportAddressTable),
      DirectoryBytes(table.rva, piece->rva.value + piece->size - table.rva),
      "import address table directory -> also covers the new slot");
  return piece;
}

std::optional<Piece> TakeSlot(Draft& draft) {
  const PeImage& image = draft.image();
  std::optional<Piece> slot;
  const std::optional<size_t> unprotected = UnprotectedSection(image);
  if (unprotected) {
    slot = draft.Take({kSlotArraySize, 4, false, false, unprotected});
  }
  if (!slot) slot = draft.Take({kSlotArraySize, 4, false, true});
  // The new section would serve, but not at the price of code that is writable.
  if (slot && slot->kind != CaveKind::kNewSection) return slot;
  Draft other = draft;
  std::optional<Piece> behind = TakeBehindAddressTable(other);
  if (!behind) return slot;
  draft = std::move(other);
  return behind;
}

/// The hint/name entry of `function`; hint 0 makes the loader search by name.
Bytes HintName(const std::string& function) {
  Bytes bytes = {0, 0};
  bytes.insert(bytes.end(), function.begin(), function.end());
  bytes.push_back(0);
  return bytes;
}

const ImportDescriptor* DescriptorOf(const PeImage& image,
                                     const std::string& dll) {
  for (const ImportDescriptor& d : image.imports) {
    if (!d.functions.empty() && d.functions.front().name.dll == dll) return &d;
  }
  return nullptr;
}

std::optional<Piece> AddName(Draft& draft, const ImportName& function) {
  const Bytes name = HintName(function.name);
  std::optional<Piece> piece =
      TakeNearImports(draft, {static_cast<uint32_t>(name.size()), 2}, true);
  if (piece) draft.Fill(*piece, name, "name of " + ToText(function));
  return piece;
}

/// The descriptors as they stand, one for the new slot, and the end.
Bytes MovedTable(const PeImage& image, const ImportDescriptor& model,
                 uint32_t lookup, uint32_t slot) {
  const bool unbind = IsPresent(image.directory(Directory::kBoundImport));
  Bytes table;
  for (const ImportDescriptor& d : image.imports) {
    const auto begin = image.bytes.begin() + d.offset.value;
    table.insert(table.end(), begin, begin + kImportDescriptorSize);
    if (unbind) {
      std::fill_n(table.end() - kImportDescriptorSize + kStampField, 8,
                  uint8_t{0});
    }
  }
  for (uint32_t field : {lookup, 0u, 0u, model.name, slot}) {
    const Bytes bytes = ToBytes32(field);
    table.insert(table.end(), bytes.begin(), bytes.end());
  }
  table.resize(table.size() + kImportDescriptorSize);
  return table;
}

/// A descriptor of its own for the new slot, in a table that moves.
Result<DeleteSlot> AddDescriptor(Draft& draft, const ImportDescriptor& model,
                                 const ImportName& function) {
  const PeImage& image = draft.image();
  const std::optional<Piece> slot = TakeSlot(draft);
  if (!slot) return Error{"no free bytes that the loader may write for a slot"};
  const uint32_t size =
      (static_cast<uint32_t>(image.imports.size()) + 2) * kImportDescriptorSize;
  // With a slot that lies in a section the loader unprotects only as the home
  // of the table, the table has to stay there as well.
  const bool stay = UnprotectedSection(image).has_value() &&
                    (SlotsNeedTheirSection(image) ||
                     (slot->kind != CaveKind::kNewSection &&
                      !image.sections[slot->section].IsWritable()));
  const std::optional<Piece> table = TakeNearImports(draft, {size, 4}, !stay);
  if (!table) {
    return Error{"no " + HexNumber(size) + " free bytes " +
                 (stay ? "in the section of the import directory, which the "
                         "loader unprotects for the slots in it,"
                       : "to map") +
                 " for the import descriptors"};
  }
  const std::optional<Piece> lookup = TakeNearImports(draft, {8, 4}, true);
  const std::optional<Piece> name = AddName(draft, function);
  if (!lookup || !name) {
    return Error{"no free bytes to map for the lookup entry of " +
                 ToText(function)};
  }
  // The slot holds what the lookup entry does until the loader fills it.
  Bytes thunk = ToBytes32(name->rva.value);
  thunk.resize(kSlotArraySize);
  draft.Fill(*slot, thunk, "slot of " + ToText(function));
  draft.Fill(*lookup, thunk, "lookup entry of " + ToText(function));
  draft.Fill(*table,
             MovedTable(image, model, lookup->rva.value, slot->rva.value),
             "import descriptors, moved, and one more for " + ToText(function));
  draft.Replace(DirectoryOffset(image, Directory::kImport),
                DirectoryBytes(table->rva.value, size),
                "import directory -> moved descriptor table");
  ClearBoundDirectory(draft);
  return DeleteSlot{function, slot->rva};
}

/// Bytes of memory that `section` has once its VirtualSize is raised to the end
/// of its last page: behind the file's part they start as zero.
uint32_t MappedSize(const PeImage& image, const Section& section) {
  const uint32_t size = AlignUp(section.MemorySize(), image.section_alignment);
  const size_t next = static_cast<size_t>(&section - image.sections.data()) + 1;
  if (next >= image.sections.size()) return size;
  return std::min(size, image.sections[next].rva.value - section.rva.value);
}

/// Whether the zero behind `d`'s slots is free to become one: the loader may
/// write it, it is nobody's else, and nothing in the file stands there.
Result<void> CheckSpareSlot(const PeImage& image, const ImportDescriptor& d,
                            Rva slot) {
  const std::string place =
      "the word behind the slots of " + d.dll + " at " + HexNumber(slot.value);
  const Section* section = SectionAt(image, Rva{d.first_thunk});
  if (section == nullptr) return Error{place + " is in no section"};
  const uint32_t end = slot.value - section->rva.value + 4;
  const bool memory_only = end >= 4 + section->raw_size;
  if (end >
      (memory_only ? MappedSize(image, *section) : section->MemorySize())) {
    return Error{place + " is not in the section of the slots"};
  }
  if (!memory_only) {
    const std::optional<FileOffset> offset = ToOffset(image, slot);
    if (!offset || offset->value + 4 > image.bytes.size()) {
      return Error{place + " is not in the file"};
    }
    const auto begin = image.bytes.begin() + offset->value;
    if (std::any_of(begin, begin + 4, [](uint8_t b) { return b != 0; })) {
      return Error{place + " is not zero"};
    }
  }
  for (const ImportDescriptor& other : image.imports) {
    const uint32_t slots = static_cast<uint32_t>(other.functions.size()) * 4;
    if (slot.value - other.first_thunk >= slots) continue;
    return Error{place + " is a slot of " + other.dll};
  }
  const DataDirectory& table = image.directory(Directory::kImportAddressTable);
  if (IsPresent(table) && !section->IsWritable() &&
      uint64_t{slot.value} + 4 - table.rva > table.size) {
    return Error{place + " is outside the import address table directory"};
  }
  if (RelocationIn(image, slot, 4)) {
    return Error{place + " is rewritten by a base relocation"};
  }
  const std::optional<References::Found> found =
      References(image).Into(slot, 4);
  if (found) return Error{found->text + " leads to " + place};
  return {};
}

/// A loader that finds the DLL of the stamp would leave the slots as they are,
/// a new one too.
void Unbind(Draft& draft, const ImportDescriptor& d) {
  draft.Replace(d.offset + kStampField, Bytes(8),
                "import of " + d.dll + " no longer bound");
}

/// Unbinds the descriptors where they stand.
void ClearStamps(Draft& draft) {
  const PeImage& image = draft.image();
  if (!IsPresent(image.directory(Directory::kBoundImport))) return;
  for (const ImportDescriptor& d : image.imports) Unbind(draft, d);
}

/// A longer lookup table for the descriptor that is there; the zero that ends
/// its slots becomes the new one. The loader counts by the lookup table.
Result<DeleteSlot> WidenDescriptor(Draft& draft, const ImportDescriptor& d,
                                   const ImportName& function) {
  const PeImage& image = draft.image();
  if (!HasLookupTable(image, d)) {
    return Error{"the imports of " + d.dll +
                 " have no lookup table that could be made longer"};
  }
  const uint32_t count = static_cast<uint32_t>(d.functions.size());
  const Rva slot{d.first_thunk + 4 * count};
  Result<void> spare = CheckSpareSlot(image, d, slot);
  if (!spare) return spare.error();
  const std::optional<FileOffset> old =
      ToOffset(image, Rva{d.original_first_thunk});
  const uint32_t size = 4 * (count + 2);
  const std::optional<Piece> lookup = TakeNearImports(draft, {size, 4}, true);
  const std::optional<Piece> name = AddName(draft, function);
  if (!old || !lookup || !name) {
    return Error{"no " + HexNumber(size) +
                 " free bytes to map for a longer lookup table of " + d.dll};
  }
  const auto begin = image.bytes.begin() + old->value;
  Bytes table(begin, begin + 4 * static_cast<std::ptrdiff_t>(count));
  const Bytes added = ToBytes32(name->rva.value);
  table.insert(table.end(), added.begin(), added.end());
  table.resize(lookup->size);
  draft.Fill(*lookup, table,
             "lookup table of " + d.dll + ", moved, and one more entry");
  draft.Cover(slot, 4);
  draft.Replace(d.offset, ToBytes32(lookup->rva.value),
                "import of " + d.dll + " -> moved lookup table");
  if (!IsPresent(image.directory(Directory::kBoundImport)) &&
      d.time_date_stamp != 0) {
    Unbind(draft, d);  // the old style, which needs no directory
  }
  ClearStamps(draft);
  ClearBoundDirectory(draft);
  return DeleteSlot{function, slot};
}

}  // namespace

std::optional<DeleteSlot> ImportedDelete(const PeImage& image,
                                         const ImportName& initialised_by) {
  std::optional<DeleteSlot> found;
  for (const ImportDescriptor& d : image.imports) {
    for (const ImportedFunction& f : d.functions) {
      if (!IsDeleteFunction(f.name)) continue;
      if (f.name.dll == initialised_by.dll) return DeleteSlot{f.name, f.slot};
      if (!found) found = DeleteSlot{f.name, f.slot};
    }
  }
  return found;
}

Result<void> ClearBindings(Draft& draft) {
  Result<void> sound = CheckLookupTables(draft.image());
  if (!sound) return sound;
  ClearStamps(draft);
  ClearBoundDirectory(draft);
  return {};
}

Result<DeleteSlot> AddDeleteImport(Draft& draft,
                                   const ImportName& initialised_by) {
  const std::vector<ImportName> functions = DeleteFunctionsFor(initialised_by);
  const auto at = std::ranges::find_if(functions, [&](const ImportName& f) {
    return DescriptorOf(draft.image(), f.dll) != nullptr;
  });
  if (at == functions.end()) {
    return Error{"nothing is imported from " + functions.front().dll};
  }
  const ImportName& function = *at;
  const ImportDescriptor* model = DescriptorOf(draft.image(), function.dll);
  Result<void> sound = CheckLookupTables(draft.image());
  if (!sound) return sound.error();
  Draft first = draft;
  Result<DeleteSlot> added = AddDescriptor(first, *model, function);
  if (added) {
    draft = std::move(first);
    return added;
  }
  Result<DeleteSlot> widened = WidenDescriptor(draft, *model, function);
  if (widened) return widened;
  return Error{"a descriptor for " + ToText(function) + ": " +
               added.error().message +
               "; a longer lookup table: " + widened.error().message};
}

}  // namespace detachfix
