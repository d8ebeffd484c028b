// SPDX-License-Identifier: Apache-2.0
// The traces are made by hand: what a hook must conclude from them is the
// question here, not how they come about.
#include "patcher/hook.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildPe;
using test::BuiltPe;
using test::LeakAt;
using test::LeakyCode;
using test::LeakySpec;
using test::MustRead;
using test::PeSpec;

/// An image whose code ends in `exit`, with the return at the label "ret".
struct Case {
  PeImage image;
  Rva section;
  Rva ret;
  Diagnosis diagnosis;
};

Case MakeCase(const PeSpec& spec) {
  const BuiltPe pe = BuildPe(spec);
  Case c;
  c.image = MustRead(pe.bytes);
  c.section = Rva{pe.places.at(".data") + test::kLeakedOffset};
  c.ret = Rva{pe.places.at("ret")};
  c.diagnosis = LeakAt(c.section, c.ret);
  return c;
}

Case MakeCase(const std::string& exit) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = LeakyCode(exit);
  return MakeCase(spec);
}

Result<std::vector<HookSite>> Hook(const Case& c) {
  const EntryTraces& traces = *c.diagnosis.traces;
  return HookDetachExits(c.image, References(c.image),
                         FindKnownCode(c.image, traces), traces, {c.section});
}

std::string WhyNot(const Case& c) {
  const Result<std::vector<HookSite>> sites = Hook(c);
  return sites ? "hooked" : sites.error().message;
}

// The code starts at 0x1000; "out" is at 0x1012.
constexpr char kExit[] = "31 c0 40 ret: c2 0c 00";

TEST(HookDetachExits, ReplacesTheReturnAndWhatStandsBeforeIt) {
  const Result<std::vector<HookSite>> sites = Hook(MakeCase(kExit));
  ASSERT_TRUE(sites) << sites.error().message;
  ASSERT_EQ(sites->size(), 1u);
  const HookSite& site = sites->front();
  EXPECT_EQ(site.rva, Rva{0x1012});
  EXPECT_EQ(site.size, 6u);
  EXPECT_EQ(site.moved.instructions,
            (std::vector<Bytes>{{0x31, 0xc0}, {0x40}}));
  EXPECT_EQ(site.moved.texts,
            (std::vector<std::string>{"xor eax, eax", "inc eax"}));
}

TEST(HookDetachExits, TakesNoMoreThanItNeeds) {
  const Result<std::vector<HookSite>> sites =
      Hook(MakeCase("53 5b 5f 5e ret: c2 0c 00"));
  ASSERT_TRUE(sites) << sites.error().message;
  EXPECT_EQ(sites->front().size, 5u);
}

TEST(HookDetachExits, HooksEveryExitThatLeaks) {
  // Two exits of the detach path, chosen by hinstDLL.
  Case c = MakeCase(
      "83 7c 24 04 00 74 (two) 31 c0 40 ret: c2 0c 00 "
      "two: 31 c0 48 other: c2 0c 00");
  TraceExit second = c.diagnosis.traces->detach.exits.front();
  second.site = c.ret + 6;
  c.diagnosis.traces->detach.exits.push_back(second);
  const Result<std::vector<HookSite>> sites = Hook(c);
  ASSERT_TRUE(sites) << sites.error().message;
  ASSERT_EQ(sites->size(), 2u);
  EXPECT_EQ((*sites)[1].rva, (*sites)[0].rva + 6);
}

TEST(HookDetachExits, LeavesAnExitAloneThatLeaksNothing) {
  Case c = MakeCase("31 c0 40 ret: c2 0c 00 c2 0c 00");
  TraceExit clean = c.diagnosis.traces->detach.exits.front();
  clean.site = c.ret + 3;
  clean.sections.clear();
  c.diagnosis.traces->detach.exits.push_back(clean);
  const Result<std::vector<HookSite>> sites = Hook(c);
  ASSERT_TRUE(sites) << sites.error().message;
  EXPECT_EQ(sites->size(), 1u);
}

TEST(HookDetachExits, RefusesAnIncompleteRun) {
  Case c = MakeCase(kExit);
  c.diagnosis.traces->thread_attach.complete = false;
  c.diagnosis.traces->thread_attach.incomplete_because = {"calls 0x5000"};
  EXPECT_EQ(WhyNot(c),
            "the run of thread attach is not complete: calls 0x5000");
}

TEST(HookDetachExits, RefusesWhenNoLeakReturns) {
  Case c = MakeCase(kExit);
  c.diagnosis.traces->detach.exits.clear();
  EXPECT_EQ(WhyNot(c), "no detach that leaks is seen to return");
}

TEST(HookDetachExits, RefusesAnUnbalancedStackForAnyReason) {
  Case c = MakeCase(kExit);
  c.diagnosis.traces->process_exit.exits.front().stack_balanced = false;
  EXPECT_EQ(WhyNot(c),
            "at the return 0x1015 the stack is not known to be balanced");
}

TEST(HookDetachExits, RefusesArgumentsThatMayHaveChanged) {
  Case c = MakeCase(kExit);
  c.diagnosis.traces->attach.exits.front().arguments_intact = false;
  EXPECT_EQ(WhyNot(c),
            "at the return 0x1015 fdwReason and lpvReserved are not known to "
            "be what the caller passed");
}

TEST(HookDetachExits, RefusesAReturnInNoKnownCode) {
  Case c = MakeCase("31 c0 40 c2 0c 00 fill:10:cc 31 c0 40 ret: c2 0c 00");
  EXPECT_EQ(WhyNot(c), "the return 0x1025 is in no code that is known");
}

TEST(HookDetachExits, RefusesAnotherKindOfReturn) {
  EXPECT_EQ(WhyNot(MakeCase("31 c0 40 ret: c3")),
            "the return 0x1015 is \"ret\", not \"ret 0x0C\"");
}

TEST(HookDetachExits, RefusesTooLittleRoom) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = "entry: ret: c2 0c 00";
  EXPECT_EQ(WhyNot(MakeCase(spec)),
            "before the return 0x1000 stand no instructions to make room for a "
            "jump of 5 bytes");
}

TEST(HookDetachExits, RefusesToMoveACall) {
  EXPECT_EQ(WhyNot(MakeCase("ff d0 ret: c2 0c 00")),
            "\"call eax\" at 0x1012 before the return 0x1014 cannot be moved");
}

TEST(HookDetachExits, RefusesToMoveABranch) {
  EXPECT_EQ(WhyNot(MakeCase("74 (entry) ret: c2 0c 00")),
            "\"jz 0x77A81000\" at 0x1012 before the return 0x1014 cannot be "
            "moved");
}

TEST(HookDetachExits, RefusesARelocatedOperand) {
  EXPECT_EQ(WhyNot(MakeCase("a1 [.data] ret: c2 0c 00")),
            "a base relocation rewrites 0x1013 before the return 0x1017");
}

TEST(HookDetachExits, RefusesABranchOfTheFunctionIntoTheMiddle) {
  EXPECT_EQ(WhyNot(MakeCase("3c 01 74 (ret) 31 c0 40 ret: c2 0c 00")),
            "\"jz 0x77A81019\" at 0x1014 leads behind 0x1016");
}

TEST(HookDetachExits, RefusesADistantBranchIntoTheMiddle) {
  EXPECT_EQ(WhyNot(MakeCase("31 c0 40 ret: c2 0c 00 fill:200:cc e9 {ret}")),
            "a branch at 0x10e0 leads behind 0x1012");
}

TEST(HookDetachExits, RefusesANearBranchFromOtherCodeIntoTheMiddle) {
  EXPECT_EQ(WhyNot(MakeCase("31 c0 40 ret: c2 0c 00 fill:20:cc eb (ret)")),
            "a short branch may lead from 0x102c behind 0x1012");
}

// 0x77, the top byte of addresses at this base, is "ja" as code.
TEST(HookDetachExits, TakesNoTableOfPointersForBranches) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content =
      LeakyCode("31 c0 40 ret: c2 0c 00 [entry] [entry] [entry] [entry]");
  spec.sections[0].content += " [entry] [entry] [entry] [entry]";
  EXPECT_EQ(WhyNot(MakeCase(spec)), "hooked");
}

TEST(HookDetachExits, KnowsTheCodeThatTheTracesRan) {
  // Reached through a register only; "eb 75" inside is no branch of its own.
  Case c =
      MakeCase("ff e0 fill:6:cc on: 68 eb f3 ff ff 58 31 c0 40 ret: c2 0c 00");
  EXPECT_EQ(WhyNot(c), "the return 0x1023 is in no code that is known");
  for (uint32_t rva : {0x101au, 0x101fu, 0x1020u, 0x1022u, 0x1023u}) {
    c.diagnosis.traces->detach.visited.insert(Rva{rva});
  }
  EXPECT_EQ(WhyNot(c), "hooked");
}

TEST(HookDetachExits, RefusesAPointerIntoTheMiddle) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = LeakyCode(kExit);
  spec.sections[1].content = "zero:64 [ret]";
  EXPECT_EQ(WhyNot(MakeCase(spec)), "a pointer at 0x2040 leads behind 0x1012");
}

TEST(HookDetachExits, RefusesAnExportInTheMiddle) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = LeakyCode(kExit);
  spec.exports.push_back({"Odd", "ret"});
  EXPECT_EQ(WhyNot(MakeCase(spec)), "export Odd leads behind 0x1012");
}

// The entry ends in a jump to a function that an export calls, too: with the
// arguments of a detach, the stub would delete a section that is in use.
TEST(HookDetachExits, RefusesAReturnThatOthersComeTo) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = LeakyCode(
      "e9 {shared} cc\n"
      "shared: 31 c0 40 ret: c2 0c 00 cc\n"
      "work: 6a 00 6a 00 6a 00 e8 {shared} c3");
  spec.exports = {{"Work", "work"}};
  EXPECT_EQ(WhyNot(MakeCase(spec)),
            "\"call 0x77A81018\" at 0x1025 leads to the return 0x101b, too");
  spec.exports = {{"Shared", "shared"}};
  EXPECT_EQ(WhyNot(MakeCase(spec)),
            "the export Shared leads to the return 0x101b, too");
}

// As a table of functions that a security package hands out has them: one is
// the function that the entry ends in, one shares the entry's last
// instructions.
TEST(HookDetachExits, RefusesAReturnThatAPointerLeadsTo) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = LeakyCode(
      "e9 {shared} cc\n"
      "shared: 31 c0 40 ret: c2 0c 00");
  spec.sections[1].content = "zero:64 [shared]";
  EXPECT_EQ(WhyNot(MakeCase(spec)),
            "the pointer at 0x2040 leads to the return 0x101b, too");
  spec.sections[0].content =
      LeakyCode("31 c0 40 ret: c2 0c 00 cc work: 6a 01 58 eb (out)");
  spec.sections[1].content = "zero:64 [work]";
  EXPECT_EQ(WhyNot(MakeCase(spec)),
            "the pointer at 0x2040 leads to the return 0x1015, too");
  spec.relocations = false;
  EXPECT_EQ(WhyNot(MakeCase(spec)),
            "the pointer at 0x2040 leads to the return 0x1015, too");
}

// The pointers of a switch lead there as well, but only the entry has them.
TEST(HookDetachExits, TellsASwitchFromATableOfFunctions) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = LeakyCode(
      "ff 24 85 [table] cc\n"
      "one: 90 two: 31 c0 40 ret: c2 0c 00");
  spec.sections[1].content = "zero:64 table: [one] [two]";
  Case c = MakeCase(spec);
  std::set<Rva>& visited = c.diagnosis.traces->detach.visited;
  visited.insert({Rva{0x1012}, Rva{0x101b}, Rva{0x101d}, Rva{0x101e}});
  EXPECT_EQ(WhyNot(c), "the pointer at 0x2040 leads to the return 0x101e, too");
  visited.insert(Rva{0x101a});
  EXPECT_EQ(WhyNot(c), "hooked");
  // Among the code, as Visual C++ leaves it: what names the table is no pointer
  // to an instruction, and its words are none.
  spec.sections[0].content = LeakyCode(
      "ff 24 85 [table] cc\n"
      "one: 90 two: 31 c0 40 ret: c2 0c 00\n"
      "table: [one] [two]");
  spec.sections[1].content = "zero:64";
  c = MakeCase(spec);
  c.diagnosis.traces->detach.visited.insert(
      {Rva{0x1012}, Rva{0x101a}, Rva{0x101b}, Rva{0x101d}, Rva{0x101e}});
  EXPECT_EQ(WhyNot(c), "hooked");
}

// `jmp [pointer]` and `mov eax, [root]; jmp [eax+4]` lead there where nothing
// else does; but whoever else has the pointer leads there, too.
TEST(HookDetachExits, TakesNoTableThatIsReadWithoutAnIndexForASwitch) {
  struct Jump {
    std::string code;
    std::set<Rva> run;
  };
  const Jump jumps[] = {
      {"ff 25 [table] cc one: 31 c0 40 ret: c2 0c 00 two: c3",
       {Rva{0x1012}, Rva{0x1019}, Rva{0x101b}, Rva{0x101c}}},
      {"a1 [root] ff 60 04 cc two: 90 one: 31 c0 40 ret: c2 0c 00",
       {Rva{0x1012}, Rva{0x1017}, Rva{0x101b}, Rva{0x101c}, Rva{0x101e},
        Rva{0x101f}}}};
  for (const Jump& jump : jumps) {
    PeSpec spec = LeakySpec();
    spec.sections[0].content = LeakyCode(jump.code);
    spec.sections[1].content = "zero:64 root: [table] table: [one] [two]";
    Case c = MakeCase(spec);
    c.diagnosis.traces->detach.visited.insert(jump.run.begin(), jump.run.end());
    EXPECT_TRUE(WhyNot(c).starts_with("the pointer at 0x204")) << WhyNot(c);
  }
}

TEST(HookDetachExits, TakesNoWordThatIsReadForAnInstruction) {
  EXPECT_EQ(WhyNot(MakeCase("a1 [word] 31 c0 40 ret: c2 0c 00 cc"
                            " word: eb (out)")),
            "hooked");
}

TEST(HookDetachExits, RefusesWhereOthersCannotBeLookedFor) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = LeakyCode(kExit) + " more:";
  for (int i = 0; i < 100'001; ++i) spec.sections[0].content += " 90";
  spec.sections[0].content += " c3";
  spec.exports = {{"More", "more"}};
  EXPECT_EQ(WhyNot(MakeCase(spec)),
            "there is more code than is searched for other ways to it");
}

TEST(HookDetachExits, RefusesWhereThereAreTooManyPointers) {
  PeSpec spec = LeakySpec();
  spec.relocations = false;
  spec.sections[0].content = LeakyCode(kExit);
  spec.sections[1].content = "fill:400400:77";
  spec.image_base = 0x77770000;  // 77 77 77 77 leads to 0x7777
  spec.sections[0].content += " zero:32768";
  EXPECT_EQ(WhyNot(MakeCase(spec)),
            "there is more code than is searched for other ways to it");
}

TEST(HookDetachExits, RefusesUnknownInstructions) {
  EXPECT_EQ(WhyNot(MakeCase("74 (bad) 31 c0 40 ret: c2 0c 00 bad: 0f ff")),
            "the entry's function holds bytes that are no known instruction");
}

TEST(HookDetachExits, RefusesAnIndirectJumpWithoutRelocations) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content =
      LeakyCode("74 (on) ff e0 on: 31 c0 40 ret: c2 0c 00");
  EXPECT_EQ(WhyNot(MakeCase(spec)), "hooked");
  spec.relocations = false;
  EXPECT_EQ(WhyNot(MakeCase(spec)),
            "the entry's function has an indirect jump and no base relocations "
            "tell where it leads");
}

std::string WhyNoTail(const Case& c) {
  const Result<void> sound = CheckEntryTail(c.image, *c.diagnosis.traces);
  return sound ? "tail" : sound.error().message;
}

TEST(CheckEntryTail, AcceptsADetachThatDoesNothingElse) {
  EXPECT_EQ(WhyNoTail(MakeCase("a1 [.data] ret: c3")), "tail");
}

TEST(CheckEntryTail, RefusesADetachThatCallsAnything) {
  Case c = MakeCase(kExit);
  CallRecord call;
  call.site = Rva{0x1012};
  call.text = "kernel32.dll!LocalFree()";
  c.diagnosis.traces->detach.calls = {call};
  EXPECT_EQ(WhyNoTail(c), "detach calls kernel32.dll!LocalFree() at 0x1012");
}

// A field of the section would be read as 0 where it was the DLL's own number.
TEST(CheckEntryTail, RefusesADetachThatMayReadTheSection) {
  Case c = MakeCase("a1 [.data+0x14] ret: c2 0c 00");
  c.diagnosis.traces->detach.reads_section_at = Rva{0x1012};
  EXPECT_EQ(WhyNoTail(c),
            "the instruction at 0x1012 of the detach path may read a critical "
            "section");
}

TEST(CheckEntryTail, NamesWhatItCannotRelyOn) {
  Case c = MakeCase(kExit);
  c.diagnosis.traces->detach.exits.clear();
  EXPECT_EQ(WhyNoTail(c), "the entry is not seen to return from a detach");
  c.diagnosis.traces->detach.complete = false;
  EXPECT_EQ(WhyNoTail(c), "the run of process detach is not complete");
  c.image.entry_point = Rva{0};
  EXPECT_EQ(WhyNoTail(c), "the image has no entry, only TLS callbacks");
}

TEST(CheckEntryWrapper, AcceptsAStdcallEntry) {
  const Case c = MakeCase("a1 [.data] ret: c2 0c 00");
  EXPECT_TRUE(CheckEntryWrapper(c.image, *c.diagnosis.traces));
}

TEST(CheckEntryWrapper, NamesWhatItCannotRelyOn) {
  Case c = MakeCase("31 c0 ret: c3");
  EXPECT_EQ(CheckEntryWrapper(c.image, *c.diagnosis.traces).error().message,
            "at the return 0x1014 stands \"ret\", not \"ret 0x0C\"");
  c.diagnosis.traces->detach.exits.front().stack_balanced = false;
  EXPECT_EQ(CheckEntryWrapper(c.image, *c.diagnosis.traces).error().message,
            "at the return 0x1014 the stack is not known to be balanced");
  c.diagnosis.traces->detach.exits.clear();
  EXPECT_EQ(CheckEntryWrapper(c.image, *c.diagnosis.traces).error().message,
            "the entry is not seen to return from a detach");
  c.diagnosis.traces->detach.complete = false;
  EXPECT_EQ(CheckEntryWrapper(c.image, *c.diagnosis.traces).error().message,
            "the run of process detach is not complete");
  c.image.entry_point = Rva{0};
  EXPECT_EQ(CheckEntryWrapper(c.image, *c.diagnosis.traces).error().message,
            "the image has no entry, only TLS callbacks");
}

}  // namespace
}  // namespace detachfix
