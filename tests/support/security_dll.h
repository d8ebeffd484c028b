// SPDX-License-Identifier: Apache-2.0
// Files for the tests of whole commands: a small DLL that is Security.dll by
// its content and leaks one critical section.
#ifndef DETACHFIX_TESTS_SUPPORT_SECURITY_DLL_H_
#define DETACHFIX_TESTS_SUPPORT_SECURITY_DLL_H_

#include "patcher/plan.h"

namespace detachfix::test {

/// The DLL, with DeleteCriticalSection among its imports.
Bytes LeakingSecurityDll();

/// The same, exported as "OTHER.dll".
Bytes LeakingOtherDll();

/// The same, but the slack of no section takes an undo record: the stub just
/// fits into that of .text.
Bytes LeakingFullDll();

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_SECURITY_DLL_H_
