// SPDX-License-Identifier: Apache-2.0
// The tables of Microsoft's structured exception handling on the i386, of which
// a function with __try passes one to the C runtime's handler of exceptions.
#ifndef DETACHFIX_PATCHER_SCOPE_TABLES_H_
#define DETACHFIX_PATCHER_SCOPE_TABLES_H_

#include <set>

#include "disasm/code_view.h"

namespace detachfix {

/// The words of such tables that name the filters and blocks of __except and
/// __finally, which an exception alone leads to: at its normal end, a function
/// calls its __finally itself. A table is one by the code that passes it, which
/// is that of a function's first instructions as the compiler makes them, and
/// by what it holds.
std::set<Rva> FindScopeTableWords(const CodeView& view);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SCOPE_TABLES_H_
