// SPDX-License-Identifier: Apache-2.0
#include "disasm/memory.h"

#include <algorithm>

namespace detachfix {
namespace {

/// Bytes of an import slot on the machines in mind.
constexpr uint32_t kSlotSize = 4;

const CodeRegion* RegionAt(const CodeView& view, int64_t va) {
  const int64_t rva = va - int64_t{view.image_base};
  for (const CodeRegion& region : view.regions) {
    const int64_t begin = region.begin.value;
    if (rva >= begin && rva < begin + region.size) return &region;
  }
  return nullptr;
}

/// `value`, if it is open, as a part of a word, or of more than one: of what it
/// may point into no more is kept than that there is something.
Value AsPart(Value value) {
  const bool is_open = value.IsUnknown() || value.kind == Value::Kind::kPartial;
  if (is_open && value.symbol != 0) value.symbol = kSomewhereSymbol;
  if (value.IsUnknown()) value.bits = value.known = 0;
  return value;
}

/// The low `size` bytes, at most eight.
Value Low(const Value& value, uint32_t size) {
  const Value low = value.IsUnknown()
                        ? value
                        : Evaluate(BinaryOp::kAnd, size > 4 ? 64 : 32, value,
                                   ConstantValue(LowBits(8 * size)));
  return size == 4 ? low : AsPart(low);
}

/// `size` bytes of the value, from its byte `skip` on.
Value Part(const Value& value, uint64_t skip, uint32_t size) {
  return Low(
      Evaluate(BinaryOp::kShiftRight, 64, value, ConstantValue(8 * skip)),
      size);
}

}  // namespace

std::optional<MemoryAddress> AddressOf(const Value& value) {
  if (value.IsConstant()) {
    return MemoryAddress{kAbsolute,
                         static_cast<int64_t>(value.bits & LowBits(32))};
  }
  if (value.IsSymbolic()) {
    return MemoryAddress{value.symbol, static_cast<int32_t>(value.bits)};
  }
  return std::nullopt;
}

Value SubstituteIn(const Value& value, Symbol symbol, const Value& base,
                   uint8_t width) {
  if (value.symbol != symbol) return value;
  if (value.IsSymbolic()) {
    const Value sum = value.bits == 0 ? base
                                      : Evaluate(BinaryOp::kAdd, 32, base,
                                                 ConstantValue(value.bits));
    return EvaluateSignExtend(32, width, sum);
  }
  if (value.kind == Value::Kind::kCondition) {
    Value equal =
        Evaluate(BinaryOp::kEqual, 32, base, ConstantValue(value.bits));
    if (!value.negated) return equal;
    return Evaluate(BinaryOp::kXor, 1, equal, ConstantValue(1));
  }
  return value;
}

/// The cell that the byte belongs to.
const CellMap::Entry* Memory::Covering(MemoryAddress address) const {
  const CellMap::Entry* entry = cells_.AtOrBefore(address);
  if (entry == nullptr || entry->address.region != address.region ||
      entry->address.offset + entry->cell.size <= address.offset) {
    return nullptr;
  }
  return entry;
}

/// Whether some of the bytes are zeros at the start.
bool Memory::HoldsZeros(int64_t begin, int64_t end) const {
  return std::ranges::any_of(zeros_, [&](const Range& range) {
    return begin < range.end && end > range.begin;
  });
}

std::optional<uint8_t> Memory::InitialByte(int64_t va) const {
  if (HoldsZeros(va, va + 1)) return uint8_t{0};
  const CodeRegion* region = RegionAt(*view_, va);
  // The loader overwrites what the file has in a slot.
  if (region == nullptr || SlotAt(va)) return std::nullopt;
  const int64_t into = va - view_->image_base - region->begin.value;
  if (into >= static_cast<int64_t>(region->content.size())) return uint8_t{0};
  const auto part = region->content.subspan(static_cast<size_t>(into), 1);
  if (view_->source != nullptr) view_->source->Need(part);
  return part[0];
}

bool Memory::HasInitialContent(MemoryAddress address, uint32_t size) const {
  if (address.region != kAbsolute) return false;
  if (HoldsZeros(address.offset, address.offset + size)) return true;
  const int64_t begin = address.offset - int64_t{view_->image_base};
  return std::ranges::any_of(view_->regions, [&](const CodeRegion& region) {
    const int64_t first = region.begin.value;
    return begin < first + region.size && begin + size > first;
  });
}

/// The slot that the byte belongs to.
std::optional<Rva> Memory::SlotAt(int64_t va) const {
  const int64_t rva = va - int64_t{view_->image_base};
  if (view_->import_slots.empty() ||
      rva < view_->import_slots.begin()->first.value ||
      rva - view_->import_slots.rbegin()->first.value >= kSlotSize) {
    return std::nullopt;
  }
  auto it = view_->import_slots.upper_bound(Rva{static_cast<uint32_t>(rva)});
  --it;
  if (rva - int64_t{it->first.value} >= kSlotSize) return std::nullopt;
  return it->first;
}

/// Notes the slots that a store overwrites.
void Memory::LoseSlots(MemoryAddress address, uint32_t size) {
  if (address.region != kAbsolute) return;
  const auto va = [this](const auto& entry) {
    return int64_t{view_->image_base} + entry.first.value;
  };
  const int64_t begin = address.offset - (int64_t{kSlotSize} - 1);
  for (auto it = view_->import_slots.lower_bound(Rva{static_cast<uint32_t>(
           std::clamp<int64_t>(begin - view_->image_base, 0, UINT32_MAX))});
       it != view_->import_slots.end() && va(*it) < address.offset + size;
       ++it) {
    lost_slots_.insert(it->first);
  }
}

std::optional<uint8_t> Memory::ByteAt(MemoryAddress address) const {
  const CellMap::Entry* entry = Covering(address);
  if (entry != nullptr) {
    if (entry->cell.size > kMaxKnownSize) return std::nullopt;
    const uint64_t into =
        static_cast<uint64_t>(address.offset - entry->address.offset);
    const Value byte = Part(entry->cell.value, into, 1);
    if (!byte.IsConstant()) return std::nullopt;
    return static_cast<uint8_t>(byte.bits);
  }
  if (address.region != kAbsolute) return std::nullopt;
  return InitialByte(address.offset);
}

Value Memory::Load(MemoryAddress address, uint32_t size) const {
  // Before all cells: one may say that the slot's surroundings were forgotten.
  if (size == kSlotSize && HoldsImport(address)) {
    return SymbolicValue(
        kImportSymbol,
        static_cast<uint64_t>(address.offset - view_->image_base));
  }
  const CellMap::Entry* entry = Covering(address);
  if (entry != nullptr && entry->address == address) {
    const Cell& cell = entry->cell;
    if (cell.size == size) return cell.value;
    if (size < cell.size && cell.size <= kMaxKnownSize) {
      return Low(cell.value, size);
    }
  }
  if (size > kMaxKnownSize) return UnknownValue();
  uint64_t bits = 0;
  uint64_t known = 0;
  for (uint32_t i = 0; i < size; ++i) {
    const std::optional<uint8_t> byte =
        ByteAt({address.region, address.offset + i});
    if (!byte) continue;
    bits |= uint64_t{*byte} << (8 * i);
    known |= uint64_t{0xff} << (8 * i);
  }
  // A structure is copied with the bytes between its members, and a byte of a
  // quadword is read and written with the other seven (the first Alpha
  // processors): those that are known must stay so.
  Value value = PartialValue(bits, known, static_cast<uint8_t>(8 * size));
  if (!value.IsConstant()) NoteParts(address, size, value);
  return value;
}

/// Of an open value, whether some of the bytes are part of an address: one that
/// may be in the image, on the stack or in a block.
void Memory::NoteParts(MemoryAddress address, uint32_t size,
                       Value& value) const {
  for (uint32_t i = 0; i < size; ++i) {
    const CellMap::Entry* entry =
        Covering({address.region, address.offset + i});
    if (entry == nullptr) continue;
    value.from_image |= entry->cell.value.from_image;
    if (RegionNear(entry->cell.value) != 0) value.symbol = kSomewhereSymbol;
  }
}

/// Whether the word is a slot that the loader filled and nothing overwrote.
bool Memory::HoldsImport(MemoryAddress address) const {
  if (address.region != kAbsolute) return false;
  const Rva rva{static_cast<uint32_t>(address.offset) - view_->image_base};
  return view_->import_slots.contains(rva) && !lost_slots_.contains(rva);
}

bool Memory::IsOpenWord(MemoryAddress address) const {
  if (HoldsImport(address)) return false;
  for (int64_t i = 0; i < 4; ++i) {
    const MemoryAddress at{address.region, address.offset + i};
    const CellMap::Entry* entry = Covering(at);
    if (entry != nullptr && !entry->cell.value.IsUnknown()) return false;
    if (entry == nullptr && HasInitialContent(at, 1)) return false;
  }
  return true;
}

bool Memory::IsForgotten(MemoryAddress address, uint32_t size) const {
  const int64_t end = address.offset + size;
  while (address.offset < end) {
    const CellMap::Entry* entry = Covering(address);
    if (entry != nullptr) {
      if (!entry->cell.value.IsUnknown()) return false;
      address.offset = entry->address.offset + entry->cell.size;
      continue;
    }
    // Up to the next cell; a block may have many millions of bytes.
    const CellMap::Entry* next = cells_.AtOrAfter(address);
    const bool has_next = next != nullptr &&
                          next->address.region == address.region &&
                          next->address.offset < end;
    const int64_t gap_end = has_next ? next->address.offset : end;
    if (HasInitialContent(address,
                          static_cast<uint32_t>(gap_end - address.offset))) {
      return false;
    }
    address.offset = gap_end;
  }
  return true;
}

bool Memory::IsInitial(MemoryAddress address, uint32_t size) const {
  const CellMap::Entry* next = cells_.AtOrAfter(address);
  const MemoryAddress end{address.region, address.offset + size};
  return Covering(address) == nullptr &&
         (next == nullptr || !(next->address < end));
}

/// Puts back the part of `entry` that [from, from + size) covers.
void Memory::KeepPart(const CellMap::Entry& entry, MemoryAddress from,
                      uint32_t size) {
  if (size == 0) return;
  const Cell& cell = entry.cell;
  Value part = UnknownValue();
  if (cell.size <= kMaxKnownSize && !cell.value.IsUnknown()) {
    part =
        Part(cell.value,
             static_cast<uint64_t>(from.offset - entry.address.offset), size);
  }
  // The same as Load gives for these bytes: numbers, or a word as a whole.
  const bool is_word = part.IsSymbolic() && size == 4;
  if (!part.IsConstant() && !is_word) {
    part = UnknownValue();
    part.from_image = cell.value.from_image;
    if (RegionNear(cell.value) != 0) part.symbol = kSomewhereSymbol;
  }
  cells_.Set(from, Cell{size, part});
}

/// Cuts what lies in the bytes out of the cells.
void Memory::MakeRoom(MemoryAddress address, uint32_t size) {
  const MemoryAddress end{address.region, address.offset + size};
  std::vector<CellMap::Entry> cut;
  const CellMap::Entry* entry = Covering(address);
  if (entry == nullptr) entry = cells_.AtOrAfter(address);
  while (entry != nullptr && entry->address < end) {
    cut.push_back(*entry);
    entry = cells_.After(entry->address);
  }
  if (cut.empty()) return;
  cells_.Erase(cut.front().address, end);
  for (const CellMap::Entry& old : cut) {
    const int64_t begin = old.address.offset;
    if (begin < address.offset) {
      KeepPart(old, old.address, static_cast<uint32_t>(address.offset - begin));
    }
    if (begin + old.cell.size > end.offset) {
      KeepPart(old, end,
               static_cast<uint32_t>(begin + old.cell.size - end.offset));
    }
  }
}

void Memory::Store(MemoryAddress address, uint32_t size, const Value& value) {
  if (size == 0) return;
  const CellMap::Entry* there = cells_.AtOrBefore(address);
  const bool fits =
      there != nullptr && there->address == address && there->cell.size == size;
  if (!fits) MakeRoom(address, size);
  LoseSlots(address, size);
  const Value kept = size > kMaxKnownSize ? UnknownValue() : Low(value, size);
  if (kept.IsUnknown() && !kept.from_image && kept.symbol == 0 &&
      !HasInitialContent(address, size)) {
    if (fits) cells_.Erase(address, {address.region, address.offset + size});
    return;
  }
  cells_.Set(address, Cell{size, kept});
}

/// Because some pointer is not known: that does not reach the loader's words,
/// and what points into the stack or a block may still do so.
void Memory::ForgetPiece(int64_t begin, int64_t end) {
  const MemoryAddress address{kAbsolute, begin};
  const uint32_t size = static_cast<uint32_t>(end - begin);
  std::vector<CellMap::Entry> pointers;
  for (const CellMap::Entry* entry = cells_.AtOrAfter(address);
       entry != nullptr && entry->address < MemoryAddress{kAbsolute, end};
       entry = cells_.After(entry->address)) {
    if (RegionNear(entry->cell.value) != 0 &&
        entry->address.offset + entry->cell.size <= end)
      pointers.push_back(*entry);
  }
  MakeRoom(address, size);
  cells_.Set(address, Cell{size, UnknownValue()});
  for (const CellMap::Entry& pointer : pointers) {
    Store(pointer.address, pointer.cell.size, Blurred(pointer.cell.value));
  }
}

void Memory::ForgetImage(Range range, const std::vector<Range>& kept) {
  for (const CodeRegion& region : view_->regions) {
    if (!region.writable) continue;
    const int64_t region_begin =
        int64_t{view_->image_base} + region.begin.value;
    int64_t begin = std::max(range.begin, region_begin);
    const int64_t end = std::min(range.end, region_begin + region.size);
    std::vector<Range> holes = kept;
    std::sort(holes.begin(), holes.end(),
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
    for (const Range& hole : holes) {
      if (hole.end <= begin || hole.begin >= end) continue;
      if (hole.begin > begin) {
        ForgetPiece(begin, hole.begin);
      }
      begin = hole.end;
    }
    if (begin < end) {
      ForgetPiece(begin, end);
    }
  }
}

void Memory::ForgetRegion(Symbol region) {
  cells_.Erase({region, INT64_MIN}, {region + 1, INT64_MIN});
}

bool IsData(const CodeView& view, const Value& value) {
  if (!value.IsConstant()) return value.MayBeInImage();
  const CodeRegion* region =
      RegionAt(view, static_cast<int64_t>(value.bits & LowBits(32)));
  return region != nullptr && region->writable;
}

void Memory::Blur(const CellMap::Entry& entry) {
  const MemoryAddress begin = entry.address;
  const Cell cell = entry.cell;
  Value blurred = Blurred(cell.value);
  blurred.from_image = IsData(*view_, cell.value);
  if (blurred.from_image || blurred.symbol != 0) {
    cells_.Set(begin, Cell{cell.size, blurred});
  } else {
    cells_.Erase(begin, {begin.region, begin.offset + cell.size});
  }
}

void Memory::ForgetPlaced(Range range) {
  if (range.begin >= range.end) return;
  const MemoryAddress begin{kAbsolute, range.begin};
  const MemoryAddress end{kAbsolute, range.end};
  const CellMap before = cells_;
  Forget(begin, static_cast<uint32_t>(range.end - range.begin));
  for (const CellMap::Entry* entry = before.AtOrAfter(begin);
       entry != nullptr && entry->address < end;
       entry = before.After(entry->address)) {
    Value blurred = Blurred(entry->cell.value);
    blurred.from_image = IsData(*view_, entry->cell.value);
    if (!blurred.from_image && blurred.symbol == 0) continue;
    Store(entry->address, entry->cell.size, blurred);
  }
}

void Memory::BlurRegion(Symbol region) {
  const CellMap before = cells_;
  for (const CellMap::Entry* entry = before.AtOrAfter({region, INT64_MIN});
       entry != nullptr && entry->address.region == region;
       entry = before.After(entry->address)) {
    Blur(*entry);
  }
}

void Memory::BlurForeign() {
  const CellMap before = cells_;
  for (const CellMap::Entry* entry =
           before.AtOrAfter({kFirstFreshSymbol, INT64_MIN});
       entry != nullptr && entry->address.region < kThreadIndexBit;
       entry = before.After(entry->address)) {
    Blur(*entry);
  }
}

void Memory::ForgetThread() {
  cells_.Erase({kThreadIndexBit, INT64_MIN}, {kBlockBit, INT64_MIN});
}

void Memory::DropBelow(Symbol region, int64_t offset) {
  cells_.Erase({region, INT64_MIN}, {region, offset});
}

void Memory::Substitute(Symbol symbol, const Value& base) {
  SymbolFilter filter;
  filter.Add(symbol);
  cells_.Change(filter, [&](Cell& cell) {
    cell.value =
        SubstituteIn(cell.value, symbol, base, cell.size > 4 ? 64 : 32);
  });
}

}  // namespace detachfix
