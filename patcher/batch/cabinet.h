// SPDX-License-Identifier: Apache-2.0
// The headers of a cabinet, read and range-checked. Only what holds exactly one
// file is taken, which is what install media have under a name with `_`.
#ifndef DETACHFIX_PATCHER_BATCH_CABINET_H_
#define DETACHFIX_PATCHER_BATCH_CABINET_H_

#include <cstdint>
#include <span>

#include "patcher/batch/packing.h"
#include "patcher/result.h"

namespace detachfix {

struct CabinetMember {
  CabinetForm form;
  uint32_t size = 0;  ///< CFFILE.cbFile: bytes when expanded
};

/// The one member of the cabinet that `bytes` begin with. Fails when it has
/// another number of members or folders, continues or is continued by another
/// cabinet, does not lie inside `bytes`, or when its data blocks do not sum up
/// to the size of the member.
Result<CabinetMember> ReadCabinet(std::span<const uint8_t> bytes);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_CABINET_H_
