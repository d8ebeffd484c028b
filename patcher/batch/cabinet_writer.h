// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_BATCH_CABINET_WRITER_H_
#define DETACHFIX_PATCHER_BATCH_CABINET_WRITER_H_

#include "patcher/batch/packing.h"
#include "patcher/plan.h"
#include "patcher/result.h"

namespace detachfix {

/// `content` as a cabinet with one member, whose name, date, time, attributes
/// and compression are those of `form`. Fails for compression other than none
/// and MSZIP, which is what gcab writes, and for odd names and attributes. The
/// same arguments always give the same bytes.
Result<Bytes> WriteCabinet(const CabinetForm& form, const Bytes& content);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_CABINET_WRITER_H_
