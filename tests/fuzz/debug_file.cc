// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as a .dbg file, placed in an image that has whatever
// the file says of its own.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "patcher/symbol_names.h"
#include "tests/fuzz/require.h"

namespace detachfix::fuzz {

namespace {

bool IsPlainLine(const std::string& text) {
  return std::ranges::none_of(text,
                              [](char c) { return c < 0x20 || c > 0x7e; });
}

/// An image that CheckSameImage takes for that of the file.
PeImage ImageOf(const DebugFile& file) {
  PeImage image;
  image.machine = file.machine;
  image.time_date_stamp = file.time_date_stamp;
  image.checksum = file.checksum;
  image.size_of_image = file.size_of_image;
  for (const DebugSection& section : file.sections) {
    Section same;
    same.rva = section.rva;
    image.sections.push_back(same);
  }
  return image;
}

void CheckNames(const DebugFile& file, const SymbolNames& names) {
  for (const auto& [rva, symbol] : names) {
    Require(IsPlainLine(symbol.name) && !symbol.name.empty(),
            "a name is one line of ASCII");
    const auto holds = [at = uint64_t{rva.value}](const DebugSection& section) {
      return at >= section.rva.value &&
             at <= uint64_t{section.rva.value} + section.size;
    };
    Require(std::ranges::any_of(file.sections, holds),
            "a name stands in a section");
  }
}

}  // namespace

void CheckDebugFile(std::span<const uint8_t> bytes) {
  const Result<DebugFile> file = ReadDebugFile(bytes);
  if (!file) {
    Require(IsPlainLine(file.error().message) && !file.error().message.empty(),
            "a message is one line of ASCII");
    return;
  }
  Require(file->kinds.empty() ||
              file->coff.size() + file->code_view.size() <= bytes.size(),
          "there are no more symbols than bytes");
  const PeImage image = ImageOf(*file);
  const Result<void> same = CheckSameImage(*file, image);
  Require(same.has_value() != file->mismatched,
          "a file is of an image that is as it says");
  const Result<SymbolNames> names = PlaceSymbols(*file, image);
  if (names) {
    CheckNames(*file, *names);
  } else {
    Require(IsPlainLine(names.error().message), "a message is one line");
  }
}

}  // namespace detachfix::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  detachfix::fuzz::CheckDebugFile({data, size});
  return 0;
}
