// SPDX-License-Identifier: Apache-2.0
#include "patcher/seal_plan.h"

#include <algorithm>

#include "patcher/cave.h"
#include "patcher/draft.h"
#include "patcher/hex_text.h"
#include "patcher/number_bytes.h"
#include "patcher/pe_checksum.h"
#include "patcher/references.h"
#include "patcher/undo_record.h"
#include "patcher/version.h"

namespace detachfix {
namespace {

void Insert(std::vector<Edit>& edits, Edit edit) {
  const auto at = std::upper_bound(
      edits.begin(), edits.end(), edit,
      [](const Edit& a, const Edit& b) { return a.offset < b.offset; });
  edits.insert(at, std::move(edit));
}

/// What is left of `slack` behind the last edit in it.
Cave BehindEdits(Cave slack, const std::vector<Edit>& edits) {
  for (const Edit& edit : edits) {
    const uint32_t end =
        edit.offset.value + static_cast<uint32_t>(edit.before.size());
    if (edit.offset.value >= slack.offset.value + slack.size ||
        end <= slack.offset.value) {
      continue;
    }
    slack.size -= end - slack.offset.value;
    slack.offset = FileOffset{end};
  }
  return slack;
}

/// Puts the undo record of `edits`, and of itself, into slack that they leave.
bool AddUndoToSlack(const PeImage& image, std::vector<Edit>& edits) {
  for (const Cave& slack : FindRawSlack(image)) {
    const Cave room = BehindEdits(slack, edits);
    Result<Edit> undo =
        MakeUndoEdit(image.bytes, edits, kVersion, room.offset, room.size);
    if (!undo) continue;
    Insert(edits, std::move(*undo));
    return true;
  }
  return false;
}

/// Puts the undo record of `edits` into the padding at the end of what they
/// append to the file. The record covers those bytes already.
bool AddUndoToAppended(const PeImage& image, std::vector<Edit>& edits,
                       uint32_t padding) {
  if (padding == 0) return false;
  Bytes& appended = edits.back().after;
  const Result<UndoRecord> record =
      MakeUndoRecord(image.bytes, edits, kVersion);
  if (!record) return false;
  const Bytes encoded = Encode(*record);
  if (encoded.size() > padding) return false;
  std::copy(encoded.begin(), encoded.end(),
            appended.end() - static_cast<std::ptrdiff_t>(encoded.size()));
  return true;
}

Result<void> CheckRelocations(const PeImage& image,
                              const std::vector<Edit>& edits) {
  for (const BaseRelocation& relocation : image.relocations) {
    const std::optional<FileOffset> at = ToOffset(image, relocation.rva);
    if (!at) continue;
    for (const Edit& edit : edits) {
      const uint64_t end = uint64_t{edit.offset.value} + edit.before.size();
      if (at->value + 4 <= edit.offset.value || at->value >= end) continue;
      return Error{"the edit at " + HexNumber(edit.offset.value) +
                   " covers a word that a base relocation rewrites"};
    }
  }
  return {};
}

/// Gives the edit at the CheckSum field its value, or removes it when the
/// value stays.
Result<void> FillChecksum(const PeImage& image, std::vector<Edit>& edits) {
  const auto field = std::find_if(
      edits.begin(), edits.end(),
      [&](const Edit& edit) { return edit.offset == image.checksum_offset; });
  // Apply refuses an edit that changes nothing, so this one differs for now.
  for (uint8_t& byte : field->after) byte = static_cast<uint8_t>(~byte);
  const Result<Bytes> patched = Apply(edits, image.bytes);
  if (!patched) return patched.error();
  field->after = ToBytes32(PeChecksum(*patched, image.checksum_offset));
  if (field->after == field->before) edits.erase(field);
  return {};
}

}  // namespace

Result<Plan> SealPlan(const PeImage& image, Plan plan, uint32_t padding) {
  Insert(plan.edits,
         MakeEdit(image, image.checksum_offset, ToBytes32(image.checksum),
                  "CheckSum of the result"));
  plan.undo_in_file = AddUndoToSlack(image, plan.edits) ||
                      AddUndoToAppended(image, plan.edits, padding);
  Result<void> kept = CheckRelocations(image, plan.edits);
  if (!kept) return kept.error();
  Result<void> filled = FillChecksum(image, plan.edits);
  if (!filled) return filled.error();
  Result<void> sound = CheckPlan(plan.edits, image.bytes.size());
  if (!sound) return sound.error();
  return plan;
}

}  // namespace detachfix
