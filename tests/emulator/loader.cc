// SPDX-License-Identifier: Apache-2.0
// The behaviour is that of ReactOS dll/ntdll/ldr/ldrpe.c, a re-implementation:
// - A file with a bound-import directory has only the descriptors named there
//   looked at. Where a stamp differs or the module is not at its preferred
//   base, also for a forwarder's module, the first import descriptor of that
//   name is snapped; otherwise its slots are used as the file holds them.
// - Without that directory a descriptor's own stamp may say what it is bound to
//   (the old way; winnt.h on IMAGE_IMPORT_DESCRIPTOR). Its slots are then held
//   to be right where the stamp fits. A stamp of -1 refers to the directory, so
//   it may not stand without one.
// - Snapping makes only the import-address-table directory writable; where
//   there is none, the section that holds the import directory. Any other slot
//   must lie in a writable section.
// Stricter in one point: the directory is taken to the byte, not to the page.
#include "tests/emulator/loader.h"

#include <algorithm>

namespace detachfix::emulator {
namespace {

Result<void> CheckChecksum(const PeHeaders& headers,
                           std::span<const uint8_t> file) {
  uint32_t sum = ImageChecksum(file, headers.checksum_offset);
  if (headers.checksum == sum) return {};
  return Error{"CheckSum is " + Hex(headers.checksum) + ", the file sums to " +
               Hex(sum)};
}

/// Adds `delta` to what `place` names. HIGHADJ is the high half of an address
/// whose low half, which stands in another instruction, counts as signed: the
/// sum is rounded (PE/COFF specification; ReactOS dll/ntdll/ldr, HIGHADJ).
void RelocateOne(const Relocation& place, uint32_t delta,
                 PreparedImage& draft) {
  uint32_t word = *draft.Read().U32(place.rva);
  uint32_t low = word & 0xffff, high = word & 0xffff0000;
  switch (place.type) {
    case Relocation::Type::kHighLow:
      return draft.Write32(place.rva, word + delta);
    case Relocation::Type::kLow:
      return draft.Write32(place.rva, high | ((low + delta) & 0xffff));
    case Relocation::Type::kHighAdj: {
      uint32_t address =
          (low << 16) +
          static_cast<uint32_t>(static_cast<int16_t>(place.low_half)) + delta;
      draft.Write32(place.rva, high | ((address + 0x8000) >> 16));
    }
  }
}

Result<void> Relocate(PreparedImage& draft) {
  const PeHeaders& headers = draft.image.headers;
  uint32_t delta = draft.image.base - headers.image_base;
  if (headers.relocations_stripped() ||
      headers.directories[kRelocationDirectory].rva == 0) {
    return Error{"no relocations, so it cannot be loaded at " +
                 Hex(draft.image.base)};
  }
  Result<std::vector<Relocation>> places =
      ReadRelocations(headers, draft.Read());
  if (!places) return places.error();
  for (const Relocation& place : *places) RelocateOne(place, delta, draft);
  return {};
}

/// True when the loader can write a slot at `rva` while it snaps.
bool IsSlotWritable(const PeHeaders& headers, uint32_t rva) {
  const SectionHeader* section = headers.SectionAt(rva);
  if (!section || rva + 4 > section->end()) return false;
  if (section->writable()) return true;
  DirectoryEntry table = headers.directories[kIatDirectory];
  if (table.rva != 0) {
    return rva >= table.rva && rva + 4 <= table.rva + table.size;
  }
  return headers.SectionAt(headers.directories[kImportDirectory].rva) ==
         section;
}

Result<void> Snap(const ImportRow& row, PreparedImage& draft,
                  FakeSystem& system) {
  system.Load(row.dll);
  uint32_t lookup = row.lookup_rva != 0 ? row.lookup_rva : row.slots_rva;
  Result<std::vector<std::string>> names =
      ReadLookupTable(lookup, draft.Read());
  if (!names) {
    return Error{"imports of " + row.dll + ": " + names.error().message};
  }
  for (uint32_t i = 0; i < names->size(); ++i) {
    uint32_t slot = row.slots_rva + i * 4;
    if (!IsSlotWritable(draft.image.headers, slot)) {
      return Error{"the slot of " + row.dll + "!" + (*names)[i] + " at " +
                   Hex(slot) + " is read-only while imports are snapped"};
    }
    draft.Write32(slot, system.AddressOf(row.dll, (*names)[i]));
  }
  return {};
}

bool IsStale(const BoundRow& row, FakeSystem& system) {
  const FakeModule& module = system.Load(row.dll);
  if (module.stamp != row.stamp || !module.at_preferred_base) return true;
  return std::any_of(
      row.forwarders.begin(), row.forwarders.end(),
      [&system](const BoundRow& other) { return IsStale(other, system); });
}

/// Fails when a slot that the loader leaves alone does not hold the address
/// that its lookup entry asks for.
Result<void> CheckBoundSlots(const ImportRow& row, const PreparedImage& draft,
                             FakeSystem& system) {
  if (row.lookup_rva == 0) return {};
  Result<std::vector<std::string>> names =
      ReadLookupTable(row.lookup_rva, draft.Read());
  if (!names) return names.error();
  for (uint32_t i = 0; i < names->size(); ++i) {
    uint32_t slot = row.slots_rva + i * 4;
    std::optional<uint32_t> held = draft.Read().U32(slot);
    uint32_t right = system.AddressOf(row.dll, (*names)[i]);
    if (held == right) continue;
    return Error{"the bound slot of " + row.dll + "!" + (*names)[i] + " at " +
                 Hex(slot) + " holds " + Hex(held.value_or(0)) + ", not " +
                 Hex(right)};
  }
  return {};
}

Result<void> WalkBoundImports(const std::vector<BoundRow>& bound,
                              const std::vector<ImportRow>& imports,
                              PreparedImage& draft, FakeSystem& system) {
  draft.image.binding = Binding::kValid;
  for (const BoundRow& row : bound) {
    auto import = std::find_if(
        imports.begin(), imports.end(),
        [&row](const ImportRow& other) { return other.dll == row.dll; });
    if (import == imports.end()) {
      return Error{"no import descriptor for the bound " + row.dll};
    }
    Result<void> good;
    if (IsStale(row, system)) {
      draft.image.binding = Binding::kStale;
      good = Snap(*import, draft, system);
    } else {
      good = CheckBoundSlots(*import, draft, system);
    }
    if (!good) return good.error();
  }
  return {};
}

Result<void> ResolveImports(PreparedImage& draft, FakeSystem& system) {
  const PeHeaders& headers = draft.image.headers;
  Result<std::vector<ImportRow>> imports = ReadImports(headers, draft.Read());
  if (!imports) return imports.error();
  Result<std::vector<BoundRow>> bound = ReadBoundImports(headers, draft.Read());
  if (!bound) return bound.error();
  if (!bound->empty()) {
    return WalkBoundImports(*bound, *imports, draft, system);
  }
  for (const ImportRow& row : *imports) {
    if (row.stamp == ImportRow::kSeeDirectory) {
      return Error{"the descriptor of " + row.dll +
                   " says that it is bound, and there is no bound-import "
                   "directory"};
    }
    Result<void> good;
    if (row.stamp != 0 && !IsStale({row.dll, row.stamp, {}}, system)) {
      draft.image.binding = Binding::kValid;
      good = CheckBoundSlots(row, draft, system);
    } else {
      good = Snap(row, draft, system);
    }
    if (!good) return good.error();
  }
  return {};
}

/// The TLS directory: an index is given out (always 1 here), the callbacks are
/// called before the entry (PE/COFF specification 6.7).
Result<void> ReadTls(PreparedImage& draft) {
  LoadedImage& image = draft.image;
  uint32_t table = image.headers.directories[kTlsDirectory].rva;
  if (table == 0) return {};
  std::optional<uint32_t> index = draft.Read().U32(uint64_t{table} + 8);
  std::optional<uint32_t> list = draft.Read().U32(uint64_t{table} + 12);
  if (!index || !list || !image.Contains(*index)) {
    return Error{"the TLS directory is damaged"};
  }
  draft.Write32(*index - image.base, 1);
  uint32_t first = *draft.Read().U32(table), end = *draft.Read().U32(table + 4);
  if (image.Contains(first) && image.Contains(end - 1) && end - first < 0x400) {
    image.tls_template.assign(draft.bytes.data() + (first - image.base),
                              draft.bytes.data() + (end - image.base));
  }
  for (uint32_t at = *list; at != 0; at += 4) {
    std::optional<uint32_t> callback = draft.Read().U32(at - image.base);
    if (!callback) return Error{"the TLS callbacks leave the image"};
    if (*callback == 0) break;
    image.tls_callbacks.push_back(*callback);
  }
  return {};
}

Result<void> MapDraft(const PreparedImage& draft, FakeSystem& system,
                      Machine& machine) {
  const LoadedImage& image = draft.image;
  uint64_t end = image.base + draft.bytes.size();
  if (end > 0x7ff00000) return Error{"ends at " + Hex(end)};
  for (uint64_t page = image.base; page < end; page += kPage) {
    uint32_t at = static_cast<uint32_t>(page);
    if (machine.FindPages(at, 1) || system.FirstIn(at, at + kPage)) {
      return Error{"the address " + Hex(page) + " is taken"};
    }
  }
  machine.Map(
      {"headers", image.base, image.base + image.headers.headers_size, kRead});
  for (const SectionHeader& section : image.headers.sections) {
    int access = (section.readable() ? kRead : 0) |
                 (section.writable() ? kRead | kWrite : 0) |
                 (section.executable() ? kRead | kExecute : 0);
    machine.Map({section.name, image.base + section.rva,
                 image.base + section.end(), access});
  }
  for (uint32_t rva = 0; rva < draft.bytes.size(); rva += kPage) {
    // SectionAlignment above a page leaves holes that nothing is mapped in.
    if (!machine.FindPages(image.base + rva, 1)) continue;
    machine.Poke(image.base + rva, std::span(draft.bytes).subspan(rva, kPage));
  }
  return {};
}

}  // namespace

Result<PreparedImage> PrepareImage(std::span<const uint8_t> file,
                                   const LoadOptions& options,
                                   FakeSystem& system) {
  Result<PeHeaders> headers = ReadHeaders(file);
  if (!headers) return headers.error();
  if (headers->machine != options.machine) {
    return Error{"machine is " + Hex(headers->machine)};
  }
  if (options.verify_checksum) {
    Result<void> good = CheckChecksum(*headers, file);
    if (!good) return good.error();
  }
  PreparedImage draft;
  draft.image.headers = *headers;
  draft.image.base = options.base.value_or(headers->image_base);
  draft.bytes = LayOut(*headers, file);
  Result<void> good;
  if (draft.image.base != headers->image_base) good = Relocate(draft);
  if (good) good = ResolveImports(draft, system);
  if (good) good = ReadTls(draft);
  if (!good) return good.error();
  return draft;
}

Result<LoadedImage> LoadImage(std::span<const uint8_t> file,
                              const LoadOptions& options, FakeSystem& system,
                              Machine& machine) {
  Result<PreparedImage> prepared = PrepareImage(file, options, system);
  if (!prepared) return prepared.error();
  Result<void> good = MapDraft(*prepared, system, machine);
  if (!good) return good.error();
  return prepared->image;
}

}  // namespace detachfix::emulator
