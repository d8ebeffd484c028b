// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_BATCH_SZDD_WRITER_H_
#define DETACHFIX_PATCHER_BATCH_SZDD_WRITER_H_

#include <cstdint>
#include <span>

#include "patcher/plan.h"

namespace detachfix {

/// `content` as an SZDD file (not of the QBasic variant). The same content
/// always gives the same bytes. `content` has less than 4 GiB.
Bytes WriteSzdd(std::span<const uint8_t> content, uint8_t missing_char);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_SZDD_WRITER_H_
