// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_TARGET_H_
#define DETACHFIX_PATCHER_TARGET_H_

#include <optional>
#include <string>

#include "patcher/pe_image.h"

namespace detachfix {

/// Whether an image is the DLL of KB Q238493, by its content.
struct TargetMatch {
  std::optional<std::string> name;  ///< "security.dll" or "secur128.dll"
  std::string because;              ///< one line: why it is not, when it is not
};

/// Judges by the export directory's or the version resource's name, and by
/// InitSecurityInterfaceA or W as code of the DLL's own. The name on disk does
/// not count.
TargetMatch IdentifyTarget(const PeImage& image);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_TARGET_H_
