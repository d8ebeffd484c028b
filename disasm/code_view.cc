// SPDX-License-Identifier: Apache-2.0
#include "disasm/code_view.h"

namespace detachfix {

std::string ToText(const ImportName& import) {
  if (import.name.empty() && import.ordinal) {
    return import.dll + "!#" + std::to_string(*import.ordinal);
  }
  return import.dll + "!" + import.name;
}

}  // namespace detachfix
