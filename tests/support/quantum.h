// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_TESTS_SUPPORT_QUANTUM_H_
#define DETACHFIX_TESTS_SUPPORT_QUANTUM_H_

#include "patcher/plan.h"

namespace detachfix::test {

/// One frame of Quantum: at most 32 KiB of `content`.
Bytes PackQuantum(const Bytes& content);

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_QUANTUM_H_
