// SPDX-License-Identifier: Apache-2.0
// The two streams that commands print to.
#ifndef DETACHFIX_PATCHER_CONSOLE_H_
#define DETACHFIX_PATCHER_CONSOLE_H_

#include <ostream>
#include <string>

namespace detachfix {

/// Where a command prints: answers to `out`, commentary to `err`.
struct Console {
  std::ostream& out;
  std::ostream& err;
  bool colour = false;  ///< `out` may carry terminal colours
};

/// Prints "detachfix: " and `message`, made fit for a terminal, as one line of
/// commentary.
void Complain(Console& console, const std::string& message);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_CONSOLE_H_
