// SPDX-License-Identifier: Apache-2.0
// What runs did, kept where it survives them: a file is noted here, with the
// way back, before it is changed. A run that was killed can go on, a run that
// is regretted can be undone, a later run can pass over what has not changed.
#ifndef DETACHFIX_PATCHER_BATCH_LEDGER_H_
#define DETACHFIX_PATCHER_BATCH_LEDGER_H_

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "patcher/batch/database.h"
#include "patcher/batch/run_claim.h"
#include "patcher/files.h"
#include "patcher/plan.h"

namespace detachfix {

/// What is the same about a file as long as nobody changes it.
struct FileIdentity {
  uint64_t inode = 0;
  uint64_t size = 0;        ///< bytes
  int64_t modified_ns = 0;  ///< since the epoch
  int64_t changed_ns = 0;

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

FileIdentity IdentityOf(const FileState& state);

enum class RunState : uint8_t { kRunning, kFinished, kInterrupted };

/// "running", "finished", "interrupted".
const char* ToText(RunState state);

struct RunRecord {
  std::string id;                  ///< "20001224-093005-4711-1a2b"
  std::string command;             ///< "batch" or "revert"
  std::vector<std::string> words;  ///< the command line behind the command
  std::string folder;              ///< in which it was given
  std::string host;
  std::string version;  ///< of detachfix
  std::string started;  ///< UTC, "2000-12-24T09:30:05Z"
  std::string finished;
  RunState state = RunState::kRunning;
  bool apply = false;
  int exit_status = 0;
  std::string summary;  ///< one line, of a run that ended
};

/// What way back `LedgerEntry::undo` holds.
enum class UndoKind : uint8_t {
  kNone,
  kImage,  ///< an UndoRecord
  kMedia,  ///< a MediaUndo
};

struct LedgerEntry {
  std::string run;
  std::string path;       ///< absolute
  FileIdentity identity;  ///< of the file as the run left it
  bool intended = false;  ///< noted, and not known to be finished
  bool reverted = false;  ///< taken back by a later run
  std::string judged_by;  ///< what the answer depends on besides the file
  Sha256 before{};
  Sha256 after{};
  UndoKind undo_kind = UndoKind::kNone;
  Bytes undo;
  Bytes log_undo;    ///< of SETUP.LOG; empty: it was not changed
  std::string item;  ///< the item as a line of JSON; empty while intended
  std::string action;
  std::string verdict;
};

/// One row of `detachfix history`.
struct RunSummary {
  RunRecord run;
  /// How many entries have each action and verdict.
  struct Count {
    std::string action;
    std::string verdict;
    uint64_t files = 0;
  };
  std::vector<Count> counts;
};

/// Safe to use from several threads, and by several processes at once. Errors
/// name the ledger's path.
class Ledger {
 public:
  /// Opens it; with Access::kCreate makes it and the folder that it is in when
  /// there is none. Fails for a ledger of a later version of detachfix.
  static Result<std::unique_ptr<Ledger>> Open(const std::string& path,
                                              Access access);

  const std::string& path() const { return path_; }

  /// Whether the file at `path` is one of the ledger's own. Such a file must
  /// not be opened beside the database: to close it gives up SQLite's locks on
  /// it (fcntl(2), POSIX record locks).
  bool Owns(const std::string& path) const;

  /// Claims the run for this process before it is noted.
  Result<void> BeginRun(const RunRecord& run);
  /// For a run that is to go on: of several processes one has it, and the
  /// others must leave it alone.
  Claim ClaimRun(const std::string& id);
  /// The run is as it was when it stopped; its state becomes kRunning again.
  Result<void> ResumeRun(const std::string& id);
  Result<void> EndRun(const std::string& id, RunState state,
                      const std::string& finished, int exit_status,
                      const std::string& summary);

  /// On the device when it returns, as is everything before it. Fails when the
  /// run's entry for the file has a way back that `entry` lacks.
  Result<void> Intend(const LedgerEntry& entry);
  /// Not before the next Intend, Flush or EndRun is it sure to last: what is
  /// lost is looked at again. The run's entry for the file stays when it
  /// has a way back that `entry` lacks.
  Result<void> Finish(const LedgerEntry& entry);
  /// The entry's change was taken back.
  Result<void> MarkReverted(const std::string& run, const std::string& path);
  Result<void> Flush();

  /// The entry of that run for the file.
  Result<std::optional<LedgerEntry>> Find(const std::string& run,
                                          const std::string& path);
  /// The last entry of any run for the file, when it is only intended: a change
  /// that was begun, and is not known to be finished or taken back.
  Result<std::optional<LedgerEntry>> FindIntended(const std::string& path);
  /// The last entry of any run for the file, when it is finished and the file
  /// is still the same. Whether what it was judged by is, the caller knows.
  Result<std::optional<LedgerEntry>> FindUnchanged(
      const std::string& path, const FileIdentity& identity);

  /// Fails when there is no such run; `id` may be its unique beginning.
  Result<RunRecord> FindRun(const std::string& id);
  /// The last one that was not finished, if any; of those that apply before
  /// dry runs, which leave nothing half done.
  Result<std::optional<RunRecord>> FindUnfinished();
  /// The newest first.
  Result<std::vector<RunSummary>> Runs();
  /// The entries of a run by path, until `take` returns false. `take` may not
  /// use the ledger.
  Result<void> Entries(const std::string& run,
                       const std::function<bool(const LedgerEntry&)>& take);

 private:
  Ledger(std::string path, std::string file, std::unique_ptr<Database> database)
      : path_(std::move(path)),
        file_(file),
        claims_(std::move(file)),
        database_(std::move(database)) {}

  Result<void> Put(const LedgerEntry& entry);
  Result<void> WriteWaiting();
  Result<std::optional<LedgerEntry>> FirstEntry(const std::string& where,
                                                const Row& parameters);
  Error Named(const Error& error) const;

  std::string path_;
  std::string file_;  ///< the same without links
  std::mutex mutex_;
  RunClaims claims_;  ///< before the database, so that it outlives it
  std::unique_ptr<Database> database_;
  /// Not yet written: one commit for many of them. No transaction is open
  /// between two calls, since that would keep other processes waiting.
  std::vector<LedgerEntry> waiting_;
};

/// $XDG_STATE_HOME/detachfix/ledger.sqlite, or that in ~/.local/state; the home
/// directory is the user's own where $HOME names none. For one thread.
Result<std::string> DefaultLedgerPath();

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_LEDGER_H_
