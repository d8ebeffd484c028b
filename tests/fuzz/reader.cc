// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as a PE file and as an undo record.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "patcher/pe_image.h"
#include "patcher/target.h"
#include "patcher/undo_record.h"
#include "tests/fuzz/require.h"

namespace detachfix::fuzz {

namespace {

/// ToOffset and ToRva lead to each other.
void CheckTranslation(const PeImage& image, Rva rva) {
  const std::optional<FileOffset> offset = ToOffset(image, rva);
  if (!offset) return;
  Require(offset->value < image.bytes.size(), "an offset lies in the file");
  Require(ToRva(image, *offset) == rva, "ToRva is the inverse of ToOffset");
}

void CheckImage(const PeImage& image) {
  Require(image.overlay_offset.value <= image.bytes.size(),
          "the overlay lies in the file");
  for (const Section& section : image.sections) {
    Require(uint64_t{section.raw_offset.value} + section.raw_size <=
                image.bytes.size(),
            "a section lies in the file");
    for (const uint32_t delta : {0u, 1u, section.raw_size / 2,
                                 section.raw_size - 1, section.raw_size}) {
      CheckTranslation(image, section.rva + delta);
    }
  }
  for (const ImportDescriptor& import : image.imports) {
    for (const ImportedFunction& function : import.functions) {
      Require(function.slot.value < image.size_of_image,
              "a slot lies in the image");
    }
  }
  for (const BaseRelocation& relocation : image.relocations) {
    Require(relocation.rva.value < image.size_of_image,
            "a base relocation lies in the image");
  }
  Require(std::ranges::is_sorted(image.relocations, {}, &BaseRelocation::rva),
          "base relocations ascend");
}

void CheckView(const PeImage& image) {
  const CodeView view = MakeCodeView(image);
  uint64_t end = 0;
  for (const CodeRegion& region : view.regions) {
    Require(region.begin.value >= end, "regions ascend and do not overlap");
    Require(region.content.size() <= region.size, "content fits its region");
    end = uint64_t{region.begin.value} + region.size;
  }
}

void CheckUndo(const std::vector<uint8_t>& bytes) {
  const Result<std::optional<FoundUndoRecord>> found = FindUndoRecord(bytes);
  if (found && *found) {
    Require(uint64_t{(*found)->offset.value} + (*found)->size <= bytes.size(),
            "a record lies in the file");
    // Whatever it says: an error, or bytes that have the hash it names.
    const Result<Bytes> original = Revert(bytes, (*found)->record);
    Require(original || !original.error().message.empty(),
            "a record that leads nowhere says why");
  }
  const Result<UndoRecord> record = DecodeUndoRecord(bytes);
  if (!record) return;
  const Bytes again = Encode(*record);
  Require(again.size() <= bytes.size() &&
              std::equal(again.begin(), again.end(), bytes.begin()),
          "Encode(Decode(record)) is the record");
}

}  // namespace

void CheckReader(const std::vector<uint8_t>& bytes) {
  CheckUndo(bytes);
  const Result<ReadPe> read = ReadPeImage(bytes);
  if (!read) {
    const std::string& message = read.error().message;
    Require(!message.empty(), "an error says what is wrong");
    Require(std::ranges::none_of(message,
                                 [](char c) { return c < 0x20 || c > 0x7e; }),
            "a message is one line of ASCII");
    return;
  }
  Require(read->image.has_value() != read->other.has_value(),
          "a PE is looked into or not");
  if (!read->image) return;
  CheckImage(*read->image);
  CheckView(*read->image);
  const TargetMatch match = IdentifyTarget(*read->image);
  Require(match.name.has_value() == match.because.empty(),
          "what is not the target says why");
}

}  // namespace detachfix::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  detachfix::fuzz::CheckReader({data, data + size});
  return 0;
}
