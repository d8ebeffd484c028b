// SPDX-License-Identifier: Apache-2.0
// The names that a .dbg file gives to places in one image.
#ifndef DETACHFIX_PATCHER_SYMBOL_NAMES_H_
#define DETACHFIX_PATCHER_SYMBOL_NAMES_H_

#include <map>
#include <string>

#include "patcher/debug_file.h"
#include "patcher/pe_image.h"

namespace detachfix {

/// The name of one place.
struct SymbolName {
  std::string name;             ///< as written: "_DllMain@12"
  bool names_function = false;  ///< see DebugSymbol
};

using SymbolNames = std::map<Rva, SymbolName>;

/// Why `file` is not of `image`; nothing when it is: machine, TimeDateStamp,
/// CheckSum, SizeOfImage and sections are the same.
Result<void> CheckSameImage(const DebugFile& file, const PeImage& image);

/// The symbols of `file`, which is of `image`, by their places. Of several at
/// one place the first that names a function. Fails when the places cannot be
/// told.
Result<SymbolNames> PlaceSymbols(const DebugFile& file, const PeImage& image);

/// The name without what the compiler for `machine` adds: "DllMain" of
/// "_DllMain@12".
std::string Undecorated(const std::string& name, uint16_t machine);

/// The name of the place, or nullptr.
const SymbolName* NameAt(const SymbolNames& names, Rva rva);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SYMBOL_NAMES_H_
