// SPDX-License-Identifier: Apache-2.0
// The two kinds of symbols that are read from a .dbg file.
#ifndef DETACHFIX_PATCHER_DEBUG_PARTS_H_
#define DETACHFIX_PATCHER_DEBUG_PARTS_H_

#include <span>
#include <string>

#include "patcher/debug_file.h"

namespace detachfix {

/// Limits on what a .dbg file may ask for: its symbols may share their names'
/// bytes, so its size alone does not bound them. The largest DLL of NT 4.0 has
/// a few thousand symbols.
inline constexpr size_t kMaxSymbols = size_t{256} * 1024;
inline constexpr size_t kMaxSymbolNameBytes = size_t{16} * 1024 * 1024;

/// Appends the symbols of a COFF symbol table with its
/// IMAGE_COFF_SYMBOLS_HEADER to `file.coff`.
Result<void> ReadCoffSymbols(std::span<const uint8_t> data, DebugFile& file);

/// What the signature at the start of CodeView data says: "CodeView NB09".
std::string CodeViewKind(std::span<const uint8_t> data);

/// Whether ReadCodeViewSymbols reads data with this signature.
bool IsReadCodeView(std::span<const uint8_t> data);

/// Appends the functions and public symbols of CodeView data, NB09 or NB11, to
/// `file.code_view`.
Result<void> ReadCodeViewSymbols(std::span<const uint8_t> data,
                                 DebugFile& file);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_DEBUG_PARTS_H_
