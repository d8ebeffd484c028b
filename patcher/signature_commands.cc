// SPDX-License-Identifier: Apache-2.0
#include "patcher/signature_commands.h"

#include <algorithm>
#include <sstream>

#include "patcher/console.h"
#include "patcher/consult_signatures.h"
#include "patcher/exit_status.h"
#include "patcher/joined.h"
#include "patcher/learn_signature.h"
#include "patcher/load_signatures.h"
#include "patcher/replace_file.h"
#include "patcher/report_json.h"
#include "patcher/report_text.h"
#include "patcher/setup_log.h"
#include "signatures/table_text.h"

namespace detachfix {

namespace {

/// SETUP.LOG lists every file of the system; a few hundred kilobytes.
constexpr uint64_t kMaxLogSize = uint64_t{16} * 1024 * 1024;
constexpr uint64_t kMaxTableSize = uint64_t{4} * 1024 * 1024;

/// What a row can tell a file by: "sha256, dllmain", or "size".
std::string KnownBy(const Signature& row) {
  std::vector<std::string> words;
  if (row.sha256) words.push_back("sha256");
  if (row.invariant_sha256) words.push_back("invariant_sha256");
  if (row.dllmain) words.push_back("dllmain");
  if (row.size) words.push_back("size");
  if (row.stamp) words.push_back("stamp");
  if (row.built_after || row.built_until) words.push_back("window");
  return words.empty() ? "nothing yet" : Joined(words);
}

std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text + " ";
}

std::string Commented(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    result += line.empty() ? "#\n" : "# " + line + "\n";
  }
  return result;
}

Error At(const std::string& path, const Error& error) {
  return Error{path + ": " + error.message};
}

/// Adds `rows` to the table at `path`, which is made if there is none, and its
/// folder too. The whole must be sound before a byte is written.
Result<void> WriteInto(Files& files, const std::string& path,
                       const std::vector<Signature>& rows) {
  const Result<bool> exists = files.Exists(path);
  if (!exists) return At(path, exists.error());
  ReadFile old;
  if (*exists) {
    Result<ReadFile> read = files.Read(path, kMaxTableSize);
    if (!read) return At(path, read.error());
    old = std::move(*read);
  }
  std::string text = *exists ? std::string(old.bytes.begin(), old.bytes.end())
                             : TableHead(rows[0].machine);
  for (const Signature& row : rows) text += "\n" + RowToml(row);
  const TableText table{path, text};
  const SignatureTables whole = ReadTables({&table, 1});
  if (!whole.errors.empty()) return Error{whole.errors[0]};
  for (const Signature& row : rows) {
    if (whole.rows[0].machine != row.machine) {
      return Error{path + ": is a table for " +
                   MachineName(whole.rows[0].machine) + ", row '" + row.id +
                   "' is for " + MachineName(row.machine)};
    }
  }
  const Bytes bytes(text.begin(), text.end());
  if (*exists) {
    const WriteOutcome written = ReplaceFile(files, path, old, bytes, {});
    return written.error ? Result<void>(At(path, *written.error))
                         : Result<void>();
  }
  const Result<void> folder = files.MakeFolders(FolderOf(path));
  if (!folder) return At(path, folder.error());
  FileState state;
  state.mode = 0100644;
  const WriteOutcome written =
      WriteNewFile(files, path, state, bytes, std::nullopt);
  return written.error ? Result<void>(At(path, *written.error))
                       : Result<void>();
}

LearnOptions LearnOptionsOf(const Options& options) {
  LearnOptions learn;
  learn.levels = options.levels;
  learn.product = options.product;
  learn.crypto = options.crypto;
  learn.id = options.row_id;
  learn.confirmed_by = options.confirmed_by;
  learn.any_dll = options.any_dll;
  learn.setup_log = options.setup_log;
  return learn;
}

/// The row of `file`; prints why it is what it is.
Result<Signature> LearnFile(VerifiedFile& file, LearnOptions learn,
                            const std::string& log,
                            const SignatureTables& tables, Console& console) {
  ConsultSignatures(file, tables);
  if (!log.empty() && file.image) {
    const Result<uint32_t> sum = RecordedCheckSum(log, OwnName(*file.image));
    if (!sum) return Error{learn.setup_log + ": " + sum.error().message};
    learn.recorded_checksum = *sum;
  }
  Result<Signature> row = LearnRow(file, learn, tables);
  if (row) console.out << Commented(JustifyRow(file)) << RowToml(*row) << "\n";
  return row;
}

}  // namespace

std::optional<SignatureTables> TablesFor(const Options& options, Files& files,
                                         Console& console) {
  SignatureTables tables = LoadSignatures(files, options.signatures);
  for (const std::string& error : tables.errors) Complain(console, error);
  if (!tables.errors.empty()) return std::nullopt;
  return tables;
}

int RunSignaturesList(const Options& options, Files& files, Console& console) {
  const auto tables = TablesFor(options, files, console);
  if (!tables) return kExitFileError;
  size_t width = 0;
  for (const Signature& row : tables->rows) {
    width = std::max(width, row.id.size());
  }
  for (const Signature& row : tables->rows) {
    const std::string state =
        row.state == BuildState::kNotStated ? "-" : ToText(row.state);
    console.out << Padded(row.id, width) << Padded(state, 6)
                << "known by: " << KnownBy(row) << "\n";
  }
  return kExitFixed;
}

int RunSignaturesShow(const Options& options, Files& files, Console& console) {
  const auto tables = TablesFor(options, files, console);
  if (!tables) return kExitFileError;
  const std::string& id = options.paths[0];
  const auto row = std::ranges::find(tables->rows, id, &Signature::id);
  if (row == tables->rows.end()) {
    Complain(console, "no row is called '" + id +
                          "'; 'detachfix signatures list' has them all");
    return kExitUndecided;
  }
  console.out << "# " << BuildText(*row) << ", from " << ForTerminal(row->file)
              << ":" << row->line << "\n"
              << RowToml(*row);
  return kExitFixed;
}

int RunSignaturesCheck(const Options& options, Files& files, Console& console) {
  Options given = options;
  if (!options.paths.empty()) given.signatures = options.paths[0];
  const auto tables = TablesFor(given, files, console);
  if (!tables) return kExitFileError;
  const auto count = [&](auto has) {
    return std::ranges::count_if(tables->rows, has);
  };
  console.out << tables->rows.size() << " rows, all sound: "
              << count([](const Signature& row) { return bool(row.sha256); })
              << " with a SHA-256, "
              << count([](const Signature& row) { return bool(row.dllmain); })
              << " with code, " << count([](const Signature& row) {
                   return !row.confirmed_by.empty();
                 })
              << " confirmed\n";
  return kExitFixed;
}

int RunSignaturesLearn(const Options& options, Files& files, Console& console) {
  auto tables = TablesFor(options, files, console);
  if (!tables) return kExitFileError;
  std::string log;
  if (!options.setup_log.empty()) {
    const Result<ReadFile> read = files.Read(options.setup_log, kMaxLogSize);
    if (!read) {
      Complain(console, options.setup_log + ": " + read.error().message);
      return kExitFileError;
    }
    log.assign(read->bytes.begin(), read->bytes.end());
  }
  std::vector<Signature> rows;
  for (const std::string& path : options.paths) {
    VerifiedFile file = VerifyFile(files, path);
    if (file.outcome.action == Action::kFailed) {
      Complain(console, path + ": " + file.outcome.error->message);
      return kExitFileError;
    }
    const Result<Signature> row =
        LearnFile(file, LearnOptionsOf(options), log, *tables, console);
    if (!row) {
      Complain(console, path + ": refused: " + row.error().message);
      return kExitUndecided;
    }
    rows.push_back(*row);
    *tables = Override(std::move(*tables), {{*row}, {}});
  }
  if (options.into.empty()) return kExitFixed;
  const Result<void> written = WriteInto(files, options.into, rows);
  if (written) return kExitFixed;
  Complain(console, written.error().message);
  return kExitFileError;
}

int RunSignaturesExport(const Options& options, Files& files,
                        Console& console) {
  const auto tables = TablesFor(options, files, console);
  if (!tables) return kExitFileError;
  console.out << (options.yara ? YaraRules(tables->rows)
                               : SignaturesJson(tables->rows));
  return kExitFixed;
}

}  // namespace detachfix
