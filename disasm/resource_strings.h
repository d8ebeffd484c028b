// SPDX-License-Identifier: Apache-2.0
// The strings that an image has in its resources (PE/COFF specification, "The
// .rsrc Section"; Windows SDK, "STRINGTABLE resource").
#ifndef DETACHFIX_DISASM_RESOURCE_STRINGS_H_
#define DETACHFIX_DISASM_RESOURCE_STRINGS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "disasm/code_view.h"

namespace detachfix {

/// The string that LoadString finds by `id` where the user's language is
/// English (United States): in that, or in the only language that there is.
/// Nothing where there is none, or none can be told. No more than the first
/// `most` characters of it; adds to `looked` how many entries and characters
/// were read.
std::optional<std::u16string> StringResource(const CodeView& view, uint16_t id,
                                             size_t most, size_t& looked);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_RESOURCE_STRINGS_H_
