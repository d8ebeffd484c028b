// SPDX-License-Identifier: Apache-2.0
#include "patcher/report_text.h"

#include <gtest/gtest.h>

namespace detachfix {
namespace {

CriticalSection Section(uint32_t rva, uint32_t initialised_at, bool leaked) {
  CriticalSection section;
  section.rva = Rva{rva};
  section.initialised_at = Rva{initialised_at};
  section.initialised_by = {"kernel32.dll", "InitializeCriticalSection", {}};
  section.leaked = leaked;
  return section;
}

FileOutcome Leaking() {
  FileOutcome outcome;
  outcome.path = "a/Security.dll";
  outcome.diagnosis.verdict = Verdict::kLeaks;
  outcome.diagnosis.critical_sections = {Section(0xa010, 0x1036, true)};
  return outcome;
}

Bytes LongBytes() {
  Bytes bytes(17, 2);
  bytes[0] = 1;
  return bytes;
}

TEST(ReportText, NamesTheLeakedSectionAndItsInitialisation) {
  EXPECT_EQ(OutcomeLine(Leaking(), false),
            "a/Security.dll: leaks: critical section 0xa010 is initialised at "
            "0x1036 and never deleted on detach\n");
}

TEST(ReportText, ListsOnlyTheLeakedOnesOfSeveralSections) {
  FileOutcome outcome = Leaking();
  outcome.diagnosis.critical_sections = {Section(0xa010, 0x1036, true),
                                         Section(0xa028, 0x1040, false),
                                         Section(0xa040, 0x104a, true)};
  EXPECT_EQ(OutcomeLine(outcome, false),
            "a/Security.dll: leaks: 2 critical sections never deleted on "
            "detach: 0xa010 (initialised at 0x1036), 0xa040 (initialised at "
            "0x104a)\n");
}

TEST(ReportText, SaysWhoFixedIt) {
  FileOutcome outcome = Leaking();
  outcome.diagnosis.verdict = Verdict::kFixed;
  outcome.diagnosis.fixed_by = FixedBy::kVendor;
  outcome.diagnosis.critical_sections = {Section(0xa010, 0x1036, false)};
  outcome.diagnosis.critical_sections[0].deleted_at = Rva{0x1080};
  EXPECT_EQ(OutcomeLine(outcome, false),
            "a/Security.dll: fixed by the vendor: critical section 0xa010 is "
            "initialised at 0x1036 and deleted at 0x1080\n");
  outcome.diagnosis.fixed_by = FixedBy::kDetachfix;
  outcome.diagnosis.fixed_version = "1.2.3";
  EXPECT_TRUE(OutcomeLine(outcome, false)
                  .starts_with("a/Security.dll: fixed by detachfix 1.2.3: "));
}

TEST(ReportText, ColoursTheVerdictOnlyWhenAsked) {
  EXPECT_TRUE(OutcomeLine(Leaking(), true)
                  .starts_with("a/Security.dll: \x1b[31mleaks\x1b[0m: "));
}

TEST(ReportText, LetsNoNameBreakTheLineOrCommandTheTerminal) {
  FileOutcome outcome = Leaking();
  outcome.path = "a\nb\x1b[2J.dll";
  outcome.diagnosis.verdict = Verdict::kUnknown;
  outcome.diagnosis.because = "import \x07!x";
  EXPECT_EQ(OutcomeLine(outcome, false),
            "a\\x0ab\\x1b[2J.dll: unknown: import \\x07!x\n");
}

// 0x9b is ESC [ to a terminal of eight bits; 0xfc is a letter of ISO 8859-1,
// and 0x9b a part of one in UTF-8.
TEST(ReportText, TellsControlBytesFromLetters) {
  EXPECT_EQ(ForTerminal("\x9b"
                        "31m\xfc\xc3\x9b"),
            "\\x9b31m\xfc\xc3\x9b");
}

TEST(ReportText, LetsNoSectionNameCommandTheTerminal) {
  FileOutcome outcome = Leaking();
  outcome.action = Action::kWouldPatch;
  outcome.plan.emplace();
  outcome.plan->hook = "entry";
  outcome.plan->cave = "slack of .text\x07";
  EXPECT_NE(PlanText(outcome).find("  injected code, slack of .text\\x07:\n"),
            std::string::npos);
  EXPECT_NE(OutcomeLine(outcome, false).find("code in slack of .text\\x07\n"),
            std::string::npos);
}

TEST(ReportText, PrintsEachEditWithItsBytesAndReason) {
  FileOutcome outcome = Leaking();
  outcome.action = Action::kWouldPatch;
  outcome.plan.emplace();
  outcome.plan->hook = "entry wrapper";
  outcome.plan->cave = "slack of .text";
  outcome.plan->rejected = {"detach exit: it is shared"};
  outcome.plan->edits = {{FileOffset{0x80}, {0, 0x10}, {0x20, 0x10}, "go"},
                         {FileOffset{0x400}, {}, Bytes(17, 0xcc), "grow"},
                         {FileOffset{0x411}, {}, LongBytes(), "and grow"}};
  outcome.plan->stub = {{Rva{0x1020}, {0xc2, 0x0c, 0}, "ret 0x0C"}};
  outcome.edit_rvas[FileOffset{0x80}] = Rva{0x1080};
  EXPECT_EQ(OutcomeLine(outcome, false),
            "a/Security.dll: would be patched: 3 edits, 36 bytes, hook: entry "
            "wrapper, code in slack of .text\n");
  EXPECT_EQ(PlanText(outcome),
            "  not taken: detach exit: it is shared\n"
            "  offset 0x80, RVA 0x1080, 2 bytes: go\n"
            "    before  00 10\n"
            "    after   20 10\n"
            "  offset 0x400, 17 bytes: grow\n"
            "    before  (the end of the file)\n"
            "    after   cc (17 times)\n"
            "  offset 0x411, 17 bytes: and grow\n"
            "    before  (the end of the file)\n"
            "    after   01 02 02 02 02 02 02 02 02 02 02 02 02 02 02 02\n"
            "            02\n"
            "  injected code, slack of .text:\n"
            "    0x1020    c2 0c 00                        ret 0x0C\n"
            "  undo record: in a side file, NAME.detachfix-undo\n");
}

TEST(ReportText, SumsVerdictsAndActions) {
  FileOutcome patched = Leaking();
  patched.action = Action::kPatched;
  const FileOutcome outcomes[] = {Leaking(), Leaking(), patched};
  EXPECT_EQ(SummaryLine(outcomes), "3 files: 2 leaks, 1 patched\n");
  EXPECT_EQ(SummaryLine({outcomes, 1}), "1 file: 1 leaks\n");
}

}  // namespace
}  // namespace detachfix
