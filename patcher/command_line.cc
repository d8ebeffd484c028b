// SPDX-License-Identifier: Apache-2.0
// The one file that includes CLI11. Each command gets a parser of its own
// rather than a CLI11 subcommand: CLI11 takes a FILE named like another command
// for that command.
#include "patcher/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "disasm/isa.h"
#include "patcher/command_help.h"
#include "patcher/lief_reader.h"
#include "patcher/max_jobs.h"
#include "patcher/option_checks.h"
#include "patcher/sha256.h"
#include "patcher/version.h"

namespace detachfix {

namespace {

constexpr char kDefaultBackupSuffix[] = ".orig";
constexpr char kDefaultRequirement[] = "pattern";
constexpr char kLastRun[] = "last";

std::string VersionText() {
  return "detachfix " + std::string(kVersion) + "\nLIEF " + LiefVersion() +
         "\nZydis " + ZydisVersion() + "\nCLI11 " + CLI11_VERSION +
         "\nOpenSSL " + OpenSslVersion() + "\n";
}

/// CLI11 prints a flag's default as "--backup{.orig}"; people expect the form
/// in which they would type it.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option,
                               bool is_positional) const override {
    const std::string name =
        CLI::Formatter::make_option_name(option, is_positional);
    if (name.starts_with("--require-signature")) {
      return "--require-signature[=CLASS]";
    }
    if (name.starts_with("--resume")) return "--resume[=RUN]";
    return name.starts_with("--backup") ? "--backup[=SUFFIX]" : name;
  }
};

/// An option with a value; `type` is what the help calls that.
template <typename T>
CLI::Option* AddValue(CLI::App& app, const char* name, T& value,
                      const char* type, const char* help) {
  return app.add_option(name, value, help)->type_name(type);
}

/// One that may be repeated and has one value each time: what follows that is
/// an operand.
CLI::Option* AddList(CLI::App& app, const char* name,
                     std::vector<std::string>& values, const char* type,
                     const char* help) {
  return AddValue(app, name, values, type, help)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

void DeclareReportOptions(CLI::App& app, Options& options) {
  CLI::Option* json =
      app.add_flag("--json", options.json, "print one JSON document");
  CLI::Option* lines =
      app.add_flag("--jsonl", options.json_lines,
                   "print a JSON object a line, as each file finishes");
  CLI::Option* quiet = app.add_flag("-q,--quiet", options.quiet,
                                    "print errors only; see the exit status");
  json->excludes(lines)->excludes(quiet);
  lines->excludes(quiet);
}

void DeclareGraphOptions(CLI::App& app, Options& options) {
  CLI::Option* dot =
      app.add_flag("--dot", options.dot,
                   "print the control-flow graph in Graphviz's language");
  AddValue(app, "--svg", options.svg, "OUT",
           "draw that graph, before and after the repair, into OUT,\n"
           "a new file; needs Graphviz's program dot")
      ->excludes(dot);
}

void DeclareReplaceOptions(CLI::App& app, Options& options) {
  app.add_flag("--replace-read-only", options.replace_read_only,
               "also replace a file without write permission");
  app.add_flag("--break-hard-links", options.break_hard_links,
               "also replace a file that has several names; the others\n"
               "keep the content as it is");
}

/// Values of flags that may have one, as CLI11 gives them.
struct FlagValues {
  std::string backup_suffix;
  std::string requirement;
  std::string resumed;
};

void DeclareSignatureOptions(CLI::App& app, uint32_t bits, Options& options,
                             FlagValues& values) {
  if ((bits & kRequireOption) != 0) {
    app.add_flag(
        "--require-signature{" + std::string(kDefaultRequirement) + "}",
        values.requirement,
        "patch only a known build: one that matches a row as\n"
        "exact, rebased or pattern, or more surely");
  }
  if ((bits & kSignaturesOption) != 0) {
    AddValue(app, "--signatures", options.signatures, "DIR",
             "also use the tables *.toml in DIR; their rows go\n"
             "before those of the same id");
  }
}

void DeclareTableOptions(CLI::App& app, uint32_t bits, Options& options) {
  if ((bits & kExportOptions) != 0) {
    CLI::Option* yara =
        app.add_flag("--yara", options.yara, "as rules for YARA");
    app.add_flag("--json", options.json, "as a JSON document")->excludes(yara);
  }
  if ((bits & kLearnOptions) == 0) return;
  AddList(app, "--level", options.levels, "LEVEL",
          "what shipped FILE: RTM, SP1 to SP6, SP6a, or the article\n"
          "of a hotfix like Q238185; may be repeated")
      ->required();
  AddValue(app, "--product", options.product, "NAME",
           "nt4 (the default), or nt4-tse for Terminal Server Edition");
  AddValue(app, "--crypto", options.crypto, "BITS", "40, 56 or 128");
  AddValue(app, "--id", options.row_id, "ID",
           "of the row; made from the others if left out");
  AddValue(app, "--confirmed-by", options.confirmed_by, "NAME",
           "who holds the genuine file");
  AddValue(app, "--from-setup-log", options.setup_log, "LOG",
           "compare with the checksum in this REPAIR/SETUP.LOG");
  AddValue(app, "--into", options.into, "TABLE",
           "also add the rows to this table; it and its folder are made\n"
           "if need be");
}

void DeclareFindOptions(CLI::App& app, BatchOptions& batch) {
  app.add_flag("--all-dlls", batch.all_dlls,
               "judge every PE file by its content, whatever its name");
  AddList(app, "--include", batch.include, "GLOB",
          "take the files that match, in place of the usual names;\n"
          "with a slash the whole path below DIR must match");
  AddList(app, "--exclude", batch.exclude, "GLOB",
          "leave out files and folders that match");
  AddList(app, "--exclude-from", batch.exclude_from, "FILE",
          "leave out what matches a line of this file");
  AddValue(app, "--files-from", batch.files_from, "FILE",
           "take the paths in this file ('-': standard input), which\n"
           "end with newlines or NUL bytes, and search no folder");
  app.add_flag("--cross-file-systems", batch.cross_file_systems,
               "also enter file systems mounted below DIR");
  app.add_flag("--enter-snapshots", batch.enter_snapshots,
               "also enter .snapshot, $RECYCLE.BIN and the like");
  AddValue(app, "--shard", batch.shard, "I/N",
           "take only part I of N, which are disjoint and make the\n"
           "whole wherever the share is mounted; with --files-from\n"
           "where the paths in it are the same everywhere");
}

void DeclareJobs(CLI::App& app, BatchOptions& batch) {
  AddValue(app, "-j,--jobs", batch.jobs, "N",
           "files judged at the same time; default: cores")
      ->check(CLI::Range(1u, kMaxJobs));
}

/// CLI11's own check prints its upper end with all 309 digits, and takes what
/// is no number for one in range.
CLI::Validator AboveZero() {
  return {[](const std::string& text) {
            char* end = nullptr;
            const double value = std::strtod(text.c_str(), &end);
            const bool good = *end == '\0' && std::isfinite(value) && value > 0;
            return good ? "" : "'" + text + "' must be a number above 0";
          },
          "POSITIVE"};
}

void DeclareBatchOptions(CLI::App& app, BatchOptions& batch,
                         FlagValues& values) {
  app.add_flag("--apply", batch.apply,
               "repair what leaks; without it nothing is written");
  DeclareFindOptions(app, batch);
  app.add_flag("--recompress", batch.recompress,
               "write a packed file (*.DL_) back in the form it had; by\n"
               "default the repaired DLL is placed beside it and the packed\n"
               "file renamed to .org");
  app.add_flag("--update-setup-log", batch.update_setup_log,
               "set the checksum that REPAIR/SETUP.LOG has for the file");
  app.add_flag("--resume{" + std::string(kLastRun) + "}", values.resumed,
               "go on with the last run that did not finish, or with this\n"
               "one, with its command line");
  app.add_flag("--recheck", batch.recheck,
               "judge anew what the ledger knows to be unchanged");
  DeclareJobs(app, batch);
  AddValue(app, "--throttle", batch.throttle, "N",
           "at most so many files a second")
      ->check(AboveZero());
  AddValue(app, "--max-read", batch.max_read, "N",
           "read at most so many MB (10^6 bytes) a second")
      ->check(AboveZero());
  app.add_flag("--normal-priority", batch.normal_priority,
               "do not stand back for others at the disk");
}

void DeclareLedgerOptions(CLI::App& app, uint32_t bits, BatchOptions& batch) {
  if ((bits & kLedgerOption) != 0) {
    AddValue(app, "--ledger", batch.ledger, "FILE",
             "the ledger of runs; default: that in\n"
             "$XDG_STATE_HOME/detachfix");
  }
  if ((bits & kRunOptions) != 0) {
    AddValue(app, "--run", batch.run, "RUN",
             "take back what this run of batch did, by the ledger");
    AddList(app, "--only", batch.only, "GLOB",
            "with --run: only files that match");
  }
  if ((bits & kReportFiles) != 0) {
    AddList(app, "--report", batch.reports, "FILE",
            "also write a report; its form is that of the ending:\n"
            ".json .jsonl .csv .sarif .html; may be repeated");
  }
}

/// FILE, or what stands in its place.
void DeclareOperands(CLI::App& app, uint32_t bits, Options& options) {
  if ((bits & kNoFile) != 0) return;
  if ((bits & kOneId) != 0) {
    app.add_option("ID", options.paths, "the id of a row")
        ->required()
        ->type_name("")
        ->expected(1);
  } else if ((bits & kMaybeFolder) != 0) {
    app.add_option("DIR", options.paths, "a folder of tables, *.toml")
        ->type_name("")
        ->expected(1);
  } else if ((bits & kMaybeFolders) != 0) {
    app.add_option("DIR", options.paths,
                   "a folder to search, or a file; after '--' its name may\n"
                   "start with '-'")
        ->type_name("")
        ->expected(-1);
  } else if ((bits & kReportPaths) != 0) {
    app.add_option("REPORT", options.paths,
                   "first the report to write, whose form is that of its\n"
                   "ending, then those to merge: .json or .jsonl")
        ->required()
        ->type_name("")
        ->expected(-1);
  } else if ((bits & kMaybeRun) != 0) {
    app.add_option("RUN", options.paths, "a run, or the beginning of its name")
        ->type_name("")
        ->expected(1);
  } else {
    app.add_option("FILE", options.paths,
                   "a DLL; after '--' its name may start with '-'")
        ->required((bits & kRunOptions) == 0)
        ->type_name("")
        ->expected((bits & kOneFile) != 0 ? 1 : -1);
  }
}

void DeclareOptions(CLI::App& app, uint32_t bits, Options& options,
                    FlagValues& values) {
  DeclareOperands(app, bits, options);
  if ((bits & kBatchOptions) != 0) {
    DeclareBatchOptions(app, options.batch, values);
  }
  if ((bits & kVerifyOptions) != 0) {
    DeclareJobs(app, options.batch);
    app.add_flag("--any-dll", options.any_dll,
                 "judge any DLL, not only Security.dll; verify always does");
  }
  DeclareLedgerOptions(app, bits, options.batch);
  if ((bits & kDryRunOption) != 0) {
    app.add_flag("-n,--dry-run", options.dry_run,
                 "print the plan, every byte of it, and write nothing");
  }
  if ((bits & kAnyDllOption) != 0) {
    app.add_flag("--any-dll", options.any_dll,
                 "also take what is not Security.dll by its content");
  }
  if ((bits & kAllowSignedOption) != 0) {
    app.add_flag("--allow-signed", options.allow_signed,
                 "also patch a file that is signed, which makes the\n"
                 "signature invalid");
  }
  if ((bits & kOutputOption) != 0) {
    app.add_option("-o,--output", options.output,
                   "write to OUT, a new file; leave FILE as it is")
        ->type_name("OUT");
  }
  if ((bits & kBackupOption) != 0) {
    CLI::Option* backup =
        app.add_flag("--backup{" + std::string(kDefaultBackupSuffix) + "}",
                     values.backup_suffix,
                     "first copy FILE to FILE.orig, or to FILE and SUFFIX");
    CLI::Option* output = app.get_option_no_throw("--output");
    if (output != nullptr) backup->excludes(output);
  }
  if ((bits & kReplaceOptions) != 0) DeclareReplaceOptions(app, options);
  DeclareSignatureOptions(app, bits, options, values);
  DeclareTableOptions(app, bits, options);
  if ((bits & kVerboseOption) != 0) {
    app.add_flag("-v,--verbose", options.verbose,
                 "print the evidence behind each verdict");
  }
  if ((bits & kReportOptions) != 0) DeclareReportOptions(app, options);
  if ((bits & kGraphOptions) != 0) DeclareGraphOptions(app, options);
}

/// What is wrong when there are more operands than one, which CLI11 says in the
/// words of options; or an empty string.
std::string TooManyOperands(const CLI::App& app, const std::string& command) {
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional() || option->get_expected_max() != 1 ||
        option->count() < 2) {
      continue;
    }
    return command + " takes one " + option->get_single_name() + ", got " +
           std::to_string(option->count());
  }
  return "";
}

/// What is wrong with a word that CLI11 did not take, or an empty string.
std::string CheckLeftOver(const CLI::App& app, const std::string& command) {
  bool only_operands = false;
  for (const std::string& word : app.remaining()) {
    if (word == "--") {
      only_operands = true;
      continue;
    }
    if (only_operands || !word.starts_with("-")) {
      return command + " takes no operand, got '" + word + "'";
    }
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) {
        names.push_back("--" + name);
      }
    }
    return "unknown option '" + word + "'" + Suggestion(word, names);
  }
  return "";
}

/// A run that goes on does so with its own options: the first of another kind
/// is what is wrong.
std::string CheckResume(const CLI::App& app) {
  constexpr std::array<std::string_view, 6> kOfThisCommandLine = {
      "resume", "ledger", "json", "jsonl", "quiet", "verbose"};
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0 || option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (std::ranges::find(kOfThisCommandLine, name) ==
        kOfThisCommandLine.end()) {
      return "--" + name +
             " cannot be given with --resume: the run goes on with the options "
             "that it was started with";
    }
  }
  return "";
}

/// What is wrong with the options taken together, or an empty string.
std::string CheckOptions(uint32_t bits, const Options& options) {
  if ((bits & kExportOptions) != 0 && options.yara == options.json) {
    return "give --yara or --json";
  }
  std::string wrong = CheckBatchOptions(bits, options);
  if (wrong.empty()) wrong = CheckRowOptions(options);
  if (!wrong.empty()) return wrong;
  if ((bits & kReportPaths) != 0 && options.paths.size() < 2) {
    return "give the report to write and at least one to merge";
  }
  return CheckNewFiles(options);
}

/// Of `--resume`, `--resume=RUN` and `--resume RUN`.
void TakeResume(const std::string& value, Options& options) {
  BatchOptions& batch = options.batch;
  batch.resume = true;
  if (value != kLastRun) batch.run = value;
  // No folder is searched, so the one operand that looks like a run is one.
  const bool named = batch.run.empty() && options.paths.size() == 1 &&
                     options.paths[0].find_first_not_of("0123456789abcdef-") ==
                         std::string::npos;
  if (!named) return;
  batch.run = options.paths[0];
  options.paths.clear();
}

/// Takes over the values of flags that may have one. Gives what is wrong with
/// them, or an empty string.
std::string TakeFlagValues(const CLI::App& app, const FlagValues& values,
                           bool empty_suffix, Options& options) {
  const auto given = [&](const char* name) {
    return app.get_option_no_throw(name) != nullptr && app.count(name) > 0;
  };
  if (given("--backup")) {
    options.backup_suffix = empty_suffix ? "" : values.backup_suffix;
  }
  if (given("--resume")) TakeResume(values.resumed, options);
  if (!given("--require-signature")) return "";
  for (const MatchClass match :
       {MatchClass::kPattern, MatchClass::kRebased, MatchClass::kExact}) {
    if (values.requirement == ToText(match)) options.require_signature = match;
  }
  if (options.require_signature) return "";
  return "--require-signature=" + values.requirement +
         ": must be exact, rebased or pattern";
}

/// How many of `words` name the command: none when they name another one.
size_t WordsOf(const std::string& name, const std::vector<std::string>& words) {
  const size_t blank = name.find(' ');
  if (blank == std::string::npos) return words[0] == name ? 1 : 0;
  const bool named = words.size() > 1 && words[0] == name.substr(0, blank) &&
                     words[1] == name.substr(blank + 1);
  return named ? 2 : 0;
}

std::variant<Invocation, Answer> ParseCommand(const Command& command,
                                              std::vector<std::string> words) {
  CLI::App app(command.summary, "detachfix " + std::string(command.name));
  app.formatter(std::make_shared<HelpFormatter>());
  app.get_formatter()->column_width(28);
  app.footer(std::string(command.examples) + "\n" + kExitStatusHelp);
  app.allow_extras();
  Invocation invocation{&command, {}};
  invocation.options.words = words;
  FlagValues values;
  DeclareOptions(app, command.options, invocation.options, values);

  // CLI11 takes "--backup=" for a plain "--backup".
  const auto options_end = std::find(words.begin(), words.end(), "--");
  const bool empty_suffix =
      std::find(words.begin(), options_end, "--backup=") != options_end;
  std::reverse(words.begin(), words.end());  // the order CLI11 wants
  try {
    app.parse(words);
  } catch (const CLI::CallForHelp&) {
    return Answer{0, app.help(), ""};
  } catch (const CLI::ParseError& error) {
    const std::string wrong = TooManyOperands(app, command.name);
    return UsageError(command.name, wrong.empty() ? error.what() : wrong);
  }
  std::string wrong = CheckLeftOver(app, command.name);
  if (wrong.empty()) {
    wrong = TakeFlagValues(app, values, empty_suffix, invocation.options);
  }
  if (wrong.empty() && invocation.options.batch.resume) {
    wrong = CheckResume(app);
  }
  if (wrong.empty()) wrong = CheckOptions(command.options, invocation.options);
  if (!wrong.empty()) return UsageError(command.name, wrong);
  return invocation;
}

}  // namespace

std::variant<Invocation, Answer> ParseCommandLine(
    const std::vector<std::string>& words, std::span<const Command> table) {
  if (words.empty()) return WithoutCommand(words, table);
  for (const Command& command : table) {
    const size_t count = WordsOf(command.name, words);
    if (count == 0) continue;
    return ParseCommand(
        command, {words.begin() + static_cast<ptrdiff_t>(count), words.end()});
  }
  if (words[0] == "--version") return Answer{0, VersionText(), ""};
  return WithoutCommand(words, table);
}

}  // namespace detachfix
