// SPDX-License-Identifier: Apache-2.0
// What a few reads of a file settle, so that a search through every file of a
// share need not read them whole.
#ifndef DETACHFIX_PATCHER_BATCH_QUICK_LOOK_H_
#define DETACHFIX_PATCHER_BATCH_QUICK_LOOK_H_

#include <optional>
#include <string>

#include "patcher/diagnosis.h"
#include "patcher/files.h"
#include "patcher/outcome.h"
#include "patcher/verify_file.h"

namespace detachfix {

/// What is looked at.
enum class Look : uint8_t {
  kTarget,  ///< only what says whether it is the target
  kTables,  ///< headers and tables
  kCode,    ///< besides, the code that the loader calls
};

/// The outcome that VerifyFile would give for the file at `path`, without its
/// hash, if that much settles that it is no PE file, or not the target and "not
/// applicable", or "unknown". Nothing in every other case, whatever the reason:
/// something is odd, or cannot be read, or it is one of the packed files of
/// install media, or there is an undo record or a .dbg file beside it.
///
/// Only LIEF's second opinion is left out; it is asked for where an answer may
/// lead to a patch. So nothing is said of files of a form that the two readers
/// have been seen to take differently. Look::kTarget answers as VerifyFile with
/// Scope::kTarget, and does not see damage to what it does not look at.
///
/// Where code was run and more is to be known of the file than that, the runs
/// are put into `seen`, for VerifyFile.
std::optional<FileOutcome> LookQuickly(Files& files, const std::string& path,
                                       Look look, SeenRuns* seen = nullptr);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_QUICK_LOOK_H_
