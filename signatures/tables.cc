// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "signatures/check_rows.h"
#include "signatures/table.h"

namespace detachfix {

std::span<const TableText> BuiltInTables() {
  static const TableText kTables[] = {
#include "built_in_tables.inc"
  };
  return kTables;
}

SignatureTables Override(SignatureTables base, const SignatureTables& changes) {
  for (const Signature& change : changes.rows) {
    const auto known = std::ranges::find(base.rows, change.id, &Signature::id);
    if (known == base.rows.end()) {
      base.rows.push_back(change);
    } else {
      *known = change;
    }
  }
  base.errors.insert(base.errors.end(), changes.errors.begin(),
                     changes.errors.end());
  for (std::string& conflict : ConflictsAmong(base.rows)) {
    const bool known =
        std::ranges::find(base.errors, conflict) != base.errors.end();
    if (!known) base.errors.push_back(std::move(conflict));
  }
  return base;
}

}  // namespace detachfix
