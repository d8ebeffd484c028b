// SPDX-License-Identifier: Apache-2.0
// A plan is the complete list of bytes that change, each with its reason. All
// changes to a file are one plan, applied in one place (Apply), so a dry run
// shows exactly what a run would do.
#ifndef DETACHFIX_PATCHER_PLAN_H_
#define DETACHFIX_PATCHER_PLAN_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "disasm/address.h"
#include "patcher/file_offset.h"
#include "patcher/result.h"

namespace detachfix {

using Bytes = std::vector<uint8_t>;

/// SHA-256 of a whole file.
using Sha256 = std::array<uint8_t, 32>;

/// Replaces `before` by `after` at `offset`. Both have the same length, except
/// for an edit that extends the file: there `before` is empty and `offset` is
/// the file's size.
struct Edit {
  FileOffset offset;
  Bytes before;
  Bytes after;
  std::string why;

  friend bool operator==(const Edit&, const Edit&) = default;
};

/// One line of a listing of injected code.
struct ListingLine {
  Rva rva;
  Bytes bytes;
  std::string text;  ///< assembly, as our own disassembler prints it
};

/// All that one repair does to one file, and how it was come by.
struct Plan {
  std::vector<Edit> edits;  ///< ascending, not overlapping
  std::string hook;  ///< which way to hook was taken, e.g. "entry wrapper"
  std::string cave;  ///< where the code went, e.g. "slack of .text"
  std::vector<ListingLine> stub;  ///< the injected code
  /// The code at the hook as it stands: what a jump replaces and some of what
  /// runs into it, or the first of an entry that is moved.
  std::vector<ListingLine> before;
  /// The same place as the plan leaves it. Empty where the entry is moved: the
  /// place is left as it is, and `stub` is what runs first.
  std::vector<ListingLine> after;
  /// The ways that were tried before the one taken, each with its reason.
  std::vector<std::string> rejected;
  bool undo_in_file = false;  ///< an undo record is among the edits
};

/// Fails when the edits overlap, are not ascending, change nothing, have
/// unequal lengths, or leave a file of `file_size` bytes. A plan that fails
/// here is a bug of ours.
Result<void> CheckPlan(const std::vector<Edit>& edits, uint64_t file_size);

/// `bytes` with the edits made. Fails, changing nothing, when CheckPlan does or
/// when any `before` does not stand at its offset.
Result<Bytes> Apply(const std::vector<Edit>& edits,
                    std::span<const uint8_t> bytes);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_PLAN_H_
