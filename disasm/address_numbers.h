// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_DISASM_ADDRESS_NUMBERS_H_
#define DETACHFIX_DISASM_ADDRESS_NUMBERS_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace detachfix {

/// Numbers for virtual addresses: 0, 1, 2… in the order in which they came. A
/// hash table with open addressing, since it is asked at every step of a run.
class AddressNumbers {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  /// kNone when it has no number.
  uint32_t Of(uint64_t address) const {
    if (slots_.empty()) return kNone;
    for (size_t at = Hash(address);; ++at) {
      const Slot& slot = slots_[at & (slots_.size() - 1)];
      if (slot.number == kNone || slot.address == address) return slot.number;
    }
  }
  bool Has(uint64_t address) const { return Of(address) != kNone; }

  /// The number that it has or gets.
  uint32_t Add(uint64_t address) {
    const uint32_t known = Of(address);
    if (known != kNone) return known;
    if (2 * (count_ + size_t{1}) > slots_.size()) Grow();
    Put({address, count_});
    return count_++;
  }

 private:
  struct Slot {
    uint64_t address = 0;
    uint32_t number = kNone;
  };

  // Fibonacci hashing: the high bits are the well mixed ones.
  static size_t Hash(uint64_t address) {
    return static_cast<size_t>(address * 0x9e3779b97f4a7c15 >> 32);
  }

  void Put(const Slot& slot) {
    size_t at = Hash(slot.address);
    while (slots_[at & (slots_.size() - 1)].number != kNone) ++at;
    slots_[at & (slots_.size() - 1)] = slot;
  }

  void Grow() {
    constexpr size_t kFirstSize = 256;  // a power of two, as all that follow
    const std::vector<Slot> old = std::move(slots_);
    slots_.assign(old.empty() ? kFirstSize : 2 * old.size(), Slot{});
    for (const Slot& slot : old) {
      if (slot.number != kNone) Put(slot);
    }
  }

  std::vector<Slot> slots_;
  uint32_t count_ = 0;
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_ADDRESS_NUMBERS_H_
