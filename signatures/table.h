// SPDX-License-Identifier: Apache-2.0
// The tables: reading them, checking them, and those that are built in.
#ifndef DETACHFIX_SIGNATURES_TABLE_H_
#define DETACHFIX_SIGNATURES_TABLE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "signatures/signature.h"

namespace detachfix {

/// The text of one table, a TOML file.
struct TableText {
  std::string file;  ///< for messages
  std::string text;
};

/// What was read of some tables.
struct SignatureTables {
  std::vector<Signature> rows;  ///< in the order of the files
  /// "i386.toml:12: row 'x': field 'size': …", one for each thing that is
  /// wrong. Rows with an error are left out of `rows`.
  std::vector<std::string> errors;
};

/// The names of every field of a row that states a fact, and so needs a source.
std::span<const std::string_view> FactFields();

/// Reads tables, and checks each row alone and all of them together: ids are
/// unique, no two rows claim one hash.
SignatureTables ReadTables(std::span<const TableText> texts);

/// The tables that are compiled into the program.
std::span<const TableText> BuiltInTables();

/// `base` with each row replaced that `changes` has a row of the same id for,
/// and the others added. Errors of both; and new ones, where two rows of the
/// result claim one hash.
SignatureTables Override(SignatureTables base, const SignatureTables& changes);

}  // namespace detachfix

#endif  // DETACHFIX_SIGNATURES_TABLE_H_
