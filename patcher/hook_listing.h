// SPDX-License-Identifier: Apache-2.0
// The code at the place where a plan takes control, for whoever compares the
// file before and after.
#ifndef DETACHFIX_PATCHER_HOOK_LISTING_H_
#define DETACHFIX_PATCHER_HOOK_LISTING_H_

#include <vector>

#include "patcher/hook.h"
#include "patcher/known_code.h"
#include "patcher/pe_image.h"
#include "patcher/plan.h"

namespace detachfix {

/// What stands at `sites`: the instructions that each jump replaces, with some
/// that certainly run into them.
std::vector<ListingLine> ListSites(const PeImage& image, const KnownCode& code,
                                   const std::vector<HookSite>& sites);

/// The first instructions of the entry, for a plan that moves the entry point.
std::vector<ListingLine> ListEntry(const PeImage& image, const KnownCode& code);

/// `before` as it stands once those of `injected` that lie there are written.
/// Bytes of an instruction that is written over in part are one line.
std::vector<ListingLine> ListHooked(const std::vector<ListingLine>& before,
                                    const std::vector<ListingLine>& injected);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_HOOK_LISTING_H_
