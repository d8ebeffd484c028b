// SPDX-License-Identifier: Apache-2.0
// The interpreter's memory: what was written, over what the image holds at the
// start.
//
// An address is a region and an offset. Region 0 is the address space of
// constants, where the image lies at its preferred base; every other region is
// named by the symbol that points to it (the stack, a heap block). Regions do
// not overlap: an import does not hand out a pointer into the image's own data.
#ifndef DETACHFIX_DISASM_MEMORY_H_
#define DETACHFIX_DISASM_MEMORY_H_

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "disasm/cell_map.h"
#include "disasm/code_view.h"
#include "disasm/value.h"

namespace detachfix {

/// Where a value points to; nothing when that is not known.
std::optional<MemoryAddress> AddressOf(const Value& value);

/// What is known of all memory at one moment of a path.
class Memory {
 public:
  /// `view` must outlive the memory and all its copies.
  explicit Memory(const CodeView& view) : view_(&view) {}

  /// The `size` bytes at `address` as far as known, zero-extended.
  Value Load(MemoryAddress address, uint32_t size) const;

  /// Whether nothing is known of the word: a load may then name it by a fresh
  /// symbol (and store that), so that a second load gives the same.
  bool IsOpenWord(MemoryAddress address) const;

  /// Whether nothing is known of any of the `size` bytes.
  bool IsForgotten(MemoryAddress address, uint32_t size) const;

  /// Whether none of the `size` bytes was written or forgotten.
  bool IsInitial(MemoryAddress address, uint32_t size) const;

  /// Overwrites `size` bytes.
  void Store(MemoryAddress address, uint32_t size, const Value& value);

  /// Forgets `size` bytes.
  void Forget(MemoryAddress address, uint32_t size) {
    Store(address, size, UnknownValue());
  }
  /// Forgets the writable bytes of the image in [begin, end), virtual
  /// addresses, except those in `kept` (address, size).
  struct Range {
    int64_t begin = 0;
    int64_t end = 0;
  };
  void ForgetImage(Range range, const std::vector<Range>& kept);

  /// Forgets what lies in [begin, end), virtual addresses outside the image,
  /// but for what it may point into.
  void ForgetPlaced(Range range);

  /// Drops a whole region that a symbol names.
  void ForgetRegion(Symbol region);

  /// The cell may have been overwritten, or not: what it may point into stays.
  void Blur(const CellMap::Entry& entry);
  void BlurRegion(Symbol region);
  /// The same of all that lies in no object of the image's: it is reached
  /// through pointers of which nothing is known but their names.
  void BlurForeign();

  /// Forgets what a thread keeps in its thread-local storage.
  void ForgetThread();

  /// Drops what lies in `region` below `offset`: dead stack.
  void DropBelow(Symbol region, int64_t offset);

  /// Replaces a symbol everywhere: by a constant, or by itself known nonzero.
  void Substitute(Symbol symbol, const Value& base);

  /// Says that these hold zeros at the start: pages and blocks of the system's.
  void SetZeros(Range pages, Range blocks) { zeros_ = {pages, blocks}; }

  const CellMap& cells() const { return cells_; }
  CellMap& cells() { return cells_; }
  /// Import slots that were overwritten: they no longer hold the import.
  const std::set<Rva>& lost_slots() const { return lost_slots_; }
  /// Has lost what either of them has, whatever was stored to make it.
  void LoseSlotsOf(const Memory& a, const Memory& b) {
    lost_slots_ = a.lost_slots_;
    lost_slots_.insert(b.lost_slots_.begin(), b.lost_slots_.end());
  }
  const CodeView& view() const { return *view_; }

  /// Whether what the image holds at the start says something of any of the
  /// bytes: an absent cell then means that, not "unknown".
  bool HasInitialContent(MemoryAddress address, uint32_t size) const;

 private:
  std::optional<uint8_t> ByteAt(MemoryAddress address) const;
  std::optional<uint8_t> InitialByte(int64_t va) const;
  std::optional<Rva> SlotAt(int64_t va) const;
  bool HoldsZeros(int64_t begin, int64_t end) const;
  bool HoldsImport(MemoryAddress address) const;
  void NoteParts(MemoryAddress address, uint32_t size, Value& value) const;
  void LoseSlots(MemoryAddress address, uint32_t size);
  const CellMap::Entry* Covering(MemoryAddress address) const;
  void ForgetPiece(int64_t begin, int64_t end);
  void MakeRoom(MemoryAddress address, uint32_t size);
  void KeepPart(const CellMap::Entry& entry, MemoryAddress from, uint32_t size);

  const CodeView* view_;
  std::array<Range, 2> zeros_;  ///< virtual addresses
  CellMap cells_;               ///< not overlapping
  std::set<Rva> lost_slots_;
};

/// `value`, of `width` bits, with `symbol` replaced by `base` plus the value's
/// offset; a word that is then known is sign-extended to that width.
Value SubstituteIn(const Value& value, Symbol symbol, const Value& base,
                   uint8_t width);

/// Whether a word may be an address of data in the image. Many are addresses of
/// code: through those nothing is written.
bool IsData(const CodeView& view, const Value& value);

/// What is certain in both. Adds to `differing`, if given, how many cells are
/// not alike: the time goes with those.
Memory Join(const Memory& a, const Memory& b, size_t* differing = nullptr);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_MEMORY_H_
