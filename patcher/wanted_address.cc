// SPDX-License-Identifier: Apache-2.0
#include "patcher/wanted_address.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "disasm/isa.h"
#include "patcher/bytes.h"

namespace detachfix {
namespace {

constexpr uint32_t kWord = 4;
/// Words of data that point to it, or shortly before, and are looked for in
/// turn, for each section: a table has one for each.
constexpr size_t kMaxPointers = 8;

/// The one that `va` is, or lies shortly before; nullptr where there is none.
const Wanted* FindNear(const std::vector<Wanted>& wanted, uint32_t va) {
  const auto near = std::ranges::lower_bound(wanted, va, {}, &Wanted::last);
  const bool is_near =
      near != wanted.end() && near->last - va <= kMaxMemberOffset;
  return is_near ? &*near : nullptr;
}

class Pointers {
 public:
  Pointers(const CodeView& view, const std::vector<Wanted>& wanted)
      : view_(view), wanted_(wanted) {}

  void LookAtData(const CodeRegion& region);
  void LookAtCode(const CodeRegion& region);
  void LookAtRun(const Trace& run);
  std::vector<Wanted> Sorted();

 private:
  void Add(Rva word, Rva section) {
    pointers_.push_back({view_.image_base + word.value + kWord, section});
  }
  std::span<const uint8_t> BytesOf(const CodeRegion& region) const {
    const uint64_t size =
        std::min<uint64_t>(region.content.size(), region.size);
    return ContentAt(view_, region.begin, static_cast<uint32_t>(size));
  }

  const CodeView& view_;
  const std::vector<Wanted>& wanted_;
  std::vector<Wanted> pointers_;
};

/// A linker aligns what it relocates.
void Pointers::LookAtData(const CodeRegion& region) {
  const size_t most = kMaxPointers * wanted_.size();
  LookAtWords(BytesOf(region), wanted_, [&](size_t at, const Wanted& address) {
    if (at % kWord != 0) return false;
    Add(region.begin + static_cast<uint32_t>(at), address.section);
    return pointers_.size() >= most;
  });
}

/// Where it has "mov [word], address" (c7 05).
void Pointers::LookAtCode(const CodeRegion& region) {
  const std::span<const uint8_t> code = BytesOf(region);
  LookAtWords(code, wanted_, [&](size_t at, const Wanted& address) {
    if (at < kWord + 2 || code[at - kWord - 2] != 0xc7 ||
        code[at - kWord - 1] != 0x05) {
      return false;
    }
    const uint32_t word = ByteReader(code).U32(at - kWord).value_or(0);
    Add(Rva{word - view_.image_base}, address.section);
    return false;
  });
}

void Pointers::LookAtRun(const Trace& run) {
  for (const auto& [word, held] : run.left_addresses) {
    const Wanted* const near = FindNear(wanted_, view_.image_base + held.value);
    if (near != nullptr) Add(word, near->section);
  }
}

std::vector<Wanted> Pointers::Sorted() {
  std::ranges::sort(pointers_, {}, &Wanted::last);
  return std::move(pointers_);
}

}  // namespace

/// They are found by one byte of them: code and data are long. The highest
/// tells most, unless it is 0: of that there is much.
void LookAtWords(std::span<const uint8_t> bytes,
                 const std::vector<Wanted>& wanted,
                 const std::function<bool(size_t, const Wanted&)>& look) {
  if (wanted.empty()) return;
  const uint32_t place = wanted.back().last >> 24 != 0 ? 3 : 2;
  std::set<uint8_t> parts;
  for (const Wanted& address : wanted) {
    parts.insert(static_cast<uint8_t>(address.last >> 8 * place));
    parts.insert(
        static_cast<uint8_t>((address.last - kMaxMemberOffset) >> 8 * place));
  }
  for (const uint8_t part : parts) {
    for (size_t at = place; at < bytes.size(); ++at) {
      const void* found =
          std::memchr(bytes.data() + at, part, bytes.size() - at);
      if (found == nullptr) break;
      at = static_cast<size_t>(static_cast<const uint8_t*>(found) -
                               bytes.data());
      const uint32_t va = ByteReader(bytes).U32(at - place).value_or(0);
      const Wanted* const near = FindNear(wanted, va);
      if (near != nullptr && look(at - place, *near)) return;
    }
  }
}

std::vector<Wanted> PointersTo(const CodeView& view, const EntryTraces& traces,
                               const std::vector<Wanted>& wanted) {
  Pointers pointers(view, wanted);
  for (const CodeRegion& region : view.regions) {
    if (region.executable) {
      pointers.LookAtCode(region);
    } else {
      pointers.LookAtData(region);
    }
  }
  pointers.LookAtRun(traces.attach);
  pointers.LookAtRun(traces.detach);
  return pointers.Sorted();
}

Rva HolderOf(const CodeView& view, const Wanted& pointer) {
  return Rva{pointer.last - kWord - view.image_base};
}

}  // namespace detachfix
