// SPDX-License-Identifier: Apache-2.0
// The way back, in the order that leaves Setup a usable file at every moment:
// first the packed file gets its name again, then the placed image goes.
#include <optional>
#include <utility>

#include "patcher/batch/media_undo.h"
#include "patcher/batch/packing.h"
#include "patcher/interrupt.h"
#include "patcher/replace_file.h"
#include "patcher/sha256.h"
#include "patcher/verify_file.h"

namespace detachfix {

namespace {

/// What stands at a path.
struct Standing {
  bool there = false;
  std::optional<Sha256> hash;
  ReadFile file;
};

Result<Standing> LookAt(Files& files, const std::string& path) {
  Standing standing;
  const Result<bool> there = files.Exists(path);
  if (!there) return Error{path + ": " + there.error().message};
  if (!*there) return standing;
  Result<ReadFile> file = files.Read(path, kMaxFileSize);
  if (!file) return Error{path + " " + file.error().message};
  standing.there = true;
  standing.hash = HashSha256(file->bytes);
  standing.file = std::move(*file);
  return standing;
}

/// An error, and whether it is one of our rules.
struct Problem {
  Error error;
  bool refused = true;
};

Problem DiskFailed(const Error& error) { return {error, false}; }

/// What is to be done, from what stands there.
struct WayBack {
  bool rename = false;  ///< the packed file to its name
  bool unplace = false;
  ReadFile aside;  ///< what stands under the other name, if `rename`
};

std::optional<Problem> CheckPackedName(Files& files, const MediaUndo& undo,
                                       WayBack& way) {
  Result<Standing> packed = LookAt(files, undo.packed_path);
  if (!packed) return DiskFailed(packed.error());
  if (packed->there) {
    if (packed->hash == undo.packed_sha256) return std::nullopt;
    return Problem{Error{undo.packed_path +
                         " stands there again, with other content than was "
                         "renamed to " +
                         undo.renamed_to}};
  }
  Result<Standing> aside = LookAt(files, undo.renamed_to);
  if (!aside) return DiskFailed(aside.error());
  if (!aside->there) {
    return Problem{Error{"neither it nor " + undo.renamed_to +
                         ", to which it was renamed, stands there"}};
  }
  if (aside->hash != undo.packed_sha256) {
    return Problem{Error{undo.renamed_to + " has SHA-256 " +
                         ToHex(*aside->hash) + ", what was renamed had " +
                         ToHex(undo.packed_sha256)}};
  }
  way.rename = true;
  way.aside = std::move(aside->file);
  return std::nullopt;
}

std::optional<Problem> CheckPlaced(Files& files, const MediaUndo& undo,
                                   WayBack& way) {
  if (undo.placed_stood) return std::nullopt;
  const Result<Standing> placed = LookAt(files, undo.placed);
  if (!placed) return DiskFailed(placed.error());
  if (!placed->there) return std::nullopt;
  if (placed->hash != undo.placed_sha256 && placed->hash != undo.image_sha256) {
    return Problem{Error{undo.placed + " has SHA-256 " + ToHex(*placed->hash) +
                         ", what was placed had " + ToHex(undo.placed_sha256) +
                         ": it was changed since, and is not removed"}};
  }
  way.unplace = true;
  return std::nullopt;
}

Result<void> RenameBack(Files& files, const MediaUndo& undo,
                        const ReadFile& aside) {
  const Result<void> renamed =
      files.RenameNew(undo.renamed_to, undo.packed_path);
  if (!renamed) {
    return Error{undo.renamed_to +
                 " cannot be renamed back: " + renamed.error().message};
  }
  const Result<void> flushed = files.SyncFolder(undo.packed_path);
  if (!flushed) {
    return Error{"has its name again, but its folder cannot be flushed: " +
                 flushed.error().message};
  }
  if (!undo.renamed_stood) return {};
  // The same content had stood under the other name before.
  const WriteOutcome again = PlaceFile(files, undo.renamed_to, undo.packed_path,
                                       aside.state, aside.bytes, std::nullopt);
  if (again.error) return *again.error;
  return {};
}

Result<void> Unplace(Files& files, const MediaUndo& undo) {
  const Result<void> removed = files.Remove(undo.placed);
  if (!removed) {
    return Error{undo.placed +
                 " cannot be removed: " + removed.error().message};
  }
  // A side file that is not what was written is somebody else's.
  const std::string side = SideFilePath(undo.placed);
  const Result<Standing> record = LookAt(files, side);
  if (record && record->there && record->file.bytes == undo.side_record) {
    const Result<void> gone = files.Remove(side);
    if (!gone)
      return Error{side + " cannot be removed: " + gone.error().message};
  }
  const Result<void> flushed = files.SyncFolder(undo.placed);
  if (!flushed) {
    return Error{"its folder cannot be flushed: " + flushed.error().message};
  }
  return {};
}

std::optional<Problem> RevertPlaced(Files& files, const MediaUndo& undo,
                                    bool& changed) {
  WayBack way;
  // Everything is looked at before anything is written.
  std::optional<Problem> problem = CheckPackedName(files, undo, way);
  if (!problem) problem = CheckPlaced(files, undo, way);
  if (problem) return problem;
  const HoldInterrupts hold;
  if (way.rename) {
    changed = true;
    const Result<void> done = RenameBack(files, undo, way.aside);
    if (!done) return DiskFailed(done.error());
  }
  // From here on Setup finds the packed file.
  if (way.unplace) {
    changed = true;
    const Result<void> done = Unplace(files, undo);
    if (!done) return DiskFailed(done.error());
  }
  return std::nullopt;
}

std::optional<Problem> RevertRepacked(Files& files, const MediaUndo& undo,
                                      const RevertOptions& options,
                                      bool& changed) {
  const Result<Standing> now = LookAt(files, undo.packed_path);
  if (!now) return DiskFailed(now.error());
  if (now->hash == undo.packed_sha256) return std::nullopt;
  if (now->hash != undo.repacked_sha256) {
    return Problem{Error{now->there ? "has SHA-256 " + ToHex(*now->hash) +
                                          ", what was written had " +
                                          ToHex(undo.repacked_sha256) +
                                          ": it was changed since"
                                    : "is not there any more"}};
  }
  if (HashSha256(undo.packed_original) != undo.packed_sha256) {
    return Problem{Error{"the undo data do not hold the original"}};
  }
  ReplaceOptions replace;
  replace.replace_read_only = options.replace_read_only;
  replace.break_hard_links = options.break_hard_links;
  const WriteOutcome written = ReplaceFile(files, undo.packed_path, now->file,
                                           undo.packed_original, replace);
  changed = written.written != Written::kNothing;
  if (written.error) return Problem{*written.error, written.refused};
  return std::nullopt;
}

/// What stands at the path afterwards, judged.
BatchItem ItemOnDisk(Files& files, const MediaUndo& undo) {
  BatchItem item;
  item.outcome.path = undo.packed_path;
  const Result<Standing> packed = LookAt(files, undo.packed_path);
  if (!packed || !packed->there) return item;
  item.packing = SniffPacking(packed->file.bytes);
  const Result<Expanded> expanded = Expand(packed->file.bytes);
  if (!expanded) return item;
  item.outcome =
      VerifyBytes(undo.packed_path, expanded->image, std::nullopt).outcome;
  return item;
}

}  // namespace

BatchItem RevertMedia(Files& files, const MediaUndo& undo,
                      const RevertOptions& options) {
  // The one of both names that stands there, so that two runs do not meet.
  const Result<bool> there = files.Exists(undo.packed_path);
  const bool aside = there && !*there && !undo.renamed_to.empty();
  const Result<std::unique_ptr<FileGuard>> guard =
      files.Guard(aside ? undo.renamed_to : undo.packed_path, {});
  bool changed = false;
  std::optional<Problem> problem;
  if (guard) {
    problem = undo.placed.empty()
                  ? RevertRepacked(files, undo, options, changed)
                  : RevertPlaced(files, undo, changed);
  }
  BatchItem item = ItemOnDisk(files, undo);
  if (!guard) problem = DiskFailed(guard.error());
  if (changed) item.outcome.sha256_before = undo.placed_sha256;
  if (problem) {
    item.outcome.action = problem->refused ? Action::kRefused : Action::kFailed;
    item.outcome.error = problem->error;
  } else if (changed) {
    item.outcome.action = Action::kReverted;
  }
  return item;
}

}  // namespace detachfix
