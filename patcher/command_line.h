// SPDX-License-Identifier: Apache-2.0
// From the words of a command line to what is asked for.
#ifndef DETACHFIX_PATCHER_COMMAND_LINE_H_
#define DETACHFIX_PATCHER_COMMAND_LINE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "patcher/batch/batch_options.h"
#include "patcher/console.h"
#include "patcher/files.h"
#include "signatures/match.h"

namespace detachfix {

/// What the options of a command line say. Each command takes some of them.
struct Options {
  std::vector<std::string> paths;
  bool verbose = false;
  bool quiet = false;
  bool json = false;
  bool json_lines = false;
  bool dry_run = false;
  bool any_dll = false;
  bool allow_signed = false;
  bool replace_read_only = false;
  bool break_hard_links = false;
  bool dot = false;
  std::string svg;                           ///< of --svg, or empty
  std::string output;                        ///< of -o, or empty
  std::optional<std::string> backup_suffix;  ///< of --backup
  std::string signatures;                    ///< of --signatures, or empty
  /// Of --require-signature; a class that identifies a build.
  std::optional<MatchClass> require_signature;
  // Of `signatures learn` and `signatures export`.
  std::vector<std::string> levels;
  std::string product = "nt4";
  std::optional<uint32_t> crypto;
  std::string row_id;        ///< of --id, or empty
  std::string confirmed_by;  ///< or empty
  std::string into;          ///< or empty
  std::string setup_log;     ///< of --from-setup-log, or empty
  bool yara = false;
  BatchOptions batch;
  /// The command line behind the command, as it was given.
  std::vector<std::string> words;
};

/// The options that a command may take, as bits of Command::options.
enum OptionBit : uint32_t {
  kVerboseOption = 1u << 0,
  kReportOptions = 1u << 1,  ///< --json, --jsonl, -q
  kDryRunOption = 1u << 2,
  kAnyDllOption = 1u << 3,
  kOutputOption = 1u << 4,
  kBackupOption = 1u << 5,
  kReplaceOptions = 1u << 6,    ///< --replace-read-only, --break-hard-links
  kOneFile = 1u << 7,           ///< exactly one FILE
  kGraphOptions = 1u << 8,      ///< --dot, --svg
  kSignaturesOption = 1u << 9,  ///< --signatures
  kRequireOption = 1u << 10,    ///< --require-signature
  kLearnOptions = 1u << 11,     ///< --level and what else a row needs
  kExportOptions = 1u << 12,    ///< --yara or --json
  // What stands in the place of FILE, where it is not one or more of these.
  kNoFile = 1u << 13,
  kOneId = 1u << 14,
  kMaybeFolder = 1u << 15,
  kAllowSignedOption = 1u << 16,
  kBatchOptions = 1u << 17,   ///< which files a batch takes, and how
  kLedgerOption = 1u << 18,   ///< --ledger
  kRunOptions = 1u << 19,     ///< --run, --only
  kMaybeFolders = 1u << 20,   ///< DIR… or nothing
  kMaybeRun = 1u << 21,       ///< RUN or nothing
  kReportFiles = 1u << 22,    ///< --report
  kReportPaths = 1u << 23,    ///< the report to make, and those to make it of
  kVerifyOptions = 1u << 24,  ///< -j, --any-dll
};

/// One row of the command table.
struct Command {
  const char* name;      ///< one word, or "signatures list"
  const char* summary;   ///< one line, for the list of commands
  const char* examples;  ///< printed at the end of `--help`
  uint32_t options;      ///< of OptionBit
  /// Runs it and gives the exit status.
  int (*run)(const Options& options, Files& files, Console& console);
};

/// A command line that runs a command.
struct Invocation {
  const Command* command = nullptr;
  Options options;
};

/// A command line that only prints: help, version, or what is wrong with it.
struct Answer {
  int exit_status = 0;
  std::string out;
  std::string err;
};

/// Reads `words` (without the program's name) against `table`.
std::variant<Invocation, Answer> ParseCommandLine(
    const std::vector<std::string>& words, std::span<const Command> table);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_COMMAND_LINE_H_
