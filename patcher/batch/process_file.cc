// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/process_file.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "patcher/batch/beside.h"
#include "patcher/batch/packing.h"
#include "patcher/batch/quick_look.h"
#include "patcher/batch/setup_log_file.h"
#include "patcher/patch_file.h"
#include "patcher/report_json.h"
#include "patcher/report_read.h"
#include "patcher/sha256.h"
#include "patcher/verify_file.h"

namespace detachfix {
namespace {

/// The entry of one file while it is being worked on.
LedgerEntry EntryFor(const std::string& path, const ProcessOptions& options) {
  LedgerEntry entry;
  entry.run = options.run;
  entry.path = LedgerPath(options.folder, path);
  return entry;
}

std::string JudgedBy(Files& files, const std::string& path,
                     const ProcessOptions& options) {
  return options.judged_by + " " +
         StateBeside(files, *options.folder_names, path, options.run);
}

/// Notes what is intended in the ledger, and keeps it for the final entry.
class NoteChange : public ChangeLog {
 public:
  NoteChange(Ledger* ledger, LedgerEntry& entry)
      : ledger_(ledger), entry_(entry) {}

  Result<void> Intend(const IntendedChange& change) override {
    entry_.identity = IdentityOf(change.state);
    entry_.before = change.before;
    entry_.after = change.after;
    entry_.undo_kind = UndoKind::kImage;
    entry_.undo = Encode(change.undo);
    return Note();
  }

  Result<void> IntendMedia(const MediaUndo& undo) {
    entry_.before = undo.packed_sha256;
    entry_.after =
        undo.placed.empty() ? undo.repacked_sha256 : undo.placed_sha256;
    entry_.undo_kind = UndoKind::kMedia;
    // It is taken back from any folder.
    entry_.undo = Encode(At(undo, entry_.path));
    return Note();
  }

  /// What a killed run noted of the same file, which is called `path` now.
  std::optional<MediaUndo> EarlierMedia(const std::string& path) const {
    if (ledger_ == nullptr) return std::nullopt;
    const Result<std::optional<LedgerEntry>> begun =
        ledger_->FindIntended(entry_.path);
    if (!begun || !*begun || (*begun)->undo_kind != UndoKind::kMedia) {
      return std::nullopt;
    }
    const Result<MediaUndo> undo = DecodeMediaUndo((*begun)->undo);
    return undo ? std::optional<MediaUndo>(At(*undo, path)) : std::nullopt;
  }

  Result<void> Note() {
    entry_.intended = true;
    // A run may go on after it was taken back.
    entry_.reverted = false;
    return ledger_ != nullptr ? ledger_->Intend(entry_) : Result<void>();
  }

 private:
  Ledger* ledger_;
  LedgerEntry& entry_;
};

/// The last letter of a packed file's name is replaced by '_'; `expand` and
/// Setup know it by that.
bool MayBePacked(const std::string& path) { return path.ends_with('_'); }

/// By its first bytes.
bool IsPacked(Files& files, const std::string& path) {
  const Result<ReadFile> file = files.Read(path, kMaxFileSize);
  return file && SniffPacking(file->bytes) != Packing::kNone;
}

BatchItem ProcessPacked(Files& files, const std::string& path,
                        const ProcessOptions& options, NoteChange& note) {
  MediaOptions media = options.media;
  media.earlier = note.EarlierMedia(path);
  media.intend = [&](const MediaUndo& undo) { return note.IntendMedia(undo); };
  return PatchMedia(files, path, media);
}

/// The log beside an installed image, for a file that the tool has an answer
/// on; updated when the file is one that we repaired, now or before.
void AddSetupLog(Files& files, BatchItem& item, const ProcessOptions& options,
                 NoteChange& note, LedgerEntry& entry) {
  const FileOutcome& outcome = item.outcome;
  if (!outcome.diagnosis.target || item.packing != Packing::kNone) return;
  const PatchOptions& patch = options.media.patch;
  SetupLogOptions log;
  log.update = options.update_setup_log && !patch.dry_run &&
               outcome.diagnosis.fixed_by == FixedBy::kDetachfix;
  log.replace_read_only = patch.replace_read_only;
  log.break_hard_links = patch.break_hard_links;
  log.intend = [&](const SetupLogUndo& undo) {
    // It is set back from any folder.
    entry.log_undo = Encode(At(undo, entry.path));
    return note.Note();
  };
  item.setup_log = CheckSetupLog(files, outcome.path, log);
}

/// Whether the ledger's answer may stand for a look at the file. One on a file
/// that leaks may not: what is to be done about it is this run's question,
/// which a dry run has answered by its plan.
bool IsAnswer(const LedgerEntry& entry, bool same_run) {
  if (entry.action == ToText(Action::kFailed)) return false;
  if (same_run && entry.action == ToText(Action::kWouldPatch)) return true;
  return entry.verdict != ToText(Verdict::kLeaks);
}

bool ChangedSomething(const LedgerEntry& entry) {
  return entry.undo_kind != UndoKind::kNone || !entry.log_undo.empty();
}

std::optional<BatchItem> KnownItem(const FileState& state,
                                   const LedgerEntry& wanted,
                                   const std::string& path,
                                   const ProcessOptions& options,
                                   Ledger& ledger) {
  Result<std::optional<LedgerEntry>> entry =
      ledger.FindUnchanged(wanted.path, IdentityOf(state));
  if (!entry || !*entry) return std::nullopt;
  const bool same_run = (*entry)->run == options.run;
  if (!IsAnswer(**entry, same_run)) return std::nullopt;
  std::optional<BatchItem> item = ItemOf(**entry, options.run, path);
  if (!item) return std::nullopt;
  // What was asked for and not done is tried again.
  if (item->setup_log && item->setup_log->exit_status != 0) return std::nullopt;
  // What a run did itself it need not judge again, and a new entry would lose
  // the way back.
  if (same_run && ChangedSomething(**entry)) return item;
  if ((*entry)->judged_by != wanted.judged_by) return std::nullopt;
  if (!same_run && options.recheck) return std::nullopt;
  // A line of SETUP.LOG that is to be updated must be looked at.
  if (options.update_setup_log && !same_run) return std::nullopt;
  return item;
}

/// What this run did to the file, or intended, before it was stopped. `entry`
/// goes on from there, so that the way back is not lost whatever happens now,
/// nor where somebody touched the file meanwhile.
std::optional<BatchItem> InterruptedItem(Files& files, LedgerEntry& entry,
                                         const std::string& path,
                                         Ledger& ledger) {
  Result<std::optional<LedgerEntry>> before =
      ledger.Find(entry.run, entry.path);
  if (!before || !*before) return std::nullopt;
  if (!(*before)->intended && !ChangedSomething(**before)) return std::nullopt;
  entry = **before;
  return CompletedChange(files, entry, path);
}

/// The plan that a finished patch was made by, from the original that it leads
/// back to: planning is deterministic. False when it is not the same patch.
bool PlanAgain(const VerifiedFile& patched, FileOutcome& outcome) {
  if (!patched.undo) return false;
  Result<Bytes> original = Revert(patched.file.bytes, *patched.undo);
  if (!original) return false;
  VerifiedFile before =
      VerifyBytes(outcome.path, std::move(*original), std::nullopt);
  if (before.outcome.diagnosis.verdict != Verdict::kLeaks) return false;
  const Result<PatchedBytes> again =
      PatchInMemory(before, {.allow_signed = true});
  if (!again || again->bytes != patched.file.bytes) return false;
  outcome.plan = before.outcome.plan;
  outcome.edit_rvas = before.outcome.edit_rvas;
  return true;
}

/// The image that a finished change of a packed file left.
std::optional<VerifiedFile> CompletedMedia(Files& files, const MediaUndo& undo,
                                           BatchItem& item) {
  if (undo.placed.empty()) {
    const Result<ReadFile> packed = files.Read(undo.packed_path, kMaxFileSize);
    if (!packed || HashSha256(packed->bytes) != undo.repacked_sha256) {
      return std::nullopt;
    }
    Result<Expanded> expanded = Expand(packed->bytes);
    if (!expanded) return std::nullopt;
    item.packing = expanded->packing;
    return VerifyBytes(undo.packed_path, std::move(expanded->image),
                       std::nullopt);
  }
  const Result<bool> exists = files.Exists(undo.packed_path);
  const Result<ReadFile> aside = files.Read(undo.renamed_to, kMaxFileSize);
  if (!exists || *exists || !aside) return std::nullopt;
  item.packing = SniffPacking(aside->bytes);
  item.placed = undo.placed;
  item.renamed_to = undo.renamed_to;
  return VerifyFile(files, undo.placed);
}

bool IsNoImage(const BatchItem& item) {
  const FileOutcome& outcome = item.outcome;
  return item.packing == Packing::kNone && outcome.sha256.has_value() &&
         !outcome.machine;
}

BatchItem Judge(Files& files, const std::string& path,
                const ProcessOptions& options, NoteChange& note) {
  if (MayBePacked(path) && IsPacked(files, path)) {
    return ProcessPacked(files, path, options, note);
  }
  BatchItem item;
  PatchOptions patch = options.media.patch;
  patch.log = &note;
  item.outcome = PatchFile(files, path, patch);
  // A packed file under the name of the image.
  const bool packed = IsNoImage(item) && IsPacked(files, path);
  return packed ? ProcessPacked(files, path, options, note) : item;
}

void FinishEntry(Files& files, const BatchItem& item,
                 const ProcessOptions& options, LedgerEntry& entry,
                 Ledger& ledger, BatchItem& shown) {
  const FileOutcome& outcome = item.outcome;
  const Result<FileState> now = files.Look(outcome.path);
  if (now) entry.identity = IdentityOf(*now);
  // The undo record that was put beside it, and the line of SETUP.LOG, are
  // ours.
  const bool logged = item.setup_log && item.setup_log->updated_to;
  if (outcome.action == Action::kPatched || logged) {
    entry.judged_by = JudgedBy(files, outcome.path, options);
  }
  entry.intended = false;
  entry.item = JsonObject(item);
  entry.action = ToText(outcome.action);
  entry.verdict = ToText(outcome.diagnosis.verdict);
  const Result<void> finished = ledger.Finish(entry);
  if (!finished) shown.outcome.notes.push_back(finished.error().message);
}

/// An answer that needs no look at the whole file.
struct Settled {
  std::optional<BatchItem> item;  ///< absent: it is no image
};

/// What a few reads settle, among files of any name: nothing is then to be done
/// to them, so nothing of them is noted.
std::optional<Settled> Settle(Files& files, const std::string& path,
                              const ProcessOptions& options) {
  if (!options.images_only) return std::nullopt;
  const Look look = options.media.patch.scope == Scope::kTarget ? Look::kTarget
                                                                : Look::kTables;
  std::optional<FileOutcome> outcome = LookQuickly(files, path, look);
  if (!outcome) return std::nullopt;
  Settled settled;
  if (outcome->machine) settled.item.emplace().outcome = std::move(*outcome);
  return settled;
}

}  // namespace

std::string LedgerPath(const std::string& folder, const std::string& path) {
  std::string whole = (std::filesystem::path(folder) / path).string();
  const size_t up = whole.rfind("/../");
  if (up == whole.npos) {
    return std::filesystem::path(whole).lexically_normal().string();
  }
  // Behind a link ".." is the folder above the one that the link leads to.
  const size_t end = up + 3;
  std::error_code error;
  const std::filesystem::path above =
      std::filesystem::canonical(whole.substr(0, end), error);
  if (error) return whole;
  return (above / whole.substr(end + 1)).lexically_normal().string();
}

std::optional<BatchItem> ItemOf(const LedgerEntry& entry,
                                const std::string& run,
                                const std::string& path) {
  Result<BatchItem> item = ReadJsonObject(entry.item);
  if (!item) return std::nullopt;
  FileOutcome& outcome = item->outcome;
  outcome.path = path;
  item->from_ledger = true;
  if (entry.run == run) return std::move(*item);
  // What an earlier run did is not what this one does.
  if (outcome.action == Action::kPatched ||
      outcome.action == Action::kReverted) {
    outcome.action = Action::kNone;
  }
  outcome.plan.reset();
  outcome.edit_rvas.clear();
  outcome.sha256_before.reset();
  outcome.backup.clear();
  if (item->setup_log) item->setup_log->updated_to.reset();
  return std::move(*item);
}

std::optional<BatchItem> CompletedChange(Files& files, const LedgerEntry& entry,
                                         const std::string& path) {
  BatchItem item;
  VerifiedFile file;
  Sha256 before = entry.before;
  Sha256 after = entry.after;
  if (entry.undo_kind == UndoKind::kMedia) {
    const Result<MediaUndo> undo = DecodeMediaUndo(entry.undo);
    if (!undo) return std::nullopt;
    std::optional<VerifiedFile> image =
        CompletedMedia(files, At(*undo, path), item);
    if (!image) return std::nullopt;
    file = std::move(*image);
    before = undo->image_sha256;
    after = undo->placed_sha256;
  } else {
    file = VerifyFile(files, path);
  }
  item.outcome = file.outcome;
  if (item.outcome.sha256 != after || !PlanAgain(file, item.outcome)) {
    return std::nullopt;
  }
  item.outcome.path = path;
  item.outcome.action = Action::kPatched;
  item.outcome.sha256_before = before;
  item.outcome.notes.push_back(
      "was patched before the run was stopped, as its ledger entry says");
  return item;
}

std::optional<BatchItem> ProcessFile(Files& files, const Found& found,
                                     const ProcessOptions& options,
                                     Ledger* ledger) {
  if (found.problem) {
    BatchItem item;
    item.outcome = FailedOutcome(found.path, *found.problem);
    return item;
  }
  if (ledger != nullptr && ledger->Owns(found.path)) return std::nullopt;
  std::optional<Settled> settled = Settle(files, found.path, options);
  if (settled) return std::move(settled->item);
  LedgerEntry entry = EntryFor(found.path, options);
  const Result<FileState> state = files.Look(found.path);
  if (state) entry.identity = IdentityOf(*state);
  // Before the look: what changes meanwhile makes the entry one of the past.
  if (ledger != nullptr) {
    entry.judged_by = JudgedBy(files, found.path, options);
  }
  if (ledger != nullptr && state) {
    std::optional<BatchItem> known =
        KnownItem(*state, entry, found.path, options, *ledger);
    if (known) return known;
  }
  NoteChange note(ledger, entry);
  std::optional<BatchItem> item;
  if (ledger != nullptr && !options.media.patch.dry_run) {
    item = InterruptedItem(files, entry, found.path, *ledger);
  }
  if (!item) item = Judge(files, found.path, options, note);
  item->outcome.diagnosis.traces.reset();  // large, and no report prints them
  if (options.images_only && IsNoImage(*item)) return std::nullopt;
  AddSetupLog(files, *item, options, note, entry);
  if (ledger != nullptr)
    FinishEntry(files, *item, options, entry, *ledger, *item);
  return item;
}

}  // namespace detachfix
