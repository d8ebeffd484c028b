// SPDX-License-Identifier: Apache-2.0
// Names of install media: what is packed under a name, and what stands beside
// it. A share knows no case, the disk that we see does.
#ifndef DETACHFIX_PATCHER_BATCH_MEDIA_NAMES_H_
#define DETACHFIX_PATCHER_BATCH_MEDIA_NAMES_H_

#include <string>
#include <string_view>

#include "patcher/batch/packing.h"
#include "patcher/files.h"
#include "patcher/result.h"

namespace detachfix {

/// The name of what is packed in the file called `packed_name`: "Security.dll"
/// for "Security.dl_", "SECURITY.DLL" for "SECURITY.DL_". The character that
/// `_` stands for is the one that the form stores; where none is stored,
/// ".dl_" is taken for a ".dll". Fails when the name does not end with `_`, or
/// the form stores another name.
Result<std::string> UnpackedName(const std::string& packed_name,
                                 const PackedForm& form);

/// What the name of a file and that of the same file packed have in common:
/// "security.dl_" for "Security.dll" and for "SECURITY.DL_". Of a name that
/// neither can have it is the whole, in lower case.
std::string PairName(std::string_view name);

/// The name that KB Q159203 gives the packed file: "Security.org",
/// "SECURITY.ORG".
std::string PutAsideName(const std::string& packed_name);

/// What stands in a folder under a name, in whatever case.
struct Sibling {
  std::string path;  ///< of what stands there, or would be made
  bool stands = false;
};

/// Looks for `name` in the folder of `path`. Fails when several stand there
/// that differ by case only.
Result<Sibling> FindSibling(Files& files, const std::string& path,
                            const std::string& name);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_MEDIA_NAMES_H_
