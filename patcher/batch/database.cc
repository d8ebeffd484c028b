// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/database.h"

#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "patcher/batch/plain_text.h"

namespace detachfix {
namespace {

/// Between two attempts at what is locked.
constexpr int kPauseMs = 20;

/// A prepared statement.
class Statement {
 public:
  Statement() = default;
  ~Statement() { sqlite3_finalize(handle); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  sqlite3_stmt* handle = nullptr;
};

Error Failure(sqlite3* handle) {
  return Error{std::string(sqlite3_errmsg(handle)) + " (SQLite " +
               std::to_string(sqlite3_extended_errcode(handle)) + ")"};
}

int Bind(sqlite3_stmt* statement, int index, const Cell& cell) {
  if (const int64_t* number = std::get_if<int64_t>(&cell)) {
    return sqlite3_bind_int64(statement, index, *number);
  }
  if (const std::string* text = std::get_if<std::string>(&cell)) {
    return sqlite3_bind_text64(statement, index, text->data(), text->size(),
                               SQLITE_STATIC, SQLITE_UTF8);
  }
  if (const Bytes* bytes = std::get_if<Bytes>(&cell)) {
    // A null pointer would bind NULL.
    return bytes->empty() ? sqlite3_bind_zeroblob(statement, index, 0)
                          : sqlite3_bind_blob64(statement, index, bytes->data(),
                                                bytes->size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(statement, index);
}

Cell Column(sqlite3_stmt* statement, int index) {
  const size_t size =
      static_cast<size_t>(sqlite3_column_bytes(statement, index));
  switch (sqlite3_column_type(statement, index)) {
    case SQLITE_INTEGER:
      return int64_t{sqlite3_column_int64(statement, index)};
    case SQLITE_TEXT: {
      const unsigned char* text = sqlite3_column_text(statement, index);
      return std::string(text, text + size);
    }
    case SQLITE_BLOB: {
      const void* data = sqlite3_column_blob(statement, index);
      const uint8_t* bytes = static_cast<const uint8_t*>(data);
      return Bytes(bytes, bytes + size);
    }
    default:
      return std::monostate();
  }
}

/// What SQLite is told to open.
struct Way {
  std::string name;
  int flags = 0;
};

bool MayWrite(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.parent_path();
  return access(path.c_str(), W_OK) == 0 &&
         access(folder.empty() ? "." : folder.c_str(), W_OK) == 0;
}

Way WayTo(const std::string& path, Access access) {
  constexpr int kFlags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
  if (access == Access::kCreate) {
    return {path, kFlags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
  }
  // Also to read: who only reads leaves the two files beside a database in
  // write-ahead mode behind when he closes it.
  if (access == Access::kWrite || MayWrite(path)) {
    return {path, kFlags | SQLITE_OPEN_READWRITE};
  }
  std::error_code error;
  if (std::filesystem::exists(path + "-wal", error)) {
    return {path, kFlags | SQLITE_OPEN_READONLY};
  }
  // He cannot make them either. Without them nobody has it open to write, so
  // that it can be read as if it never changed (sqlite.org/wal.html, "Read-Only
  // Databases").
  const std::string whole = std::filesystem::absolute(path, error).string();
  return {"file://" + PercentEncoded(whole) + "?immutable=1",
          kFlags | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI};
}

template <typename T>
T ValueOf(const Cell& cell) {
  const T* value = std::get_if<T>(&cell);
  return value != nullptr ? *value : T();
}

}  // namespace

int64_t Integer(const Cell& cell) { return ValueOf<int64_t>(cell); }
std::string Text(const Cell& cell) { return ValueOf<std::string>(cell); }
Bytes Blob(const Cell& cell) { return ValueOf<Bytes>(cell); }

Result<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                 Access access,
                                                 int patience_ms) {
  const Way way = WayTo(path, access);
  sqlite3* handle = nullptr;
  const int opened =
      sqlite3_open_v2(way.name.c_str(), &handle, way.flags, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  if (opened != SQLITE_OK) return Failure(handle);
  sqlite3_busy_timeout(handle, patience_ms);
  const Result<void> set = access == Access::kRead
                               ? database->Run("PRAGMA query_only=ON;")
                               : database->PrepareToWrite(patience_ms);
  if (!set) return set.error();
  return database;
}

Result<void> Database::PrepareToWrite(int patience_ms) {
  // Two that make a database at once: who changes to WAL second is told that it
  // is locked without being made to wait (sqlite.org/wal.html, "Sometimes
  // Queries Return SQLITE_BUSY In WAL Mode").
  for (int waited = 0; waited < patience_ms; waited += kPauseMs) {
    const Result<void> changed = Run("PRAGMA journal_mode=WAL;");
    if (changed || sqlite3_errcode(handle_) != SQLITE_BUSY) break;
    sqlite3_sleep(kPauseMs);
  }
  // FULL: a commit is on the device when it returns (sqlite.org/pragma.html).
  return Run(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
      "PRAGMA foreign_keys=ON;");
}

Database::~Database() { sqlite3_close(handle_); }

Result<void> Database::Run(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) ==
      SQLITE_OK) {
    return {};
  }
  return Failure(handle_);
}

Result<void> Database::Run(const std::string& sql, const Row& parameters) {
  return Query(sql, parameters, [](const Row&) { return true; });
}

Result<void> Database::Query(const std::string& sql, const Row& parameters,
                             const std::function<bool(const Row&)>& take) {
  Statement statement;
  if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement.handle,
                         nullptr) != SQLITE_OK) {
    return Failure(handle_);
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (Bind(statement.handle, static_cast<int>(i) + 1, parameters[i]) !=
        SQLITE_OK) {
      return Failure(handle_);
    }
  }
  while (true) {
    const int step = sqlite3_step(statement.handle);
    if (step == SQLITE_DONE) return {};
    if (step != SQLITE_ROW) return Failure(handle_);
    Row row;
    const int columns = sqlite3_column_count(statement.handle);
    for (int i = 0; i < columns; ++i) {
      row.push_back(Column(statement.handle, i));
    }
    if (!take(row)) return {};
  }
}

Result<std::optional<Row>> Database::First(const std::string& sql,
                                           const Row& parameters) {
  std::optional<Row> first;
  const Result<void> done = Query(sql, parameters, [&](const Row& row) {
    first = row;
    return false;
  });
  if (!done) return done.error();
  return first;
}

}  // namespace detachfix
