// SPDX-License-Identifier: Apache-2.0
// What leads from a patched file back to its original: the original's size and
// SHA-256 and the inverse edits, in a compact binary form that fits into the
// slack of a section. It is also what says "fixed by detachfix", and by which
// version. Where no slack is left the same bytes go into a file of their own
// beside the patched one.
#ifndef DETACHFIX_PATCHER_UNDO_RECORD_H_
#define DETACHFIX_PATCHER_UNDO_RECORD_H_

#include <optional>
#include <string_view>

#include "patcher/pe_image.h"
#include "patcher/plan.h"

namespace detachfix {

/// The first 16 bytes of every record. The line end at its end is one that a
/// transfer in text mode would damage, as in PNG's signature.
inline constexpr std::string_view kUndoMagic = "detachfix-undo\r\n";

/// What the name of a side file ends with, which holds the record of a file
/// that has no room for it.
inline constexpr std::string_view kSideFileSuffix = ".detachfix-undo";

/// One range of the original that the patch changed.
struct UndoRange {
  FileOffset offset;
  uint32_t patched_size = 0;  ///< bytes that stand there in the patched file
  Bytes original;             ///< what stood there; empty when it was appended

  friend bool operator==(const UndoRange&, const UndoRange&) = default;
};

/// What leads from a patched file back to its original, and proves it.
struct UndoRecord {
  std::string version;         ///< of the detachfix that patched, e.g. "1.0.0"
  uint32_t original_size = 0;  ///< bytes
  Sha256 original_sha256{};
  std::vector<UndoRange> ranges;  ///< ascending, at least one

  friend bool operator==(const UndoRecord&, const UndoRecord&) = default;
};

/// Where a record stands in a file.
struct FoundUndoRecord {
  UndoRecord record;
  FileOffset offset;
  uint32_t size = 0;  ///< bytes
};

/// The record that leads back from Apply(edits, original) to `original`. Of
/// each edit only the place, `before` and the length of `after` count, so the
/// record can be made while some of the new bytes (its own, the CheckSum's) are
/// still zeros. Fails when the edits are not ascending, do not fit `original`,
/// or shorten the file, and when `version` is not 1 to 32 visible ASCII
/// characters.
Result<UndoRecord> MakeUndoRecord(std::span<const uint8_t> original,
                                  const std::vector<Edit>& edits,
                                  const std::string& version);

/// The edit that writes the record of `edits` and of itself at `offset`, which
/// none of `edits` may touch. Fails when it needs more than `room` bytes, and
/// as MakeUndoRecord does. `offset` may be the end of `original`: then the
/// record is appended.
Result<Edit> MakeUndoEdit(std::span<const uint8_t> original,
                          const std::vector<Edit>& edits,
                          const std::string& version, FileOffset offset,
                          uint32_t room);

/// The encoded record: magic, format number, length, fields, check. `record`
/// is one that MakeUndoRecord or DecodeUndoRecord gave.
Bytes Encode(const UndoRecord& record);

/// The record that `bytes` begin with; what follows it does not matter. Fails
/// with the field and the numbers, also when the original would be larger than
/// `max_original_size` bytes. Encode of the result is the same bytes.
Result<UndoRecord> DecodeUndoRecord(std::span<const uint8_t> bytes,
                                    uint32_t max_original_size = kMaxFileSize);

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
