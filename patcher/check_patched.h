// SPDX-License-Identifier: Apache-2.0
// The judgement on our own work, before a byte of it reaches the disk.
#ifndef DETACHFIX_PATCHER_CHECK_PATCHED_H_
#define DETACHFIX_PATCHER_CHECK_PATCHED_H_

#include <optional>
#include <span>

#include "patcher/plan.h"
#include "patcher/shared_bytes.h"
#include "patcher/undo_record.h"

namespace detachfix {

/// Whether `patched` is what `plan` promised for `original`: it parses, is
/// fixed by this version of detachfix, has base relocations that LIEF reads as
/// we do, differs nowhere outside the edits, holds code that decodes back to
/// the plan's listing, and leads back to `original`. `side` is the undo record
/// when the plan does not put it into the file. An error here is a bug of ours.
Result<void> CheckPatched(std::span<const uint8_t> original, const Plan& plan,
                          const SharedBytes& patched,
                          const std::optional<UndoRecord>& side);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_CHECK_PATCHED_H_
