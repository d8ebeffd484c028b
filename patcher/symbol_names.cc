// SPDX-License-Identifier: Apache-2.0
// What the Value of a COFF symbol counts from is not the same everywhere. The
// PE/COFF specification says the start of the symbol's section, and GNU ld
// writes it so; other tools of the format take it for the RVA. A table does not
// say which, so the image has to: that reading is taken which puts more names
// of exports where the export directory has them and, where that is the same,
// more symbols into their sections. Not all of them lie there: GNU ld's names
// for the bounds of an empty section stand far behind another.
#include "patcher/symbol_names.h"

#include <algorithm>
#include <optional>

#include "patcher/hex_text.h"

namespace detachfix {

namespace {

std::string Other(const char* field, uint32_t has, uint32_t image_has) {
  return std::string("is of another image: ") + field + " is " +
         HexNumber(has) + ", the image has " + HexNumber(image_has);
}

/// `symbol`'s place, if that lies in its section or right at its end.
std::optional<Rva> Place(const DebugFile& file, const DebugSymbol& symbol,
                         bool from_section) {
  const DebugSection& section = file.sections[symbol.section];
  const uint64_t begin = section.rva.value;
  const uint64_t rva = symbol.value + (from_section ? begin : 0);
  if (rva < begin || rva > begin + section.size || rva > UINT32_MAX) {
    return std::nullopt;
  }
  return Rva{static_cast<uint32_t>(rva)};
}

/// How much speaks for one reading of COFF values.
struct Support {
  size_t exports = 0;  ///< put where the export directory has them
  size_t inside = 0;   ///< symbols that lie in their sections

  friend auto operator<=>(const Support&, const Support&) = default;
};

Support SupportFor(const DebugFile& file, const PeImage& image,
                   const std::map<std::string, Rva>& exports,
                   bool from_section) {
  Support support;
  for (const DebugSymbol& symbol : file.coff) {
    const std::optional<Rva> rva = Place(file, symbol, from_section);
    if (!rva) continue;
    ++support.inside;
    const auto at = exports.find(Undecorated(symbol.name, image.machine));
    if (at != exports.end() && at->second == *rva) ++support.exports;
  }
  return support;
}

/// Whether COFF values count from the start of the section.
Result<bool> CountFromSection(const DebugFile& file, const PeImage& image) {
  std::map<std::string, Rva> exports;
  for (const ExportedFunction& function : image.exports) {
    if (!function.name.empty()) exports.emplace(function.name, function.rva);
  }
  const Support section = SupportFor(file, image, exports, true);
  const Support whole = SupportFor(file, image, exports, false);
  if (section.inside == 0 && whole.inside == 0) {
    return Error{"COFF symbols lie outside of their sections"};
  }
  if (section == whole) {
    return Error{
        "COFF symbols can be read as RVAs and as offsets in their sections, "
        "and no export tells which"};
  }
  return section > whole;
}

void Add(SymbolNames& names, Rva rva, const DebugSymbol& symbol) {
  const auto [at, is_new] =
      names.emplace(rva, SymbolName{symbol.name, symbol.names_function});
  if (!is_new && symbol.names_function && !at->second.names_function) {
    at->second = {symbol.name, true};
  }
}

}  // namespace

Result<void> CheckSameImage(const DebugFile& file, const PeImage& image) {
  const struct {
    const char* field;
    uint32_t has;
    uint32_t image_has;
  } fields[] = {
      {"machine", file.machine, image.machine},
      {"TimeDateStamp", file.time_date_stamp, image.time_date_stamp},
      {"CheckSum", file.checksum, image.checksum},
      {"SizeOfImage", file.size_of_image, image.size_of_image},
      {"NumberOfSections", static_cast<uint32_t>(file.sections.size()),
       static_cast<uint32_t>(image.sections.size())},
  };
  for (const auto& [field, has, image_has] : fields) {
    if (has != image_has) return Error{Other(field, has, image_has)};
  }
  for (size_t i = 0; i < file.sections.size(); ++i) {
    const uint32_t rva = file.sections[i].rva.value;
    if (rva == image.sections[i].rva.value) continue;
    const std::string field =
        "VirtualAddress of section " + std::to_string(i + 1);
    return Error{Other(field.c_str(), rva, image.sections[i].rva.value)};
  }
  if (file.mismatched) {
    return Error{
        "is of another image: IMAGE_SEPARATE_DEBUG_MISMATCH says that it was "
        "updated for an image that it did not match"};
  }
  return {};
}

Result<SymbolNames> PlaceSymbols(const DebugFile& file, const PeImage& image) {
  if (file.rearranged) {
    return Error{
        "has the addresses of before the image was rearranged (OMAP), which "
        "are not read"};
  }
  SymbolNames names;
  if (!file.coff.empty()) {
    const Result<bool> from_section = CountFromSection(file, image);
    if (!from_section) return from_section.error();
    for (const DebugSymbol& symbol : file.coff) {
      const std::optional<Rva> rva = Place(file, symbol, *from_section);
      if (rva) Add(names, *rva, symbol);
    }
  }
  for (const DebugSymbol& symbol : file.code_view) {
    const std::optional<Rva> rva = Place(file, symbol, true);
    if (!rva) {
      return Error{"CodeView symbol at " + HexNumber(symbol.value) +
                   " lies outside of section " +
                   std::to_string(symbol.section + 1)};
    }
    Add(names, *rva, symbol);
  }
  return names;
}

std::string Undecorated(const std::string& name, uint16_t machine) {
  if (machine != kMachineI386) return name;
  // _cdecl and _stdcall@12, as compilers for i386 decorate C names.
  const size_t at = name.rfind('@');
  const size_t begin = name.starts_with('_') ? 1 : 0;
  if (at == std::string::npos || at < begin) return name.substr(begin);
  return name.substr(begin, at - begin);
}

const SymbolName* NameAt(const SymbolNames& names, Rva rva) {
  const auto at = names.find(rva);
  return at == names.end() ? nullptr : &at->second;
}

}  // namespace detachfix
