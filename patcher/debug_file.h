// SPDX-License-Identifier: Apache-2.0
// A .dbg file: the symbols of an image, which the linker's tools of NT 4.0's
// time put beside it (IMAGE_SEPARATE_DEBUG_HEADER of winnt.h).
#ifndef DETACHFIX_PATCHER_DEBUG_FILE_H_
#define DETACHFIX_PATCHER_DEBUG_FILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "disasm/address.h"
#include "patcher/result.h"

namespace detachfix {

/// Largest .dbg file that is read, in bytes.
inline constexpr uint64_t kMaxDebugFileSize = uint64_t{64} * 1024 * 1024;

/// A section of the image, as the .dbg file repeats its header.
struct DebugSection {
  std::string name;
  Rva rva;
  uint32_t size = 0;  ///< VirtualSize, or SizeOfRawData where that is 0
  bool executable = false;
};

/// A name for a place in section `section` (counted from 0).
struct DebugSymbol {
  std::string name;  ///< as written, with the decoration of the compiler
  uint32_t section = 0;
  uint32_t value = 0;
  /// In code, and seen outside of its source file or said to be a function:
  /// labels within functions are neither.
  bool names_function = false;
};

/// What is read of one. Field names are those of IMAGE_SEPARATE_DEBUG_HEADER,
/// whose fields tell the image that it is of.
struct DebugFile {
  bool mismatched = false;  ///< IMAGE_SEPARATE_DEBUG_MISMATCH is set
  uint16_t machine = 0;
  uint32_t time_date_stamp = 0;
  uint32_t checksum = 0;
  uint32_t image_base = 0;
  uint32_t size_of_image = 0;
  std::vector<DebugSection> sections;
  /// Values are offsets in the section, or RVAs: see PlaceSymbols.
  std::vector<DebugSymbol> coff;
  /// Values are offsets in the section.
  std::vector<DebugSymbol> code_view;
  std::vector<std::string> kinds;     ///< of what is read: "COFF"
  std::vector<std::string> not_read;  ///< what else is in it: "FPO"
  /// The image was rearranged after it was linked, so that the symbols hold the
  /// addresses of before.
  bool rearranged = false;
};

/// Parses `bytes`. Fails with one line that names the field and the numbers
/// when they are not a .dbg file or anything in it lies outside.
Result<DebugFile> ReadDebugFile(std::span<const uint8_t> bytes);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_DEBUG_FILE_H_
