// SPDX-License-Identifier: Apache-2.0
// How Windows functions take their arguments, from mingw-w64's libraries.
#ifndef DETACHFIX_TESTS_EMULATOR_ARGUMENT_TABLE_H_
#define DETACHFIX_TESTS_EMULATOR_ARGUMENT_TABLE_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace detachfix::emulator {

struct ImportKind {
  enum class Convention : uint8_t { kStdcall, kCdecl, kData };
  Convention convention = Convention::kStdcall;
  uint32_t bytes = 0;  ///< that a stdcall function pops
};

/// What is known of `name` in `dll` (lower case, with extension), or nothing:
/// then nobody may call it.
std::optional<ImportKind> FindImportKind(std::string_view dll,
                                         std::string_view name);

/// True when something is known of the DLL: it is one that a system has.
bool IsKnownDll(std::string_view dll);

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_ARGUMENT_TABLE_H_
