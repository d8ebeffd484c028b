// SPDX-License-Identifier: Apache-2.0
// The parts of the HTML page as text, for the report that joins them. The page
// needs no network and no script; with a script its table can be filtered, and
// each file opened. Its sources are in patcher/batch/page/.
#ifndef DETACHFIX_PATCHER_BATCH_REPORT_PAGE_H_
#define DETACHFIX_PATCHER_BATCH_REPORT_PAGE_H_

#include <string>

#include "patcher/batch/batch_item.h"

namespace detachfix {

/// Up to the rows. `omitted` files are not among them.
std::string PageBegin(const BatchHead& head, uint64_t omitted);

/// The row of one file, with all that is known of it in it.
std::string PageRow(const BatchItem& item);

/// From behind the rows to the end.
std::string PageEnd(const BatchHead& head);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_REPORT_PAGE_H_
