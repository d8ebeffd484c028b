// SPDX-License-Identifier: Apache-2.0
#include "patcher/commands.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <new>
#include <system_error>
#include <thread>
#include <variant>

#include "patcher/batch/batch_commands.h"
#include "patcher/batch/ordered_run.h"
#include "patcher/batch/quick_look.h"
#include "patcher/batch/report_commands.h"
#include "patcher/batch/setup_log_file.h"
#include "patcher/console.h"
#include "patcher/consult_signatures.h"
#include "patcher/exit_status.h"
#include "patcher/explain.h"
#include "patcher/interrupt.h"
#include "patcher/patch_file.h"
#include "patcher/render_dot.h"
#include "patcher/replace_file.h"
#include "patcher/report_json.h"
#include "patcher/report_text.h"
#include "patcher/revert_file.h"
#include "patcher/signature_commands.h"
#include "patcher/verify_file.h"
#include "patcher/version.h"

namespace detachfix {

namespace {

using FileCommand = std::function<FileOutcome(const std::string& path)>;

/// Prints one outcome the moment its file is finished.
void PrintOutcome(const FileOutcome& outcome, const Options& options,
                  Console& console) {
  if (options.json_lines) {
    console.out << JsonLine(outcome) << std::flush;
  } else if (outcome.action == Action::kFailed) {
    if (!options.json)
      console.err << "detachfix: " << OutcomeLine(outcome, false);
  } else if (!options.json && !options.quiet) {
    console.out << OutcomeLine(outcome, console.colour);
    if (options.verbose) console.out << EvidenceText(outcome);
    const bool show_plan = outcome.action == Action::kWouldPatch ||
                           (options.verbose && outcome.plan.has_value());
    if (show_plan) console.out << PlanText(outcome);
    console.out << std::flush;
  }
  if (outcome.is_bug) {
    console.err << "detachfix: this is a bug; please report it with the output "
                   "of 'detachfix explain'\n";
  }
}

/// Notes are commentary, so they go to stderr; -v and JSON carry them anyway.
void PrintNotes(const FileOutcome& outcome, const Options& options,
                Console& console) {
  if (options.verbose || options.json || options.json_lines || options.quiet) {
    return;
  }
  for (const std::string& note : outcome.notes) {
    Complain(console, outcome.path + ": " + note);
  }
}

/// Runs a command over files, several at the same time with `jobs` > 1, and
/// gives `take` their outcomes in the order of `paths`.
void ForEachFile(const std::vector<std::string>& paths, size_t jobs,
                 const FileCommand& run,
                 const std::function<void(FileOutcome)>& take) {
  const auto outcome_of = [&](const std::string& path) {
    FileOutcome outcome = run(path);
    outcome.diagnosis.traces.reset();  // large, and no report prints them
    return outcome;
  };
  jobs = std::min(jobs, paths.size());
  if (jobs <= 1) {
    for (const std::string& path : paths) {
      if (Interrupted()) return;
      take(outcome_of(path));
    }
    return;
  }
  constexpr size_t kAheadPerJob = 8;  // as far as one slow file holds up others
  constexpr std::chrono::milliseconds kTick{100};
  auto next = paths.begin();
  using Results = OrderedRun<std::string, FileOutcome>;
  Results results(
      static_cast<unsigned>(jobs), {kAheadPerJob * jobs, kAheadPerJob * jobs},
      [&] {
        return next == paths.end() ? std::nullopt : std::optional(*next++);
      },
      [&](unsigned, const std::string& path) { return outcome_of(path); });
  FileOutcome outcome;
  while (true) {
    if (Interrupted()) results.Stop();
    const Results::Got got = results.Next(outcome, kTick);
    if (got == Results::Got::kEnd) return;
    if (got == Results::Got::kOutput) take(std::move(outcome));
  }
}

int RunOverFiles(const char* name, const Options& options, Console& console,
                 const FileCommand& run, size_t jobs = 1) {
  std::vector<FileOutcome> outcomes;
  int status = kExitFixed;
  ForEachFile(options.paths, jobs, run, [&](FileOutcome outcome) {
    PrintOutcome(outcome, options, console);
    PrintNotes(outcome, options, console);
    status = std::max(status, ExitStatus(outcome));
    outcomes.push_back(std::move(outcome));
  });
  const bool interrupted = Interrupted();
  if (interrupted) status = kExitInterrupted;
  if (options.json) {
    console.out << JsonDocument({name, status, interrupted}, outcomes);
  }
  const bool commentary =
      !options.json && !options.json_lines && !options.quiet;
  if (commentary && (outcomes.size() > 1 || interrupted)) {
    console.err << "detachfix: " << SummaryLine(outcomes);
  }
  if (interrupted) {
    console.err << "detachfix: interrupted after " << outcomes.size() << " of "
                << options.paths.size() << " files\n";
  }
  return status;
}

int RunVerify(const Options& options, Files& files, Console& console) {
  const std::optional<SignatureTables> tables =
      TablesFor(options, files, console);
  if (!tables) return kExitFileError;
  // Neither the hash nor the signature is to be shown, and none may matter.
  const bool quickly = !options.verbose && !options.json &&
                       !options.json_lines && !MayContradict(*tables);
  const auto verify = [&](const std::string& path) {
    SeenRuns seen;
    if (quickly) {
      std::optional<FileOutcome> outcome =
          LookQuickly(files, path, Look::kCode, &seen);
      if (outcome) return std::move(*outcome);
    }
    VerifiedFile file =
        VerifyFile(files, path, Scope::kAnyDll, std::move(seen));
    ConsultSignatures(file, *tables);
    return std::move(file.outcome);
  };
  const size_t jobs = options.batch.jobs > 0
                          ? options.batch.jobs
                          : std::max(1u, std::thread::hardware_concurrency());
  return RunOverFiles("verify", options, console, verify, jobs);
}

int RunPatch(const Options& options, Files& files, Console& console) {
  const std::optional<SignatureTables> tables =
      TablesFor(options, files, console);
  if (!tables) return kExitFileError;
  PatchOptions patch;
  patch.tables = &*tables;
  patch.require_signature = options.require_signature;
  patch.dry_run = options.dry_run;
  patch.any_dll = options.any_dll;
  patch.allow_signed = options.allow_signed;
  patch.replace_read_only = options.replace_read_only;
  patch.break_hard_links = options.break_hard_links;
  patch.output = options.output;
  patch.backup_suffix = options.backup_suffix;
  return RunOverFiles("patch", options, console, [&](const std::string& path) {
    return PatchFile(files, path, patch);
  });
}

/// The way back that is in a file knows nothing of the line that batch may have
/// written into SETUP.LOG for it.
void NoteSetupLog(Files& files, FileOutcome& outcome) {
  if (outcome.action != Action::kReverted) return;
  std::error_code error;
  const std::filesystem::path path =
      std::filesystem::absolute(outcome.path, error).lexically_normal();
  const std::optional<SetupLogEntry> log =
      CheckSetupLog(files, path.string(), {});
  if (!log || log->problem || log->agrees) return;
  outcome.notes.push_back(log->path +
                          " has another checksum for it; 'detachfix revert "
                          "--run RUN' sets back what that run wrote there");
}

int RunRevert(const Options& options, Files& files, Console& console) {
  if (!options.batch.run.empty()) {
    return RunRevertRun(options, files, console);
  }
  // A table that cannot be read is said, and keeps no original back.
  const std::optional<SignatureTables> tables =
      TablesFor(options, files, console);
  RevertOptions revert;
  if (tables) revert.tables = &*tables;
  revert.replace_read_only = options.replace_read_only;
  revert.break_hard_links = options.break_hard_links;
  return RunOverFiles("revert", options, console, [&](const std::string& path) {
    FileOutcome outcome = RevertFile(files, path, revert);
    NoteSetupLog(files, outcome);
    return outcome;
  });
}

/// Draws the graph of `explanation` into a new file.
int DrawGraph(const Explanation& explanation, const std::string& path,
              Files& files, Console& console) {
  const Result<Bytes> svg = RenderSvg(explanation.text);
  if (!svg) {
    Complain(console, svg.error().message);
    return kExitFileError;
  }
  FileState like = explanation.state;  // its permissions; not its times
  like.attributes.clear();
  like.modified_ns = like.accessed_ns =
      std::chrono::nanoseconds(
          std::chrono::system_clock::now().time_since_epoch())
          .count();
  const WriteOutcome written =
      WriteNewFile(files, path, like, *svg, std::nullopt);
  if (!written.error) return ExitStatus(explanation.outcome);
  Complain(console, written.error->message);
  return written.refused ? kExitUndecided : kExitFileError;
}

int RunExplain(const Options& options, Files& files, Console& console) {
  const std::optional<SignatureTables> tables =
      TablesFor(options, files, console);
  if (!tables) return kExitFileError;
  const bool as_graph = options.dot || !options.svg.empty();
  const Explanation explanation =
      as_graph ? ExplainAsGraph(files, options.paths[0], *tables)
               : Explain(files, options.paths[0], *tables);
  const FileOutcome& outcome = explanation.outcome;
  if (outcome.action == Action::kFailed) {
    console.err << "detachfix: " << OutcomeLine(outcome, false);
    return ExitStatus(outcome);
  }
  if (as_graph && explanation.text.empty()) {
    Complain(console, outcome.path +
                          ": no code was run, so there is no graph: " +
                          outcome.diagnosis.because);
    return kExitUndecided;
  }
  if (!options.svg.empty()) {
    return DrawGraph(explanation, options.svg, files, console);
  }
  console.out << explanation.text;
  return ExitStatus(outcome);
}

constexpr Command kCommands[] = {
    {"verify", "say whether files leak, are fixed, or have nothing to fix",
     "Examples:\n"
     "  detachfix verify Security.dll\n"
     "  detachfix verify --jsonl i386/*.dll > report.jsonl\n",
     kVerboseOption | kReportOptions | kSignaturesOption | kVerifyOptions,
     RunVerify},
    {"patch", "repair files that leak, in place or to a new file",
     "Examples:\n"
     "  detachfix patch --dry-run Security.dll\n"
     "  detachfix patch --backup=.sp5 Security.dll\n",
     kVerboseOption | kReportOptions | kDryRunOption | kAnyDllOption |
         kAllowSignedOption | kOutputOption | kBackupOption | kReplaceOptions |
         kSignaturesOption | kRequireOption,
     RunPatch},
    {"revert", "give back the originals of patched files, bit for bit",
     "Examples:\n"
     "  detachfix revert Security.dll\n"
     "  detachfix revert --json i386/*.dll\n"
     "  detachfix revert --run 20001224 --only '**/sp3/**'\n",
     kVerboseOption | kReportOptions | kReplaceOptions | kRunOptions |
         kLedgerOption | kReportFiles,
     RunRevert},
    {"batch", "find the files of a share, and repair those that leak",
     "Examples:\n"
     "  detachfix batch /srv/images\n"
     "  detachfix batch --apply --report run.html /srv/images\n"
     "  detachfix batch --resume\n"
     "  detachfix batch --resume 20001224-0930\n",
     kMaybeFolders | kBatchOptions | kLedgerOption | kReportFiles |
         kVerboseOption | kReportOptions | kAnyDllOption | kAllowSignedOption |
         kBackupOption | kReplaceOptions | kSignaturesOption | kRequireOption,
     RunBatchCommand},
    {"history", "list the runs of batch, or the files of one",
     "Examples:\n"
     "  detachfix history 20001224-0930\n"
     "  detachfix history --ledger /srv/ledger.sqlite\n",
     kMaybeRun | kLedgerOption, RunHistory},
    {"report merge", "join the reports of shards or hosts into one",
     "Examples:\n"
     "  detachfix report merge all.html shard-*.json\n"
     "  detachfix report merge fleet.csv host1.jsonl host2.jsonl\n",
     kReportPaths, RunReportMerge},
    {"explain", "list the code that was judged, the evidence and the plan",
     "Examples:\n"
     "  detachfix explain Security.dll\n"
     "  detachfix explain Security.dll | less\n"
     "  detachfix explain --svg=Security.svg Security.dll\n",
     kOneFile | kGraphOptions | kSignaturesOption, RunExplain},
    {"signatures list", "list the builds that the tables know",
     "Examples:\n"
     "  detachfix signatures list | grep sp5\n"
     "  detachfix signatures list --signatures ~/tables\n",
     kNoFile | kSignaturesOption, RunSignaturesList},
    {"signatures show", "print one row with the source of every fact",
     "Examples:\n"
     "  detachfix signatures show security-i386-nt4-sp5-40\n"
     "  detachfix signatures show --signatures ~/tables my-row\n",
     kOneId | kSignaturesOption, RunSignaturesShow},
    {"signatures check", "check every row, those in DIR too",
     "Examples:\n"
     "  detachfix signatures check .\n"
     "  detachfix signatures check ~/tables\n",
     kMaybeFolder, RunSignaturesCheck},
    {"signatures learn", "make rows from genuine files",
     "Examples:\n"
     "  detachfix signatures learn --level SP5 --crypto 40 Security.dll\n"
     "  detachfix signatures learn --level SP3 --from-setup-log Setup.log \\\n"
     "      --into ~/.config/detachfix/signatures/i386.toml Security.dll\n",
     kLearnOptions | kAnyDllOption | kSignaturesOption, RunSignaturesLearn},
    {"signatures export", "print the tables for other programs",
     "Examples:\n"
     "  detachfix signatures export --yara > security.yar\n"
     "  detachfix signatures export --json\n",
     kNoFile | kExportOptions | kSignaturesOption, RunSignaturesExport},
};

}  // namespace

std::span<const Command> CommandTable() { return kCommands; }

int RunDetachfix(const std::vector<std::string>& words, Files& files,
                 Console& console) {
  const std::variant<Invocation, Answer> line =
      ParseCommandLine(words, CommandTable());
  int status = 0;
  if (const Answer* answer = std::get_if<Answer>(&line)) {
    console.out << answer->out;
    console.err << answer->err;
    status = answer->exit_status;
  } else {
    const Invocation& invocation = std::get<Invocation>(line);
    status = invocation.command->run(invocation.options, files, console);
  }
  // An answer that nobody got is not an answer: a full disk, a closed pipe.
  if (!console.out.flush()) {
    console.err << "detachfix: standard output cannot be written\n";
    status = std::max(status, kExitFileError);
  }
  return status;
}

int RunAndReportBugs(const std::function<int()>& run, std::ostream& err) {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    err << "detachfix: out of memory\n";
    return kExitFileError;
  } catch (const std::exception& exception) {
    err << "detachfix: internal error: " << exception.what()
        << "\nthis is a bug of detachfix " << kVersion
        << "; please report it with the command line\n";
    return kExitBug;
  }
}

}  // namespace detachfix
