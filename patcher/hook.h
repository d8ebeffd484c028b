// SPDX-License-Identifier: Apache-2.0
// The ways to get control at a detach. Each looks, changes nothing, and either
// says what it would do or why it does not apply.
#ifndef DETACHFIX_PATCHER_HOOK_H_
#define DETACHFIX_PATCHER_HOOK_H_

#include <string>
#include <vector>

#include "disasm/trace.h"
#include "patcher/known_code.h"
#include "patcher/pe_image.h"
#include "patcher/references.h"
#include "patcher/stub.h"

namespace detachfix {

/// A place where a jump to the stub replaces whole instructions.
struct HookSite {
  Rva rva;            ///< of the jump
  uint32_t size = 0;  ///< bytes of the instructions it stands for
  MovedCode moved;    ///< those before the return, which the stub runs instead
};

/// Hooks every exit that a detach with lpvReserved NULL takes while one of
/// `leaked` may be alive: the stub stands for the return there.
Result<std::vector<HookSite>> HookDetachExits(const PeImage& image,
                                              const References& references,
                                              const KnownCode& code,
                                              const EntryTraces& traces,
                                              const std::vector<Rva>& leaked);

/// Whether what leaks may be deleted before the entry runs, or the entry left
/// out, at a detach with lpvReserved NULL: it does nothing then but return, and
/// reads no critical section, which would be another after its deletion.
Result<void> CheckEntryTail(const PeImage& image, const EntryTraces& traces);

/// Whether the entry can be called by a stub that stands before it.
Result<void> CheckEntryWrapper(const PeImage& image, const EntryTraces& traces);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_HOOK_H_
