// SPDX-License-Identifier: Apache-2.0
// The injected code for Intel 386: position independent, so that it needs no
// base relocation, and plain, so that the analysis follows it like any other
// code.
#ifndef DETACHFIX_PATCHER_STUB_X86_H_
#define DETACHFIX_PATCHER_STUB_X86_H_

#include "patcher/stub.h"

namespace detachfix {

/// One object, which lives as long as the program. Its stubs never fail.
const StubMaker& X86Stubs();

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_STUB_X86_H_
