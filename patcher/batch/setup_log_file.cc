// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/setup_log_file.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "patcher/ascii_text.h"
#include "patcher/batch/field_codec.h"
#include "patcher/batch/media_names.h"
#include "patcher/exit_status.h"
#include "patcher/pe_image.h"
#include "patcher/setup_log.h"
#include "patcher/text_bytes.h"

namespace detachfix {

namespace {

constexpr char kKind[] = "detachfix setup.log undo 1";
/// A line for each file of the system: a few hundred kilobytes.
constexpr uint64_t kMaxLogSize = uint64_t{16} * 1024 * 1024;

std::string NameOf(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// `folder` by a path that ends with its name, which "." and ".." do not tell.
std::string Named(const std::string& folder) {
  const std::string name = NameOf(folder);
  if (!name.empty() && name != "." && name != "..") return folder;
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(folder, error);
  return error ? folder : path.string();
}

/// What stands under `name` in `folder`, in any case; nothing when none does.
Result<std::optional<std::string>> FindIn(Files& files,
                                          const std::string& folder,
                                          const std::string& name) {
  const Result<Sibling> found = FindSibling(files, folder + "/" + name, name);
  if (!found) return Error{folder + ": " + found.error().message};
  if (!found->stands) return std::optional<std::string>();
  return std::optional<std::string>(found->path);
}

/// The PE CheckSum that the file at `path` has now.
Result<uint32_t> CheckSumOf(Files& files, const std::string& path) {
  const Result<ReadFile> file = files.Read(path, kMaxFileSize);
  if (!file) return Error{path + " " + file.error().message};
  const Result<ReadPe> read = ReadPeImage(file->bytes);
  if (!read) return Error{path + ": " + read.error().message};
  if (!read->image) return Error{path + " has no PE CheckSum that is read"};
  return read->image->checksum;
}

/// Where `line` stands in `log`, whole, and how often.
struct Found {
  size_t offset = 0;
  size_t count = 0;
};

Found FindLine(std::string_view log, const std::string& line) {
  Found found;
  for (size_t begin = 0; begin < log.size();) {
    const size_t end = std::min(log.find('\n', begin), log.size());
    std::string_view text = log.substr(begin, end - begin);
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text == line) {
      found.offset = begin;
      ++found.count;
    }
    begin = end + 1;
  }
  return found;
}

/// `log` with `to` in place of the line `from`; as it is when `to` stands there
/// already.
Result<Bytes> ExchangeLine(const Bytes& log, const std::string& from,
                           const std::string& to) {
  const Found old_line = FindLine(TextOf(log), from);
  const Found new_line = FindLine(TextOf(log), to);
  if (old_line.count == 0 && new_line.count == 1) return log;
  if (old_line.count != 1 || new_line.count != 0) {
    return Error{"its line was changed since: it has " +
                 std::to_string(old_line.count) + " times '" + from + "' and " +
                 std::to_string(new_line.count) + " times '" + to + "'"};
  }
  std::string text(TextOf(log));
  text.replace(old_line.offset, from.size(), to);
  return Bytes(text.begin(), text.end());
}

/// Why the log is not read or not written.
struct Problem {
  Error error;
  bool refused = false;  ///< by our rules; the disk did not fail
};

/// Exchanges the lines in the log at `path`, which nobody else does meanwhile.
/// It is read anew: another file of the same image may have been noted there.
std::optional<Problem> WriteLine(Files& files, const std::string& path,
                                 const std::string& from, const std::string& to,
                                 const SetupLogOptions& options) {
  const Result<std::unique_ptr<FileGuard>> guard = files.Guard(path, {});
  if (!guard) return Problem{guard.error()};
  const Result<ReadFile> log = files.Read(path, kMaxLogSize);
  if (!log) return Problem{log.error()};
  const Result<Bytes> bytes = ExchangeLine(log->bytes, from, to);
  if (!bytes) return Problem{bytes.error(), true};
  ReplaceOptions replace;
  replace.replace_read_only = options.replace_read_only;
  replace.break_hard_links = options.break_hard_links;
  const WriteOutcome written = ReplaceFile(files, path, *log, *bytes, replace);
  if (written.error) return Problem{*written.error, written.refused};
  return std::nullopt;
}

std::optional<Problem> Update(Files& files, const SetupLogLine& line,
                              uint32_t check_sum,
                              const SetupLogOptions& options,
                              SetupLogEntry& entry) {
  const SetupLogUndo undo{entry.path, line.text, WithCheckSum(line, check_sum)};
  if (options.intend) {
    const Result<void> noted = options.intend(undo);
    if (!noted) {
      return Problem{Error{"not updated, since the ledger cannot note it: " +
                           noted.error().message}};
    }
  }
  std::optional<Problem> problem =
      WriteLine(files, entry.path, undo.old_line, undo.new_line, options);
  if (problem) {
    problem->error.message = "not updated: " + problem->error.message;
    return problem;
  }
  entry.updated_to = check_sum;
  entry.agrees = true;
  return std::nullopt;
}

/// Reads the log and fills in the entry; writes when asked to.
std::optional<Problem> Check(Files& files, const std::string& path,
                             const SetupLogOptions& options,
                             SetupLogEntry& entry) {
  const Result<uint32_t> check_sum = CheckSumOf(files, path);
  if (!check_sum) return Problem{check_sum.error()};
  const Result<ReadFile> log = files.Read(entry.path, kMaxLogSize);
  if (!log) return Problem{log.error()};
  const Result<SetupLogLine> line =
      FindSetupLogLine(TextOf(log->bytes), LowerAscii(NameOf(path)));
  if (!line) return Problem{line.error(), true};
  entry.check_sum = line->check_sum;
  entry.agrees = line->check_sum == *check_sum;
  if (entry.agrees || !options.update) return std::nullopt;
  return Update(files, *line, *check_sum, options, entry);
}

void Note(const Problem& problem, const SetupLogOptions& options,
          SetupLogEntry& entry) {
  entry.problem = problem.error;
  if (!options.update) return;
  entry.exit_status = problem.refused ? kExitUndecided : kExitFileError;
}

}  // namespace

Bytes Encode(const SetupLogUndo& undo) {
  FieldWriter writer(kKind);
  writer.Put(undo.path);
  writer.Put(undo.old_line);
  writer.Put(undo.new_line);
  return writer.Take();
}

Result<SetupLogUndo> DecodeSetupLogUndo(std::span<const uint8_t> bytes) {
  FieldReader reader(bytes, kKind);
  SetupLogUndo undo;
  reader.Get(undo.path);
  reader.Get(undo.old_line);
  reader.Get(undo.new_line);
  if (reader.complete()) return undo;
  return Error{"the undo data of a SETUP.LOG are damaged"};
}

SetupLogUndo At(SetupLogUndo undo, const std::string& file) {
  undo.path = FolderOf(FolderOf(file)) + "/" + NameOf(FolderOf(undo.path)) +
              "/" + NameOf(undo.path);
  return undo;
}

Result<std::optional<std::string>> FindSetupLog(Files& files,
                                                const std::string& path) {
  const std::string folder = Named(FolderOf(path));
  if (LowerAscii(NameOf(folder)) != "system32") {
    return std::optional<std::string>();
  }
  Result<std::optional<std::string>> repair =
      FindIn(files, FolderOf(folder), "repair");
  if (!repair || !*repair) return repair;
  Result<std::optional<std::string>> log = FindIn(files, **repair, "setup.log");
  if (!log || *log) return log;
  Result<std::optional<std::string>> packed =
      FindIn(files, **repair, "setup.lo_");
  if (!packed || !*packed) return packed;
  return Error{**packed + " is packed, and there is no setup.log: not read"};
}

std::optional<SetupLogEntry> CheckSetupLog(Files& files,
                                           const std::string& path,
                                           const SetupLogOptions& options) {
  SetupLogEntry entry;
  const Result<std::optional<std::string>> log = FindSetupLog(files, path);
  if (!log) {
    entry.path = FolderOf(Named(FolderOf(path))) + "/repair";
    Note({log.error(), true}, options, entry);
    return entry;
  }
  if (!*log) return std::nullopt;
  entry.path = **log;
  const std::optional<Problem> problem = Check(files, path, options, entry);
  if (problem) Note(*problem, options, entry);
  return entry;
}

Result<void> RevertSetupLog(Files& files, const SetupLogUndo& undo,
                            const SetupLogOptions& options) {
  const std::optional<Problem> problem =
      WriteLine(files, undo.path, undo.new_line, undo.old_line, options);
  if (problem) return Error{undo.path + ": " + problem->error.message};
  return {};
}

}  // namespace detachfix
