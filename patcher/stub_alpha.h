// SPDX-License-Identifier: Apache-2.0
// The injected code for Alpha AXP: position independent, so that it needs no
// base relocation, and plain, so that the analysis follows it like any other
// code.
#ifndef DETACHFIX_PATCHER_STUB_ALPHA_H_
#define DETACHFIX_PATCHER_STUB_ALPHA_H_

#include "patcher/stub.h"

namespace detachfix {

/// One object, which lives as long as the program.
const StubMaker& AlphaStubs();

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_STUB_ALPHA_H_
