// SPDX-License-Identifier: Apache-2.0
// What stands beside a file and has a say in the answer on it.
#ifndef DETACHFIX_PATCHER_BATCH_BESIDE_H_
#define DETACHFIX_PATCHER_BATCH_BESIDE_H_

#include <string>

#include "patcher/batch/folder_names.h"
#include "patcher/files.h"

namespace detachfix {

/// The .dbg files and the undo record beside the image at `path`, each with
/// what is the same about it as long as nobody changes it. An answer that was
/// given beside another text than this one may be another today. What cannot be
/// told of one of them holds within `run` alone.
std::string StateBeside(Files& files, FolderNames& names,
                        const std::string& path, const std::string& run);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_BESIDE_H_
