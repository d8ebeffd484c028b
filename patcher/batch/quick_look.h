// SPDX-License-Identifier: Apache-2.0
// What a few reads of a file settle, so that a search through every file of a
// share need not read them whole.
#ifndef DETACHFIX_PATCHER_BATCH_QUICK_LOOK_H_
#define DETACHFIX_PATCHER_BATCH_QUICK_LOOK_H_

#include <optional>
#include <string>

#include "patcher/files.h"
#include "patcher/outcome.h"

namespace detachfix {

/// The outcome that VerifyFile would give for the file at `path`, without its
/// hash, if headers and tables settle that it is not a PE file, or that it is
/// "not applicable" and not the target. Nothing in every other case, whatever
/// the reason: something is odd, or cannot be read, or it is one of the packed
/// files of install media.
///
/// Only LIEF's second opinion is left out; it is asked for where an answer may
/// lead to a patch. So nothing is said of files of a form that the two readers
/// have been seen to take differently.
std::optional<FileOutcome> LookQuickly(Files& files, const std::string& path);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_QUICK_LOOK_H_
