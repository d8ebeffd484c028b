// SPDX-License-Identifier: Apache-2.0
// Who else than the entry comes to its returns.
#ifndef DETACHFIX_PATCHER_OTHER_CALLERS_H_
#define DETACHFIX_PATCHER_OTHER_CALLERS_H_

#include <set>

#include "disasm/trace.h"
#include "patcher/known_code.h"
#include "patcher/pe_image.h"
#include "patcher/references.h"

namespace detachfix {

/// Whether the entry alone leads to `returns`. It may end in a jump to a
/// function that others call as well, or share its last instructions with one:
/// what they return from must stay as it is. The error names what leads there.
Result<void> CheckOtherCallers(const PeImage& image,
                               const References& references,
                               const KnownCode& code, const EntryTraces& traces,
                               const std::set<Rva>& returns);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_OTHER_CALLERS_H_
