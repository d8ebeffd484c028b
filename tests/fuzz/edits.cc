// SPDX-License-Identifier: Apache-2.0
// Fuzz target: edits of a few bytes, through apply -> undo record -> revert, as
// every change to a file goes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "patcher/undo_record.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/require.h"

namespace detachfix::fuzz {

namespace {

constexpr char kVersion[] = "1.0.0";
constexpr uint32_t kMostEdits = 6;
constexpr uint32_t kMostBytes = 256;
/// More than most records need.
constexpr uint32_t kRoom = 200;

/// Some bytes, in runs of one value and none.
Bytes MakeBytes(Choices& choices, uint32_t size) {
  Bytes bytes;
  while (bytes.size() < size) {
    const uint8_t value = static_cast<uint8_t>(choices.Below(256));
    const size_t left = size - bytes.size();
    // The last choice serves for all that is left.
    const size_t run = choices.empty() ? left : 1 + choices.Below(12);
    bytes.insert(bytes.end(), std::min(run, left), value);
  }
  return bytes;
}

/// Edits as a plan may have them, or, seldom, as it must not: another length,
/// other bytes than stand there, one before another.
std::vector<Edit> MakeEdits(Choices& choices, const Bytes& original) {
  std::vector<Edit> edits;
  const uint32_t end = static_cast<uint32_t>(original.size());
  uint32_t at = 0;
  for (uint32_t count = choices.Below(kMostEdits); count > 0; --count) {
    at += choices.Below(40);
    if (choices.OneIn(50)) at -= std::min(at, 3u);
    if (at >= end) break;
    const uint32_t size = std::min(end - at, 1 + choices.Below(30));
    Bytes before(original.begin() + at, original.begin() + at + size);
    if (choices.OneIn(50)) ++before[0];
    const uint32_t other = choices.OneIn(50) ? size + 1 : size;
    edits.push_back(
        {FileOffset{at}, before, MakeBytes(choices, other), "fuzzed"});
    at += size;
  }
  if (choices.OneIn(3)) {
    const uint32_t size = choices.Below(64);
    edits.push_back({FileOffset{end}, {}, MakeBytes(choices, size), "more"});
  }
  return edits;
}

/// Whatever leads back gives the original, and nothing else.
void CheckRevert(const Bytes& original, const Bytes& patched,
                 const UndoRecord& record) {
  const Result<Bytes> reverted = Revert(patched, record);
  Require(reverted.has_value(), "what was applied can be reverted");
  Require(*reverted == original, "revert gives the original, bit for bit");
}

/// One byte of the patched file is another: it is put back, or nothing is.
void CheckDamagedFile(Choices& choices, const Bytes& original, Bytes patched,
                      const UndoRecord& record) {
  if (patched.empty()) return;
  const size_t at = choices.Word() % patched.size();
  patched[at] ^= static_cast<uint8_t>(1 + choices.Below(255));
  const Result<Bytes> reverted = Revert(patched, record);
  Require(!reverted || *reverted == original,
          "what is not the original is never given for it");
  patched.resize(choices.Word() % patched.size());
  const Result<Bytes> shorter = Revert(patched, record);
  Require(!shorter || *shorter == original, "nor for a file cut short");
}

void CheckCodec(Choices& choices, const UndoRecord& record) {
  Bytes encoded = Encode(record);
  const Result<UndoRecord> decoded = DecodeUndoRecord(encoded);
  Require(decoded.has_value(), "a record can be read again");
  Require(*decoded == record, "a record is read as it was written");
  const size_t at = choices.Word() % encoded.size();
  encoded[at] ^= static_cast<uint8_t>(1 + choices.Below(255));
  Require(!DecodeUndoRecord(encoded), "a damaged record is not taken");
}

/// The record in the file itself, where one of the gaps has room, or behind it.
void CheckRecordInFile(Choices& choices, const Bytes& original,
                       std::vector<Edit> edits) {
  const uint32_t end = static_cast<uint32_t>(original.size());
  const FileOffset offset{choices.Yes() ? end : choices.Word() % (end + 1)};
  // What is appended is one edit.
  if (offset.value == end && edits.back().before.empty()) return;
  const uint32_t room =
      offset.value == end ? kRoom : std::min(kRoom, end - offset.value);
  const Result<Edit> own =
      MakeUndoEdit(original, edits, kVersion, offset, room);
  if (!own) {
    Require(!own.error().message.empty(), "a refusal says why");
    return;
  }
  edits.push_back(*own);
  std::ranges::stable_sort(edits, {}, &Edit::offset);
  const Result<Bytes> patched = Apply(edits, original);
  Require(patched.has_value(), "a record's edit fits among the others");
  // What was there before may look like another record, or the edits make one.
  const Result<std::optional<FoundUndoRecord>> found = FindUndoRecord(*patched);
  Require(found && found->has_value(), "a record is found again");
  Require((*found)->offset == own->offset, "where it was put");
  CheckRevert(original, *patched, (*found)->record);
}

}  // namespace

void CheckEdits(std::span<const uint8_t> input) {
  Choices choices(input);
  const uint32_t size = choices.Below(kMostBytes) * (1 + choices.Below(3));
  const Bytes original = MakeBytes(choices, size);
  const std::vector<Edit> edits = MakeEdits(choices, original);
  const Result<UndoRecord> record = MakeUndoRecord(original, edits, kVersion);
  const Result<Bytes> patched = Apply(edits, original);
  if (!record || !patched) {
    Require(record || !record.error().message.empty(), "a refusal says why");
    Require(patched || !patched.error().message.empty(), "a refusal says why");
    return;
  }
  CheckRevert(original, *patched, *record);
  CheckCodec(choices, *record);
  CheckDamagedFile(choices, original, *patched, *record);
  CheckRecordInFile(choices, original, edits);
}

}  // namespace detachfix::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  detachfix::fuzz::CheckEdits({data, size});
  return 0;
}
