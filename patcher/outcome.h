// SPDX-License-Identifier: Apache-2.0
// What became of one file in one command: the single thing that every report
// (text, JSON) and the exit status are made from.
#ifndef DETACHFIX_PATCHER_OUTCOME_H_
#define DETACHFIX_PATCHER_OUTCOME_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "patcher/diagnosis.h"
#include "patcher/plan.h"
#include "patcher/result.h"
#include "signatures/match.h"

namespace detachfix {

/// What a command did with a file.
enum class Action : uint8_t {
  kNone,        ///< nothing was to be done, or nothing was asked for
  kWouldPatch,  ///< a dry run: `plan` is what a run would do
  kPatched,
  kReverted,
  kRefused,  ///< the file was understood and left alone; `error` says why
  kFailed,   ///< it could not be read, or not be written; `error` says which
};

/// "none", "would-patch", "patched", "reverted", "refused", "failed": the words
/// of the JSON.
const char* ToText(Action action);

/// What the tables of shipped builds say of a file.
struct SignatureReport {
  SignatureMatch found;
  /// The file was patched: what matched is the original that it came from.
  bool of_original = false;
};

/// What became of one file in one command.
struct FileOutcome {
  std::string path;
  // What the command left behind at `path`; with -o, at `output`.
  std::optional<uint64_t> size;     ///< bytes; absent when it was not read
  std::optional<Sha256> sha256;     ///< absent when it was not read
  std::optional<uint16_t> machine;  ///< absent when it is not a PE file
  Diagnosis diagnosis;              ///< kUnknown when it was not read
  /// Absent when no tables were asked, or the file is not an image.
  std::optional<SignatureReport> signature;

  Action action = Action::kNone;
  std::optional<Error> error;  ///< why it was refused, or failed
  /// The error is ours, not the file's: exit status 70.
  bool is_bug = false;

  std::optional<Plan> plan;  ///< what was done, or would be
  /// Where the loader maps each edit of `plan` that it maps at all.
  std::map<FileOffset, Rva> edit_rvas;
  std::optional<Sha256> sha256_before;  ///< set when the command changed it
  std::string output;                   ///< written because of -o, or empty
  std::string backup;              ///< written because of --backup, or empty
  std::vector<std::string> notes;  ///< what else a user should know
};

/// The exit status that one outcome calls for: 0, 1, 2, 3 or 70.
int ExitStatus(const FileOutcome& outcome);

/// The outcome for a file that could not be read.
FileOutcome FailedOutcome(const std::string& path, const Error& error);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_OUTCOME_H_
