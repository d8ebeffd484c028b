// SPDX-License-Identifier: Apache-2.0
// Which files a batch looks at, one after the other: below folders, or from a
// list. What is found is handed out while the search goes on, so memory does
// not grow with the tree, only with its depth and its largest folder.
#ifndef DETACHFIX_PATCHER_BATCH_FIND_FILES_H_
#define DETACHFIX_PATCHER_BATCH_FIND_FILES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "patcher/batch/shard.h"
#include "patcher/result.h"

namespace detachfix {

struct FindOptions {
  /// Folders to search and files to take as they are, in this order. A symbolic
  /// link to a folder is followed here, and nowhere else: who names it means
  /// what it leads to.
  std::vector<std::string> roots = {};
  bool all_dlls = false;  ///< files of any name
  std::vector<std::string> include =
      {};  ///< patterns in place of the usual names
  std::vector<std::string> exclude = {};  ///< patterns for files and folders
  /// Also enter file systems that are mounted below a root. Pseudo file systems
  /// (/proc) are never entered.
  bool cross_file_systems = false;
  /// Also enter folders that hold snapshots or deleted files.
  bool enter_snapshots = false;
  std::optional<Shard> shard = {};
  unsigned threads = 0;  ///< that read folders; 0: as many as there are cores
};

/// One file to look at; or what could not be looked at, or was not for a
/// reason that is worth a line. At most one of the two reasons is set.
struct Found {
  std::string path;  ///< begins with the root as it was given
  /// Why nothing is known of what stands there: a root that is missing, a
  /// folder that cannot be read. The search goes on.
  std::optional<Error> problem;
  /// Why a folder was left out on purpose: "another file system is mounted
  /// there".
  std::optional<std::string> skipped;
};

/// What a search has seen so far.
struct FindCounts {
  uint64_t folders = 0;          ///< read, or tried to
  uint64_t entries = 0;          ///< in them
  uint64_t found = 0;            ///< files handed out
  uint64_t problems = 0;         ///< handed out
  uint64_t skipped_folders = 0;  ///< handed out, snapshot folders included
  uint64_t links = 0;            ///< symbolic links of a wanted name
  uint64_t again = 0;            ///< further names of a file handed out before
  uint64_t other_shards = 0;     ///< files that are another shard's
  /// Files and problems that are to be handed out in all, where that is known
  /// before the end: of a list that is a file.
  std::optional<uint64_t> total;
};

class FileFinder {
 public:
  virtual ~FileFinder() = default;
  /// The next one, or nothing at the end. Waits for the disk. To be called by
  /// one thread at a time.
  virtual std::optional<Found> Next() = 0;
  /// May be called by any thread at any time.
  virtual FindCounts Counts() const = 0;
};

/// Searches the roots. Files come sorted: root by root, and below a root by
/// path, component by component, by the bytes of their names; but in each
/// folder, and among the roots, files whose name ends with '_' come last, since
/// a packed file waits for the same file that stands not packed beside it. A
/// file with
/// several names (hard links) comes once, under the first; a root that lies
/// below another comes once, where it is named. Symbolic links below a root
/// are not followed. A folder that cannot be read is a Found with a problem.
std::unique_ptr<FileFinder> FindFiles(const FindOptions& options);

/// Takes the paths that the file `list` holds ("-": standard input), in its
/// order, those that end with '_' after all others, as they are; of `options`
/// only `include`, `exclude` and `shard` are used, with the whole path as the
/// one below a root. Paths end with a NUL byte each if there is one in the
/// list's first 64 KiB, else with a newline. Fails when the list cannot be
/// opened; what goes wrong later is a Found with a problem.
Result<std::unique_ptr<FileFinder>> FilesFromList(const std::string& list,
                                                  const FindOptions& options);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_FIND_FILES_H_
