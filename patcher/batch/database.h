// SPDX-License-Identifier: Apache-2.0
// SQLite, as much of it as the ledger needs: the one place that includes its
// header.
#ifndef DETACHFIX_PATCHER_BATCH_DATABASE_H_
#define DETACHFIX_PATCHER_BATCH_DATABASE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "patcher/plan.h"
#include "patcher/result.h"

struct sqlite3;

namespace detachfix {

/// NULL, INTEGER, TEXT, BLOB.
using Cell = std::variant<std::monostate, int64_t, std::string, Bytes>;
using Row = std::vector<Cell>;

/// The value of a cell of that type; of any other, and of NULL, the empty one.
int64_t Integer(const Cell& cell);
std::string Text(const Cell& cell);
Bytes Blob(const Cell& cell);

enum class Access : uint8_t {
  kCreate,  ///< to write; made when there is none
  kWrite,   ///< to write what is there
  kRead,    ///< nothing is written, and no permission to is needed
};

/// An open database. For one thread at a time.
class Database {
 public:
  /// Opens it; to write in write-ahead mode, every commit flushed to the
  /// device. Another process that holds it is waited for, `patience_ms` at most
  /// for each statement.
  static Result<std::unique_ptr<Database>> Open(const std::string& path,
                                                Access access,
                                                int patience_ms = 10'000);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs `sql`, one statement or several without parameters.
  Result<void> Run(const std::string& sql);
  /// Runs one statement with its parameters ?1, ?2, ….
  Result<void> Run(const std::string& sql, const Row& parameters);
  /// Gives each row to `take`, until that returns false.
  Result<void> Query(const std::string& sql, const Row& parameters,
                     const std::function<bool(const Row&)>& take);
  /// The first row, if any.
  Result<std::optional<Row>> First(const std::string& sql,
                                   const Row& parameters);

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}

  Result<void> PrepareToWrite(int patience_ms);

  sqlite3* handle_;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_DATABASE_H_
