// SPDX-License-Identifier: Apache-2.0
#include "disasm/resource_strings.h"

#include <algorithm>
#include <span>

#include "disasm/isa.h"

namespace detachfix {
namespace {

constexpr uint32_t kStringType = 6;  // RT_STRING (winuser.h)
constexpr uint32_t kEnglish = 0x409;
constexpr uint32_t kStringsInBlock = 16;
constexpr uint32_t kMaxEntries = 4096;  // of one directory
constexpr uint32_t kHighBit = 0x80000000;

/// A little-endian number of `size` bytes.
std::optional<uint32_t> NumberAt(const CodeView& view, uint64_t rva,
                                 uint32_t size) {
  if (rva > view.image_size) return std::nullopt;
  const std::span<const uint8_t> bytes =
      ContentAt(view, Rva{static_cast<uint32_t>(rva)}, size);
  if (bytes.size() < size) return std::nullopt;
  uint32_t number = 0;
  for (uint32_t i = 0; i < size; ++i) number |= uint32_t{bytes[i]} << 8 * i;
  return number;
}

/// The tree of resources, whose offsets count from its root.
class Tree {
 public:
  Tree(const CodeView& view, uint32_t root, size_t& looked)
      : view_(view), root_(root), looked_(looked) {}

  /// What the entry `id` of the directory at `directory` points to: another
  /// directory, with kHighBit, or data.
  std::optional<uint32_t> Find(uint32_t directory, uint32_t id) const;
  /// The same of the language that is asked for, or the only one.
  std::optional<uint32_t> FindLanguage(uint32_t directory) const;
  /// A number at an offset.
  std::optional<uint32_t> Number(uint64_t offset, uint32_t size) const {
    return NumberAt(view_, uint64_t{root_} + offset, size);
  }

 private:
  std::optional<uint32_t> Count(uint32_t directory) const;

  const CodeView& view_;
  uint32_t root_;
  size_t& looked_;  ///< entries
};

std::optional<uint32_t> Tree::Count(uint32_t directory) const {
  const std::optional<uint32_t> named = Number(uint64_t{directory} + 12, 2);
  const std::optional<uint32_t> numbered = Number(uint64_t{directory} + 14, 2);
  if (!named || !numbered || *named + *numbered > kMaxEntries) {
    return std::nullopt;
  }
  return *named + *numbered;
}

std::optional<uint32_t> Tree::Find(uint32_t directory, uint32_t id) const {
  const uint32_t count = Count(directory).value_or(0);
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t entry = uint64_t{directory} + 16 + uint64_t{i} * 8;
    ++looked_;
    const std::optional<uint32_t> name = Number(entry, 4);
    if (name == id) return Number(entry + 4, 4);
  }
  return std::nullopt;
}

std::optional<uint32_t> Tree::FindLanguage(uint32_t directory) const {
  if (Count(directory) == 1u) return Number(uint64_t{directory} + 20, 4);
  return Find(directory, kEnglish);
}

}  // namespace

std::optional<std::u16string> StringResource(const CodeView& view, uint16_t id,
                                             size_t most, size_t& looked) {
  if (!view.resources) return std::nullopt;
  const Tree tree(view, view.resources->value, looked);
  const std::optional<uint32_t> type = tree.Find(0, kStringType);
  if (!type || (*type & kHighBit) == 0) return std::nullopt;
  const std::optional<uint32_t> block =
      tree.Find(*type & ~kHighBit, id / kStringsInBlock + 1);
  if (!block || (*block & kHighBit) == 0) return std::nullopt;
  const std::optional<uint32_t> data = tree.FindLanguage(*block & ~kHighBit);
  if (!data || (*data & kHighBit) != 0) return std::nullopt;
  const std::optional<uint32_t> rva = tree.Number(*data, 4);
  if (!rva) return std::nullopt;
  uint64_t at = *rva;
  for (uint32_t i = id % kStringsInBlock;; --i) {
    const std::optional<uint32_t> length = NumberAt(view, at, 2);
    if (!length) return std::nullopt;
    at += 2;
    if (i > 0) {
      at += uint64_t{*length} * 2;
      continue;
    }
    std::u16string text;
    const size_t count = std::min<size_t>(*length, most);
    looked += count;
    for (size_t c = 0; c < count; ++c, at += 2) {
      const std::optional<uint32_t> character = NumberAt(view, at, 2);
      if (!character) return std::nullopt;
      text += static_cast<char16_t>(*character);
    }
    if (text.empty()) return std::nullopt;
    return text;
  }
}

}  // namespace detachfix
