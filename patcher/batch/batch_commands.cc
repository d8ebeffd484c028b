// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/batch_commands.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>
#include <variant>

#include "patcher/batch/counts_text.h"
#include "patcher/batch/find_files.h"
#include "patcher/batch/go_on.h"
#include "patcher/batch/ledger.h"
#include "patcher/batch/name_filter.h"
#include "patcher/batch/pace.h"
#include "patcher/batch/progress.h"
#include "patcher/batch/revert_run.h"
#include "patcher/batch/run_batch.h"
#include "patcher/batch/run_id.h"
#include "patcher/batch/run_printer.h"
#include "patcher/commands.h"
#include "patcher/console.h"
#include "patcher/exit_status.h"
#include "patcher/interrupt.h"
#include "patcher/report_json.h"
#include "patcher/report_text.h"
#include "patcher/sha256.h"
#include "patcher/signature_commands.h"
#include "patcher/version.h"

namespace detachfix {
namespace {

constexpr uint64_t kMaxPatternFile = 1 << 20;
constexpr double kMegabyte = 1e6;

Result<std::unique_ptr<Ledger>> OpenLedger(const BatchOptions& batch,
                                           Access access) {
  if (!batch.ledger.empty()) return Ledger::Open(batch.ledger, access);
  const Result<std::string> usual = DefaultLedgerPath();
  if (!usual) return usual.error();
  return Ledger::Open(*usual, access);
}

std::string CurrentFolder() {
  std::error_code error;
  return std::filesystem::current_path(error).string();
}

RunRecord NewRun(const char* command, const Options& options) {
  RunRecord run;
  run.id = NewRunId();
  run.command = command;
  run.words = options.words;
  run.folder = CurrentFolder();
  run.host = HostName();
  run.version = kVersion;
  run.started = UtcNow();
  return run;
}

BatchHead HeadOf(const RunRecord& run, const Options& options) {
  BatchHead head;
  head.run = run.id;
  head.command = run.command;
  head.host = run.host;
  head.started = run.started;
  head.roots = options.paths;
  head.shard = options.batch.shard;
  head.apply = run.apply;
  return head;
}

/// Of every file of a share, only those that may be patched are to be judged by
/// their code.
Scope ScopeOf(const Options& options) {
  const bool any = !options.batch.all_dlls || options.any_dll;
  return any ? Scope::kAnyDll : Scope::kTarget;
}

/// What an answer depends on: this program, the tables, and the options that
/// decide whether a file is of interest.
std::string JudgedBy(const SignatureTables& tables, const Options& options) {
  const std::string rows = SignaturesJson(tables.rows);
  const Bytes bytes(rows.begin(), rows.end());
  return std::string(kVersion) + " " + ToHex(HashSha256(bytes)).substr(0, 16) +
         (options.any_dll ? " any-dll" : "") +
         (ScopeOf(options) == Scope::kTarget ? " target" : "") +
         (options.require_signature
              ? std::string(" require-") + ToText(*options.require_signature)
              : "") +
         (options.allow_signed ? " allow-signed" : "");
}

Result<FindOptions> FindOptionsOf(const Options& options, Files& files) {
  const BatchOptions& batch = options.batch;
  FindOptions find;
  find.roots = options.paths;
  find.all_dlls = batch.all_dlls;
  find.include = batch.include;
  find.exclude = batch.exclude;
  find.cross_file_systems = batch.cross_file_systems;
  find.enter_snapshots = batch.enter_snapshots;
  for (const std::string& path : batch.exclude_from) {
    const Result<ReadFile> file = files.Read(path, kMaxPatternFile);
    if (!file) return Error{path + ": " + file.error().message};
    const std::string text(file->bytes.begin(), file->bytes.end());
    for (std::string& line : ReadPatternLines(text)) {
      const std::string problem = NamePattern(line).Problem();
      if (!problem.empty()) return Error{BadPattern(path, line, problem)};
      find.exclude.push_back(std::move(line));
    }
  }
  // That it is one was seen when the command line was read.
  if (!batch.shard.empty()) find.shard = *ParseShard(batch.shard);
  return find;
}

Result<std::unique_ptr<FileFinder>> FinderFor(const Options& options,
                                              Files& files) {
  const Result<FindOptions> find = FindOptionsOf(options, files);
  if (!find) return find.error();
  if (!options.batch.files_from.empty()) {
    return FilesFromList(options.batch.files_from, *find);
  }
  return FindFiles(*find);
}

RunSettings SettingsFor(const Options& options, const RunRecord& run,
                        const SignatureTables& tables) {
  const BatchOptions& batch = options.batch;
  RunSettings settings;
  settings.jobs = batch.jobs > 0
                      ? batch.jobs
                      : std::max(1u, std::thread::hardware_concurrency());
  settings.files_per_second = batch.throttle;
  settings.bytes_per_second = batch.max_read * kMegabyte;
  ProcessOptions& process = settings.process;
  PatchOptions& patch = process.media.patch;
  patch.dry_run = !batch.apply;
  patch.any_dll = options.any_dll;
  patch.scope = ScopeOf(options);
  patch.allow_signed = options.allow_signed;
  patch.replace_read_only = options.replace_read_only;
  patch.break_hard_links = options.break_hard_links;
  patch.backup_suffix = options.backup_suffix;
  patch.tables = &tables;
  patch.require_signature = options.require_signature;
  process.media.recompress = batch.recompress;
  process.update_setup_log = batch.update_setup_log;
  process.images_only = batch.all_dlls;
  process.recheck = batch.recheck;
  process.run = run.id;
  process.folder = run.folder;
  process.judged_by = JudgedBy(tables, options);
  return settings;
}

/// The run that `--resume` means.
Result<RunRecord> RunNamed(Ledger& ledger, const std::string& id) {
  if (!id.empty()) return ledger.FindRun(id);
  const Result<std::optional<RunRecord>> last = ledger.FindUnfinished();
  if (!last) return last.error();
  if (*last) return **last;
  return Error{ledger.path() + ": every run in this ledger has finished"};
}

/// Whether another process works on the run.
bool IsTaken(Ledger& ledger, const RunRecord& run) {
  if (ledger.ClaimRun(run.id) == Claim::kTaken) return true;
  // An earlier version claims nothing, nor can one on every file system.
  return run.state == RunState::kRunning && run.host == HostName() &&
         IsRunning(run.id);
}

Result<void> CheckGoesOn(const RunRecord& run) {
  if (run.command != "batch") {
    return Error{"run " + run.id + " is one of 'detachfix " + run.command +
                 "', which is given again to go on"};
  }
  if (run.state == RunState::kFinished) {
    return Error{"run " + run.id + " has finished: " + run.summary};
  }
  return {};
}

Error StillRuns(const RunRecord& run) {
  return Error{"run " + run.id + " is still running"};
}

/// The run that is to be taken back: not while it goes on with what is left.
Result<RunRecord> RunToRevert(Ledger& ledger, const std::string& id) {
  Result<RunRecord> run = ledger.FindRun(id);
  if (run && IsTaken(ledger, *run)) return StillRuns(*run);
  return run;
}

/// The run that `--resume` means, unless there is none to go on with.
Result<RunRecord> RunToResume(Ledger& ledger, const std::string& id) {
  const Result<RunRecord> named = RunNamed(ledger, id);
  if (!named) return named.error();
  Result<void> goes_on = CheckGoesOn(*named);
  if (!goes_on) return goes_on.error();
  if (IsTaken(ledger, *named)) return StillRuns(*named);
  // Who had it may have ended it before it was ours.
  Result<RunRecord> run = ledger.FindRun(named->id);
  if (!run) return run.error();
  goes_on = CheckGoesOn(*run);
  if (!goes_on) return goes_on.error();
  return run;
}

/// Goes on with a run that did not finish: its options, in its folder. Gives
/// nothing after saying why.
std::optional<RunRecord> Resume(Ledger& ledger, Options& options,
                                Console& console) {
  const Result<RunRecord> found = RunToResume(ledger, options.batch.run);
  if (!found) {
    Complain(console, found.error().message);
    return std::nullopt;
  }
  std::vector<std::string> words = found->words;
  words.insert(words.begin(), found->command);
  const std::variant<Invocation, Answer> line =
      ParseCommandLine(words, CommandTable());
  const Invocation* invocation = std::get_if<Invocation>(&line);
  if (invocation == nullptr) {
    Complain(console, "run " + found->id +
                          ": its command line cannot be read by this version");
    return std::nullopt;
  }
  std::error_code error;
  std::filesystem::current_path(found->folder, error);
  if (error) {
    Complain(console, "run " + found->id + " was started in " + found->folder +
                          ", which cannot be entered: " + error.message());
    return std::nullopt;
  }
  // How to speak is this command line's matter; what to do is that one's.
  Options resumed = invocation->options;
  resumed.json = options.json;
  resumed.json_lines = options.json_lines;
  resumed.quiet = options.quiet;
  resumed.verbose = options.verbose;
  resumed.batch.ledger = options.batch.ledger;
  options = std::move(resumed);
  return *found;
}

/// Whether the run goes on without its ledger. A dry run does, and says so; one
/// that changes files does not.
bool GoesOnWithout(const Error& why, bool apply, Console& console) {
  Complain(console, why.message + (apply ? "" : "; goes on without it"));
  return !apply;
}

/// Notes the run in the ledger, as new or as going on.
bool NoteBegin(std::unique_ptr<Ledger>& ledger, const RunRecord& run,
               bool resumed, Console& console) {
  if (!ledger) return true;
  const Result<void> noted =
      resumed ? ledger->ResumeRun(run.id) : ledger->BeginRun(run);
  if (noted) return true;
  ledger.reset();
  return GoesOnWithout(noted.error(), run.apply, console);
}

/// Whether the end stands in the ledger.
bool NoteEnd(Ledger* ledger, BatchHead& head, Console& console) {
  head.finished = UtcNow();
  if (ledger == nullptr) return false;
  const RunState state =
      head.interrupted ? RunState::kInterrupted : RunState::kFinished;
  const Result<void> noted =
      ledger->EndRun(head.run, state, head.finished, head.exit_status,
                     CountsText(head.counts));
  if (noted) return true;
  Complain(console, noted.error().message);
  head.exit_status = std::max(head.exit_status, kExitFileError);
  return false;
}

void End(Ledger* ledger, const Options& options, RunPrinter& printer,
         BatchHead& head, Console& console) {
  const bool noted = NoteEnd(ledger, head, console);
  printer.End(head, noted ? GoOnText(head, options) : "");
}

bool ProgressWanted(const Options& options) {
  return !options.quiet && !options.json && !options.json_lines;
}

/// The run itself, once everything that it needs is at hand.
int Drive(const Options& options, const RunRecord& run, bool resumed,
          const SignatureTables& tables, FileFinder& finder, Ledger* ledger,
          Files& files, Console& console) {
  BatchHead head = HeadOf(run, options);
  RunPrinter printer(options, files, console);
  if (!printer.Begin(head)) {
    head.exit_status = kExitFileError;
    NoteEnd(ledger, head, console);
    return kExitFileError;
  }
  WatchForProgressRequests();
  Progress progress(console.err, isatty(STDERR_FILENO) != 0,
                    ProgressWanted(options), Progress::Clock::now());
  const RunSettings settings = SettingsFor(options, run, tables);
  RunBatch(settings, PosixFiles, finder, ledger, printer, progress, head);
  if (resumed && ledger != nullptr && !head.interrupted) {
    SettleIntended(files, settings.process, *ledger, printer, head);
  }
  End(ledger, options, printer, head, console);
  return head.exit_status;
}

/// "batch", of its reports the endings are right.
bool ReportsAreKnown(const Options& options, Console& console) {
  for (const std::string& path : options.batch.reports) {
    const Result<ReportForm> form = ReportFormOf(path);
    if (form) continue;
    Complain(console, form.error().message);
    return false;
  }
  return true;
}

/// What is known of a run that did not live to count its files.
std::string CountedEntries(const RunSummary& summary) {
  std::string text;
  for (const RunSummary::Count& count : summary.counts) {
    text +=
        (text.empty() ? "" : ", ") + std::to_string(count.files) + " " +
        (count.action == ToText(Action::kNone) ? count.verdict : count.action);
  }
  return text.empty() ? "no files" : text;
}

std::string RunLine(const RunSummary& summary) {
  const RunRecord& run = summary.run;
  std::string words;
  for (const std::string& word : run.words) words += " " + word;
  return run.id + "  " + run.started + "  " + ToText(run.state) + "  " +
         ForTerminal(run.command + words) + "\n    " +
         (run.summary.empty() ? CountedEntries(summary) : run.summary) + "\n";
}

std::string EntryLine(const LedgerEntry& entry) {
  std::string text = ForTerminal(entry.path) + ": ";
  if (entry.intended) {
    text += "begun, and not known to be finished";
  } else {
    text +=
        entry.action == ToText(Action::kNone) ? entry.verdict : entry.action;
  }
  if (entry.reverted) text += ", reverted since";
  return text + "\n";
}

}  // namespace

int RunBatchCommand(const Options& given, Files& files, Console& console) {
  Options options = given;
  RunRecord run = NewRun("batch", options);
  std::unique_ptr<Ledger> ledger;
  const bool resumed = options.batch.resume;
  if (resumed) {
    Result<std::unique_ptr<Ledger>> opened =
        OpenLedger(options.batch, Access::kWrite);
    if (!opened) {
      Complain(console, opened.error().message);
      return kExitFileError;
    }
    ledger = std::move(*opened);
    std::optional<RunRecord> found = Resume(*ledger, options, console);
    if (!found) return kExitFileError;
    run = *found;
  }
  run.apply = options.batch.apply;
  if (!ReportsAreKnown(options, console)) return kExitUsage;
  const std::optional<SignatureTables> tables =
      TablesFor(options, files, console);
  if (!tables) return kExitFileError;
  // Before any thread is started, since each has a priority of its own.
  if (!options.batch.normal_priority) LowerDiskPriority();
  const Result<std::unique_ptr<FileFinder>> finder = FinderFor(options, files);
  if (!finder) {
    Complain(console, finder.error().message);
    return kExitFileError;
  }
  if (!resumed) {
    Result<std::unique_ptr<Ledger>> opened =
        OpenLedger(options.batch, Access::kCreate);
    if (opened) {
      ledger = std::move(*opened);
    } else if (!GoesOnWithout(opened.error(), run.apply, console)) {
      return kExitFileError;
    }
  }
  if (!NoteBegin(ledger, run, resumed, console)) return kExitFileError;
  return Drive(options, run, resumed, *tables, **finder, ledger.get(), files,
               console);
}

int RunHistory(const Options& options, Files&, Console& console) {
  const Result<std::unique_ptr<Ledger>> ledger =
      OpenLedger(options.batch, Access::kRead);
  if (!ledger) {
    Complain(console, ledger.error().message);
    return kExitFileError;
  }
  Result<void> listed;
  if (options.paths.empty()) {
    const Result<std::vector<RunSummary>> runs = (*ledger)->Runs();
    if (runs) {
      for (const RunSummary& run : *runs) console.out << RunLine(run);
    } else {
      listed = runs.error();
    }
  } else {
    const Result<RunRecord> run = (*ledger)->FindRun(options.paths[0]);
    listed = run ? (*ledger)->Entries(run->id,
                                      [&](const LedgerEntry& entry) {
                                        console.out << EntryLine(entry);
                                        return true;
                                      })
                 : Result<void>(run.error());
  }
  if (listed) return kExitFixed;
  Complain(console, listed.error().message);
  return kExitFileError;
}

int RunRevertRun(const Options& options, Files& files, Console& console) {
  const Result<std::unique_ptr<Ledger>> ledger =
      OpenLedger(options.batch, Access::kWrite);
  if (!ledger) {
    Complain(console, ledger.error().message);
    return kExitFileError;
  }
  const Result<RunRecord> found = RunToRevert(**ledger, options.batch.run);
  if (!found) {
    Complain(console, found.error().message);
    return kExitFileError;
  }
  const Result<std::vector<LedgerEntry>> entries =
      RevertibleEntries(**ledger, found->id, options.batch.only);
  if (!entries) {
    Complain(console, entries.error().message);
    return kExitFileError;
  }
  RunRecord run = NewRun("revert", options);
  run.apply = true;
  const Result<void> begun = (*ledger)->BeginRun(run);
  if (!begun) {
    Complain(console, begun.error().message);
    return kExitFileError;
  }
  BatchHead head = HeadOf(run, options);
  RunPrinter printer(options, files, console);
  if (!printer.Begin(head)) return kExitFileError;
  const std::optional<SignatureTables> tables =
      TablesFor(options, files, console);
  RevertOptions revert;
  if (tables) revert.tables = &*tables;
  revert.replace_read_only = options.replace_read_only;
  revert.break_hard_links = options.break_hard_links;
  for (const LedgerEntry& entry : *entries) {
    if (Interrupted()) break;
    const BatchItem item = RevertEntry(files, entry, revert, **ledger);
    Count(item, head.counts);
    // A file that leaks again is what was asked for.
    const int status = item.outcome.action == Action::kReverted ||
                               item.outcome.action == Action::kNone
                           ? kExitFixed
                           : ExitStatus(item.outcome);
    head.exit_status = std::max(head.exit_status, status);
    printer.OnItem(item);
  }
  if (Interrupted()) {
    head.interrupted = true;
    head.exit_status = kExitInterrupted;
  }
  End(ledger->get(), options, printer, head, console);
  return head.exit_status;
}

}  // namespace detachfix
