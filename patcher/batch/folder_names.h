// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_BATCH_FOLDER_NAMES_H_
#define DETACHFIX_PATCHER_BATCH_FOLDER_NAMES_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "patcher/batch/ledger.h"
#include "patcher/files.h"

namespace detachfix {

/// What is asked of a folder for each of its files. It is read once, and again
/// when it changed; files come folder by folder, so one is kept. Safe to use
/// from several threads.
class FolderNames {
 public:
  /// The names in `folder` that are `lower` in any case, ascending; none where
  /// the folder cannot be read. `lower` has no capitals.
  std::vector<std::string> Find(Files& files, const std::string& folder,
                                const std::string& lower);

 private:
  using Names = std::multimap<std::string, std::string>;  ///< by LowerAscii

  std::shared_ptr<const Names> NamesIn(Files& files, const std::string& folder);

  std::mutex mutex_;
  std::string folder_;  ///< that `names_` are of
  FileIdentity identity_;
  std::shared_ptr<const Names> names_;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_FOLDER_NAMES_H_
