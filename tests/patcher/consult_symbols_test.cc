// SPDX-License-Identifier: Apache-2.0
// Symbols and analysis side by side.
#include "patcher/consult_symbols.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "patcher/explain.h"
#include "patcher/patch_file.h"
#include "patcher/revert_file.h"
#include "tests/support/dbg_builder.h"
#include "tests/support/fake_files.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildDbg;
using test::Coff;
using test::CoffRow;

constexpr char kPath[] = "/d/Security.dll";

/// Leaks .data+0x10; entry at 0x1000, a function "other" behind it that is
/// never run. Its symbols were taken out.
test::PeSpec Spec() {
  test::PeSpec spec = test::LeakySpecWithDelete();
  spec.characteristics |= 0x0200;
  spec.sections[0].content += "\nalign:16:cc other: c3";
  return spec;
}

Bytes Dll() { return test::BuildPe(Spec()).bytes; }
uint32_t Other() { return test::BuildPe(Spec()).places.at("other") - 0x1000; }

Bytes Dbg(const std::vector<CoffRow>& rows) {
  return BuildDbg(test::MustRead(Spec()), {Coff(rows)});
}

const std::vector<CoffRow> kSound = {{"_DllMain@12", 0},
                                     {"_SspiLock", 0x10, 2, 0}};

FakeFiles Disk(const Bytes& dbg, const std::string& name = "SECURITY.DBG") {
  FakeFiles files;
  files.Add(kPath, Dll());
  files.Add("/d/" + name, dbg);
  return files;
}

FileOutcome Verify(FakeFiles files) { return VerifyFile(files, kPath).outcome; }

/// Lines of evidence that speak of symbols.
std::vector<std::string> Lines(const FileOutcome& outcome) {
  std::vector<std::string> lines = outcome.diagnosis.evidence;
  std::erase_if(lines, [](const std::string& line) {
    return !line.starts_with("symbols: ");
  });
  return lines;
}

TEST(ConsultSymbols, ConfirmsTheEntryAndNamesTheSection) {
  const FileOutcome outcome = Verify(Disk(Dbg(kSound)));
  EXPECT_EQ(outcome.diagnosis.verdict, Verdict::kLeaks);
  EXPECT_EQ(Lines(outcome),
            (std::vector<std::string>{
                "symbols: SECURITY.DBG names the entry 0x1000 _DllMain@12: it "
                "takes 12 bytes of arguments, as DllMain does",
                "symbols: SECURITY.DBG names the section at 0x2010 "
                "_SspiLock"}));
  EXPECT_TRUE(outcome.notes.empty());
}

TEST(ConsultSymbols, FindsTheFileInLettersOfAnyCase) {
  for (const char* name : {"Security.dbg", "security.DBG", "sEcUrItY.dBg"}) {
    EXPECT_EQ(Lines(Verify(Disk(Dbg(kSound), name))).size(), 2u) << name;
  }
  for (const char* name : {"other.dbg", "Security.dll.dbg", "Security.pdb"}) {
    EXPECT_TRUE(Lines(Verify(Disk(Dbg(kSound), name))).empty()) << name;
  }
}

TEST(ConsultSymbols, LooksForNoneOfAnImageThatKeptItsSymbols) {
  test::PeSpec spec = Spec();
  spec.characteristics &= static_cast<uint16_t>(~0x0200);
  FakeFiles files = Disk(Dbg(kSound));
  files.Overwrite(kPath, test::BuildPe(spec).bytes);
  EXPECT_TRUE(Lines(VerifyFile(files, kPath).outcome).empty());
  EXPECT_EQ(std::ranges::count(files.log, "list /d"), 0);
}

TEST(ConsultSymbols, NotesWhyAFileIsNotUsed) {
  Bytes dbg = Dbg(kSound);
  test::Poke32(dbg, 8, 5);
  FileOutcome outcome = Verify(Disk(dbg));
  EXPECT_EQ(outcome.diagnosis.verdict, Verdict::kLeaks);
  EXPECT_EQ(outcome.notes,
            std::vector<std::string>{
                "SECURITY.DBG is not used: is of another image: TimeDateStamp "
                "is 0x5, the image has 0x3338158d"});
  EXPECT_TRUE(Lines(outcome).empty());
  outcome = Verify(Disk({'M', 'Z'}));
  EXPECT_EQ(outcome.notes,
            std::vector<std::string>{"SECURITY.DBG is not used: is not a .dbg "
                                     "file: does not begin with \"DI\""});
  outcome = Verify(Disk(
      BuildDbg(test::MustRead(Spec()), {{4, {}}, {2, {'N', 'B', '1', '0'}}})));
  EXPECT_EQ(outcome.notes,
            std::vector<std::string>{
                "SECURITY.DBG is not used: holds no symbols that are read: "
                "MISC, CodeView NB10"});
}

TEST(ConsultSymbols, TakesTheOneOfSeveralThatIsOfTheImage) {
  Bytes other = Dbg(kSound);
  test::Poke32(other, 8, 5);
  FakeFiles files = Disk(other, "SECURITY.DBG");
  files.Add("/d/security.dbg", Dbg(kSound));
  const FileOutcome outcome = VerifyFile(files, kPath).outcome;
  EXPECT_EQ(Lines(outcome).size(), 2u);
  EXPECT_TRUE(outcome.notes.empty());
}

TEST(ConsultSymbols, WorksWithoutTheFolder) {
  FakeFiles files = Disk(Dbg(kSound));
  files.fail_verbs = {"list"};
  const FileOutcome outcome = VerifyFile(files, kPath).outcome;
  EXPECT_EQ(outcome.diagnosis.verdict, Verdict::kLeaks);
  EXPECT_TRUE(Lines(outcome).empty());
}

TEST(ConsultSymbols, AnotherNumberOfArgumentsIsUnknownWithBothReasons) {
  const FileOutcome outcome = Verify(Disk(Dbg({{"_Helper@8", 0}})));
  EXPECT_EQ(outcome.diagnosis.verdict, Verdict::kUnknown);
  EXPECT_EQ(outcome.diagnosis.because,
            "symbols and analysis disagree: SECURITY.DBG names the entry "
            "0x1000 _Helper@8, which takes 8 bytes of arguments where DllMain "
            "takes 12; the analysis says leaks: 1 of 1 critical section that "
            "attach initialises is not deleted on detach");
  EXPECT_EQ(Lines(outcome).size(), 1u);
}

TEST(ConsultSymbols, ADllMainThatIsNotRunIsUnknown) {
  const FileOutcome outcome =
      Verify(Disk(Dbg({{"_Startup@12", 0}, {"_DllMain@12", Other()}})));
  EXPECT_EQ(outcome.diagnosis.verdict, Verdict::kUnknown);
  EXPECT_TRUE(outcome.diagnosis.because.starts_with(
      "symbols and analysis disagree: SECURITY.DBG has DllMain at 0x1020, "
      "which attach does not run; the analysis says leaks: "))
      << outcome.diagnosis.because;
}

TEST(ConsultSymbols, AnEntryWithoutANameAmongFunctionsIsUnknown) {
  const FileOutcome outcome = Verify(Disk(Dbg({{"_Other@0", Other()}})));
  EXPECT_EQ(outcome.diagnosis.verdict, Verdict::kUnknown);
  EXPECT_TRUE(outcome.diagnosis.because.starts_with(
      "symbols and analysis disagree: SECURITY.DBG names functions, and none "
      "at the entry 0x1000; the analysis says leaks: "))
      << outcome.diagnosis.because;
  // Data alone say nothing of the entry.
  EXPECT_EQ(Verify(Disk(Dbg({{"_SspiLock", 0x10, 2, 0}}))).diagnosis.verdict,
            Verdict::kLeaks);
}

TEST(ConsultSymbols, NeverMakeAVerdictStronger) {
  FakeFiles files = Disk(Dbg(kSound));
  VerifiedFile file = VerifyFile(files, kPath);
  for (const Verdict verdict : {Verdict::kLeaks, Verdict::kFixed,
                                Verdict::kNotApplicable, Verdict::kUnknown}) {
    for (const char* name : {"_DllMain@12", "_Helper@8", "DllMain"}) {
      file.outcome.diagnosis.verdict = verdict;
      TakeSymbols("a.dbg", *file.image, {{Rva{0x1000}, {name, true}}}, file);
      EXPECT_TRUE(file.outcome.diagnosis.verdict == verdict ||
                  file.outcome.diagnosis.verdict == Verdict::kUnknown);
    }
  }
}

TEST(ConsultSymbols, ContradictedFilesAreNotPatched) {
  FakeFiles files = Disk(Dbg({{"_Helper@8", 0}}));
  const FileOutcome outcome = PatchFile(files, kPath, {});
  EXPECT_EQ(outcome.action, Action::kRefused);
  EXPECT_EQ(files.Content(kPath), Dll());
}

TEST(ConsultSymbols, AreThoseOfTheOriginalOfAPatchedFile) {
  FakeFiles files = Disk(Dbg(kSound));
  ASSERT_EQ(PatchFile(files, kPath, {}).action, Action::kPatched);
  const VerifiedFile file = VerifyFile(files, kPath);
  EXPECT_EQ(file.outcome.diagnosis.verdict, Verdict::kFixed);
  EXPECT_EQ(file.outcome.diagnosis.fixed_by, FixedBy::kDetachfix);
  EXPECT_EQ(Lines(file.outcome).size(), 2u);
  EXPECT_TRUE(file.outcome.notes.empty());
  EXPECT_EQ(file.symbols.at(Rva{0x1000}).name, "_DllMain@12");
}

TEST(ConsultSymbols, NameFunctionsInTheListingAndInTheGraph) {
  FakeFiles files = Disk(Dbg(kSound));
  const std::string listing = Explain(files, kPath, {}).text;
  EXPECT_NE(listing.find("  entry 0x1000 _DllMain@12:\n"), std::string::npos)
      << listing;
  const std::string graph = ExplainAsGraph(files, kPath, {}).text;
  EXPECT_NE(graph.find("label=\"_DllMain@12:\\l0x1000"), std::string::npos)
      << graph;
}

}  // namespace
}  // namespace detachfix
