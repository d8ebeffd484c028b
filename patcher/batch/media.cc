// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/media.h"

#include <utility>

#include "patcher/batch/media_names.h"
#include "patcher/consult_signatures.h"
#include "patcher/patch_file.h"
#include "patcher/sha256.h"
#include "patcher/verify_file.h"

namespace detachfix {

namespace {

BatchItem Refused(BatchItem item, const Error& error) {
  item.outcome.action = Action::kRefused;
  item.outcome.error = error;
  return item;
}

/// What was packed, judged; or an item that says why not.
struct JudgedMedia {
  BatchItem item;
  std::optional<Expanded> expanded;      ///< absent: `item` has the error
  std::optional<VerifiedFile> verified;  ///< of the image; the same
};

JudgedMedia Judge(const std::string& path, const Bytes& packed,
                  const PatchOptions& options) {
  JudgedMedia judged;
  judged.item.packing = SniffPacking(packed);
  judged.item.outcome.path = path;
  Result<Expanded> expanded = Expand(packed);
  if (!expanded) {
    judged.item.outcome.diagnosis.because = expanded.error().message;
    judged.item = Refused(std::move(judged.item), expanded.error());
    return judged;
  }
  judged.expanded = std::move(*expanded);
  judged.verified =
      VerifyBytes(path, judged.expanded->image, std::nullopt, options.scope);
  FileOutcome& outcome = judged.verified->outcome;
  if (outcome.action == Action::kFailed) {
    outcome.error =
        Error{"what is packed in it: " + outcome.error.value().message};
  } else if (options.tables != nullptr) {
    ConsultSignatures(*judged.verified, *options.tables);
  }
  judged.item.outcome = outcome;
  return judged;
}

/// Whether `placed` may stand beside the packed file: it is what would be
/// placed, or the same image and waits for its own repair.
Result<void> CheckStanding(Files& files, const Sibling& placed,
                           const MediaUndo& undo, BatchItem& item) {
  const Result<ReadFile> file = files.Read(placed.path, kMaxFileSize);
  if (!file) {
    return Error{placed.path + " stands beside it and " + file.error().message};
  }
  const Sha256 found = HashSha256(file->bytes);
  if (found == undo.placed_sha256) return {};
  if (found == undo.image_sha256) {
    item.outcome.notes.push_back(placed.path +
                                 " is the same image, not packed; it is "
                                 "repaired where it stands");
    return {};
  }
  return Error{placed.path + " stands beside it and is another file (SHA-256 " +
               ToHex(found) +
               "); which of the two Setup takes is not documented: rename this "
               "one if the other is meant (KB Q159203)"};
}

/// Whether the name that the packed file is to get is free, or has the same
/// content.
Result<bool> SameStands(Files& files, const Sibling& aside,
                        const Sha256& packed) {
  if (!aside.stands) return false;
  const Result<ReadFile> file = files.Read(aside.path, kMaxFileSize);
  if (!file) {
    return Error{"it cannot be renamed to " + aside.path +
                 ", which stands there and " + file.error().message};
  }
  if (HashSha256(file->bytes) == packed) return true;
  return Error{"it cannot be renamed to " + aside.path +
               ", which stands there with other content"};
}

/// An earlier run that was interrupted placed what stands there.
bool PlacedByEarlier(const MediaUndo& undo,
                     const std::optional<MediaUndo>& earlier) {
  return earlier && earlier->packed_path == undo.packed_path &&
         earlier->placed == undo.placed && !earlier->placed_stood &&
         earlier->placed_sha256 == undo.placed_sha256;
}

/// A signature stands after the end of a cabinet.
void NoteSignature(const PackedForm& form, const MediaUndo& undo,
                   BatchItem& item) {
  const CabinetForm* cabinet = std::get_if<CabinetForm>(&form);
  if (cabinet == nullptr || cabinet->trailing == 0) return;
  item.outcome.notes.push_back(
      "the cabinet has " + std::to_string(cabinet->trailing) +
      " bytes after its end, as a signed one has: " + undo.renamed_to +
      " keeps them, " + undo.placed + " is not signed");
}

Result<void> PlanPlacing(Files& files, const std::string& path,
                         const MediaOptions& options, MediaChange& change,
                         BatchItem& item) {
  if (!change.packed.state.writable && !options.patch.replace_read_only) {
    return Error{
        "is read-only; --replace-read-only allows to rename it and to place "
        "the image beside it"};
  }
  const std::string name = path.substr(path.rfind('/') + 1);
  const Result<std::string> unpacked = UnpackedName(name, change.form);
  if (!unpacked) return unpacked.error();
  const Result<Sibling> placed = FindSibling(files, path, *unpacked);
  if (!placed) return placed.error();
  const Result<Sibling> aside = FindSibling(files, path, PutAsideName(name));
  if (!aside) return aside.error();
  MediaUndo& undo = change.undo;
  undo.placed = placed->path;
  undo.renamed_to = aside->path;
  undo.placed_stood = placed->stands;
  if (placed->stands) {
    Result<void> fine = CheckStanding(files, *placed, undo, item);
    if (!fine) return fine;
    if (PlacedByEarlier(undo, options.earlier)) undo.placed_stood = false;
  }
  const Result<bool> same = SameStands(files, *aside, undo.packed_sha256);
  if (!same) return same.error();
  NoteSignature(change.form, undo, item);
  undo.renamed_stood = *same;
  item.placed = undo.placed;
  item.renamed_to = undo.renamed_to;
  return {};
}

Result<void> PlanRepacking(MediaChange& change) {
  Result<Bytes> repacked = Repack(change.form, change.patched.bytes);
  if (!repacked) {
    return Error{"cannot be packed again: " + repacked.error().message +
                 "; without --recompress the image is placed beside it"};
  }
  change.repacked = std::move(*repacked);
  change.undo.packed_original = change.packed.bytes;
  change.undo.repacked_sha256 = HashSha256(change.repacked);
  return {};
}

MediaUndo BeginUndo(const std::string& path, const MediaChange& change,
                    const Sha256& image) {
  MediaUndo undo;
  undo.packed_path = path;
  undo.packed_sha256 = HashSha256(change.packed.bytes);
  undo.image_sha256 = image;
  undo.placed_sha256 = HashSha256(change.patched.bytes);
  if (change.patched.side_record) {
    undo.side_record = Encode(*change.patched.side_record);
  }
  return undo;
}

PreparedMedia PlanChange(Files& files, const std::string& path, ReadFile file,
                         JudgedMedia judged, const MediaOptions& options) {
  BatchItem& item = judged.item;
  Result<PatchedBytes> patched =
      PatchInMemory(*judged.verified, {options.patch.allow_signed});
  item.outcome = judged.verified->outcome;
  if (!patched) return {Refused(std::move(item), patched.error()), {}};
  MediaChange change;
  change.packed = std::move(file);
  change.form = judged.expanded->form;
  change.patched = std::move(*patched);
  change.undo = BeginUndo(path, change, *item.outcome.sha256);
  const Result<void> planned =
      options.recompress ? PlanRepacking(change)
                         : PlanPlacing(files, path, options, change, item);
  if (!planned) return {Refused(std::move(item), planned.error()), {}};
  NoteBrokenSignature(*judged.verified->image, item.outcome);
  item.outcome.action = Action::kWouldPatch;
  return {std::move(item), std::move(change)};
}

bool Stands(Files& files, const std::string& path, const Sha256& hash) {
  const Result<ReadFile> file = files.Read(path, kMaxFileSize);
  return file && HashSha256(file->bytes) == hash;
}

/// Whether another run has placed and renamed meanwhile what we would have.
bool DoneMeanwhile(Files& files, const MediaUndo& undo) {
  const Result<bool> there = files.Exists(undo.packed_path);
  return there && !*there && !undo.placed.empty() &&
         Stands(files, undo.placed, undo.placed_sha256) &&
         Stands(files, undo.renamed_to, undo.packed_sha256);
}

BatchItem MeanwhileItem(const PreparedMedia& prepared) {
  BatchItem item = prepared.item;
  const FileOutcome before = item.outcome;
  item.outcome = VerifyBytes(before.path, prepared.change->patched.bytes,
                             prepared.change->patched.side_record)
                     .outcome;
  item.outcome.signature = before.signature;
  item.outcome.notes.push_back("was repaired by another run meanwhile");
  return item;
}

BatchItem Failed(BatchItem item, const Error& error) {
  item.outcome.action = Action::kFailed;
  item.outcome.error = error;
  return item;
}

}  // namespace

PreparedMedia PrepareMedia(Files& files, const std::string& path,
                           const MediaOptions& options) {
  const Result<FileState> state = files.Look(path);
  if (state && state->is_symlink) {
    BatchItem item;
    item.outcome.path = path;
    const Error error{"is a symbolic link; name the file that it points to"};
    item.outcome.diagnosis.because = error.message;
    return {Refused(std::move(item), error), {}};
  }
  Result<ReadFile> file = files.Read(path, kMaxFileSize);
  if (!file) {
    BatchItem item;
    item.outcome = FailedOutcome(path, file.error());
    return {std::move(item), {}};
  }
  return PrepareMedia(files, path, std::move(*file), options);
}

PreparedMedia PrepareMedia(Files& files, const std::string& path, ReadFile file,
                           const MediaOptions& options) {
  JudgedMedia judged = Judge(path, file.bytes, options.patch);
  FileOutcome& outcome = judged.item.outcome;
  const Verdict verdict = outcome.diagnosis.verdict;
  if (outcome.action != Action::kNone || verdict == Verdict::kFixed ||
      verdict == Verdict::kNotApplicable) {
    return {std::move(judged.item), {}};
  }
  const std::optional<Error> refusal = PatchRefusal(outcome, options.patch);
  if (refusal) return {Refused(std::move(judged.item), *refusal), {}};
  return PlanChange(files, path, std::move(file), std::move(judged), options);
}

BatchItem PatchMedia(Files& files, const std::string& path,
                     const MediaOptions& options) {
  PreparedMedia prepared = PrepareMedia(files, path, options);
  if (!prepared.change || options.patch.dry_run) return prepared.item;
  // What is only looked at is never locked; what another run did before the
  // lock was had is seen by looking again.
  const Result<std::unique_ptr<FileGuard>> guard = files.Guard(path, {});
  if (DoneMeanwhile(files, prepared.change->undo)) {
    return MeanwhileItem(prepared);
  }
  if (!guard) return Failed(prepared.item, guard.error());
  if (!IsAsRead(files, path, prepared.change->packed)) {
    prepared = PrepareMedia(files, path, options);
    if (!prepared.change) return prepared.item;
  }
  if (options.intend) {
    const Result<void> noted = options.intend(prepared.change->undo);
    if (!noted) {
      return Failed(prepared.item,
                    Error{"not patched, since the ledger cannot note it: " +
                          noted.error().message});
    }
  }
  return CommitMedia(files, prepared, options);
}

}  // namespace detachfix
