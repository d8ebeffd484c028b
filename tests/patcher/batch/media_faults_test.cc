// SPDX-License-Identifier: Apache-2.0
// What a failure, or another program, at any step leaves of a packed file.
#include <gtest/gtest.h>

#include "patcher/batch/media.h"
#include "tests/support/media_share.h"

namespace detachfix {
namespace {

using test::kAside;
using test::kPacked;
using test::kPlaced;
using test::LeakingSecurityDll;
using test::Names;
using test::Patched;
using test::Share;
using test::Szdd;

TEST(PatchMedia, WritesNothingThatWasNotNoted) {
  Share share;
  share.options.intend = [](const MediaUndo&) -> Result<void> {
    return Error{"disk full"};
  };
  const BatchItem item = share.Patch();
  EXPECT_EQ(item.outcome.action, Action::kFailed);
  EXPECT_EQ(share.Message(item),
            "not patched, since the ledger cannot note it: disk full");
  EXPECT_EQ(share.files.Names(), Names{kPacked});
}

TEST(PatchMedia, SeesWhatAnotherRunDidMeanwhile) {
  Share share;
  bool done = false;
  share.files.before = [&](size_t index) {
    if (done || !share.files.log[index].starts_with("guard")) return;
    done = true;
    PatchMedia(share.files, kPacked, {});
  };
  const BatchItem item = share.Patch();
  EXPECT_EQ(item.outcome.action, Action::kNone) << share.Message(item);
  EXPECT_EQ(item.outcome.diagnosis.verdict, Verdict::kFixed);
  EXPECT_EQ(item.outcome.notes,
            std::vector<std::string>{"was repaired by another run meanwhile"});
  EXPECT_EQ(share.files.Names(), (Names{kPlaced, kAside}));
}

TEST(PatchMedia, DoesNotRenameAFileThatChangedMeanwhile) {
  Share share;
  share.files.before = [&](size_t index) {
    if (share.files.log[index].starts_with("create-beside")) {
      share.files.Overwrite(kPacked, test::PackSzdd(Bytes(50, 'n')));
    }
  };
  const BatchItem item = share.Patch();
  EXPECT_EQ(share.Message(item), "changed since it was read");
  EXPECT_EQ(share.files.Names(), Names{kPacked});
}

/// Setup finds a whole file: the packed one, or the image.
void ExpectUsable(const FakeFiles& files, const FakeFiles::Folder& names) {
  const auto content = [&](const char* path, bool durable) {
    const auto it = names.find(path);
    if (it == names.end()) return Bytes();
    return durable ? it->second->durable : it->second->bytes;
  };
  const bool durable = &names == &files.durable_names;
  const bool packed = content(kPacked, durable) == Szdd();
  const Bytes image = content(kPlaced, durable);
  EXPECT_TRUE(packed || image == Patched(LeakingSecurityDll()));
  // Never a half of an image beside it either.
  if (packed) {
    EXPECT_TRUE(image.empty() || image == Patched(LeakingSecurityDll()));
  }
}

TEST(PatchMedia, LeavesSetupAUsableFileWhicheverStepFails) {
  Share good;
  good.Patch();
  const size_t steps = good.files.log.size();
  for (const bool happens : {false, true}) {
    for (size_t i = 0; i < steps; ++i) {
      SCOPED_TRACE("fails: " + good.files.log[i]);
      Share share;
      share.files.fail = {i};
      share.files.failed_rename_happens = happens;
      share.Patch();
      ExpectUsable(share.files, share.files.names);
      ExpectUsable(share.files, share.files.durable_names);
      // The next run completes it.
      share.files.fail.clear();
      if (share.files.names.contains(kPacked)) share.Patch();
      EXPECT_EQ(share.files.Content(kPlaced), Patched(LeakingSecurityDll()));
      EXPECT_EQ(share.files.Content(kAside), Szdd());
      // Nothing else is left but what could not be removed.
      if (!good.files.log[i].starts_with("remove")) {
        EXPECT_EQ(share.files.Names(), (Names{kPlaced, kAside}));
      }
    }
  }
}

/// A disk as a run that was killed before step `step` of `files.log` leaves
/// it: every later operation fails.
void KillAt(FakeFiles& files, size_t step, size_t steps) {
  for (size_t i = step; i < steps + 200; ++i) files.fail.insert(i);
}

TEST(PatchMedia, IsCompletedAfterARunThatWasKilledAnywhere) {
  Share good;
  good.Patch();
  const size_t steps = good.files.log.size();
  for (size_t i = good.log_size; i < steps; ++i) {
    SCOPED_TRACE("killed before: " + good.files.log[i]);
    Share share;
    KillAt(share.files, i, steps);
    share.Patch();
    const MediaUndo noted = share.undo;
    ExpectUsable(share.files, share.files.names);
    share.files.fail.clear();
    share.options.earlier = noted;
    if (share.files.names.contains(kPacked)) {
      const BatchItem item = share.Patch();
      EXPECT_EQ(item.outcome.action, Action::kPatched) << share.Message(item);
    }
    EXPECT_EQ(share.files.Content(kPlaced), Patched(LeakingSecurityDll()));
    EXPECT_EQ(share.files.Content(kAside), Szdd());
    EXPECT_FALSE(share.undo.placed_stood);
    share.Revert();
    EXPECT_EQ(share.files.Content(kPacked), Szdd());
    EXPECT_FALSE(share.files.names.contains(kPlaced));
    EXPECT_FALSE(share.files.names.contains(kAside));
  }
}

TEST(RevertMedia, CompletesAWayBackThatWasKilledAnywhere) {
  Share good;
  good.Patch();
  const size_t begin = good.files.log.size();
  EXPECT_EQ(good.Revert().outcome.action, Action::kReverted);
  const size_t end = good.files.log.size();
  for (size_t i = begin; i < end; ++i) {
    SCOPED_TRACE("killed before: " + good.files.log[i]);
    Share share;
    share.Patch();
    KillAt(share.files, i, end);
    share.Revert();
    ExpectUsable(share.files, share.files.names);
    share.files.fail.clear();
    const BatchItem again = share.Revert();
    EXPECT_FALSE(again.outcome.error) << share.Message(again);
    EXPECT_EQ(share.files.Names(), Names{kPacked});
    EXPECT_EQ(share.files.Content(kPacked), Szdd());
    // ... and a third time changes nothing.
    EXPECT_EQ(share.Revert().outcome.action, Action::kNone);
  }
}

}  // namespace
}  // namespace detachfix
