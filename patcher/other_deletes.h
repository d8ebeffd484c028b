// SPDX-License-Identifier: Apache-2.0
// Code that no run came to, but that may delete a critical section.
#ifndef DETACHFIX_PATCHER_OTHER_DELETES_H_
#define DETACHFIX_PATCHER_OTHER_DELETES_H_

#include <optional>

#include "disasm/trace.h"
#include "patcher/pe_image.h"

namespace detachfix {

/// The first place in the code of `image` that none of `traces` ran, and that
/// seems to pass `section`, or what it lies in, to a function that deletes one:
/// it names an address at or shortly before it, and the next call leads there,
/// itself or some calls down. Errs on the side of too many. For i386 only;
/// other code has a place at once.
std::optional<Rva> FindOtherDelete(const PeImage& image,
                                   const EntryTraces& traces, Rva section);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_OTHER_DELETES_H_
