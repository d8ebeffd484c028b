// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/run_batch.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "patcher/batch/media_names.h"
#include "patcher/batch/ordered_run.h"
#include "patcher/batch/pace.h"
#include "patcher/exit_status.h"
#include "patcher/interrupt.h"
#include "patcher/report_json.h"

namespace detachfix {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Paths that wait: enough to know, on most shares, how many files there are
// while the first are judged; a few megabytes at most.
constexpr size_t kWaitingPaths = 20'000;
// How far one slow file may fall behind the others, for each thread.
constexpr size_t kAheadPerJob = 8;
constexpr milliseconds kTick{100};
// What is finished is in the ledger after this time at the latest.
constexpr std::chrono::seconds kFlushEvery{1};

/// Files that are or will be worked on, by their folder and PairName. What is
/// done to a packed file depends on the same file that stands not packed beside
/// it, so it waits for that one, whatever the number of threads.
class Pairs {
 public:
  void Begin(const std::string& key) {
    const std::lock_guard lock(mutex_);
    ++begun_[key];
  }

  void WaitFor(const std::string& key) {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return !begun_.contains(key); });
  }

  /// Ends what Begin began when it goes, by an exception too.
  class Ending {
   public:
    Ending(Pairs& pairs, std::string key)
        : pairs_(pairs), key_(std::move(key)) {}
    ~Ending() { pairs_.End(key_); }
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;

   private:
    Pairs& pairs_;
    const std::string key_;
  };

 private:
  void End(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto it = begun_.find(key);
    if (--it->second == 0) begun_.erase(it);
    ended_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  std::unordered_map<std::string, unsigned> begun_;
};

struct Processed {
  Found found;
  std::optional<BatchItem> item;
};

/// Sleeps until `when`, or until the run is interrupted.
void WaitUntil(Clock::time_point when) {
  while (!Interrupted() && Clock::now() < when) {
    std::this_thread::sleep_until(std::min(when, Clock::now() + kTick));
  }
}

void Take(const BatchItem& item, RunListener& listener, BatchHead& head) {
  Count(item, head.counts);
  head.exit_status = std::max(head.exit_status, ExitStatus(item));
  listener.OnItem(item);
}

class Run {
 public:
  Run(const RunSettings& settings, const FilesFactory& make_files,
      FileFinder& finder, Ledger* ledger)
      : settings_(settings),
        finder_(finder),
        ledger_(ledger),
        changes_files_(!settings.process.media.patch.dry_run),
        files_pace_(settings.files_per_second),
        bytes_pace_(settings.bytes_per_second) {
    for (unsigned i = 0; i < settings.jobs; ++i) files_.push_back(make_files());
  }

  std::optional<Found> Next() {
    WaitUntil(files_pace_.NextAt());
    if (Interrupted()) return std::nullopt;
    files_pace_.Charge(1, Clock::now());
    std::optional<Found> found = finder_.Next();
    if (found && IsFirstOfPair(*found)) pairs_.Begin(KeyOf(*found));
    return found;
  }

  Processed Process(unsigned thread, const Found& found) {
    Processed processed{found, std::nullopt};
    if (found.skipped) return processed;
    // How much a file costs is known afterwards: the next one waits for it.
    WaitUntil(bytes_pace_.NextAt());
    // Files are begun in the order in which they are found, and packed ones are
    // found last: what is waited for here was begun.
    if (changes_files_ && IsPacked(found)) pairs_.WaitFor(KeyOf(found));
    std::optional<Pairs::Ending> ending;
    if (IsFirstOfPair(found)) ending.emplace(pairs_, KeyOf(found));
    processed.item =
        ProcessFile(*files_[thread], found, settings_.process, ledger_);
    if (processed.item && !processed.item->from_ledger) {
      const uint64_t size = processed.item->outcome.size.value_or(0);
      bytes_pace_.Charge(static_cast<double>(size), Clock::now());
    }
    return processed;
  }

 private:
  static bool IsPacked(const Found& found) { return found.path.ends_with('_'); }

  bool IsFirstOfPair(const Found& found) const {
    return changes_files_ && !found.skipped && !IsPacked(found);
  }

  std::string KeyOf(const Found& found) const {
    const std::string path = LedgerPath(settings_.process.folder, found.path);
    const size_t name = path.rfind('/') + 1;
    return path.substr(0, name) + PairName(path.substr(name));
  }

  const RunSettings& settings_;
  FileFinder& finder_;
  Ledger* ledger_;
  const bool changes_files_;
  Pairs pairs_;
  Pace files_pace_;
  Pace bytes_pace_;
  std::vector<std::unique_ptr<Files>> files_;
};

/// Notes that the ledger failed, once: the items themselves say the rest.
void FlushLedger(Ledger* ledger, BatchHead& head) {
  if (ledger == nullptr) return;
  if (!ledger->Flush())
    head.exit_status = std::max(head.exit_status, kExitFileError);
}

}  // namespace

void RunBatch(const RunSettings& settings, const FilesFactory& make_files,
              FileFinder& finder, Ledger* ledger, RunListener& listener,
              Progress& progress, BatchHead& head) {
  Run run(settings, make_files, finder, ledger);
  OrderedRun<Found, Processed> results(
      settings.jobs, {kWaitingPaths, kAheadPerJob * settings.jobs},
      [&run] { return run.Next(); },
      [&run](unsigned thread, const Found& found) {
        return run.Process(thread, found);
      });
  using Got = OrderedRun<Found, Processed>::Got;
  Clock::time_point flushed = Clock::now();
  bool stopped = false;
  uint64_t done = 0;
  while (true) {
    if (Interrupted() && !std::exchange(stopped, true)) results.Stop();
    Processed processed;
    const Got got = results.Next(processed, kTick);
    if (got == Got::kEnd) break;
    const Clock::time_point now = Clock::now();
    if (got == Got::kOutput) {
      if (!processed.found.skipped) ++done;
      if (processed.item || processed.found.skipped) progress.Clear();
      if (processed.item) Take(*processed.item, listener, head);
      if (processed.found.skipped) {
        listener.OnSkipped(processed.found.path, *processed.found.skipped);
      }
    }
    if (now - flushed >= kFlushEvery) {
      flushed = now;
      FlushLedger(ledger, head);
    }
    const FindCounts seen = finder.Counts();
    ProgressFacts facts;
    facts.counts = head.counts;
    facts.seen = seen.entries;
    facts.done = done;
    facts.total = seen.total;
    if (results.InputEnded()) facts.total = seen.found + seen.problems;
    progress.Tick(facts, now);
  }
  progress.Clear();
  FlushLedger(ledger, head);
  if (Interrupted()) {
    head.interrupted = true;
    head.exit_status = kExitInterrupted;
  }
}

void SettleIntended(Files& files, const ProcessOptions& options, Ledger& ledger,
                    RunListener& listener, BatchHead& head) {
  std::vector<LedgerEntry> intended;
  const Result<void> listed =
      ledger.Entries(options.run, [&](const LedgerEntry& entry) {
        if (entry.intended) intended.push_back(entry);
        return true;
      });
  if (!listed) head.exit_status = std::max(head.exit_status, kExitFileError);
  for (LedgerEntry& entry : intended) {
    std::optional<BatchItem> item = CompletedChange(files, entry, entry.path);
    if (!item) continue;
    entry.intended = false;
    entry.item = JsonObject(*item);
    entry.action = ToText(item->outcome.action);
    entry.verdict = ToText(item->outcome.diagnosis.verdict);
    const Result<void> finished = ledger.Finish(entry);
    if (!finished) item->outcome.notes.push_back(finished.error().message);
    Take(*item, listener, head);
  }
  FlushLedger(&ledger, head);
}

}  // namespace detachfix
