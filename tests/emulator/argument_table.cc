// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/argument_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace detachfix::emulator {
namespace {

struct Row {
  std::string_view dll;
  std::string_view name;
  int bytes;  ///< or -1 for cdecl, -2 for data
};

// Sorted by dll, then name, as the generator prints them.
constexpr Row kRows[] = {
#include "argument_table.inc"
};

}  // namespace

std::optional<ImportKind> FindImportKind(std::string_view dll,
                                         std::string_view name) {
  std::pair<std::string_view, std::string_view> key(dll, name);
  const Row* row = std::lower_bound(
      std::begin(kRows), std::end(kRows), key,
      [](const Row& left,
         const std::pair<std::string_view, std::string_view>& right) {
        return std::pair(left.dll, left.name) < right;
      });
  if (row == std::end(kRows) || row->dll != dll || row->name != name) {
    return std::nullopt;
  }
  if (row->bytes == -1) return ImportKind{ImportKind::Convention::kCdecl, 0};
  if (row->bytes == -2) return ImportKind{ImportKind::Convention::kData, 0};
  return ImportKind{ImportKind::Convention::kStdcall,
                    static_cast<uint32_t>(row->bytes)};
}

bool IsKnownDll(std::string_view dll) {
  return std::any_of(std::begin(kRows), std::end(kRows),
                     [dll](const Row& row) { return row.dll == dll; });
}

}  // namespace detachfix::emulator
