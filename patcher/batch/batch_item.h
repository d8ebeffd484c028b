// SPDX-License-Identifier: Apache-2.0
// What the stages of a batch hand to each other: the walk finds files, the run
// makes an item of each, the reports print items. Plain data.
#ifndef DETACHFIX_PATCHER_BATCH_BATCH_ITEM_H_
#define DETACHFIX_PATCHER_BATCH_BATCH_ITEM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "patcher/outcome.h"
#include "patcher/sniff_packing.h"
#include "patcher/version.h"

namespace detachfix {

/// "none", "szdd", "kwaj", "mscf": the words of the JSON.
const char* ToText(Packing packing);

/// The line of REPAIR/SETUP.LOG that an installed image has for a file.
struct SetupLogEntry {
  std::string path;        ///< of the log
  uint32_t check_sum = 0;  ///< that stands in it, or stood there
  bool agrees = false;     ///< with the file as this command left it
  std::optional<uint32_t> updated_to;  ///< what was written into the line
  std::optional<Error> problem;        ///< the log has no usable line
  /// Of an update that was asked for and not made; 0: there was none.
  int exit_status = 0;
};

/// What became of one file in a batch: the outcome that `verify`, `patch` and
/// `revert` give too, and what only a batch knows.
struct BatchItem {
  /// Of a packed file `path` is that of the file on the disk, while size and
  /// hashes are those of the image in it.
  FileOutcome outcome;
  Packing packing = Packing::kNone;
  /// The image that was (in a dry run: would be) placed beside a packed file,
  /// which was renamed to `renamed_to`; both empty when that was not done.
  std::string placed;
  std::string renamed_to;
  std::optional<SetupLogEntry> setup_log;
  /// Known from the ledger to be unchanged since an earlier run, whose answer
  /// this is; the file was not read.
  bool from_ledger = false;
  /// Set in a merged report alone: the run that this item comes from, and its
  /// host.
  std::string run;
  std::string host;
};

/// How many items came to each end. Each item is counted once.
struct BatchCounts {
  uint64_t files = 0;
  uint64_t leaks = 0;  ///< and was not patched
  uint64_t would_patch = 0;
  uint64_t patched = 0;
  uint64_t reverted = 0;
  uint64_t fixed = 0;  ///< before this run
  uint64_t not_applicable = 0;
  uint64_t unknown = 0;
  uint64_t refused = 0;
  uint64_t failed = 0;
};

/// One of the runs that a merged report was made from.
struct MergedRun {
  std::string run;
  std::string host;
  std::string started;
  std::string finished;
  std::string shard;
  std::string version;
  bool interrupted = false;
  uint64_t files = 0;
};

/// What a report says besides its items.
struct BatchHead {
  std::string
      run;  ///< id of the run in the ledger, e.g. "20001224-093005-1a2b"
  std::string command;  ///< "batch" or "revert"
  std::string host;
  std::string started;             ///< UTC, e.g. "2000-12-24T09:30:05Z"
  std::string finished;            ///< the same; empty while the run goes on
  std::vector<std::string> roots;  ///< as they were given
  std::string shard;               ///< "2/8", or empty
  bool apply = false;              ///< files were to be changed
  bool interrupted = false;
  int exit_status = 0;
  BatchCounts counts;
  std::string version = kVersion;
  std::vector<MergedRun> merged;  ///< of a merged report, else empty
};

/// That of the outcome, or of SETUP.LOG where that is the larger.
int ExitStatus(const BatchItem& item);

/// "PATH: what is wrong" of a log whose line was to be updated and was not;
/// empty where none was.
std::string SetupLogFailure(const BatchItem& item);

/// Counts `item` where it belongs.
void Count(const BatchItem& item, BatchCounts& counts);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_BATCH_ITEM_H_
