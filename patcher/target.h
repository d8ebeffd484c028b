// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_TARGET_H_
#define DETACHFIX_PATCHER_TARGET_H_

#include <optional>
#include <string>

#include "patcher/pe_image.h"

namespace detachfix {

/// Whether a file is the DLL of KB Q238493 by its content, whatever it is
/// called on disk.
struct TargetMatch {
  /// "security.dll" or "secur128.dll", or nothing.
  std::optional<std::string> name;
  /// One line: why it is not; empty when it is.
  std::string because;
  /// It has the name, but forwards to secur32.dll: Windows 2000 or later.
  bool is_forwarder = false;
};

/// It is when (1) the export directory or VERSIONINFO (OriginalFilename,
/// InternalName) calls it security.dll or secur128.dll (the 128-bit copy of
/// service packs from SP5 on, KB Q229647), (2) it exports
/// InitSecurityInterfaceA or W as code of its own, and (3) the machine is one
/// that the article lists.
TargetMatch IdentifyTarget(const PeImage& image);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_TARGET_H_
