// SPDX-License-Identifier: Apache-2.0
// Entering a function in the table that an image is unwound by: the exception
// directory of Alpha images.
#ifndef DETACHFIX_PATCHER_FUNCTION_TABLE_H_
#define DETACHFIX_PATCHER_FUNCTION_TABLE_H_

#include "patcher/draft.h"
#include "patcher/stub.h"

namespace detachfix {

/// Where the last function of the table ends; 0 without a table.
Rva LastFunction(const PeImage& image);

/// Enters the function in the table, behind all others, with the base
/// relocations of its addresses. Fails with the reason when the table is not
/// one of whole entries, when the function does not follow all others, or when
/// there is no room.
Result<void> AddFunction(Draft& draft, const FrameRange& function);

/// Base relocations (HIGHLOW) for the words at `words`, which are ascending and
/// were zero or absent before. Nothing for an image that cannot be relocated.
Result<void> AddRelocations(Draft& draft, const std::vector<Rva>& words);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_FUNCTION_TABLE_H_
