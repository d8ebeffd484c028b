// SPDX-License-Identifier: Apache-2.0
// Whole commands on a disk in memory.
#include "patcher/patch_file.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "patcher/revert_file.h"
#include "patcher/sha256.h"
#include "patcher/version.h"
#include "tests/support/fake_files.h"
#include "tests/support/security_dll.h"

namespace detachfix {
namespace {

using test::LeakingFullDll;
using test::LeakingOtherDll;
using test::LeakingSecurityDll;

constexpr char kPath[] = "/d/Security.dll";

/// A disk with `bytes` at kPath, what a test does there, and its log.
class Disk {
 public:
  explicit Disk(const Bytes& bytes) : original(bytes) {
    files.Add(kPath, bytes);
  }
  FileOutcome Patch(const PatchOptions& options = {}) {
    return PatchFile(files, kPath, options);
  }
  FileOutcome Revert() { return RevertFile(files, kPath, {}); }
  Bytes Content() const { return files.Content(kPath); }
  bool OnlyRead() const {
    return std::all_of(
        files.log.begin(), files.log.end(), [](const std::string& line) {
          return line.starts_with("read ") || line.starts_with("look ") ||
                 line.starts_with("exists ") || line.starts_with("guard ");
        });
  }

  Bytes original;
  FakeFiles files;
};

TEST(PatchFile, RepairsAndReportsWhatStandsOnTheDisk) {
  Disk disk(LeakingSecurityDll());
  const FileOutcome outcome = disk.Patch();
  EXPECT_EQ(outcome.action, Action::kPatched);
  EXPECT_EQ(ExitStatus(outcome), 0);
  EXPECT_EQ(outcome.diagnosis.verdict, Verdict::kFixed);
  EXPECT_EQ(outcome.diagnosis.fixed_by, FixedBy::kDetachfix);
  EXPECT_EQ(outcome.diagnosis.fixed_version, kVersion);
  EXPECT_NE(disk.Content(), disk.original);
  EXPECT_EQ(outcome.sha256, HashSha256(disk.Content()));
  EXPECT_EQ(outcome.sha256_before, HashSha256(disk.original));
  EXPECT_EQ(disk.files.Names(), std::set<std::string>{kPath});
}

TEST(PatchFile, ChangesNothingTheSecondTime) {
  Disk disk(LeakingSecurityDll());
  disk.Patch();
  const Bytes patched = disk.Content();
  disk.files.log.clear();
  const FileOutcome again = disk.Patch();
  EXPECT_EQ(again.action, Action::kNone);
  EXPECT_EQ(ExitStatus(again), 0);
  EXPECT_EQ(disk.Content(), patched);
  EXPECT_TRUE(disk.OnlyRead());
}

TEST(PatchFile, WritesNothingInADryRun) {
  Disk disk(LeakingSecurityDll());
  PatchOptions options;
  options.dry_run = true;
  const FileOutcome outcome = disk.Patch(options);
  EXPECT_EQ(outcome.action, Action::kWouldPatch);
  EXPECT_EQ(ExitStatus(outcome), 1);
  ASSERT_TRUE(outcome.plan);
  EXPECT_TRUE(disk.OnlyRead());
  // ... and what it shows is what a run does.
  const Result<Bytes> planned = Apply(outcome.plan->edits, disk.original);
  ASSERT_TRUE(planned);
  disk.Patch();
  EXPECT_EQ(disk.Content(), *planned);
}

TEST(PatchFile, SaysInADryRunThatThisUserCannotWrite) {
  Disk disk(LeakingSecurityDll());
  PatchOptions options;
  options.dry_run = true;
  EXPECT_TRUE(disk.Patch(options).notes.empty());
  disk.files.may_create = Error{"cannot create a file in a: no (13)"};
  const FileOutcome outcome = disk.Patch(options);
  EXPECT_EQ(outcome.action, Action::kWouldPatch);
  ASSERT_EQ(outcome.notes.size(), 1U);
  EXPECT_EQ(outcome.notes[0],
            "this user cannot write it: cannot create a file in a: no (13)");
  EXPECT_TRUE(disk.OnlyRead());
}

TEST(PatchFile, LeavesAnotherDllAloneUnlessAsked) {
  Disk disk(LeakingOtherDll());
  const FileOutcome refused = disk.Patch();
  EXPECT_EQ(refused.action, Action::kRefused);
  EXPECT_EQ(ExitStatus(refused), 2);
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->message,
            "leaks, but is not Security.dll: it is not named security.dll: "
            "export name \"OTHER.dll\"; --any-dll patches it all the same");
  EXPECT_TRUE(disk.OnlyRead());
  PatchOptions options;
  options.any_dll = true;
  EXPECT_EQ(disk.Patch(options).action, Action::kPatched);
}

TEST(PatchFile, TakesNoNoteOfTheNameOnDisk) {
  Disk disk(LeakingSecurityDll());
  disk.files.Add("/d/whatever.bin", disk.original);
  EXPECT_EQ(PatchFile(disk.files, "/d/whatever.bin", {}).action,
            Action::kPatched);
}

TEST(PatchFile, KeepsTheUndoRecordBesideAFileWithoutRoom) {
  Disk disk(LeakingFullDll());
  const FileOutcome outcome = disk.Patch();
  ASSERT_EQ(outcome.action, Action::kPatched)
      << outcome.error.value_or(Error{}).message;
  EXPECT_FALSE(outcome.plan->undo_in_file);
  const std::string side = std::string(kPath) + ".detachfix-undo";
  EXPECT_EQ(disk.files.Names(), (std::set<std::string>{kPath, side}));
  EXPECT_EQ(outcome.notes, std::vector<std::string>{"undo record in " + side +
                                                    ": keep it with the file"});

  const FileOutcome verified = VerifyFile(disk.files, kPath).outcome;
  EXPECT_EQ(verified.diagnosis.fixed_by, FixedBy::kDetachfix);
  EXPECT_EQ(verified.diagnosis.fixed_version, kVersion);

  EXPECT_EQ(disk.Revert().action, Action::kReverted);
  EXPECT_EQ(disk.Content(), disk.original);
  EXPECT_EQ(disk.files.Names(), std::set<std::string>{kPath});
}

TEST(PatchFile, WithoutItsSideFileIsFixedButCannotBeReverted) {
  Disk disk(LeakingFullDll());
  disk.Patch();
  ASSERT_TRUE(disk.files.Remove(std::string(kPath) + ".detachfix-undo"));
  EXPECT_EQ(VerifyFile(disk.files, kPath).outcome.diagnosis.verdict,
            Verdict::kFixed);
  const Bytes patched = disk.Content();
  const FileOutcome outcome = disk.Revert();
  EXPECT_EQ(outcome.action, Action::kRefused);
  EXPECT_EQ(outcome.error->message,
            "was not patched by detachfix: no undo record in it, and no "
            "/d/Security.dll.detachfix-undo");
  EXPECT_EQ(disk.Content(), patched);
}

TEST(PatchFile, NotesAStaleSideFileAndDoesNotUseIt) {
  Disk disk(LeakingFullDll());
  disk.Patch();
  // The file is deployed anew, with another content; the side file stays.
  disk.files.Overwrite(kPath, LeakingSecurityDll());
  const FileOutcome outcome = VerifyFile(disk.files, kPath).outcome;
  EXPECT_EQ(outcome.diagnosis.verdict, Verdict::kLeaks);
  ASSERT_EQ(outcome.notes.size(), 1u);
  EXPECT_TRUE(outcome.notes[0].starts_with(
      "cannot be reverted: /d/Security.dll.detachfix-undo is not of this "
      "file: "))
      << outcome.notes[0];
  EXPECT_EQ(disk.Revert().action, Action::kRefused);
}

TEST(PatchFile, StopsWhenTheFileChangesMeanwhile) {
  const Bytes other = LeakingOtherDll();
  Disk disk(LeakingSecurityDll());
  disk.files.before = [&](size_t) {
    const bool writing = !disk.OnlyRead();
    if (writing && disk.Content() == disk.original) {
      disk.files.Overwrite(kPath, other);
    }
  };
  const FileOutcome outcome = disk.Patch();
  EXPECT_EQ(ExitStatus(outcome), 3);
  EXPECT_EQ(disk.Content(), other);
  EXPECT_EQ(disk.files.Names(), std::set<std::string>{kPath});
}

TEST(PatchFile, SeesWhatAnotherRunDidBeforeTheLockWasHad) {
  Disk disk(LeakingSecurityDll());
  Disk other(LeakingSecurityDll());
  other.Patch();
  disk.files.before = [&](size_t index) {
    if (disk.files.log[index].starts_with("guard ")) {
      disk.files.Overwrite(kPath, other.Content());
    }
  };
  const FileOutcome outcome = disk.Patch();
  EXPECT_EQ(outcome.action, Action::kNone);
  EXPECT_EQ(outcome.diagnosis.fixed_by, FixedBy::kDetachfix);
  EXPECT_EQ(disk.Content(), other.Content());
  EXPECT_TRUE(disk.OnlyRead());
}

/// A ledger that cannot be written, or that keeps what it is told.
class KeptChanges : public ChangeLog {
 public:
  Result<void> Intend(const IntendedChange& change) override {
    if (fails) return Error{"database is locked"};
    changes.push_back(change);
    return {};
  }
  bool fails = false;
  std::vector<IntendedChange> changes;
};

TEST(PatchFile, TellsTheLedgerBeforeItWrites) {
  Disk disk(LeakingSecurityDll());
  KeptChanges log;
  PatchOptions options;
  options.log = &log;
  const FileOutcome outcome = disk.Patch(options);
  ASSERT_EQ(outcome.action, Action::kPatched);
  ASSERT_EQ(log.changes.size(), 1u);
  const IntendedChange& change = log.changes[0];
  EXPECT_EQ(change.path, kPath);
  EXPECT_EQ(change.before, HashSha256(disk.original));
  EXPECT_EQ(change.after, HashSha256(disk.Content()));
  const Result<Bytes> reverted = Revert(disk.Content(), change.undo);
  ASSERT_TRUE(reverted);
  EXPECT_EQ(*reverted, disk.original);
}

TEST(PatchFile, WritesNothingThatTheLedgerDoesNotKnow) {
  Disk disk(LeakingSecurityDll());
  KeptChanges log;
  log.fails = true;
  PatchOptions options;
  options.log = &log;
  const FileOutcome outcome = disk.Patch(options);
  EXPECT_EQ(outcome.action, Action::kFailed);
  EXPECT_EQ(outcome.error->message,
            "not patched, since the ledger cannot note it: database is locked");
  EXPECT_TRUE(disk.OnlyRead());
}

/// Fails each operation of a command in turn. Whatever it was, the file is one
/// of the two, whole, and the report says which.
template <typename Command>
void FailEachStep(const Bytes& before, const Bytes& after,
                  const Command& command) {
  for (size_t step = 0;; ++step) {
    Disk disk(before);
    disk.files.fail = {step};
    const FileOutcome outcome = command(disk.files);
    if (disk.files.log.size() <= step) {
      EXPECT_GT(step, 5u);
      return;
    }
    SCOPED_TRACE("failing " + disk.files.log[step]);
    const bool done = disk.Content() == after;
    EXPECT_TRUE(done || disk.Content() == before);
    const bool says_done = outcome.action == Action::kPatched ||
                           outcome.action == Action::kReverted;
    EXPECT_TRUE(done || !says_done);
    if (!says_done) {
      EXPECT_EQ(ExitStatus(outcome), 3);
      EXPECT_TRUE(outcome.error);
    }
  }
}

TEST(PatchFile, LeavesAWholeFileWhicheverStepFails) {
  Disk disk(LeakingSecurityDll());
  disk.Patch();
  FailEachStep(disk.original, disk.Content(),
               [](Files& files) { return PatchFile(files, kPath, {}); });
}

TEST(RevertFile, LeavesAWholeFileWhicheverStepFails) {
  Disk disk(LeakingSecurityDll());
  disk.Patch();
  FailEachStep(disk.Content(), disk.original,
               [](Files& files) { return RevertFile(files, kPath, {}); });
}

TEST(RevertFile, GivesTheOriginalBackAndProvesIt) {
  Disk disk(LeakingSecurityDll());
  disk.Patch();
  const FileOutcome outcome = disk.Revert();
  EXPECT_EQ(outcome.action, Action::kReverted);
  EXPECT_EQ(ExitStatus(outcome), 0);
  EXPECT_EQ(outcome.diagnosis.verdict, Verdict::kLeaks);
  EXPECT_EQ(outcome.sha256, HashSha256(disk.original));
  EXPECT_EQ(disk.Content(), disk.original);
}

TEST(RevertFile, LooksTheOriginalUpInTheTables) {
  Disk disk(LeakingSecurityDll());
  ASSERT_EQ(disk.Patch().action, Action::kPatched);
  Signature row;
  row.id = "known";
  row.target = "security.dll";
  row.machine = 0x14c;
  row.state = BuildState::kLeaks;
  row.sha256 = HashSha256(LeakingSecurityDll());
  const SignatureTables tables{{row}, {}};
  RevertOptions options;
  options.tables = &tables;
  const FileOutcome outcome = RevertFile(disk.files, kPath, options);
  EXPECT_EQ(outcome.action, Action::kReverted);
  ASSERT_TRUE(outcome.signature);
  EXPECT_EQ(outcome.signature->found.match, MatchClass::kExact);
  EXPECT_FALSE(outcome.signature->of_original);
  // A file that is refused is looked up too.
  const FileOutcome again = RevertFile(disk.files, kPath, options);
  EXPECT_EQ(again.action, Action::kRefused);
  ASSERT_TRUE(again.signature);
  EXPECT_EQ(again.signature->found.match, MatchClass::kExact);
}

TEST(RevertFile, RefusesAFileThatWasNeverPatched) {
  Disk disk(LeakingSecurityDll());
  const FileOutcome outcome = disk.Revert();
  EXPECT_EQ(outcome.action, Action::kRefused);
  EXPECT_EQ(outcome.error->message,
            "was not patched by detachfix: no undo record in it, and no "
            "/d/Security.dll.detachfix-undo");
  EXPECT_TRUE(disk.OnlyRead());
}

}  // namespace
}  // namespace detachfix
