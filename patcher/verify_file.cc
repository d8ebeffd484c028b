// SPDX-License-Identifier: Apache-2.0
#include "patcher/verify_file.h"

#include <utility>

#include "patcher/consult_symbols.h"
#include "patcher/sha256.h"

namespace detachfix {

namespace {

/// Undo records are a header and the bytes that changed: far below this.
constexpr uint64_t kMaxUndoFileSize = uint64_t{1024} * 1024;

/// The record of the side file of `path`; nothing when there is no such file.
Result<std::optional<UndoRecord>> ReadSideRecord(Files& files,
                                                 const std::string& path) {
  const std::string side_path = SideFilePath(path);
  const Result<bool> exists = files.Exists(side_path);
  if (!exists) return Error{side_path + ": " + exists.error().message};
  if (!*exists) return std::optional<UndoRecord>();
  const Result<ReadFile> side = files.Read(side_path, kMaxUndoFileSize);
  if (!side) return Error{side_path + ": " + side.error().message};
  const Result<UndoRecord> record = DecodeUndoRecord(side->bytes);
  if (!record) return Error{side_path + ": " + record.error().message};
  return std::optional<UndoRecord>(*record);
}

/// Takes `record` as the file's undo record when it leads to the original that
/// it names: one that does not is worth nothing, whoever wrote it.
Result<void> TakeUndo(VerifiedFile& verified, const UndoRecord& record) {
  const Result<Bytes> original = Revert(verified.file.bytes, record);
  if (!original) return original.error();
  verified.undo = record;
  return {};
}

Result<void> AttachUndo(VerifiedFile& verified,
                        const std::optional<UndoRecord>& side) {
  const Result<std::optional<FoundUndoRecord>> found =
      FindUndoRecord(verified.file.bytes);
  if (!found) {
    // A damaged record still tells who was here, though not which version.
    Diagnosis& diagnosis = verified.outcome.diagnosis;
    if (diagnosis.verdict == Verdict::kFixed) {
      diagnosis.fixed_by = FixedBy::kDetachfix;
      diagnosis.fixed_version.clear();
    }
    return found.error();
  }
  if (*found) return TakeUndo(verified, (*found)->record);
  if (!side) return {};
  const Result<void> taken = TakeUndo(verified, *side);
  if (!taken) {
    return Error{SideFilePath(verified.outcome.path) +
                 " is not of this file: " + taken.error().message};
  }
  verified.undo_in_side_file = true;
  // The analysis saw a file that deletes its sections. That it was detachfix
  // who made it do so only the side file can tell.
  Diagnosis& diagnosis = verified.outcome.diagnosis;
  if (diagnosis.verdict == Verdict::kFixed) {
    diagnosis.fixed_by = FixedBy::kDetachfix;
    diagnosis.fixed_version = side->version;
  }
  return {};
}

void NoteUndoError(VerifiedFile& verified, const Result<void>& undo) {
  if (undo) return;
  verified.undo_error = undo.error();
  verified.outcome.notes.push_back("cannot be reverted: " +
                                   undo.error().message);
}

}  // namespace

FileOutcome WithError(const VerifiedFile& file, Action action,
                      const Error& error) {
  FileOutcome outcome = file.outcome;
  outcome.action = action;
  outcome.error = error;
  return outcome;
}

std::string SideFilePath(const std::string& path) {
  return path + std::string(kSideFileSuffix);
}

VerifiedFile VerifyBytes(const std::string& path, SharedBytes bytes,
                         const std::optional<UndoRecord>& side, Scope scope,
                         KnownRuns* known) {
  VerifiedFile verified;
  FileOutcome& outcome = verified.outcome;
  outcome.path = path;
  outcome.size = bytes.size();
  outcome.sha256 = HashSha256(bytes);
  verified.file.bytes = std::move(bytes);

  Result<ReadPe> read = ReadPeImage(verified.file.bytes);
  if (!read) {
    outcome.action = Action::kFailed;
    outcome.error = read.error();
    outcome.diagnosis.because = read.error().message;
    return verified;
  }
  if (read->other) {
    outcome.machine = read->other->machine;
    outcome.diagnosis = NotApplicable(*read->other);
    return verified;
  }
  verified.image = std::move(read->image);
  outcome.machine = verified.image->machine;
  outcome.diagnosis = Diagnose(*verified.image, scope, known);
  NoteUndoError(verified, AttachUndo(verified, side));
  return verified;
}

VerifiedFile VerifyFile(Files& files, const std::string& path, Scope scope,
                        SeenRuns seen) {
  VerifiedFile verified;
  Result<ReadFile> file = files.Read(path, kMaxFileSize);
  if (!file) {
    verified.outcome = FailedOutcome(path, file.error());
    return verified;
  }
  const Result<std::optional<UndoRecord>> side = ReadSideRecord(files, path);
  const bool is_same = seen.parts && seen.parts->AgreesWith(file->bytes);
  verified = VerifyBytes(path, std::move(file->bytes),
                         side ? *side : std::optional<UndoRecord>(), scope,
                         is_same ? &seen.runs : nullptr);
  verified.file.state = file->state;
  if (!side && !verified.undo) NoteUndoError(verified, side.error());
  ConsultSymbols(files, verified);
  return verified;
}

}  // namespace detachfix
