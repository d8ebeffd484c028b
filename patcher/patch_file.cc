// SPDX-License-Identifier: Apache-2.0
#include "patcher/patch_file.h"

#include <utility>

#include "patcher/check_patched.h"
#include "patcher/consult_signatures.h"
#include "patcher/hex_text.h"
#include "patcher/make_plan.h"
#include "patcher/replace_file.h"
#include "patcher/sha256.h"
#include "patcher/version.h"

namespace detachfix {

namespace {

/// Why a file of an unknown build is not to be patched, if so.
std::optional<Error> BuildRefusal(const FileOutcome& outcome,
                                  const PatchOptions& options) {
  const MatchClass found =
      outcome.signature ? outcome.signature->found.match : MatchClass::kNone;
  if (!options.require_signature || found >= *options.require_signature) {
    return std::nullopt;
  }
  const std::string required = ToText(*options.require_signature);
  return Error{"its match with the signatures is '" +
               std::string(ToText(found)) + "', weaker than '" + required +
               "', which --require-signature=" + required + " asks for"};
}

Result<PatchedBytes> ApplyAndCheck(const Bytes& original, const Plan& plan) {
  PatchedBytes patched;
  if (!plan.undo_in_file) {
    Result<UndoRecord> record = MakeUndoRecord(original, plan.edits, kVersion);
    if (!record) return record.error();
    patched.side_record = std::move(*record);
  }
  Result<Bytes> bytes = Apply(plan.edits, original);
  if (!bytes) return bytes.error();
  patched.bytes = std::move(*bytes);
  const Result<void> checked =
      CheckPatched(original, plan, patched.bytes, patched.side_record);
  if (!checked) return checked.error();
  return patched;
}

std::optional<SideFile> UndoFile(const std::string& path,
                                 const std::optional<UndoRecord>& record) {
  if (!record) return std::nullopt;
  return SideFile{SideFilePath(path), Encode(*record)};
}

ReplaceOptions ReplaceOptionsOf(const PatchOptions& options) {
  ReplaceOptions replace;
  replace.replace_read_only = options.replace_read_only;
  replace.break_hard_links = options.break_hard_links;
  return replace;
}

WriteOutcome Write(Files& files, const VerifiedFile& file,
                   const PatchedBytes& patched, const PatchOptions& options) {
  const std::string& path = file.outcome.path;
  if (!options.output.empty()) {
    return WriteNewFile(files, options.output, file.file.state, patched.bytes,
                        UndoFile(options.output, patched.side_record));
  }
  ReplaceOptions replace = ReplaceOptionsOf(options);
  replace.side_file = UndoFile(path, patched.side_record);
  if (options.backup_suffix) replace.backup = path + *options.backup_suffix;
  return ReplaceFile(files, path, file.file, patched.bytes, replace);
}

/// What is reported of a file that was written: the verdict on what was read
/// back, not on what was meant.
FileOutcome WrittenOutcome(const VerifiedFile& file,
                           const SharedBytes& read_back,
                           const PatchedBytes& patched,
                           const PatchOptions& options) {
  VerifiedFile after =
      VerifyBytes(file.outcome.path, read_back, patched.side_record);
  if (options.tables) ConsultSignatures(after, *options.tables);
  FileOutcome outcome = std::move(after.outcome);
  outcome.sha256_before = file.outcome.sha256;
  outcome.plan = file.outcome.plan;
  outcome.edit_rvas = file.outcome.edit_rvas;
  outcome.output = options.output;
  if (options.backup_suffix) {
    outcome.backup = file.outcome.path + *options.backup_suffix;
  }
  if (patched.side_record) {
    outcome.notes.push_back(
        "undo record in " +
        SideFilePath(options.output.empty() ? outcome.path : options.output) +
        ": keep it with the file");
  }
  NoteBrokenSignature(*file.image, outcome);
  outcome.action = Action::kPatched;
  return outcome;
}

FileOutcome CopyUnchanged(Files& files, const VerifiedFile& file,
                          const std::string& output) {
  const WriteOutcome written = WriteNewFile(files, output, file.file.state,
                                            file.file.bytes, std::nullopt);
  if (written.error) {
    return WithError(file, written.refused ? Action::kRefused : Action::kFailed,
                     *written.error);
  }
  FileOutcome outcome = file.outcome;
  outcome.output = output;
  outcome.notes.push_back("nothing to repair: " + output +
                          " is an unchanged copy");
  return outcome;
}

Result<void> NoteIntention(const VerifiedFile& file,
                           const PatchedBytes& patched,
                           const PatchOptions& options) {
  if (options.log == nullptr) return {};
  Result<UndoRecord> undo =
      MakeUndoRecord(file.file.bytes, file.outcome.plan->edits, kVersion);
  if (!undo) return undo.error();
  const Result<void> noted = options.log->Intend(
      {file.outcome.path, file.file.state, *file.outcome.sha256,
       HashSha256(patched.bytes), std::move(*undo)});
  if (!noted) {
    return Error{"not patched, since the ledger cannot note it: " +
                 noted.error().message};
  }
  return {};
}

/// What a run that writes would do.
FileOutcome WouldBe(Files& files, VerifiedFile& file,
                    const PatchOptions& options) {
  NoteBrokenSignature(*file.image, file.outcome);
  if (options.output.empty()) {
    const std::optional<Error> refusal =
        ReplaceRefusal(files, file.outcome.path, ReplaceOptionsOf(options));
    if (refusal) return WithError(file, Action::kRefused, *refusal);
  }
  file.outcome.action = Action::kWouldPatch;
  // Who looks need not be who will write.
  const std::string& made =
      options.output.empty() ? file.outcome.path : options.output;
  if (const Result<void> may = files.MayCreateBeside(made); !may) {
    file.outcome.notes.push_back("this user cannot write it: " +
                                 may.error().message);
  }
  return file.outcome;
}

FileOutcome PatchLeaking(Files& files, VerifiedFile& file,
                         const PatchOptions& options) {
  const Result<PatchedBytes> patched =
      PatchInMemory(file, {options.allow_signed});
  if (!patched) return WithError(file, Action::kRefused, patched.error());
  if (options.dry_run) return WouldBe(files, file, options);
  // From here on the patch is known to be good; only the disk can fail.
  const Result<void> noted = NoteIntention(file, *patched, options);
  if (!noted) return WithError(file, Action::kFailed, noted.error());
  const WriteOutcome written = Write(files, file, *patched, options);
  if (written.error && written.written == Written::kNothing) {
    return WithError(file, written.refused ? Action::kRefused : Action::kFailed,
                     *written.error);
  }
  FileOutcome outcome = WrittenOutcome(
      file, written.error ? patched->bytes : written.bytes, *patched, options);
  if (written.error) {
    outcome.action = Action::kFailed;
    outcome.error = *written.error;
  }
  return outcome;
}

/// The outcome for a file that is not to be patched, if so.
std::optional<FileOutcome> WithoutPatch(Files& files, VerifiedFile& file,
                                        const PatchOptions& options) {
  if (file.outcome.action == Action::kFailed) return file.outcome;
  if (options.tables) ConsultSignatures(file, *options.tables);
  const Verdict verdict = file.outcome.diagnosis.verdict;
  if (verdict == Verdict::kFixed || verdict == Verdict::kNotApplicable) {
    if (options.output.empty() || options.dry_run) return file.outcome;
    return CopyUnchanged(files, file, options.output);
  }
  const std::optional<Error> refusal = PatchRefusal(file.outcome, options);
  if (refusal) return WithError(file, Action::kRefused, *refusal);
  return std::nullopt;
}

Result<std::unique_ptr<FileGuard>> GuardToPatch(Files& files,
                                                const std::string& path,
                                                const PatchOptions& options) {
  std::vector<std::string> side_paths = {SideFilePath(path)};
  if (options.backup_suffix) {
    side_paths.push_back(path + *options.backup_suffix);
  }
  return files.Guard(path, side_paths);
}

}  // namespace

bool IsAsRead(Files& files, const std::string& path, const ReadFile& read) {
  const Result<ReadFile> now = files.Read(path, kMaxFileSize);
  return now && now->state.inode == read.state.inode &&
         now->state.changed_ns == read.state.changed_ns &&
         now->bytes == read.bytes;
}

std::optional<Error> PatchRefusal(const FileOutcome& outcome,
                                  const PatchOptions& options) {
  const Diagnosis& diagnosis = outcome.diagnosis;
  if (diagnosis.verdict == Verdict::kUnknown) {
    return Error{"unknown is never patched: " + diagnosis.because};
  }
  if (!diagnosis.target && !options.any_dll) {
    return Error{
        "leaks, but is not Security.dll: " + diagnosis.not_target_because +
        "; --any-dll patches it all the same"};
  }
  return BuildRefusal(outcome, options);
}

void NoteBrokenSignature(const PeImage& original, FileOutcome& outcome) {
  const DataDirectory& table = original.directory(Directory::kCertificate);
  if (table.size == 0) return;
  outcome.notes.push_back(
      "the patch makes the file's signature invalid; the certificate table "
      "at " +
      HexNumber(table.rva) +
      " stays as it is, so that revert makes the signature valid again");
}

Result<PatchedBytes> PatchInMemory(VerifiedFile& file,
                                   const PlanOptions& options) {
  FileOutcome& outcome = file.outcome;
  const Result<Plan> plan = MakePlan(*file.image, outcome.diagnosis, options);
  if (!plan) return plan.error();
  outcome.plan = *plan;
  for (const Edit& edit : plan->edits) {
    const std::optional<Rva> rva = ToRva(*file.image, edit.offset);
    if (rva) outcome.edit_rvas[edit.offset] = *rva;
  }
  Result<PatchedBytes> patched = ApplyAndCheck(file.file.bytes, *plan);
  if (!patched) {
    outcome.is_bug = true;
    return Error{"the planned patch fails its own check: " +
                 patched.error().message};
  }
  return patched;
}

FileOutcome PatchFile(Files& files, const std::string& path,
                      const PatchOptions& options) {
  VerifiedFile file = VerifyFile(files, path, options.scope);
  std::optional<FileOutcome> done = WithoutPatch(files, file, options);
  if (done) return *done;
  if (options.dry_run || !options.output.empty()) {
    return PatchLeaking(files, file, options);
  }
  // Files that are only looked at are never locked. What another run did to
  // this one before the lock was had is seen by judging it again.
  const Result<std::unique_ptr<FileGuard>> guard =
      GuardToPatch(files, path, options);
  if (!guard) return WithError(file, Action::kFailed, guard.error());
  if (!IsAsRead(files, file.outcome.path, file.file)) {
    file = VerifyFile(files, path, options.scope);
    done = WithoutPatch(files, file, options);
    if (done) return *done;
  }
  return PatchLeaking(files, file, options);
}

}  // namespace detachfix
