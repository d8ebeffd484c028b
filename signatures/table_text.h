// SPDX-License-Identifier: Apache-2.0
// Rows as text: as TOML, and as rules for YARA.
#ifndef DETACHFIX_SIGNATURES_TABLE_TEXT_H_
#define DETACHFIX_SIGNATURES_TABLE_TEXT_H_

#include <span>
#include <string>

#include "signatures/signature.h"

namespace detachfix {

/// What a table for `machine` begins with.
std::string TableHead(uint16_t machine);

/// The row as ReadTables takes it.
std::string RowToml(const Signature& row);

/// For each row that has them: a rule for the file by its SHA-256 and one for
/// the code of its entry. YARA knows no hash that survives REBASE; a rebased
/// file is found by its code.
std::string YaraRules(std::span<const Signature> rows);

}  // namespace detachfix

#endif  // DETACHFIX_SIGNATURES_TABLE_TEXT_H_
