// SPDX-License-Identifier: Apache-2.0
// What is left of the memory of two paths that meet.
#include <vector>

#include "disasm/memory.h"

namespace detachfix {

namespace {

/// JoinValues for memory.
Value JoinWords(const CodeView& view, const Value& a, const Value& b) {
  Value joined = JoinValues(a, b);
  if (joined.IsUnknown())
    joined.from_image = IsData(view, a) || IsData(view, b);
  return joined;
}

/// Of what `from` has in the bytes, puts into `to` what it may point into.
void KeepPointers(MemoryAddress address, uint32_t size, const Memory& from,
                  Memory& to) {
  const MemoryAddress end{address.region, address.offset + size};
  const CellMap& cells = from.cells();
  for (const CellMap::Entry* entry = cells.AtOrAfter(address);
       entry != nullptr && entry->address < end;
       entry = cells.After(entry->address)) {
    const auto& [at, cell] = *entry;
    if (RegionNear(cell.value) == 0 || at.offset + cell.size > end.offset) {
      continue;
    }
    Value kept = Blurred(cell.value);
    kept.from_image = IsData(from.view(), cell.value);
    to.Store(at, cell.size, kept);
  }
}

/// Puts into `joined` what of the cell of `a` does not stand in `b` as well.
void ForgetDifferent(const CellMap::Entry& in_a, const Memory& b,
                     Memory& joined) {
  const auto& [address, cell] = in_a;
  if (cell.size > kMaxKnownSize) {
    joined.Forget(address, cell.size);
    KeepPointers(address, cell.size, b, joined);
    return;
  }
  const Value there = b.Load(address, cell.size);
  if (there == cell.value && !cell.value.IsUnknown()) return;
  joined.Store(address, cell.size, JoinWords(b.view(), cell.value, there));
}

}  // namespace

Memory Join(const Memory& a, const Memory& b, size_t* differing) {
  Memory joined = a;
  size_t count = 0;
  // What stands alike in both stays.
  std::vector<const CellMap::Entry*> only_in_b;
  CellMap::AllDifferences(a.cells(), b.cells(),
                          [&](const auto* in_a, const auto* in_b) {
                            ++count;
                            if (in_a != nullptr)
                              ForgetDifferent(*in_a, b, joined);
                            if (in_b != nullptr) only_in_b.push_back(in_b);
                            return true;
                          });
  for (const CellMap::Entry* in_b : only_in_b) {
    ForgetDifferent(*in_b, a, joined);
  }
  joined.LoseSlotsOf(a, b);
  if (differing != nullptr) *differing += count;
  return joined;
}

}  // namespace detachfix
