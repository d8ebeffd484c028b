// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_BATCH_MERGE_REPORTS_H_
#define DETACHFIX_PATCHER_BATCH_MERGE_REPORTS_H_

#include <string>
#include <vector>

#include "patcher/batch/batch_item.h"
#include "patcher/files.h"
#include "patcher/result.h"

namespace detachfix {

struct MergedReport {
  BatchHead head;
  std::vector<std::string> notes;  ///< what a reader should know
  bool is_whole = true;            ///< no shard is missing
};

/// Writes one report of all files in the reports `inputs` (.json, .jsonl) to
/// `out`, in the form that its name asks for: files in the order of the inputs,
/// counts added up, the exit status the largest. Fails, leaving `out` as it
/// was, when two of them are of one run, one shard or one file.
Result<MergedReport> MergeReports(Files& files, const std::string& out,
                                  const std::vector<std::string>& inputs);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_MERGE_REPORTS_H_
