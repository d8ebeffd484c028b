// SPDX-License-Identifier: Apache-2.0
#include "patcher/verify_file.h"

#include <utility>

#include "patcher/sha256.h"

namespace detachfix {

namespace {

/// Undo records are a header and the bytes that changed: far below this.
constexpr uint64_t kMaxUndoFileSize = 1024 * 1024;

/// The record of the side file of `path`, if there is one that can be read.
/// A damaged one is only noted: it is `revert` that needs it.
std::optional<UndoRecord> ReadSideRecord(Files& files, const std::string& path,
                                         std::vector<std::string>& notes) {
  const std::string side_path = UndoFilePath(path);
  if (!files.Look(side_path)) return std::nullopt;
  Result<ReadFile> side = files.Read(side_path, kMaxUndoFileSize);
  if (!side) {
    notes.push_back("undo file " + side_path + ": " + side.error().message);
    return std::nullopt;
  }
  Result<UndoRecord> record = DecodeUndoRecord(side->bytes);
  if (!record) {
    notes.push_back("undo file " + side_path + ": " + record.error().message);
    return std::nullopt;
  }
  return *record;
}

/// Finds the undo record in the file, or takes `side` when that leads from
/// these bytes to the original it names.
void AttachUndo(VerifiedFile& verified, const std::optional<UndoRecord>& side) {
  Result<std::optional<FoundUndoRecord>> found = FindUndoRecord(verified.bytes);
  if (!found) {
    verified.outcome.notes.push_back("undo record: " + found.error().message);
    return;
  }
  if (*found) {
    verified.undo = (*found)->record;
    return;
  }
  if (!side || !Revert(verified.bytes, *side)) return;
  verified.undo = side;
  verified.undo_file = UndoFilePath(verified.outcome.path);
  // The analysis saw a file that deletes its sections. That it was detachfix
  // who made it do so only the side file can tell.
  Diagnosis& diagnosis = verified.outcome.diagnosis;
  if (diagnosis.verdict == Verdict::kFixed) {
    diagnosis.fixed_by = FixedBy::kDetachfix;
    diagnosis.fixed_version = side->version;
  }
}

}  // namespace

std::string UndoFilePath(const std::string& path) {
  return path + ".detachfix-undo";
}

VerifiedFile VerifyBytes(const std::string& path, Bytes bytes,
                         const std::optional<UndoRecord>& side) {
  VerifiedFile verified;
  FileOutcome& outcome = verified.outcome;
  outcome.path = path;
  outcome.size = bytes.size();
  outcome.sha256 = HashSha256(bytes);
  verified.bytes = std::move(bytes);

  Result<ReadPe> read = ReadPeImage(verified.bytes);
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
  outcome.diagnosis = Diagnose(*verified.image);
  AttachUndo(verified, side);
  return verified;
}

VerifiedFile VerifyFile(Files& files, const std::string& path) {
  VerifiedFile verified;
  Result<ReadFile> file = files.Read(path, kMaxFileSize);
  if (!file) {
    verified.outcome = FailedOutcome(path, file.error());
    return verified;
  }
  std::vector<std::string> notes;
  const std::optional<UndoRecord> side = ReadSideRecord(files, path, notes);
  verified = VerifyBytes(path, std::move(file->bytes), side);
  verified.state = file->state;
  verified.outcome.notes.insert(verified.outcome.notes.begin(), notes.begin(),
                                notes.end());
  return verified;
}

}  // namespace detachfix
