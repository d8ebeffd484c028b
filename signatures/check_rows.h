// SPDX-License-Identifier: Apache-2.0
// What must hold between rows.
#ifndef DETACHFIX_SIGNATURES_CHECK_ROWS_H_
#define DETACHFIX_SIGNATURES_CHECK_ROWS_H_

#include <span>
#include <string>
#include <vector>

#include "signatures/signature.h"

namespace detachfix {

/// A message for each id that two rows have, each hash that two rows claim, and
/// each pattern that two rows with different states share.
std::vector<std::string> ConflictsAmong(std::span<const Signature> rows);

}  // namespace detachfix

#endif  // DETACHFIX_SIGNATURES_CHECK_ROWS_H_
