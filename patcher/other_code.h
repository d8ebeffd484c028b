// SPDX-License-Identifier: Apache-2.0
// Code that no run came to, but that may delete a critical section, or make
// one.
#ifndef DETACHFIX_PATCHER_OTHER_CODE_H_
#define DETACHFIX_PATCHER_OTHER_CODE_H_

#include <optional>
#include <set>
#include <vector>

#include "disasm/trace.h"
#include "patcher/pe_image.h"

namespace detachfix {

/// What may delete a section that detach leaves.
struct OtherDelete {
  Rva section;
  Rva at;  ///< in code
};

/// The first place in the code of `image` that none of `traces` ran, and that
/// seems to pass one of `sections`, or what it lies in, to a function that
/// deletes one:
/// it names an address at or shortly before it, but not that of another one of
/// `known`, or of a word of data that holds such an address, and the next call
/// leads there, itself or some calls down. A word that it only reads or writes
/// ("[address]") must be one that may hold such an address.
/// What exports alone do is left out: a program that only loads and unloads the
/// DLL calls none. Else the first call that deletes, some section, by a way
/// that was not taken: where a thread is started, and where code that ran on
/// detach names one of `sections`, or a word that holds one, and passes it to
/// what seems to delete, or returns it. Else the first place
/// where code that was run names a function that was not, as one passes the
/// procedure of a window, and that deletes some section; not where but an
/// exception leads to it (scope_tables.h). Errs on the side of too many.
///
/// For i386. Of other code there is a place at once where not every path was
/// followed, and none where all were.
std::optional<OtherDelete> FindOtherDelete(const PeImage& image,
                                           const EntryTraces& traces,
                                           std::vector<Rva> sections,
                                           const std::set<Rva>& known);

/// The first place in code of `image` that none of `traces` ran, and that seems
/// to initialise a section in the image's data that is none of `known`: it
/// names an address of that, and the next call leads to a function that
/// initialises one. It is code of a function that was named by what was run, or
/// in data that another DLL was given, so that others may run it; where
/// `traces` are of one ordinary process and `before` of many paths, also what a
/// branch leads to that went one way in the process and may go another: not
/// where it came by in `before` and was decided there as well. Of those ways a
/// call that initialises is enough where nothing is `known`. Errs on the side
/// of too many. For i386.
std::optional<Rva> FindOtherInitialise(const PeImage& image,
                                       const EntryTraces& traces,
                                       const std::set<Rva>& known,
                                       const EntryTraces* before);

/// The first call on detach of a function of another DLL than Windows' own: it
/// may delete a section that it can reach, by what it was given at any time.
std::optional<Rva> CallOfAnother(const Trace& detach);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_OTHER_CODE_H_
