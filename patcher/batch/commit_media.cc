// SPDX-License-Identifier: Apache-2.0
// Placing the image and renaming the packed file, in this order: the image is
// whole and flushed before the rename. A run that is killed before it leaves
// both, and the image as it will be; the next run finds it there, and renames.
#include <optional>
#include <utility>

#include "patcher/batch/media.h"
#include "patcher/interrupt.h"
#include "patcher/replace_file.h"
#include "patcher/sha256.h"
#include "patcher/verify_file.h"

namespace detachfix {

namespace {

BatchItem Stopped(const PreparedMedia& prepared, const Error& error,
                  bool refused) {
  BatchItem item = prepared.item;
  item.outcome.action = refused ? Action::kRefused : Action::kFailed;
  item.outcome.error = error;
  item.placed.clear();
  item.renamed_to.clear();
  return item;
}

/// The item after the change: what was read back, judged.
BatchItem Changed(const PreparedMedia& prepared, const Bytes& image,
                  const std::optional<UndoRecord>& side) {
  const FileOutcome& before = prepared.item.outcome;
  BatchItem item = prepared.item;
  item.outcome = VerifyBytes(before.path, image, side).outcome;
  item.outcome.signature = before.signature;
  if (item.outcome.signature) item.outcome.signature->of_original = true;
  item.outcome.sha256_before = before.sha256;
  item.outcome.plan = before.plan;
  item.outcome.edit_rvas = before.edit_rvas;
  item.outcome.notes = before.notes;
  item.outcome.action = Action::kPatched;
  return item;
}

std::optional<SideFile> SideRecord(const MediaUndo& undo) {
  if (undo.side_record.empty()) return std::nullopt;
  return SideFile{SideFilePath(undo.placed), undo.side_record};
}

/// What stands at the path is what was read when the change was planned.
Result<void> CheckPacked(Files& files, const MediaChange& change) {
  const Result<ReadFile> now =
      files.Read(change.undo.packed_path, kMaxFileSize);
  if (!now) return Error{"cannot be read again: " + now.error().message};
  if (now->state.inode == change.packed.state.inode &&
      HashSha256(now->bytes) == change.undo.packed_sha256) {
    return {};
  }
  return Error{"changed since it was read"};
}

/// What is true after a rename, which over a network can report a failure and
/// yet have happened.
Result<void> CheckRenamed(Files& files, const MediaUndo& undo,
                          const Result<void>& renamed) {
  const Result<bool> there = files.Exists(undo.packed_path);
  const Result<ReadFile> aside = files.Read(undo.renamed_to, kMaxFileSize);
  if (there && !*there && aside &&
      HashSha256(aside->bytes) == undo.packed_sha256) {
    return {};
  }
  if (!renamed) return renamed;
  return Error{"what stands there now is not what was renamed"};
}

Result<void> RenameAside(Files& files, const MediaUndo& undo) {
  const Result<void> renamed =
      undo.renamed_stood ? files.Rename(undo.packed_path, undo.renamed_to)
                         : files.RenameNew(undo.packed_path, undo.renamed_to);
  const Result<void> checked = CheckRenamed(files, undo, renamed);
  if (checked) return {};
  return Error{"cannot be renamed to " + undo.renamed_to + ": " +
               checked.error().message};
}

/// Takes the placed image away again, while the packed file is still there.
Error Unplace(Files& files, const MediaUndo& undo, const Error& cause) {
  Error error = cause;
  const Result<bool> there = files.Exists(undo.packed_path);
  if (!there || !*there) return error;
  std::vector<std::string> paths = {undo.placed};
  if (!undo.side_record.empty()) paths.push_back(SideFilePath(undo.placed));
  for (const std::string& path : paths) {
    const Result<void> removed = files.Remove(path);
    if (removed) continue;
    error.message += "; " + path + " is left behind: it cannot be removed: " +
                     removed.error().message;
  }
  return error;
}

/// Puts the image where Setup will find it, or sees that it is there. Says in
/// `made` whether it was this call that made it.
std::optional<BatchItem> Place(Files& files, const PreparedMedia& prepared,
                               bool& made) {
  const MediaChange& change = *prepared.change;
  const WriteOutcome placed = PlaceFile(
      files, change.undo.placed, change.undo.packed_path, change.packed.state,
      change.patched.bytes, SideRecord(change.undo));
  made = placed.written == Written::kNew;
  if (!placed.error) return std::nullopt;
  Error error = *placed.error;
  if (made) error = Unplace(files, change.undo, error);
  if (placed.refused && change.undo.placed_stood) {
    error.message += ": it is to be repaired before this file is renamed";
  }
  return Stopped(prepared, error, placed.refused);
}

BatchItem CommitPlaced(Files& files, const PreparedMedia& prepared) {
  const MediaUndo& undo = prepared.change->undo;
  // A signal waits: the two steps belong together.
  const HoldInterrupts hold;
  bool made = false;
  const std::optional<BatchItem> stopped = Place(files, prepared, made);
  if (stopped) return *stopped;
  // From here on Setup finds the repaired image, whatever happens.
  Result<void> done = CheckPacked(files, *prepared.change);
  if (done) done = RenameAside(files, undo);
  if (!done) {
    return Stopped(prepared,
                   made ? Unplace(files, undo, done.error()) : done.error(),
                   false);
  }
  const Result<void> flushed = files.SyncFolder(undo.packed_path);
  const Result<ReadFile> image = files.Read(undo.placed, kMaxFileSize);
  BatchItem item =
      Changed(prepared, image ? image->bytes : prepared.change->patched.bytes,
              prepared.change->patched.side_record);
  if (!flushed || !image) {
    item.outcome.action = Action::kFailed;
    item.outcome.error =
        flushed
            ? Error{undo.placed + " was placed, but " + image.error().message}
            : Error{"was renamed to " + undo.renamed_to +
                    ", but its folder cannot be flushed: " +
                    flushed.error().message};
  }
  return item;
}

BatchItem CommitRepacked(Files& files, const PreparedMedia& prepared,
                         const MediaOptions& options) {
  const MediaChange& change = *prepared.change;
  ReplaceOptions replace;
  replace.replace_read_only = options.patch.replace_read_only;
  replace.break_hard_links = options.patch.break_hard_links;
  const WriteOutcome written = ReplaceFile(
      files, change.undo.packed_path, change.packed, change.repacked, replace);
  if (written.error && written.written == Written::kNothing) {
    return Stopped(prepared, *written.error, written.refused);
  }
  const Result<Expanded> again =
      Expand(written.error ? SharedBytes(change.repacked) : written.bytes);
  BatchItem item = Changed(
      prepared, again ? SharedBytes(again->image) : change.patched.bytes,
      std::nullopt);
  if (written.error || !again) {
    item.outcome.action = Action::kFailed;
    item.outcome.error = written.error ? *written.error : again.error();
  } else if (!change.undo.side_record.empty()) {
    item.outcome.notes.push_back(
        "the image has no room for an undo record: the ledger alone leads "
        "back to the original");
  }
  return item;
}

}  // namespace

BatchItem CommitMedia(Files& files, const PreparedMedia& prepared,
                      const MediaOptions& options) {
  if (!prepared.change) return prepared.item;
  if (prepared.change->undo.placed.empty()) {
    return CommitRepacked(files, prepared, options);
  }
  return CommitPlaced(files, prepared);
}

}  // namespace detachfix
