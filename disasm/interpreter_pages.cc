// SPDX-License-Identifier: Apache-2.0
// How the pages of the image are protected, in an ordinary process: by section,
// as the loader leaves them and as VirtualProtect changes them (memoryapi.h,
// winnt.h). The start-up code of mingw-w64 asks for it when it writes addresses
// of other DLLs' variables into the image (its pseudo relocations).

#include <algorithm>

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

constexpr uint64_t kPage = 0x1000;

// winnt.h: PAGE_ and MEM_ constants.
constexpr uint32_t kReadOnly = 0x02, kReadWrite = 0x04;
constexpr uint32_t kExecuteRead = 0x20, kExecuteReadWrite = 0x40;
constexpr uint32_t kExecuteWriteCopy = 0x80;
constexpr uint32_t kCommit = 0x1000, kImage = 0x1000000;
/// Stands for pages of one section that are not protected alike.
constexpr uint32_t kMixed = 0;

struct Pages {
  uint64_t begin = 0;  ///< virtual addresses
  uint64_t end = 0;
};

Pages PagesOf(const CodeView& view, const CodeRegion& region) {
  const uint64_t begin = uint64_t{view.image_base} + region.begin.value;
  return {begin / kPage * kPage,
          (begin + region.size + kPage - 1) / kPage * kPage};
}

MemoryAddress ProtectionAt(const Pages& pages) {
  return {kProtectionsSymbol, static_cast<int64_t>(pages.begin)};
}

/// Before the first write a page that can be written to is one to be copied
/// (PAGE_WRITECOPY); most were written to by the loader.
uint32_t LoadedProtection(const CodeRegion& region) {
  if (region.executable) {
    return region.writable ? kExecuteReadWrite : kExecuteRead;
  }
  return region.writable ? kReadWrite : kReadOnly;
}

uint32_t ProtectionOf(const State& state, const Pages& pages,
                      const CodeRegion& region) {
  const Value changed = state.memory.Load(ProtectionAt(pages), 4);
  return changed.IsConstant() ? static_cast<uint32_t>(changed.bits)
                              : LoadedProtection(region);
}

}  // namespace

/// The section of the image that the page of `address` belongs to.
const CodeRegion* Interpreter::SectionOfPage(uint64_t address) const {
  const auto found =
      std::ranges::find_if(view_.regions, [&](const CodeRegion& region) {
        const Pages pages = PagesOf(view_, region);
        return address >= pages.begin && address < pages.end;
      });
  return found == view_.regions.end() ? nullptr : &*found;
}

/// VirtualQuery(address, information, size) of an address in the image.
std::optional<Value> Interpreter::QueryPages(State& state) {
  constexpr uint64_t kInformationSize = 28;  // MEMORY_BASIC_INFORMATION
  const Value address = Argument(state, 0);
  const Value target = Argument(state, 1);
  const std::optional<MemoryAddress> to = AddressOf(target);
  const Value size = Argument(state, 2);
  if (!address.IsConstant() || !to || !size.IsConstant() ||
      size.bits < kInformationSize) {
    return std::nullopt;
  }
  const CodeRegion* region = SectionOfPage(address.bits);
  if (region == nullptr) return std::nullopt;
  const Pages pages = PagesOf(view_, *region);
  const uint32_t protection = ProtectionOf(state, pages, *region);
  if (protection == kMixed) return std::nullopt;
  const uint64_t base = address.bits / kPage * kPage;
  const uint64_t fields[] = {base,
                             view_.image_base,
                             kExecuteWriteCopy,
                             pages.end - base,
                             kCommit,
                             protection,
                             kImage};
  ForgetIfInImage(state, target);
  int64_t offset = to->offset;
  for (const uint64_t field : fields) {
    StoreAt(state, {to->region, offset}, 4, ConstantValue(field));
    offset += 4;
  }
  return ConstantValue(kInformationSize);
}

/// VirtualProtect(address, size, protection, old).
std::optional<Value> Interpreter::ProtectPages(State& state) {
  const Value address = Argument(state, 0);
  const Value size = Argument(state, 1);
  const Value protection = Argument(state, 2);
  const Value target = Argument(state, 3);
  const bool is_known = address.IsConstant() && size.IsConstant();
  const uint64_t begin = is_known ? address.bits : 0;
  const uint64_t end = is_known ? begin + size.bits : UINT64_MAX;
  // Before it is changed.
  const CodeRegion* first = SectionOfPage(begin);
  const uint32_t old =
      first == nullptr ? kReadWrite  // a block's, or the stack's
                       : ProtectionOf(state, PagesOf(view_, *first), *first);
  for (const CodeRegion& region : view_.regions) {
    const Pages pages = PagesOf(view_, region);
    if (end <= pages.begin || begin >= pages.end) continue;
    const bool is_all = is_known && begin < pages.begin + kPage &&
                        end > pages.end - kPage && protection.IsConstant();
    StoreAt(state, ProtectionAt(pages), 4,
            is_all ? protection : ConstantValue(kMixed));
  }
  const std::optional<MemoryAddress> to = AddressOf(target);
  if (!is_known || !to || old == kMixed) return std::nullopt;
  ForgetIfInImage(state, target);
  StoreAt(state, *to, 4, ConstantValue(old));
  return ConstantValue(1);
}

}  // namespace detachfix
