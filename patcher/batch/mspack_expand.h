// SPDX-License-Identifier: Apache-2.0
// libmspack on bytes in memory: nothing of it reaches the disk.
#ifndef DETACHFIX_PATCHER_BATCH_MSPACK_EXPAND_H_
#define DETACHFIX_PATCHER_BATCH_MSPACK_EXPAND_H_

#include <cstdint>
#include <span>

#include "patcher/batch/packing.h"
#include "patcher/plan.h"
#include "patcher/result.h"

namespace detachfix {

/// Expands what `bytes` hold in the form `packing`. As soon as it gives more
/// than `max_size` bytes it stops and fails.
Result<Bytes> ExpandWithMspack(Packing packing, std::span<const uint8_t> bytes,
                               uint64_t max_size);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_MSPACK_EXPAND_H_
