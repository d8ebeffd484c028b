// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_VERSION_H_
#define DETACHFIX_PATCHER_VERSION_H_

namespace detachfix {

/// Version of this program, as the undo record and `--version` state it.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_VERSION_H_
