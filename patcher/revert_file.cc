// SPDX-License-Identifier: Apache-2.0
#include "patcher/revert_file.h"

#include <optional>
#include <utility>

#include "patcher/consult_signatures.h"
#include "patcher/replace_file.h"
#include "patcher/sha256.h"
#include "patcher/verify_file.h"

namespace detachfix {

namespace {

Error NoUndo(const VerifiedFile& file) {
  if (file.undo_error) {
    return Error{"cannot be reverted: " + file.undo_error->message};
  }
  return Error{"was not patched by detachfix: no undo record in it, and no " +
               SideFilePath(file.outcome.path)};
}

FileOutcome RevertedOutcome(Files& files, const VerifiedFile& file,
                            const Bytes& read_back,
                            const SignatureTables* tables) {
  VerifiedFile after = VerifyBytes(file.outcome.path, read_back, std::nullopt);
  if (tables != nullptr) ConsultSignatures(after, *tables);
  FileOutcome outcome = std::move(after.outcome);
  outcome.sha256_before = file.outcome.sha256;
  outcome.action = Action::kReverted;
  if (outcome.sha256 != file.undo->original_sha256) {
    outcome.action = Action::kFailed;
    outcome.error = Error{"has SHA-256 " + ToHex(*outcome.sha256) +
                          " after the revert, the original had " +
                          ToHex(file.undo->original_sha256)};
    return outcome;
  }
  if (!file.undo_in_side_file) return outcome;
  const std::string side = SideFilePath(file.outcome.path);
  const Result<void> removed = files.Remove(side);
  if (!removed) {
    outcome.notes.push_back(side + " is of no more use and was not removed: " +
                            removed.error().message);
  }
  return outcome;
}

}  // namespace

FileOutcome RevertFile(Files& files, const std::string& path,
                       const RevertOptions& options) {
  const Result<std::unique_ptr<FileGuard>> guard =
      files.Guard(path, {SideFilePath(path)});
  VerifiedFile file = VerifyFile(files, path);
  if (file.outcome.action == Action::kFailed) return file.outcome;
  if (!file.undo) file.undo = options.record;
  if (options.tables != nullptr) ConsultSignatures(file, *options.tables);
  if (!guard) return WithError(file, Action::kFailed, guard.error());
  if (!file.undo) {
    FileOutcome outcome = WithError(file, Action::kRefused, NoUndo(file));
    outcome.notes.clear();  // the error says it
    return outcome;
  }
  const Result<Bytes> original = Revert(file.file.bytes, *file.undo);
  if (!original) return WithError(file, Action::kRefused, original.error());

  ReplaceOptions replace;
  replace.replace_read_only = options.replace_read_only;
  replace.break_hard_links = options.break_hard_links;
  const WriteOutcome written =
      ReplaceFile(files, path, file.file, *original, replace);
  if (!written.error) {
    return RevertedOutcome(files, file, written.bytes, options.tables);
  }
  if (written.written == Written::kNothing) {
    return WithError(file, written.refused ? Action::kRefused : Action::kFailed,
                     *written.error);
  }
  FileOutcome outcome = VerifyFile(files, path).outcome;
  outcome.action = Action::kFailed;
  outcome.error = *written.error;
  return outcome;
}

}  // namespace detachfix
