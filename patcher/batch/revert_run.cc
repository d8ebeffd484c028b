// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/revert_run.h"

#include <algorithm>
#include <optional>

#include "patcher/batch/glob.h"
#include "patcher/batch/media_undo.h"
#include "patcher/batch/setup_log_file.h"
#include "patcher/sha256.h"
#include "patcher/undo_record.h"
#include "patcher/verify_file.h"

namespace detachfix {
namespace {

bool IsWanted(const std::string& path, const std::vector<std::string>& only) {
  if (only.empty()) return true;
  return std::ranges::any_of(only, [&](const std::string& pattern) {
    return MatchesGlob(pattern, path) ||
           NamePattern(pattern).Matches(path, false);
  });
}

BatchItem Refused(const LedgerEntry& entry, const Error& error) {
  BatchItem item;
  item.outcome = FailedOutcome(entry.path, error);
  item.outcome.action = Action::kRefused;
  return item;
}

BatchItem RevertImage(Files& files, const LedgerEntry& entry,
                      const RevertOptions& options) {
  const Result<UndoRecord> undo = DecodeUndoRecord(entry.undo);
  if (!undo) {
    return Refused(entry, Error{"the ledger's undo data are damaged: " +
                                undo.error().message});
  }
  BatchItem item;
  item.outcome = VerifyFile(files, entry.path).outcome;
  FileOutcome& outcome = item.outcome;
  if (outcome.sha256 == entry.before) {
    outcome.action = Action::kNone;
    outcome.error.reset();
    outcome.notes.push_back("is the original already");
    return item;
  }
  if (!outcome.sha256) return item;
  if (outcome.sha256 != entry.after) {
    outcome.action = Action::kRefused;
    outcome.error =
        Error{"was changed since that run: it has SHA-256 " +
              ToHex(*outcome.sha256) + ", the run left " + ToHex(entry.after)};
    return item;
  }
  RevertOptions with_record = options;
  with_record.record = *undo;
  item.outcome = RevertFile(files, entry.path, with_record);
  return item;
}

/// The paths as they were typed, which early versions noted, say nothing.
MediaUndo WithFullPaths(const MediaUndo& undo, const LedgerEntry& entry) {
  return undo.packed_path.starts_with('/') ? undo : At(undo, entry.path);
}

SetupLogUndo WithFullPaths(const SetupLogUndo& undo, const LedgerEntry& entry) {
  return undo.path.starts_with('/') ? undo : At(undo, entry.path);
}

BatchItem RevertChange(Files& files, const LedgerEntry& entry,
                       const RevertOptions& options) {
  switch (entry.undo_kind) {
    case UndoKind::kImage:
      return RevertImage(files, entry, options);
    case UndoKind::kMedia: {
      const Result<MediaUndo> undo = DecodeMediaUndo(entry.undo);
      if (undo) {
        return RevertMedia(files, WithFullPaths(*undo, entry), options);
      }
      return Refused(entry, Error{"the ledger's undo data are damaged: " +
                                  undo.error().message});
    }
    case UndoKind::kNone:
      break;
  }
  // Only its line of SETUP.LOG was changed.
  BatchItem item;
  item.outcome = VerifyFile(files, entry.path).outcome;
  return item;
}

/// The line of SETUP.LOG goes back with the file, and only with it.
Result<void> RevertLog(Files& files, const LedgerEntry& entry,
                       const RevertOptions& options) {
  if (entry.log_undo.empty()) return {};
  const Result<SetupLogUndo> undo = DecodeSetupLogUndo(entry.log_undo);
  if (!undo) return undo.error();
  SetupLogOptions replace;
  replace.replace_read_only = options.replace_read_only;
  replace.break_hard_links = options.break_hard_links;
  return RevertSetupLog(files, WithFullPaths(*undo, entry), replace);
}

}  // namespace

Result<std::vector<LedgerEntry>> RevertibleEntries(
    Ledger& ledger, const std::string& run,
    const std::vector<std::string>& only) {
  std::vector<LedgerEntry> entries;
  const Result<void> listed =
      ledger.Entries(run, [&](const LedgerEntry& entry) {
        const bool changed =
            entry.undo_kind != UndoKind::kNone || !entry.log_undo.empty();
        if (changed && !entry.reverted && IsWanted(entry.path, only)) {
          entries.push_back(entry);
        }
        return true;
      });
  if (!listed) return listed.error();
  std::ranges::reverse(entries);
  return entries;
}

BatchItem RevertEntry(Files& files, const LedgerEntry& entry,
                      const RevertOptions& options, Ledger& ledger) {
  BatchItem item = RevertChange(files, entry, options);
  FileOutcome& outcome = item.outcome;
  if (outcome.action == Action::kRefused || outcome.action == Action::kFailed) {
    return item;
  }
  const Result<void> log = RevertLog(files, entry, options);
  if (!log) {
    outcome.action = Action::kFailed;
    outcome.error = Error{"SETUP.LOG was not set back: " + log.error().message};
    return item;
  }
  const Result<void> marked = ledger.MarkReverted(entry.run, entry.path);
  if (!marked) outcome.notes.push_back(marked.error().message);
  return item;
}

}  // namespace detachfix
