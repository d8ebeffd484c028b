// SPDX-License-Identifier: Apache-2.0
// JSON of our own schema, read back. Every error is one line without the path.
#ifndef DETACHFIX_PATCHER_BATCH_REPORT_PARTS_H_
#define DETACHFIX_PATCHER_BATCH_REPORT_PARTS_H_

#include <istream>
#include <string>
#include <variant>

#include "patcher/batch/read_report.h"

namespace detachfix {

/// A whole document; items go to `take`, one by one.
Result<BatchHead> ParseDocument(std::istream& text, const TakeItem& take);

/// One line of a log.
struct BeginRecord {
  BatchHead head;
};
struct EndRecord {
  BatchHead head;  ///< what is known at the end, and the run
};
struct FileRecord {
  BatchItem item;
  std::string run;
};
using Record = std::variant<BeginRecord, FileRecord, EndRecord>;
Result<Record> ParseRecord(const std::string& line);

/// `into` with what an EndRecord says.
void TakeEnd(const BatchHead& end, BatchHead& into);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_REPORT_PARTS_H_
