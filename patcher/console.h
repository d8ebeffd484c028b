// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_CONSOLE_H_
#define DETACHFIX_PATCHER_CONSOLE_H_

#include <ostream>

namespace detachfix {

/// Where a command prints: answers to `out`, commentary to `err`.
struct Console {
  std::ostream& out;
  std::ostream& err;
  bool colour = false;  ///< `out` may carry terminal colours
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_CONSOLE_H_
