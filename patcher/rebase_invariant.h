// SPDX-License-Identifier: Apache-2.0
// A hash that REBASE leaves as it is.
#ifndef DETACHFIX_PATCHER_REBASE_INVARIANT_H_
#define DETACHFIX_PATCHER_REBASE_INVARIANT_H_

#include <optional>

#include "patcher/pe_image.h"
#include "patcher/plan.h"

namespace detachfix {

/// The file as REBASE would leave it for a base of 0, with the fields as 0 that
/// REBASE sets anew. Nothing when ImageBase is not a multiple of 64 KB: then
/// 16-bit relocations do not tell what the words were.
std::optional<Bytes> WithoutBase(const PeImage& image);

/// SHA-256 of WithoutBase.
std::optional<Sha256> RebaseInvariantSha256(const PeImage& image);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_REBASE_INVARIANT_H_
