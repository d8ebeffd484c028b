// SPDX-License-Identifier: Apache-2.0
// Functions that leave no trace in the image, whoever runs them.
#ifndef DETACHFIX_DISASM_LEAF_CODE_H_
#define DETACHFIX_DISASM_LEAF_CODE_H_

#include "disasm/code_view.h"
#include "disasm/isa.h"

namespace detachfix {

/// Whether the function at `start` calls nothing, names no address of the
/// image, writes to the stack alone and is followed to its ends: as one that
/// does nothing, or says something of what it is given.
bool ChangesNothing(const CodeView& view, const Isa& isa, Rva start);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_LEAF_CODE_H_
