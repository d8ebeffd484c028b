// SPDX-License-Identifier: Apache-2.0
// Reports in JSON, read back: what `report merge` works on. Items come one by
// one, so that a report of a million files need not fit into memory.
#ifndef DETACHFIX_PATCHER_BATCH_READ_REPORT_H_
#define DETACHFIX_PATCHER_BATCH_READ_REPORT_H_

#include <functional>
#include <string>

#include "patcher/batch/batch_item.h"
#include "patcher/files.h"
#include "patcher/result.h"

namespace detachfix {

/// Called for each item; an error ends the reading.
using TakeItem = std::function<Result<void>(BatchItem item)>;

/// Reads the document or the log at `path`, whose name ends as its form asks
/// for. Of a log the last run alone is read; where it has a path twice, as a
/// resumed run does, `take` gets both. The error names the path.
Result<BatchHead> ReadReport(Files& files, const std::string& path,
                             const TakeItem& take);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_READ_REPORT_H_
