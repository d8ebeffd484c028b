// SPDX-License-Identifier: Apache-2.0
// How the pages of the image are protected, in an ordinary process: by section,
// as the loader leaves them and as VirtualProtect changes them (memoryapi.h,
// winnt.h). The start-up code of mingw-w64 asks for it when it writes addresses
// of other DLLs' variables into the image (its pseudo relocations).

#include <algorithm>
#include <array>

#include "disasm/process/answers.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

constexpr uint64_t kPage = 0x1000;

// winnt.h: PAGE_ and MEM_ constants.
constexpr uint64_t kReadOnly = 0x02, kReadWrite = 0x04, kWriteCopy = 0x08;
constexpr uint64_t kExecuteRead = 0x20;
constexpr uint64_t kExecuteWriteCopy = 0x80;
constexpr uint64_t kCommit = 0x1000, kImage = 0x1000000;
constexpr uint64_t kNoAccess = 0x01, kFree = 0x10000;
constexpr uint64_t kInformationSize = 28;  // MEMORY_BASIC_INFORMATION
/// No protection: stands for pages of which nothing is known any more.
constexpr uint64_t kNotKnown = 0;

struct Pages {
  uint64_t begin = 0;  ///< virtual addresses
  uint64_t end = 0;
  friend bool operator==(const Pages&, const Pages&) = default;
};

/// How the pages of a section are protected: alike, but for one part at most.
struct Protection {
  uint64_t most = kNotKnown;
  uint64_t of_part = kNotKnown;
  Pages part = {};  ///< empty: there is none

  bool Holds(uint64_t page) const {
    return page >= part.begin && page < part.end;
  }
  uint64_t At(uint64_t page) const { return Holds(page) ? of_part : most; }
};

Pages WholePages(uint64_t begin, uint64_t end) {
  return {begin / kPage * kPage, (end + kPage - 1) / kPage * kPage};
}

Pages PagesOf(const CodeView& view, const CodeRegion& region) {
  const uint64_t begin = uint64_t{view.image_base} + region.begin.value;
  return WholePages(begin, begin + region.size);
}

/// As they are before the first write (PAGE_WRITECOPY), and in Wine behind it.
uint64_t LoadedProtection(const CodeRegion& region) {
  if (region.executable) {
    return region.writable ? kExecuteWriteCopy : kExecuteRead;
  }
  return region.writable ? kWriteCopy : kReadOnly;
}

/// A state keeps the words of what is other than at the start.
MemoryAddress KeptAt(const Pages& section, int64_t index) {
  return {kProtectionsSymbol, static_cast<int64_t>(section.begin) + 4 * index};
}

Protection ProtectionOf(const ProcessCall& call, const Pages& section,
                        const CodeRegion& region) {
  std::array<uint64_t, 4> words{};
  for (size_t i = 0; i < words.size(); ++i) {
    const MemoryAddress at = KeptAt(section, static_cast<int64_t>(i));
    if (call.state.memory.IsForgotten(at, 4)) return {LoadedProtection(region)};
    const Value word = call.Load(at, 4);
    if (!word.IsConstant()) return {};
    words[i] = word.bits;
  }
  return {words[0], words[1], {words[2], words[3]}};
}

void Keep(const ProcessCall& call, const Pages& section,
          const Protection& now) {
  int64_t index = 0;
  for (const uint64_t word :
       {now.most, now.of_part, now.part.begin, now.part.end}) {
    call.state.memory.Store(KeptAt(section, index++), 4, ConstantValue(word));
  }
}

/// What becomes of `before` when `changed`, pages of the section, get
/// `protection`.
Protection Changed(const Protection& before, const Pages& section,
                   const Pages& changed, uint64_t protection) {
  if (changed == section) return {protection};
  const bool has_part = before.part.begin < before.part.end;
  if (protection == before.most) {
    const bool is_all_of_part =
        changed.begin <= before.part.begin && changed.end >= before.part.end;
    if (!has_part || is_all_of_part) return {before.most};
  }
  if (has_part && changed != before.part) return {};
  return {before.most, protection, changed};
}

/// The section of the image that the page of `address` belongs to.
const CodeRegion* SectionOfPage(const CodeView& view, uint64_t address) {
  const auto found =
      std::ranges::find_if(view.regions, [&](const CodeRegion& region) {
        const Pages pages = PagesOf(view, region);
        return address >= pages.begin && address < pages.end;
      });
  return found == view.regions.end() ? nullptr : &*found;
}

}  // namespace

/// VirtualQuery(address, information, size) of an address in the image. The
/// arguments begin behind `before` others: of VirtualQueryEx, the process.
std::optional<Value> QueryPages(const ProcessCall& call, const Answer& answer) {
  const uint32_t before = answer.number;
  if (before != 0 && !call.Argument(0).IsConstant(kOwnProcessHandle)) {
    return std::nullopt;
  }
  const Value address = call.Argument(before);
  const Value target = call.Argument(before + 1);
  const std::optional<MemoryAddress> to = AddressOf(target);
  const Value size = call.Argument(before + 2);
  if (!address.IsConstant() || !to || !size.IsConstant() ||
      size.bits < kInformationSize) {
    return std::nullopt;
  }
  const uint64_t base = address.bits / kPage * kPage;
  const uint64_t image_end =
      uint64_t{call.view().image_base} + call.view().image_size;
  if (base == WholePages(0, image_end).end) {
    // Nothing lies right behind the image; how far that goes is not known.
    call.ForgetIfInImage(target);
    call.ForgetBytes(target, kInformationSize);
    call.StoreWords(*to, {base, 0, 0});
    call.StoreWords({to->region, to->offset + 16}, {kFree, kNoAccess, 0});
    return ConstantValue(kInformationSize);
  }
  const CodeRegion* region = SectionOfPage(call.view(), address.bits);
  if (region == nullptr) return std::nullopt;
  const Pages section = PagesOf(call.view(), *region);
  const Protection protection = ProtectionOf(call, section, *region);
  const uint64_t here = protection.At(base);
  if (here == kNotKnown) return std::nullopt;
  const uint64_t end = protection.Holds(base)         ? protection.part.end
                       : base < protection.part.begin ? protection.part.begin
                                                      : section.end;
  call.ForgetIfInImage(target);
  call.StoreWords(*to, {base, call.view().image_base, kExecuteWriteCopy,
                        end - base, kCommit, here, kImage});
  return ConstantValue(kInformationSize);
}

/// VirtualProtect(address, size, protection, old).
std::optional<Value> ProtectPages(const ProcessCall& call, const Answer&) {
  const Value address = call.Argument(0);
  const Value size = call.Argument(1);
  const Value now = call.Argument(2);
  const Value target = call.Argument(3);
  const bool is_known =
      address.IsConstant() && size.IsConstant() && now.IsConstant();
  const Pages range = is_known
                          ? WholePages(address.bits, address.bits + size.bits)
                          : Pages{0, UINT64_MAX};
  uint64_t old = kReadWrite;  // a block's, or the stack's
  for (const CodeRegion& region : call.view().regions) {
    const Pages section = PagesOf(call.view(), region);
    const Pages changed = {std::max(range.begin, section.begin),
                           std::min(range.end, section.end)};
    if (changed.begin >= changed.end) continue;
    const Protection before = ProtectionOf(call, section, region);
    if (changed.begin == range.begin) old = before.At(changed.begin);
    Keep(call, section,
         is_known ? Changed(before, section, changed, now.bits) : Protection{});
  }
  const std::optional<MemoryAddress> to = AddressOf(target);
  if (!is_known || !to || old == kNotKnown) return std::nullopt;
  call.ForgetIfInImage(target);
  call.StoreAt(*to, 4, ConstantValue(old));
  return ConstantValue(1);
}

std::optional<Value> AllocatePages(const ProcessCall& call, const Answer&) {
  return call.process.AllocatePages(call.state, call.Argument(0),
                                    call.Argument(1), call.Argument(2));
}

}  // namespace detachfix
