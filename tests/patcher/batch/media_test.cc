// SPDX-License-Identifier: Apache-2.0
// Packed files on a disk in memory: what is placed, what is renamed, and the
// way back.
#include "patcher/batch/media.h"

#include <gtest/gtest.h>

#include "patcher/batch/packing.h"
#include "patcher/revert_file.h"
#include "patcher/sha256.h"
#include "tests/support/media_share.h"

namespace detachfix {
namespace {

using test::kAside;
using test::kPacked;
using test::kPlaced;
using test::LeakingFullDll;
using test::LeakingSecurityDll;
using test::Names;
using test::Patched;
using test::Share;
using test::Szdd;

TEST(PatchMedia, PlacesTheImageAndPutsThePackedFileAside) {
  Share share;
  const BatchItem item = share.Patch();
  ASSERT_EQ(item.outcome.action, Action::kPatched) << share.Message(item);
  EXPECT_EQ(item.outcome.path, kPacked);
  EXPECT_EQ(item.packing, Packing::kSzdd);
  EXPECT_EQ(item.placed, kPlaced);
  EXPECT_EQ(item.renamed_to, kAside);
  EXPECT_EQ(share.files.Names(), (Names{kPlaced, kAside}));
  EXPECT_EQ(share.files.Content(kPlaced), Patched(LeakingSecurityDll()));
  EXPECT_EQ(share.files.Content(kAside), share.packed);
  EXPECT_EQ(item.outcome.diagnosis.verdict, Verdict::kFixed);
  EXPECT_EQ(item.outcome.sha256, HashSha256(share.files.Content(kPlaced)));
  EXPECT_EQ(item.outcome.sha256_before, HashSha256(LeakingSecurityDll()));
}

// Another run may have the guard of the image's name, and be at work on it.
TEST(PatchMedia, NamesItsTemporaryFilesAfterTheFileThatItGuards) {
  Share share;
  const BatchItem item = share.Patch();
  ASSERT_EQ(item.outcome.action, Action::kPatched) << share.Message(item);
  size_t created = 0;
  for (const std::string& step : share.files.log) {
    if (!step.starts_with("create-beside ")) continue;
    EXPECT_EQ(step, std::string("create-beside ") + kPacked);
    ++created;
  }
  EXPECT_GT(created, 0u);
}

TEST(PatchMedia, KeepsTheCaseOfTheName) {
  Share share;
  share.files.Add("/m/SECURITY.DL_", Szdd());
  share.files.names.erase(kPacked);
  const BatchItem item =
      PatchMedia(share.files, "/m/SECURITY.DL_", share.options);
  EXPECT_EQ(item.placed, "/m/SECURITY.DLL");
  EXPECT_EQ(item.renamed_to, "/m/SECURITY.ORG");
}

TEST(PatchMedia, TakesEachForm) {
  const Bytes image = LeakingSecurityDll();
  for (const Bytes& packed :
       {test::PackSzdd(image), test::PackQbasic(image),
        test::PackKwaj({2, true, "SECURITY", "DLL", ""}, image),
        test::PackKwaj({3, false, "", "DLL", ""}, image),
        test::PackKwaj({}, image),
        test::PackCabinet({"security.dll"}, image, true),
        test::PackLzxCabinet("SECURITY.DLL", image),
        test::PackQuantumCabinet("security.dll", image)}) {
    Share share(packed);
    const BatchItem item = share.Patch();
    EXPECT_EQ(item.outcome.action, Action::kPatched) << share.Message(item);
    EXPECT_EQ(share.files.Content(kPlaced), Patched(image));
    EXPECT_EQ(share.Revert().outcome.action, Action::kReverted);
    EXPECT_EQ(share.files.Names(), Names{kPacked});
    EXPECT_EQ(share.files.Content(kPacked), packed);
  }
}

TEST(PatchMedia, GivesThePlacedImageTheStateOfThePackedFile) {
  Share share;
  FileState& state = share.files.names.at(kPacked)->state;
  state.mode = 0100640;
  state.owner = 77;
  state.attributes["user.DOSATTRIB"] = {1};
  share.Patch();
  const FileState& placed = share.files.names.at(kPlaced)->state;
  EXPECT_EQ(placed.mode, 0100640u);
  EXPECT_EQ(placed.owner, 77u);
  EXPECT_EQ(placed.attributes.count("user.DOSATTRIB"), 1u);
}

TEST(PatchMedia, WritesNothingInADryRunAndShowsTheSame) {
  Share share;
  share.options.patch.dry_run = true;
  const BatchItem shown = share.Patch();
  EXPECT_EQ(shown.outcome.action, Action::kWouldPatch);
  EXPECT_EQ(share.files.Names(), Names{kPacked});
  EXPECT_EQ(shown.placed, kPlaced);
  EXPECT_EQ(shown.renamed_to, kAside);
  share.options.patch.dry_run = false;
  const BatchItem done = share.Patch();
  EXPECT_EQ(done.outcome.plan->edits, shown.outcome.plan->edits);
}

TEST(PatchMedia, LeavesAloneWhatDoesNotLeak) {
  Share fixed(test::PackSzdd(Patched(LeakingSecurityDll())));
  const BatchItem item = fixed.Patch();
  EXPECT_EQ(item.outcome.action, Action::kNone);
  EXPECT_EQ(item.outcome.diagnosis.verdict, Verdict::kFixed);
  EXPECT_EQ(item.outcome.diagnosis.fixed_by, FixedBy::kDetachfix);
  EXPECT_EQ(fixed.files.Names(), Names{kPacked});
}

TEST(PatchMedia, RefusesWhatCannotBeExpandedOrIsAnotherDll) {
  Share cut(Bytes(Szdd().begin(), Szdd().end() - 20));
  const BatchItem item = cut.Patch();
  EXPECT_EQ(item.outcome.action, Action::kRefused);
  EXPECT_NE(cut.Message(item).find("but it expands to"), std::string::npos);
  EXPECT_EQ(item.outcome.diagnosis.verdict, Verdict::kUnknown);
  Share text(test::PackSzdd(Bytes(100, 'x')));
  EXPECT_EQ(text.Message(text.Patch()),
            "what is packed in it: not a PE file: it begins with 0x7878, not "
            "\"MZ\" (0x5a4d)");
  Share other(test::PackSzdd(test::LeakingOtherDll()));
  EXPECT_EQ(other.Message(other.Patch()).substr(0, 31),
            "leaks, but is not Security.dll:");
}

TEST(PatchMedia, RefusesAReadOnlyFileUnlessAsked) {
  Share share;
  share.files.names.at(kPacked)->state.writable = false;
  EXPECT_EQ(share.Message(share.Patch()),
            "is read-only; --replace-read-only allows to rename it and to "
            "place the image beside it");
  share.options.patch.replace_read_only = true;
  EXPECT_EQ(share.Patch().outcome.action, Action::kPatched);
}

TEST(PatchMedia, ChecksTheNameAgainstTheOneThatIsStored) {
  const Bytes image = LeakingSecurityDll();
  Share other(test::PackCabinet({"schannel.dll"}, image, true));
  EXPECT_EQ(other.Message(other.Patch()),
            "the packed file says that it holds schannel.dll, its own name "
            "that it holds Security.dll");
  Share share;
  share.files.Add("/m/Security.dll_", Szdd());
  EXPECT_EQ(
      share.Message(PatchMedia(share.files, "/m/Security.dll_", share.options)),
      "its name is not one of install media, like Security.dl_");
  Share odd(test::WithNumber(Szdd(), 9, 1, '/'));
  EXPECT_EQ(odd.Message(odd.Patch()),
            "the last character of its name that the packed file stores is no "
            "letter or digit, but 47");
}

TEST(PatchMedia, TakesTheSameContentBesideItForDone) {
  // As an interrupted run leaves it, or after the file there was patched.
  Share share;
  share.files.Add("/m/SECURITY.DLL", Patched(LeakingSecurityDll()));
  share.files.Add(kAside, Szdd());
  const BatchItem item = share.Patch();
  EXPECT_EQ(item.outcome.action, Action::kPatched) << share.Message(item);
  EXPECT_EQ(item.placed, "/m/SECURITY.DLL");
  EXPECT_EQ(share.files.Names(), (Names{"/m/SECURITY.DLL", kAside}));
  // What stood there before stands there after the way back.
  EXPECT_EQ(share.Revert().outcome.action, Action::kReverted);
  EXPECT_EQ(share.files.Names(), (Names{"/m/SECURITY.DLL", kAside, kPacked}));
  EXPECT_EQ(share.files.Content(kAside), Szdd());
  EXPECT_EQ(share.files.Content(kPacked), Szdd());
}

TEST(PatchMedia, RefusesOtherContentBesideIt) {
  Share placed;
  placed.files.Add(kPlaced, {1, 2, 3});
  EXPECT_EQ(placed.Message(placed.Patch()),
            "/m/Security.dll stands beside it and is another file (SHA-256 "
            "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81);"
            " which of the two Setup takes is not documented: rename this one "
            "if the other is meant (KB Q159203)");
  EXPECT_EQ(placed.files.Names(), (Names{kPacked, kPlaced}));
  Share aside;
  aside.files.Add("/m/SECURITY.ORG", {1, 2, 3});
  EXPECT_EQ(aside.Message(aside.Patch()),
            "it cannot be renamed to /m/SECURITY.ORG, which stands there with "
            "other content");
  EXPECT_EQ(aside.files.Names(), (Names{kPacked, "/m/SECURITY.ORG"}));
  Share twice;
  twice.files.Add("/m/SECURITY.DLL", {});
  twice.files.Add("/m/security.dll", {});
  EXPECT_EQ(twice.Message(twice.Patch()),
            "both SECURITY.DLL and security.dll stand beside it, which a share "
            "that knows no case cannot tell apart");
}

TEST(PatchMedia, WaitsForTheSameImageBesideItToBeRepaired) {
  Share share;
  share.files.Add(kPlaced, LeakingSecurityDll());
  share.options.patch.dry_run = true;
  const BatchItem shown = share.Patch();
  EXPECT_EQ(shown.outcome.action, Action::kWouldPatch);
  EXPECT_EQ(shown.outcome.notes,
            std::vector<std::string>{
                "/m/Security.dll is the same image, not packed; it is "
                "repaired where it stands"});
  share.options.patch.dry_run = false;
  EXPECT_EQ(share.Message(share.Patch()),
            "/m/Security.dll exists and has other content: it is to be "
            "repaired before this file is renamed");
  EXPECT_EQ(share.files.Content(kPlaced), LeakingSecurityDll());
  EXPECT_EQ(PatchFile(share.files, kPlaced, {}).action, Action::kPatched);
  EXPECT_EQ(share.Patch().outcome.action, Action::kPatched);
  EXPECT_EQ(share.files.Names(), (Names{kPlaced, kAside}));
}

TEST(PatchMedia, KeepsTheUndoRecordBesideAnImageWithoutRoom) {
  const Bytes image = LeakingFullDll();
  Share share(test::PackSzdd(image));
  EXPECT_EQ(share.Patch().outcome.action, Action::kPatched);
  const std::string side = std::string(kPlaced) + ".detachfix-undo";
  EXPECT_EQ(share.files.Names(), (Names{kPlaced, kAside, side}));
  EXPECT_EQ(share.Revert().outcome.action, Action::kReverted);
  EXPECT_EQ(share.files.Names(), Names{kPacked});
}

TEST(RevertMedia, GivesThePackedFileBackAndJudgesIt) {
  Share share;
  share.Patch();
  const BatchItem item = share.Revert();
  EXPECT_EQ(item.outcome.action, Action::kReverted);
  EXPECT_EQ(item.outcome.path, kPacked);
  EXPECT_EQ(item.packing, Packing::kSzdd);
  EXPECT_EQ(item.outcome.diagnosis.verdict, Verdict::kLeaks);
  EXPECT_EQ(item.outcome.sha256, HashSha256(LeakingSecurityDll()));
}

TEST(RevertMedia, RefusesWhatWasChangedSince) {
  Share placed;
  placed.Patch();
  placed.files.Overwrite(kPlaced, {1});
  const BatchItem item = placed.Revert();
  EXPECT_EQ(item.outcome.action, Action::kRefused);
  EXPECT_NE(placed.Message(item).find("it was changed since, and is not "
                                      "removed"),
            std::string::npos);
  EXPECT_EQ(placed.files.Names(), (Names{kPlaced, kAside}));

  Share aside;
  aside.Patch();
  aside.files.Overwrite(kAside, {1});
  EXPECT_NE(aside.Message(aside.Revert()).find("what was renamed had"),
            std::string::npos);
  EXPECT_EQ(aside.files.Names(), (Names{kPlaced, kAside}));

  Share again;
  again.Patch();
  again.files.Add(kPacked, {1});
  EXPECT_EQ(again.Message(again.Revert()),
            "/m/Security.dl_ stands there again, with other content than was "
            "renamed to /m/Security.org");

  Share gone;
  gone.Patch();
  ASSERT_TRUE(gone.files.Remove(kAside));
  EXPECT_EQ(gone.Message(gone.Revert()),
            "neither it nor /m/Security.org, to which it was renamed, stands "
            "there");
}

TEST(RevertMedia, TakesAPlacedImageThatWasRevertedByItself) {
  Share share;
  share.Patch();
  // The undo record in the placed image leads to the image that was packed.
  EXPECT_EQ(RevertFile(share.files, kPlaced, {}).action, Action::kReverted);
  EXPECT_EQ(share.files.Content(kPlaced), LeakingSecurityDll());
  EXPECT_EQ(share.Revert().outcome.action, Action::kReverted);
  EXPECT_EQ(share.files.Names(), Names{kPacked});
}

TEST(Recompress, ReplacesThePackedFileAndGivesItBack) {
  const Bytes image = LeakingSecurityDll();
  for (const Bytes& packed :
       {Szdd(), test::PackCabinet({"security.dll"}, image, true)}) {
    Share share(packed);
    share.options.recompress = true;
    const BatchItem item = share.Patch();
    ASSERT_EQ(item.outcome.action, Action::kPatched) << share.Message(item);
    EXPECT_EQ(share.files.Names(), Names{kPacked});
    EXPECT_EQ(item.placed, "");
    const Result<Expanded> expanded = Expand(share.files.Content(kPacked));
    ASSERT_TRUE(expanded);
    EXPECT_EQ(expanded->packing, SniffPacking(packed));
    EXPECT_EQ(expanded->image, Patched(image));
    EXPECT_EQ(item.outcome.sha256, HashSha256(Patched(image)));

    EXPECT_EQ(share.Revert().outcome.action, Action::kReverted);
    EXPECT_EQ(share.files.Content(kPacked), packed);
    EXPECT_EQ(share.Revert().outcome.action, Action::kNone);
    share.files.Overwrite(kPacked, {1});
    EXPECT_EQ(share.Revert().outcome.action, Action::kRefused);
  }
}

TEST(Recompress, RefusesKwaj) {
  Share share(test::PackKwaj({}, LeakingSecurityDll()));
  share.options.recompress = true;
  EXPECT_EQ(share.Message(share.Patch()),
            "cannot be packed again: is packed as KWAJ, which is not written; "
            "without --recompress the image is placed beside it");
  EXPECT_EQ(share.files.Content(kPacked), share.packed);
}

TEST(MediaUndo, RefusesDamagedBytes) {
  Share share;
  share.Patch();
  const Bytes bytes = Encode(share.undo);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeMediaUndo(std::span(bytes).first(size)));
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(DecodeMediaUndo(longer).error().message,
            "the undo data of a packed file are damaged");
}

}  // namespace
}  // namespace detachfix
