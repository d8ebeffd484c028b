// SPDX-License-Identifier: Apache-2.0
// What leads from a patched file back to its original: the original's size and
// SHA-256 and the inverse edits, in a compact binary form that fits into the
// slack of a section. It is also what says "fixed by detachfix", and by which
// version.
#ifndef DETACHFIX_PATCHER_UNDO_RECORD_H_
#define DETACHFIX_PATCHER_UNDO_RECORD_H_

#include <optional>

#include "patcher/plan.h"

namespace detachfix {

/// One range of the original that the patch changed.
struct UndoRange {
  FileOffset offset;
  uint32_t patched_size = 0;  ///< bytes that stand there in the patched file
  Bytes original;             ///< what stood there; empty when it was appended

  friend bool operator==(const UndoRange&, const UndoRange&) = default;
};

struct UndoRecord {
  std::string version;  ///< of the detachfix that patched, e.g. "1.0.0"
  uint32_t original_size = 0;
  Sha256 original_sha256{};
  std::vector<UndoRange> ranges;  ///< ascending

  friend bool operator==(const UndoRecord&, const UndoRecord&) = default;
};

/// Where a record stands in a file.
struct FoundUndoRecord {
  UndoRecord record;
  FileOffset offset;
  uint32_t size = 0;  ///< bytes
};

/// The encoded record: magic, format number, length, fields, CRC.
Bytes Encode(const UndoRecord& record);

/// The record that `bytes` begin with. Fails with the field and the numbers.
Result<UndoRecord> DecodeUndoRecord(std::span<const uint8_t> bytes);

/// Finds the one well-formed record in a file. Nothing when there is none;
/// fails when there are several, or when one is there but damaged.
Result<std::optional<FoundUndoRecord>> FindUndoRecord(
    std::span<const uint8_t> file);

/// The original: `patched` with every range put back and the size restored.
/// Fails unless the SHA-256 of the result is the record's.
Result<Bytes> Revert(std::span<const uint8_t> patched,
                     const UndoRecord& record);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_UNDO_RECORD_H_
