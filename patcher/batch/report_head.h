// SPDX-License-Identifier: Apache-2.0
// What a report in JSON says besides its items, as text: the two ends of a
// document, and the first and the last line of a run in a log.
#ifndef DETACHFIX_PATCHER_BATCH_REPORT_HEAD_H_
#define DETACHFIX_PATCHER_BATCH_REPORT_HEAD_H_

#include <string>

#include "patcher/batch/batch_item.h"

namespace detachfix {

/// Up to and with the '[' of "files".
std::string DocumentBegin(const BatchHead& begun);

/// From the ']' of "files" on.
std::string DocumentEnd(const BatchHead& head);

/// `"record": "begin"` and `"record": "end"`, each with its line end.
std::string BeginLine(const BatchHead& begun);
std::string EndLine(const BatchHead& head);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_REPORT_HEAD_H_
