// SPDX-License-Identifier: Apache-2.0
#include "patcher/console.h"

#include "patcher/report_text.h"

namespace detachfix {

void Complain(Console& console, const std::string& message) {
  console.err << "detachfix: " << ForTerminal(message) << "\n";
}

}  // namespace detachfix
