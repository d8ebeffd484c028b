// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_SYSTEM_ERROR_H_
#define DETACHFIX_PATCHER_SYSTEM_ERROR_H_

#include "patcher/result.h"

namespace detachfix {

/// The cause that errno's value `number` stands for, with the number, since
/// its text depends on the C library: "No space left on device (28)".
Error SystemError(int number);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SYSTEM_ERROR_H_
