// SPDX-License-Identifier: Apache-2.0
#include "patcher/system_error.h"

#include <system_error>

namespace detachfix {

Error SystemError(int number) {
  return Error{std::generic_category().message(number) + " (" +
               std::to_string(number) + ")"};
}

}  // namespace detachfix
