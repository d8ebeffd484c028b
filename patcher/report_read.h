// SPDX-License-Identifier: Apache-2.0
// Items read back from the JSON that JsonObject gives: for the ledger, and for
// reports that are merged.
#ifndef DETACHFIX_PATCHER_REPORT_READ_H_
#define DETACHFIX_PATCHER_REPORT_READ_H_

#include <string_view>

#include "patcher/batch/batch_item.h"
#include "patcher/result.h"

namespace detachfix {

/// The item of one object. JsonObject of it gives the same text, except for
/// what is not UTF-8 in anything but the path. Members that are not known are
/// passed over. The error names the member.
Result<BatchItem> ReadJsonObject(std::string_view text);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_REPORT_READ_H_
