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

/// The low `size` bytes, at most eight.
Value Low(const Value& value, uint32_t size) {
  if (value.IsUnknown()) return value;
  return Evaluate(BinaryOp::kAnd, size > 4 ? 64 : 32, value,
                  ConstantValue(LowBits(8 * size)));
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

Memory::Cells::const_iterator Memory::Covering(MemoryAddress address) const {
  Cells::const_iterator it = cells_.upper_bound(address);
  if (it == cells_.begin()) return cells_.end();
  --it;
  if (it->first.region != address.region ||
      it->first.offset + it->second.size <= address.offset) {
    return cells_.end();
  }
  return it;
}

std::optional<uint8_t> Memory::InitialByte(int64_t va) const {
  const CodeRegion* region = RegionAt(*view_, va);
  // The loader overwrites what the file has in a slot.
  if (region == nullptr || SlotAt(va)) return std::nullopt;
  const int64_t into = va - view_->image_base - region->begin.value;
  if (into >= static_cast<int64_t>(region->content.size())) return uint8_t{0};
  return region->content[static_cast<size_t>(into)];
}

bool Memory::HasInitialContent(MemoryAddress address, uint32_t size) const {
  if (address.region != kAbsolute) return false;
  const int64_t begin = address.offset - int64_t{view_->image_base};
  return std::ranges::any_of(view_->regions, [&](const CodeRegion& region) {
    const int64_t first = region.begin.value;
    return begin < first + region.size && begin + size > first;
  });
}

/// The slot that the byte belongs to.
std::optional<Rva> Memory::SlotAt(int64_t va) const {
  const int64_t rva = va - int64_t{view_->image_base};
  if (rva < 0 || rva > UINT32_MAX) return std::nullopt;
  auto it = view_->import_slots.upper_bound(Rva{static_cast<uint32_t>(rva)});
  if (it == view_->import_slots.begin()) return std::nullopt;
  --it;
  if (rva - int64_t{it->first.value} >= kSlotSize) return std::nullopt;
  return it->first;
}

/// Notes the slots that a store overwrites.
void Memory::LoseSlots(MemoryAddress address, uint32_t size) {
  if (address.region != kAbsolute || size > kMaxKnownSize) return;
  for (uint32_t byte = 0; byte < size; ++byte) {
    if (const std::optional<Rva> slot = SlotAt(address.offset + byte)) {
      lost_slots_.insert(*slot);
    }
  }
}

std::optional<uint8_t> Memory::ByteAt(MemoryAddress address) const {
  const Cells::const_iterator it = Covering(address);
  if (it != cells_.end()) {
    if (it->second.size > kMaxKnownSize) return std::nullopt;
    const uint64_t into =
        static_cast<uint64_t>(address.offset - it->first.offset);
    const Value byte = Part(it->second.value, into, 1);
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
  const Cells::const_iterator it = Covering(address);
  if (it != cells_.end() && it->first == address && it->second.size == size) {
    return it->second.value;
  }
  if (it != cells_.end() && it->first == address && size < it->second.size &&
      it->second.size <= kMaxKnownSize) {
    return Low(it->second.value, size);
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
  // A byte of a quadword is read and written with the other seven (the first
  // Alpha processors): those that are known must stay so.
  if (size < kMaxKnownSize && known != LowBits(8 * size)) {
    return UnknownValue();
  }
  return PartialValue(bits, known, static_cast<uint8_t>(8 * size));
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
    const Cells::const_iterator it = Covering(at);
    if (it != cells_.end() && !it->second.value.IsUnknown()) return false;
    if (it == cells_.end() && HasInitialContent(at, 1)) return false;
  }
  return true;
}

bool Memory::IsForgotten(MemoryAddress address, uint32_t size) const {
  const int64_t end = address.offset + size;
  while (address.offset < end) {
    const Cells::const_iterator it = Covering(address);
    if (it != cells_.end()) {
      if (!it->second.value.IsUnknown()) return false;
      address.offset = it->first.offset + it->second.size;
    } else {
      if (HasInitialContent(address, 1)) return false;
      ++address.offset;
    }
  }
  return true;
}

/// Puts back the part of `cell` that [from, from + size) covers.
void Memory::KeepPart(MemoryAddress address, const Cell& cell,
                      MemoryAddress from, uint32_t size) {
  if (size == 0) return;
  Value part = UnknownValue();
  if (cell.size <= kMaxKnownSize && !cell.value.IsUnknown()) {
    part = Part(cell.value, static_cast<uint64_t>(from.offset - address.offset),
                size);
  }
  // The same as Load gives for these bytes: numbers, or a word as a whole.
  const bool is_word = part.IsSymbolic() && size == 4;
  if (!part.IsConstant() && !is_word) part = UnknownValue();
  cells_.insert_or_assign(from, Cell{size, part});
}

void Memory::MakeRoom(MemoryAddress address, uint32_t size) {
  const int64_t end = address.offset + size;
  std::vector<std::pair<MemoryAddress, Cell>> cut;
  Cells::const_iterator it = Covering(address);
  if (it == cells_.end()) it = cells_.lower_bound(address);
  while (it != cells_.end() && it->first.region == address.region &&
         it->first.offset < end) {
    cut.emplace_back(*it);
    it = cells_.erase(it);
  }
  for (const auto& [at, cell] : cut) {
    if (at.offset < address.offset) {
      KeepPart(at, cell, at, static_cast<uint32_t>(address.offset - at.offset));
    }
    if (at.offset + cell.size > end) {
      KeepPart(at, cell, {at.region, end},
               static_cast<uint32_t>(at.offset + cell.size - end));
    }
  }
}

void Memory::Store(MemoryAddress address, uint32_t size, const Value& value) {
  if (size == 0) return;
  MakeRoom(address, size);
  LoseSlots(address, size);
  const Value kept = size > kMaxKnownSize ? UnknownValue() : Low(value, size);
  if (kept.IsUnknown() && !kept.from_image &&
      !HasInitialContent(address, size)) {
    return;
  }
  cells_.insert_or_assign(address, Cell{size, kept});
}

/// Because some pointer is not known: that does not reach the loader's words.
void Memory::ForgetPiece(int64_t begin, int64_t end) {
  const MemoryAddress address{kAbsolute, begin};
  const uint32_t size = static_cast<uint32_t>(end - begin);
  MakeRoom(address, size);
  cells_.insert_or_assign(address, Cell{size, UnknownValue()});
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
  cells_.erase(cells_.lower_bound({region, INT64_MIN}),
               cells_.upper_bound({region, INT64_MAX}));
}

void Memory::DropBelow(Symbol region, int64_t offset) {
  cells_.erase(cells_.lower_bound({region, INT64_MIN}),
               cells_.lower_bound({region, offset}));
}

void Memory::Substitute(Symbol symbol, const Value& base) {
  for (auto& [address, cell] : cells_) {
    cell.value =
        SubstituteIn(cell.value, symbol, base, cell.size > 4 ? 64 : 32);
  }
}

namespace {

/// JoinValues for memory, where many words are addresses of code: through those
/// nothing is written.
Value JoinWords(const CodeView& view, const Value& a, const Value& b) {
  const auto is_data = [&view](const Value& value) {
    if (!value.IsConstant()) return value.MayBeInImage();
    const CodeRegion* region =
        RegionAt(view, static_cast<int64_t>(value.bits & LowBits(32)));
    return region != nullptr && region->writable;
  };
  Value joined = JoinValues(a, b);
  if (joined.IsUnknown()) joined.from_image = is_data(a) || is_data(b);
  return joined;
}

/// Puts into `joined` what of `a` does not stand in `b` as it stands in `a`.
void ForgetDifferent(const Memory& a, const Memory& b, Memory& joined) {
  for (const auto& [address, cell] : a.cells()) {
    const bool same =
        cell.size <= kMaxKnownSize && b.Load(address, cell.size) == cell.value;
    if (same && !cell.value.IsUnknown()) continue;
    if (cell.size > kMaxKnownSize) {
      joined.Forget(address, cell.size);
    } else {
      joined.Store(address, cell.size,
                   JoinWords(a.view(), cell.value, b.Load(address, cell.size)));
    }
  }
}

}  // namespace

Memory Join(const Memory& a, const Memory& b) {
  Memory joined = a;
  ForgetDifferent(a, b, joined);
  ForgetDifferent(b, a, joined);
  joined.LoseSlotsOf(b);
  return joined;
}

}  // namespace detachfix
