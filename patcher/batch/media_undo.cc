// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/media_undo.h"

#include "patcher/batch/field_codec.h"

namespace detachfix {

namespace {

constexpr char kKind[] = "detachfix media undo 1";

/// Both directions name the fields in one order.
template <typename Fields, typename Undo>
void Visit(Undo& undo, const Fields& field) {
  field(undo.packed_path);
  field(undo.packed_sha256);
  field(undo.image_sha256);
  field(undo.placed);
  field(undo.placed_sha256);
  field(undo.placed_stood);
  field(undo.renamed_to);
  field(undo.renamed_stood);
  field(undo.side_record);
  field(undo.packed_original);
  field(undo.repacked_sha256);
}

}  // namespace

Bytes Encode(const MediaUndo& undo) {
  FieldWriter writer(kKind);
  Visit(undo, [&](const auto& field) { writer.Put(field); });
  return writer.Take();
}

Result<MediaUndo> DecodeMediaUndo(std::span<const uint8_t> bytes) {
  FieldReader reader(bytes, kKind);
  MediaUndo undo;
  Visit(undo, [&](auto& field) { reader.Get(field); });
  if (reader.complete()) return undo;
  return Error{"the undo data of a packed file are damaged"};
}

MediaUndo At(MediaUndo undo, const std::string& packed_path) {
  const std::string folder = packed_path.substr(0, packed_path.rfind('/') + 1);
  undo.packed_path = packed_path;
  for (std::string* path : {&undo.placed, &undo.renamed_to}) {
    if (!path->empty()) *path = folder + path->substr(path->rfind('/') + 1);
  }
  return undo;
}

}  // namespace detachfix
