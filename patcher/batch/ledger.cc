// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/ledger.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace detachfix {
namespace {

/// PRAGMA user_version of what is made here.
constexpr int64_t kLedgerVersion = 1;

constexpr char kTables[] = R"sql(
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS runs (
  id TEXT PRIMARY KEY, command TEXT NOT NULL, words BLOB NOT NULL,
  folder TEXT NOT NULL, host TEXT NOT NULL, version TEXT NOT NULL,
  started TEXT NOT NULL, finished TEXT NOT NULL, state TEXT NOT NULL,
  apply INTEGER NOT NULL, exit_status INTEGER NOT NULL,
  summary TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS files (
  id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id),
  path TEXT NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL, changed_ns INTEGER NOT NULL,
  intended INTEGER NOT NULL, reverted INTEGER NOT NULL,
  judged_by TEXT NOT NULL, before BLOB NOT NULL, after BLOB NOT NULL,
  undo_kind INTEGER NOT NULL, undo BLOB NOT NULL, log_undo BLOB NOT NULL,
  item TEXT NOT NULL, action TEXT NOT NULL, verdict TEXT NOT NULL,
  UNIQUE (run, path)) STRICT;
CREATE INDEX IF NOT EXISTS files_by_path ON files(path, id);
PRAGMA user_version = 1;
COMMIT;
)sql";

constexpr char kRunColumns[] =
    "id, command, words, folder, host, version, started, finished, state, "
    "apply, exit_status, summary";
constexpr char kFileColumns[] =
    "run, path, inode, size, modified_ns, changed_ns, intended, reverted, "
    "judged_by, before, after, undo_kind, undo, log_undo, item, action, "
    "verdict";

/// So many entries wait for one commit.
constexpr size_t kMaxWaiting = 256;

int64_t Signed(uint64_t number) { return static_cast<int64_t>(number); }

// Words of a command line cannot hold a zero byte.
Bytes JoinWords(const std::vector<std::string>& words) {
  Bytes bytes;
  for (const std::string& word : words) {
    bytes.insert(bytes.end(), word.begin(), word.end());
    bytes.push_back(0);
  }
  return bytes;
}

std::vector<std::string> SplitWords(const Bytes& bytes) {
  std::vector<std::string> words;
  std::string word;
  for (const uint8_t byte : bytes) {
    if (byte != 0) {
      word += static_cast<char>(byte);
      continue;
    }
    words.push_back(std::exchange(word, {}));
  }
  return words;
}

Bytes ToBytes(const Sha256& hash) { return Bytes(hash.begin(), hash.end()); }

Sha256 ToSha256(const Bytes& bytes) {
  Sha256 hash{};
  if (bytes.size() == hash.size()) std::ranges::copy(bytes, hash.begin());
  return hash;
}

RunState ToRunState(const std::string& text) {
  if (text == ToText(RunState::kFinished)) return RunState::kFinished;
  if (text == ToText(RunState::kInterrupted)) return RunState::kInterrupted;
  return RunState::kRunning;
}

/// Of a row of kRunColumns.
RunRecord ToRun(const Row& row) {
  RunRecord run;
  run.id = Text(row[0]);
  run.command = Text(row[1]);
  run.words = SplitWords(Blob(row[2]));
  run.folder = Text(row[3]);
  run.host = Text(row[4]);
  run.version = Text(row[5]);
  run.started = Text(row[6]);
  run.finished = Text(row[7]);
  run.state = ToRunState(Text(row[8]));
  run.apply = Integer(row[9]) != 0;
  run.exit_status = static_cast<int>(Integer(row[10]));
  run.summary = Text(row[11]);
  return run;
}

Row ToRow(const LedgerEntry& entry) {
  const FileIdentity& file = entry.identity;
  return {entry.run,
          entry.path,
          Signed(file.inode),
          Signed(file.size),
          file.modified_ns,
          file.changed_ns,
          int64_t{entry.intended},
          int64_t{entry.reverted},
          entry.judged_by,
          ToBytes(entry.before),
          ToBytes(entry.after),
          int64_t{static_cast<uint8_t>(entry.undo_kind)},
          entry.undo,
          entry.log_undo,
          entry.item,
          entry.action,
          entry.verdict};
}

/// Of a row of kFileColumns.
LedgerEntry ToEntry(const Row& row) {
  LedgerEntry entry;
  entry.run = Text(row[0]);
  entry.path = Text(row[1]);
  entry.identity = {static_cast<uint64_t>(Integer(row[2])),
                    static_cast<uint64_t>(Integer(row[3])), Integer(row[4]),
                    Integer(row[5])};
  entry.intended = Integer(row[6]) != 0;
  entry.reverted = Integer(row[7]) != 0;
  entry.judged_by = Text(row[8]);
  entry.before = ToSha256(Blob(row[9]));
  entry.after = ToSha256(Blob(row[10]));
  entry.undo_kind = static_cast<UndoKind>(Integer(row[11]));
  entry.undo = Blob(row[12]);
  entry.log_undo = Blob(row[13]);
  entry.item = Text(row[14]);
  entry.action = Text(row[15]);
  entry.verdict = Text(row[16]);
  return entry;
}

Result<void> CheckTables(Database& database, Access access) {
  Result<std::optional<Row>> version =
      database.First("PRAGMA user_version", {});
  if (!version) return version.error();
  const int64_t found = *version ? Integer((**version)[0]) : 0;
  if (found > kLedgerVersion) {
    return Error{"is a ledger of form " + std::to_string(found) +
                 ", which a later detachfix made; this one knows form " +
                 std::to_string(kLedgerVersion)};
  }
  if (found == kLedgerVersion) return {};
  if (access != Access::kRead) return database.Run(kTables);
  return Error{"no run was ever noted in it"};
}

Result<void> MakeFolderOf(const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (!error) return {};
  return Error{"its folder cannot be made: " + error.message() + " (" +
               std::to_string(error.value()) + ")"};
}

/// `path` with the links followed that its folder goes through, which SQLite
/// would refuse as it refuses a link to the file: in a folder that others write
/// to, that may lead anywhere.
Result<std::string> FollowedFolder(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_symlink(path, error)) {
    return Error{"is a symbolic link; name the file that it leads to"};
  }
  const std::filesystem::path name(path);
  const std::filesystem::path folder = std::filesystem::canonical(
      name.has_parent_path() ? name.parent_path() : ".", error);
  // What is wrong with it, SQLite says.
  return error ? path : (folder / name.filename()).string();
}

}  // namespace

FileIdentity IdentityOf(const FileState& state) {
  return {state.inode, state.size, state.modified_ns, state.changed_ns};
}

const char* ToText(RunState state) {
  switch (state) {
    case RunState::kRunning:
      return "running";
    case RunState::kFinished:
      return "finished";
    case RunState::kInterrupted:
      return "interrupted";
  }
  return "?";
}

Result<std::unique_ptr<Ledger>> Ledger::Open(const std::string& path,
                                             Access access) {
  const auto named = [&](const Error& error) {
    return Error{"the ledger " + path + ": " + error.message};
  };
  std::error_code unknown;
  if (access == Access::kCreate) {
    const Result<void> made = MakeFolderOf(path);
    if (!made) return named(made.error());
  } else if (!std::filesystem::exists(path, unknown) && !unknown) {
    return Error{"there is no ledger " + path};
  }
  const Result<std::string> followed = FollowedFolder(path);
  if (!followed) return named(followed.error());
  Result<std::unique_ptr<Database>> database =
      Database::Open(*followed, access);
  if (!database) return named(database.error());
  const Result<void> checked = CheckTables(**database, access);
  if (!checked) return named(checked.error());
  return std::unique_ptr<Ledger>(
      new Ledger(path, *followed, std::move(*database)));
}

Error Ledger::Named(const Error& error) const {
  return Error{"the ledger " + path_ + ": " + error.message};
}

bool Ledger::Owns(const std::string& path) const {
  const std::filesystem::path there = std::filesystem::path(path);
  const std::string name = there.filename().string();
  const std::filesystem::path own = file_;
  if (!name.starts_with(own.filename().string())) return false;
  const std::string rest = name.substr(own.filename().string().size());
  std::error_code error;  // a journal may be gone again
  return (rest.empty() || rest == "-wal" || rest == "-shm" ||
          rest == "-journal") &&
         std::filesystem::equivalent(own.parent_path(), there.parent_path(),
                                     error);
}

Claim Ledger::ClaimRun(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return claims_.Take(id);
}

Result<void> Ledger::BeginRun(const RunRecord& run) {
  const std::lock_guard lock(mutex_);
  claims_.Take(run.id);  // a new id, which nobody else has
  const Result<void> done = database_->Run(
      "INSERT INTO runs (" + std::string(kRunColumns) +
          ") VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
      {run.id, run.command, JoinWords(run.words), run.folder, run.host,
       run.version, run.started, run.finished, std::string(ToText(run.state)),
       int64_t{run.apply}, int64_t{run.exit_status}, run.summary});
  if (!done) return Named(done.error());
  return {};
}

Result<void> Ledger::ResumeRun(const std::string& id) {
  return EndRun(id, RunState::kRunning, "", 0, "");
}

Result<void> Ledger::EndRun(const std::string& id, RunState state,
                            const std::string& finished, int exit_status,
                            const std::string& summary) {
  const std::lock_guard lock(mutex_);
  Result<void> written = WriteWaiting();
  if (!written) return written;
  const Result<void> done = database_->Run(
      "UPDATE runs SET state=?2, finished=?3, exit_status=?4, summary=?5 "
      "WHERE id=?1",
      {id, std::string(ToText(state)), finished, int64_t{exit_status},
       summary});
  if (!done) return Named(done.error());
  return {};
}

Result<void> Ledger::Put(const LedgerEntry& entry) {
  Result<void> done = database_->Run(
      "INSERT OR REPLACE INTO files (" + std::string(kFileColumns) +
          ") SELECT "
          "?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17 "
          "WHERE NOT EXISTS (SELECT 1 FROM files WHERE run=?1 AND path=?2 AND "
          "((undo_kind<>0 AND ?12=0) OR "
          "(length(log_undo)<>0 AND length(?14)=0)))",
      ToRow(entry));
  if (!done || !entry.intended) return done;
  // What is not noted must not be done.
  const Result<std::optional<Row>> changes =
      database_->First("SELECT changes()", {});
  if (!changes) return changes.error();
  if (*changes && Integer((**changes)[0]) != 0) return {};
  return Error{"has another way back for the file, which it would lose"};
}

Result<void> Ledger::WriteWaiting() {
  if (waiting_.empty()) return {};
  Result<void> done = database_->Run("BEGIN IMMEDIATE");
  if (!done) return Named(done.error());
  for (const LedgerEntry& entry : waiting_) {
    done = Put(entry);
    if (!done) break;
  }
  if (done) done = database_->Run("COMMIT");
  if (!done) {
    const Result<void> rolled_back = database_->Run("ROLLBACK");
    static_cast<void>(rolled_back);  // the first failure is the one to tell
    return Named(done.error());
  }
  waiting_.clear();
  return {};
}

Result<void> Ledger::Intend(const LedgerEntry& entry) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(entry);
  Result<void> written = WriteWaiting();
  // What is not on the device will not be done, so it must not appear later.
  if (!written) waiting_.pop_back();
  return written;
}

Result<void> Ledger::Finish(const LedgerEntry& entry) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(entry);
  if (waiting_.size() < kMaxWaiting) return {};
  return WriteWaiting();
}

Result<void> Ledger::Flush() {
  const std::lock_guard lock(mutex_);
  return WriteWaiting();
}

Result<void> Ledger::MarkReverted(const std::string& run,
                                  const std::string& path) {
  const std::lock_guard lock(mutex_);
  const Result<void> done = database_->Run(
      "UPDATE files SET reverted=1 WHERE run=?1 AND path=?2", {run, path});
  if (!done) return Named(done.error());
  return {};
}

Result<std::optional<LedgerEntry>> Ledger::FirstEntry(const std::string& where,
                                                      const Row& parameters) {
  const std::lock_guard lock(mutex_);
  const Result<std::optional<Row>> row = database_->First(
      "SELECT " + std::string(kFileColumns) + " FROM files WHERE " + where,
      parameters);
  if (!row) return Named(row.error());
  if (!*row) return std::optional<LedgerEntry>();
  return std::optional<LedgerEntry>(ToEntry(**row));
}

Result<std::optional<LedgerEntry>> Ledger::Find(const std::string& run,
                                                const std::string& path) {
  return FirstEntry("run=?1 AND path=?2", {run, path});
}

Result<std::optional<LedgerEntry>> Ledger::FindIntended(
    const std::string& path) {
  Result<std::optional<LedgerEntry>> entry =
      FirstEntry("path=?1 ORDER BY id DESC LIMIT 1", {path});
  if (entry && *entry && (!(*entry)->intended || (*entry)->reverted)) {
    entry->reset();
  }
  return entry;
}

Result<std::optional<LedgerEntry>> Ledger::FindUnchanged(
    const std::string& path, const FileIdentity& identity) {
  Result<std::optional<LedgerEntry>> entry =
      FirstEntry("path=?1 ORDER BY id DESC LIMIT 1", {path});
  if (!entry || !*entry) return entry;
  if ((*entry)->intended || (*entry)->identity != identity) entry->reset();
  return entry;
}

Result<RunRecord> Ledger::FindRun(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::vector<RunRecord> found;
  const Result<void> done = database_->Query(
      "SELECT " + std::string(kRunColumns) +
          " FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id",
      {id}, [&](const Row& row) {
        found.push_back(ToRun(row));
        return true;
      });
  if (!done) return Named(done.error());
  if (found.empty() || id.empty()) return Named({"has no run '" + id + "'"});
  const bool exact = found[0].id == id;
  if (found.size() > 1 && !exact) {
    return Named({"'" + id + "' is the beginning of " +
                  std::to_string(found.size()) + " runs: " + found[0].id +
                  ", " + found[1].id + (found.size() > 2 ? ", …" : "")});
  }
  return found[0];
}

Result<std::optional<RunRecord>> Ledger::FindUnfinished() {
  const std::lock_guard lock(mutex_);
  const Result<std::optional<Row>> row = database_->First(
      "SELECT " + std::string(kRunColumns) +
          " FROM runs WHERE state<>'finished' AND command='batch' ORDER BY "
          "apply DESC, rowid DESC LIMIT 1",
      {});
  if (!row) return Named(row.error());
  if (!*row) return std::optional<RunRecord>();
  return std::optional<RunRecord>(ToRun(**row));
}

Result<std::vector<RunSummary>> Ledger::Runs() {
  const std::lock_guard lock(mutex_);
  std::vector<RunSummary> runs;
  Result<void> done = database_->Query(
      "SELECT " + std::string(kRunColumns) + " FROM runs ORDER BY rowid DESC",
      {}, [&](const Row& row) {
        runs.push_back({ToRun(row), {}});
        return true;
      });
  if (!done) return Named(done.error());
  done = database_->Query(
      "SELECT run, action, verdict, count(*) FROM files WHERE intended=0 "
      "GROUP BY run, action, verdict",
      {}, [&](const Row& row) {
        const std::string id = Text(row[0]);
        const auto of_run = [&](const RunSummary& summary) {
          return summary.run.id == id;
        };
        const auto it = std::ranges::find_if(runs, of_run);
        if (it != runs.end()) {
          it->counts.push_back({Text(row[1]), Text(row[2]),
                                static_cast<uint64_t>(Integer(row[3]))});
        }
        return true;
      });
  if (!done) return Named(done.error());
  return runs;
}

Result<void> Ledger::Entries(
    const std::string& run,
    const std::function<bool(const LedgerEntry&)>& take) {
  const std::lock_guard lock(mutex_);
  const Result<void> done = database_->Query(
      "SELECT " + std::string(kFileColumns) +
          " FROM files WHERE run=?1 ORDER BY path",
      {run}, [&](const Row& row) { return take(ToEntry(row)); });
  if (!done) return Named(done.error());
  return {};
}

Result<std::string> DefaultLedgerPath() {
  // XDG Base Directory Specification 0.8: only an absolute path counts.
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') {
    return std::string(state) + "/detachfix/ledger.sqlite";
  }
  const char* home = std::getenv("HOME");
  // What cron and systemd start may have none.
  if (home == nullptr || home[0] != '/') {
    const passwd* user = getpwuid(getuid());
    home = user != nullptr ? user->pw_dir : nullptr;
  }
  if (home == nullptr || home[0] != '/') {
    return Error{
        "no home directory is known for the ledger; name it by "
        "--ledger"};
  }
  return std::string(home) + "/.local/state/detachfix/ledger.sqlite";
}

}  // namespace detachfix
