// SPDX-License-Identifier: Apache-2.0
// The one file that includes CLI11. Each command gets a parser of its own
// rather than a CLI11 subcommand: CLI11 takes a FILE named like another command
// for that command.
#include "patcher/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>
#include <string_view>

#include "disasm/isa.h"
#include "patcher/exit_status.h"
#include "patcher/lief_reader.h"
#include "patcher/version.h"

namespace detachfix {

namespace {

constexpr char kDefaultBackupSuffix[] = ".orig";

constexpr char kExitStatusHelp[] =
    "Exit status: 0 every file is fixed or has nothing to fix, 1 a file leaks\n"
    "and was not patched, 2 a file is undecided or was refused, 3 a file "
    "could\n"
    "not be read or written, 64 wrong command line, 70 a bug, 130 "
    "interrupted.\n"
    "The largest that applies.\n";

/// Edits (insertions, deletions, replacements) from `a` to `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

/// "; did you mean 'verify'?", or nothing when no name is near.
std::string Suggestion(const std::string& word,
                       const std::vector<std::string>& names) {
  // Two slips of the finger: more would suggest names that were not meant.
  size_t best = 3;
  std::string nearest;
  for (const std::string& name : names) {
    const size_t distance = EditDistance(word, name);
    if (distance < best && distance < name.size()) {
      best = distance;
      nearest = name;
    }
  }
  return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

std::string GeneralHelp(std::span<const Command> table) {
  std::string text =
      "detachfix " + std::string(kVersion) +
      ": repairs the critical section leak of Windows NT 4.0's Security.dll\n"
      "(KB Q238493) in the file itself.\n\n"
      "usage: detachfix COMMAND [OPTION]... FILE...\n\ncommands:\n";
  for (const Command& command : table) {
    std::string name = command.name;
    name.resize(10, ' ');
    text += "  " + name + command.summary + "\n";
  }
  text +=
      "\noptions:\n"
      "  -h,--help     this text; after a command, help on that command\n"
      "  --version     the versions of detachfix and of its libraries\n\n"
      "examples:\n"
      "  detachfix verify Security.dll\n"
      "  detachfix patch --dry-run Security.dll\n\n";
  return text + kExitStatusHelp;
}

std::string VersionText() {
  return "detachfix " + std::string(kVersion) + "\nLIEF " + LiefVersion() +
         "\nZydis " + ZydisVersion() + "\nCLI11 " + CLI11_VERSION + "\n";
}

Answer UsageError(const std::string& command, const std::string& message) {
  const std::string help =
      command.empty() ? "detachfix --help" : "detachfix " + command + " --help";
  return {kExitUsage, "", "detachfix: " + message + "\ntry '" + help + "'\n"};
}

/// What to print when the line names no command.
Answer WithoutCommand(const std::vector<std::string>& words,
                      std::span<const Command> table) {
  if (words.empty()) return {kExitUsage, "", GeneralHelp(table)};
  const std::string& word = words[0];
  if (word == "--help" || word == "-h") return {0, GeneralHelp(table), ""};
  if (word == "--version") return {0, VersionText(), ""};
  if (word.starts_with("-")) {
    return UsageError("", "unknown option '" + word + "'" +
                              Suggestion(word, {"--help", "--version"}));
  }
  std::vector<std::string> names;
  for (const Command& command : table) names.emplace_back(command.name);
  return UsageError("",
                    "unknown command '" + word + "'" + Suggestion(word, names));
}

/// CLI11 prints a flag's default as "--backup{.orig}"; people expect the form
/// in which they would type it.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option,
                               bool is_positional) const override {
    const std::string name =
        CLI::Formatter::make_option_name(option, is_positional);
    return name.starts_with("--backup") ? "--backup[=SUFFIX]" : name;
  }
};

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
  app.add_option("--svg", options.svg,
                 "draw that graph, before and after the repair, into OUT,\n"
                 "a new file; needs Graphviz's program dot")
      ->type_name("OUT")
      ->excludes(dot);
}

void DeclareReplaceOptions(CLI::App& app, Options& options) {
  app.add_flag("--replace-read-only", options.replace_read_only,
               "also replace a file without write permission");
  app.add_flag("--break-hard-links", options.break_hard_links,
               "also replace a file that has several names; the others\n"
               "keep the content as it is");
}

void DeclareOptions(CLI::App& app, uint32_t bits, Options& options,
                    std::string& backup_suffix) {
  app.add_option("FILE", options.paths,
                 "a DLL; after '--' its name may start with '-'")
      ->required()
      ->type_name("")
      ->expected(-1);
  if ((bits & kDryRunOption) != 0) {
    app.add_flag("-n,--dry-run", options.dry_run,
                 "print the plan, every byte of it, and write nothing");
  }
  if ((bits & kAllowOptions) != 0) {
    app.add_flag("--any-dll", options.any_dll,
                 "also patch what is not Security.dll by its content");
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
    app.add_flag("--backup{" + std::string(kDefaultBackupSuffix) + "}",
                 backup_suffix,
                 "first copy FILE to FILE.orig, or to FILE and SUFFIX")
        ->excludes(app.get_option_no_throw("--output"));
  }
  if ((bits & kReplaceOptions) != 0) DeclareReplaceOptions(app, options);
  if ((bits & kVerboseOption) != 0) {
    app.add_flag("-v,--verbose", options.verbose,
                 "print the evidence behind each verdict");
  }
  if ((bits & kReportOptions) != 0) DeclareReportOptions(app, options);
  if ((bits & kGraphOptions) != 0) DeclareGraphOptions(app, options);
}

/// What is wrong with a word that CLI11 did not take, or an empty string.
std::string CheckLeftOver(const CLI::App& app) {
  for (const std::string& word : app.remaining()) {
    if (word == "--") continue;  // it only ends the options
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

/// What is wrong with the options taken together, or an empty string.
std::string CheckOptions(uint32_t bits, const Options& options) {
  const std::string count = std::to_string(options.paths.size());
  if ((bits & kOneFile) != 0 && options.paths.size() != 1) {
    return "explain takes one FILE, got " + count;
  }
  if (!options.output.empty() && options.paths.size() != 1) {
    return "-o takes one FILE, got " + count;
  }
  if (!options.backup_suffix) return "";
  if (options.backup_suffix->empty()) return "--backup= needs a suffix";
  if (options.backup_suffix->find('/') != std::string::npos) {
    return "--backup=" + *options.backup_suffix + ": a suffix has no '/' in it";
  }
  return "";
}

std::variant<Invocation, Answer> ParseCommand(const Command& command,
                                              std::vector<std::string> words) {
  CLI::App app(command.summary, "detachfix " + std::string(command.name));
  app.formatter(std::make_shared<HelpFormatter>());
  app.get_formatter()->column_width(28);
  app.footer(std::string(command.examples) + "\n" + kExitStatusHelp);
  app.allow_extras();
  Invocation invocation{&command, {}};
  std::string backup_suffix;
  DeclareOptions(app, command.options, invocation.options, backup_suffix);

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
    return UsageError(command.name, error.what());
  }
  if (app.get_option_no_throw("--backup") != nullptr &&
      app.count("--backup") > 0) {
    invocation.options.backup_suffix = empty_suffix ? "" : backup_suffix;
  }
  std::string wrong = CheckLeftOver(app);
  if (wrong.empty()) wrong = CheckOptions(command.options, invocation.options);
  if (!wrong.empty()) return UsageError(command.name, wrong);
  return invocation;
}

}  // namespace

std::variant<Invocation, Answer> ParseCommandLine(
    const std::vector<std::string>& words, std::span<const Command> table) {
  if (words.empty()) return WithoutCommand(words, table);
  for (const Command& command : table) {
    if (words[0] == command.name) {
      return ParseCommand(command, {words.begin() + 1, words.end()});
    }
  }
  return WithoutCommand(words, table);
}

}  // namespace detachfix
