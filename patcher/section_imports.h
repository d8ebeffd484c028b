// SPDX-License-Identifier: Apache-2.0
// What can be said of an image without running any of its code: whether
// anything in it leads to a function that initialises a critical section.
#ifndef DETACHFIX_PATCHER_SECTION_IMPORTS_H_
#define DETACHFIX_PATCHER_SECTION_IMPORTS_H_

#include <string>

#include "disasm/code_view.h"
#include "patcher/pe_image.h"

namespace detachfix {

/// Whether a DLL that imports `import` may come by a function that initialises
/// a critical section: it is one, or gives one by name at run time, or only an
/// ordinal says what it is.
bool MayInitialiseSection(const ImportName& import);

/// Whether an export of this name is such a function of the DLL's own.
bool IsInitialiserOfItsOwn(const std::string& export_name);

/// Whether anything that `image` imports or exports leads to such a function,
/// or it imports nothing at all: what it then needs of the system, it has to
/// find by itself. Where nothing does, no run of its code can initialise a
/// section, unless it finds one in the memory of other DLLs. Reads
/// nothing of it but `imports` and `exports`.
bool MayInitialiseSection(const PeImage& image);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SECTION_IMPORTS_H_
