// SPDX-License-Identifier: Apache-2.0
// What the analysis may know of an image: its memory as the loader lays it out
// at the preferred base, and which words the loader fills with imports.
#ifndef DETACHFIX_DISASM_CODE_VIEW_H_
#define DETACHFIX_DISASM_CODE_VIEW_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "disasm/address.h"

namespace detachfix {

/// Machine numbers of the COFF header that KB Q238493 lists (PE/COFF, "Machine
/// Types"). Kept as raw integers: LIEF 0.9 has no name for Alpha.
inline constexpr uint16_t kMachineI386 = 0x014c;
inline constexpr uint16_t kMachineAlpha = 0x0184;

/// The function that one import slot stands for.
struct ImportName {
  std::string dll;   ///< lower case with ending, e.g. "kernel32.dll"
  std::string name;  ///< as written in the file; empty if only by ordinal
  std::optional<uint16_t> ordinal;  ///< set when imported by ordinal

  friend bool operator==(const ImportName&, const ImportName&) = default;
};

/// "kernel32.dll!DeleteCriticalSection", or "ws2_32.dll!#115" by ordinal.
std::string ToText(const ImportName& import);

/// A range of mapped memory with one protection.
struct CodeRegion {
  Rva begin;
  uint32_t size = 0;                 ///< mapped bytes
  std::span<const uint8_t> content;  ///< first bytes; what follows is zero
  bool executable = false;
  bool writable = false;
};

/// What each thread gets a copy of: the TLS directory (PE/COFF specification).
struct ThreadTemplate {
  Rva begin;
  uint32_t size = 0;   ///< bytes of the image
  uint32_t zeros = 0;  ///< bytes that follow them
  Rva index;           ///< of the word that the loader writes the index to
};

/// Brings in the content of a view that is read as it is needed.
class ContentSource {
 public:
  virtual ~ContentSource() = default;
  /// To be called before a part of some region's content is looked at.
  virtual void Need(std::span<const uint8_t> part) = 0;
};

/// A loaded image as the analysis sees it. The spans point into the file's
/// bytes: the view must not outlive them.
struct CodeView {
  uint16_t machine = 0;
  uint32_t image_base = 0;  ///< preferred base, a virtual address
  uint32_t image_size = 0;  ///< SizeOfImage, bytes
  /// What the image calls itself, in its export directory; may be empty.
  std::string name;
  std::vector<CodeRegion> regions;  ///< ascending, not overlapping
  std::map<Rva, ImportName> import_slots;
  /// The code that the image exports, by name.
  std::map<std::string, Rva> exports;
  /// The word that the load configuration names as the /GS cookie.
  std::optional<Rva> security_cookie;
  std::optional<ThreadTemplate> thread_template;
  /// Where the TLS directory's list of callbacks lies, which a 0 ends.
  std::optional<Rva> callback_list;
  /// The root of the tree of resources.
  std::optional<Rva> resources;
  ContentSource* source = nullptr;  ///< nullptr: all content is there
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_CODE_VIEW_H_
