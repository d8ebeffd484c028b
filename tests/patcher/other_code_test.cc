// SPDX-License-Identifier: Apache-2.0
#include "patcher/other_code.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>

#include "patcher/diagnosis.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::LeakySpecWithDelete;
using test::PeSpec;

/// What is said of LeakySpecWithDelete with `code` behind its entry, which
/// nothing runs.
Diagnosis With(const std::string& code) {
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[0].content += "\ncc\nmore: " + code;
  return Diagnose(test::MustRead(spec));
}

TEST(FindOtherDelete, DoubtsALeakThatOtherCodeMayEnd) {
  const char* const kDelete = "[KERNEL32.dll!DeleteCriticalSection]";
  const std::string call = std::string("ff 15 ") + kDelete;
  const std::string codes[] = {
      "68 [.data+0x10] " + call + " c3",
      "68 [.data+0x10] 90 e8 {thunk} c3  thunk: ff 25 " + std::string(kDelete),
      // A member at offset 16 of what ECX points to, two calls down.
      "b9 [.data] e9 {first}  first: e8 {second} c3"
      "  second: 83 c1 10 51 " +
          call + " c3",
      // In a loop that is jumped into.
      "be [.data+0x10] eb (test) turn: 56 a1 " + std::string(kDelete) +
          " ff d0 test: 85 c0 75 (turn) c3",
      // Three calls down, of which two were looked into from one above.
      "68 [.data+0x10] e8 {a} c3 68 [.data+0x10] e8 {b} c3"
      "  a: e8 {b} c3 b: e8 {c} c3 c: e8 {d} c3 d: " +
          call + " c3",
      // It is passed on before.
      "be [.data+0x10] 56 ff 15 [KERNEL32.dll!GetLastError] 56 " + call + " c3",
      // Through a register that was loaded before.
      "8b 35 " + std::string(kDelete) + " 68 [.data+0x10] ff d6 c3",
  };
  for (const std::string& code : codes) {
    const Diagnosis diagnosis = With(code);
    EXPECT_EQ(diagnosis.verdict, Verdict::kUnknown) << code;
    EXPECT_TRUE(diagnosis.because.find("code that was not run may delete it") !=
                std::string::npos)
        << diagnosis.because;
    EXPECT_FALSE(diagnosis.critical_sections.front().leaked);
  }
}

TEST(FindOtherDelete, IsNotMovedByOtherUses) {
  const std::string codes[] = {
      // It is used, another is deleted, it is compared with.
      "68 [.data+0x10] ff 15 [KERNEL32.dll!GetLastError] c3",
      "68 [.data+0x30] ff 15 [KERNEL32.dll!DeleteCriticalSection] c3",
      "3d [.data+0x10] c3",
  };
  for (const std::string& code : codes) {
    EXPECT_EQ(With(code).verdict, Verdict::kLeaks) << code;
  }
}

// A number that is stored beside: c7 05, its address, zeros.
TEST(FindOtherDelete, TellsAStoreFromAnArgument) {
  EXPECT_EQ(With("c7 05 [.data+0x10] 00 00 00 00 68 [.data+0x30] "
                 "ff 15 [KERNEL32.dll!DeleteCriticalSection] c3")
                .verdict,
            Verdict::kLeaks);
}

// "cmp [flag], 0" names a place near the section that leaks, and does not end
// with it: decoded from behind that place on, the code seems to pass it to what
// deletes the other section.
TEST(FindOtherDelete, KnowsAnInstructionThatWasRunByAnyOfItsBytes) {
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[0].content =
      "entry: 8b 44 24 08 83 e8 00 74 (detach) 48 75 (out)"
      " c7 05 [.data] 01 00 00 00"
      " 68 [.data+0x20] ff 15 [KERNEL32.dll!InitializeCriticalSection]"
      " 68 [.data+0x08] ff 15 [KERNEL32.dll!InitializeCriticalSection]"
      " out: 6a 01 58 c2 0c 00"
      " detach: 83 3d [.data] 00 74 (out)"
      " 68 [.data+0x08] ff 15 [KERNEL32.dll!DeleteCriticalSection] eb (out)";
  const Diagnosis diagnosis = Diagnose(test::MustRead(spec));
  EXPECT_EQ(diagnosis.verdict, Verdict::kLeaks) << diagnosis.because;
}

TEST(FindOtherDelete, LooksThroughTablesOfPointers) {
  // A loop over a table of which the section's address is the third word, and
  // one over a table that begins with it, whose first turn was taken out.
  const std::pair<const char*, const char*> tables[] = {
      {"zero:72 [.data+0x10] zero:4", "[.data+0x40]"},
      {"zero:256 [.data+0x10] zero:4", "[.data+0x104]"},
  };
  for (const auto& [data, first] : tables) {
    PeSpec spec = LeakySpecWithDelete();
    spec.sections[1].content = data;
    spec.sections[0].content += std::string("\ncc\nmore: be ") + first +
                                " 8b 3d [KERNEL32.dll!DeleteCriticalSection]"
                                " ff 36 ff d7 83 c6 04 eb f7";
    EXPECT_EQ(Diagnose(test::MustRead(spec)).verdict, Verdict::kUnknown)
        << first;
  }
}

// A word beside the section is used, and not its address.
TEST(FindOtherDelete, IsNotMovedByAWordBesideTheSection) {
  const std::string call = " ff 15 [KERNEL32.dll!DeleteCriticalSection] c3";
  for (const char* const code :
       {"a1 [.data+0x08] 50", "8b 0d [.data+0x08] 51", "ff 35 [.data+0x08]",
        "83 0d [.data+0x08] 01 68 [.data+0x30]",
        "81 25 [.data+0x08] ff ff 00 00 68 [.data+0x30]"}) {
    EXPECT_EQ(With(code + call).verdict, Verdict::kLeaks) << code;
  }
  // Its address; an element; bytes that may be "add ecx, [address]", or the end
  // of "shl eax, 3" and "add eax, address", or of what is stored in a frame.
  for (const char* const code :
       {"8d 0d [.data+0x08] 51", "8b 04 8d [.data+0x08] 50",
        "c1 e0 03 05 [.data+0x08] 50", "c7 45 a1 [.data+0x08] ff 75 a1"}) {
    EXPECT_EQ(With(code + call).verdict, Verdict::kUnknown) << code;
  }
}

/// What is said of an entry that does `what` before it returns 1.
Diagnosis OfEntryThat(PeSpec spec, const std::string& what,
                      const std::string& more) {
  spec.sections[0].content =
      test::LeakyCode(what + " 31 c0 40 c2 0c 00\ncc\n" + more);
  return Diagnose(test::MustRead(spec));
}

// The word may hold the section's address, or that of what it lies in.
TEST(FindOtherDelete, DoubtsALeakThatAPointerMayEnd) {
  const auto through = [](const std::string& word) {
    return "more: ff 35 " + word +
           " ff 15 [KERNEL32.dll!DeleteCriticalSection] c3";
  };
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[1].content = "zero:8 [.data+0x10] zero:116";
  EXPECT_EQ(OfEntryThat(spec, "", through("[.data+0x08]")).verdict,
            Verdict::kUnknown);
  EXPECT_EQ(OfEntryThat(spec, "", through("[.data+0x04]")).verdict,
            Verdict::kLeaks);
  spec.sections[1].content = "zero:128";
  for (const std::string word : {"[.data+0x08]", "[.data+0x60]"}) {
    const std::string code = through(word);
    const std::string stores = "c7 05 " + word + " [.data+0x10]";
    EXPECT_EQ(OfEntryThat(spec, "", code).verdict, Verdict::kLeaks) << word;
    EXPECT_EQ(OfEntryThat(spec, "b8 [.data+0x0c] a3 " + word, code).verdict,
              Verdict::kUnknown);
    EXPECT_EQ(OfEntryThat(spec, "b8 [.data+0x28] a3 " + word, code).verdict,
              Verdict::kLeaks);
    EXPECT_EQ(OfEntryThat(spec, "", stores + " c3 cc " + code).verdict,
              Verdict::kUnknown);
  }
  // Some word of the image, nobody knows which: so it may be the address.
  EXPECT_EQ(OfEntryThat(spec,
                        "ff 15 [KERNEL32.dll!GetLastError] 83 e0 0f "
                        "8b 04 85 [.data+0x40] a3 [.data+0x08]",
                        through("[.data+0x08]"))
                .verdict,
            Verdict::kUnknown);
}

TEST(FindOtherDelete, DoubtsALeakThatTooMuchCodeMayEnd) {
  std::string uses;
  for (int i = 0; i < 10'000; ++i) {
    uses += "68 [.data+0x10] 90 90 90 90 90 90 90 90 90 90 90 90 ";
  }
  EXPECT_EQ(With(uses).verdict, Verdict::kUnknown);
}

TEST(FindOtherDelete, LeavesOutWhatExportsDo) {
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[0].content +=
      "\ncc\nshut: e8 {down} c3\n"
      "down: 68 [.data+0x10] ff 15 [KERNEL32.dll!DeleteCriticalSection] c3";
  spec.exports = {{"Shut", "shut"}};
  EXPECT_EQ(Diagnose(test::MustRead(spec)).verdict, Verdict::kLeaks);
}

TEST(FindOtherDelete, CountsAnExportThatTheEntryMayCall) {
  PeSpec spec = LeakySpecWithDelete();
  spec.exports = {{"Shut", "shut"}};
  // No reason is 9, as the run knows.
  const std::string call = "83 7c 24 08 09 75 05 e8 {middle}";
  const std::string more =
      "middle: e9 {shut}\n"
      "shut: 68 [.data+0x10] ff 15 [KERNEL32.dll!DeleteCriticalSection] c3";
  EXPECT_EQ(OfEntryThat(spec, call, more).verdict, Verdict::kUnknown);
  EXPECT_EQ(OfEntryThat(spec, "", more).verdict, Verdict::kLeaks);
}

TEST(FindOtherDelete, DoubtsALeakThatAFunctionMayEndWhichOthersRun) {
  const std::string pass = "b8 [procedure]";
  const std::string deletes =
      "procedure: ff 74 24 04 ff 15 [KERNEL32.dll!DeleteCriticalSection] c3";
  const std::string harmless =
      "procedure: ff 15 [KERNEL32.dll!GetLastError] c3";
  const PeSpec spec = LeakySpecWithDelete();
  EXPECT_EQ(OfEntryThat(spec, pass, deletes).verdict, Verdict::kUnknown);
  EXPECT_EQ(OfEntryThat(spec, pass, harmless).verdict, Verdict::kLeaks);
  EXPECT_EQ(OfEntryThat(spec, "", deletes).verdict, Verdict::kLeaks);
}

TEST(FindOtherDelete, DoubtsALeakThatAnObjectsFunctionMayEnd) {
  const std::string names = "b8 [.data+0x40]";
  const std::string deletes =
      "procedure: ff 74 24 04 ff 15 [KERNEL32.dll!DeleteCriticalSection] c3";
  // A class of windows, and an object that points to a table.
  for (const char* const data : {"zero:68 [procedure] zero:56",
                                 "zero:64 [.data+0x50] zero:20 [procedure]"}) {
    PeSpec spec = LeakySpecWithDelete();
    spec.sections[1].content = data;
    EXPECT_EQ(OfEntryThat(spec, names, deletes).verdict, Verdict::kUnknown);
    EXPECT_EQ(OfEntryThat(spec, "", deletes).verdict, Verdict::kLeaks);
  }
}

const char kMakes[] =
    "68 [.data+0x10] ff 15 [KERNEL32.dll!InitializeCriticalSection]";

/// An entry that does `what` and returns 1; behind it `more`.
PeSpec SpecThat(const std::string& what, const std::string& more) {
  PeSpec spec = test::LeakySpec();
  spec.sections[0].content =
      "entry: " + what + " 31 c0 40 c2 0c 00\ncc\n" + more;
  return spec;
}

TEST(FindOtherInitialise, DoubtsThatThereIsNoneWhereOthersMayRunCode) {
  const std::string makes = "procedure: " + std::string(kMakes) + " c3";
  const std::string makes_another =
      "procedure: 50 ff 15 [KERNEL32.dll!InitializeCriticalSection] c3";
  // A word of data is read, not an address passed.
  const std::string reads =
      "procedure: 50 a1 [.data+0x10] "
      "ff 15 [KERNEL32.dll!InitializeCriticalSection] c3";
  const std::tuple<const char*, std::string, Verdict> cases[] = {
      {"b8 [procedure]", makes, Verdict::kUnknown},
      {"", makes, Verdict::kNotApplicable},
      {"b8 [procedure]", makes_another, Verdict::kNotApplicable},
      {"b8 [procedure]", reads, Verdict::kNotApplicable},
  };
  for (const auto& [what, more, verdict] : cases) {
    const Diagnosis diagnosis = Diagnose(test::MustRead(SpecThat(what, more)));
    EXPECT_EQ(diagnosis.verdict, verdict) << what << " / " << more;
  }
}

/// What is found of an ordinary process, beside the runs over many paths.
std::optional<Rva> BesideOneProcess(const PeImage& image) {
  const EntryTraces many = RunEntry(image, Runs::kThatCount, Setting::kMemory);
  const EntryTraces one = RunEntry(image, Runs::kThatCount, Setting::kOrdinary);
  EXPECT_TRUE(one.attach.complete);
  return FindOtherInitialise(image, one, {}, &many);
}

// Which code that was run may have said the address.
TEST(FindOtherInitialise, LooksAtWaysThatGetAnAddress) {
  const std::string calls = "68 [.data+0x10] e8 {make}";
  const std::string makes =
      " 75 0a ff 74 24 04 ff 15 [KERNEL32.dll!InitializeCriticalSection]"
      " c2 04 00";
  PeSpec spec =
      SpecThat(calls, "make: ff 15 [KERNEL32.dll!GetACP] 83 f8 09" + makes);
  spec.imports[0].functions.push_back("GetACP");
  EXPECT_TRUE(BesideOneProcess(test::MustRead(spec)));
  EXPECT_FALSE(BesideOneProcess(
      test::MustRead(SpecThat(calls, "make: 31 c0 83 f8 09" + makes))));
}

TEST(FindOtherInitialise, LooksAtWaysNotTakenInOneProcess) {
  PeSpec spec = SpecThat(
      "ff 15 [KERNEL32.dll!GetLastError] ff 15 "
      "[KERNEL32.dll!GetACP] 83 f8 09 75 0b " +
          std::string(kMakes),
      "");
  spec.imports[0].functions.push_back("GetACP");
  EXPECT_TRUE(BesideOneProcess(test::MustRead(spec)));
  // No reason is 9, as both know.
  EXPECT_FALSE(BesideOneProcess(test::MustRead(
      SpecThat("83 7c 24 08 09 75 0b " + std::string(kMakes), ""))));
}

/// An entry that deletes on detach what it makes on attach, and does `what`.
PeSpec FixedSpecThat(const std::string& what, const std::string& more) {
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[0].content =
      "entry: " + what +
      " 83 7c 24 08 01 77 (out) 68 [.data+0x20] 72 (gone)\n"
      "ff 15 [KERNEL32.dll!InitializeCriticalSection] eb (out)\n"
      "gone: ff 15 [KERNEL32.dll!DeleteCriticalSection]\n"
      "out: 31 c0 40 c2 0c 00\ncc\n" +
      more;
  return spec;
}

TEST(FindOtherInitialise, DoubtsThatAllAreDeletedWhereOthersMayRunCode) {
  const std::string makes = "procedure: " + std::string(kMakes) + " c3";
  const std::string harmless =
      "procedure: ff 15 [KERNEL32.dll!GetLastError] c3";
  const std::string makes_what_it_gets =
      "procedure: ff 74 24 04 "
      "ff 15 [KERNEL32.dll!InitializeCriticalSection] c3";
  const std::string with_window =
      "b8 [procedure] ff 15 [USER32.dll!GetDesktopWindow]";
  const std::string makes_the_same =
      "procedure: 68 [.data+0x20] "
      "ff 15 [KERNEL32.dll!InitializeCriticalSection] c3";
  const std::tuple<const char*, std::string, Verdict> cases[] = {
      {"b8 [procedure]", makes, Verdict::kUnknown},
      {"", makes, Verdict::kFixed},
      {"b8 [procedure]", makes_the_same, Verdict::kFixed},
      {"b8 [procedure]", makes_what_it_gets, Verdict::kFixed},
      {with_window.c_str(), makes_what_it_gets, Verdict::kUnknown},
      {with_window.c_str(), harmless, Verdict::kFixed},
  };
  for (const auto& [what, more, verdict] : cases) {
    PeSpec spec = FixedSpecThat(what, more);
    spec.imports.push_back({"USER32.dll", {"GetDesktopWindow"}});
    const Diagnosis diagnosis = Diagnose(test::MustRead(spec));
    EXPECT_EQ(diagnosis.verdict, verdict) << what << " / " << more;
  }
}

// The one that detach deletes lies shortly before the one that it leaves.
TEST(FindOtherDelete, KnowsWhichOfTwoIsMeant) {
  const auto with = [](const std::string& code) {
    PeSpec spec = FixedSpecThat(
        "83 7c 24 08 01 75 0b 68 [.data+0x38] "
        "ff 15 [KERNEL32.dll!InitializeCriticalSection]",
        "cc " + code);
    spec.sections[1].content = "zero:128";
    return Diagnose(test::MustRead(spec));
  };
  const auto with_deletion_of = [&](const std::string& section) {
    return with("68 " + section +
                " ff 15 [KERNEL32.dll!DeleteCriticalSection] c3");
  };
  EXPECT_EQ(with_deletion_of("[.data+0x38]").verdict, Verdict::kUnknown);
  EXPECT_EQ(with_deletion_of("[.data+0x30]").verdict, Verdict::kUnknown);
  // As the first member of what has both.
  EXPECT_EQ(
      with("68 [.data+0x20] e8 {rest} 59 c3 rest: 8b 44 24 04 83 c0 18 50 "
           "ff 15 [KERNEL32.dll!DeleteCriticalSection] c3")
          .verdict,
      Verdict::kUnknown);
  const Diagnosis leak = with_deletion_of("[.data+0x20]");
  EXPECT_EQ(leak.verdict, Verdict::kLeaks) << leak.because;
}

/// The call of a function of another DLL that is given `address`.
std::string Gives(const std::string& address) {
  return "68 " + address + " ff 15 [OTHER.dll!Keep] 83 c4 04";
}

PeSpec WithOther(PeSpec spec) {
  spec.imports.push_back({"OTHER.dll", {"Keep"}});
  return spec;
}

// Objective-C's run-time library is given a module, which leads to methods.
TEST(FindOtherInitialise, LooksAtFunctionsInWhatAnotherDllIsGiven) {
  const std::string makes = "procedure: " + std::string(kMakes) + " c3";
  for (const char* const data :
       {"zero:64 [procedure]", "zero:64 [.data+0x48] zero:4 [procedure]",
        "zero:64 [.data+0x44] [.data+0x48] [.data+0x4c] [procedure]"}) {
    PeSpec spec = WithOther(SpecThat(Gives("[.data+0x40]"), makes));
    spec.sections[1].content = data;
    EXPECT_EQ(Diagnose(test::MustRead(spec)).verdict, Verdict::kUnknown)
        << data;
    spec = WithOther(SpecThat(Gives("[.data+0x30]"), makes));
    spec.sections[1].content = "zero:256";
    EXPECT_EQ(Diagnose(test::MustRead(spec)).verdict, Verdict::kNotApplicable);
  }
}

// RTL_QUERY_REGISTRY_TABLE begins with the function that is called for a value.
TEST(FindOtherInitialise, LooksAtFunctionsInWhatNtdllIsGiven) {
  PeSpec spec = SpecThat(
      "6a 00 6a 00 68 [.data+0x40] 68 [.data] 6a 02 "
      "ff 15 [ntdll.dll!RtlQueryRegistryValues]",
      "procedure: " + std::string(kMakes) + " c3");
  spec.imports.push_back({"ntdll.dll", {"RtlQueryRegistryValues"}});
  spec.sections[1].content = "zero:64 [procedure]";
  EXPECT_EQ(Diagnose(test::MustRead(spec)).verdict, Verdict::kUnknown);
  spec.sections[1].content = "zero:256";
  EXPECT_EQ(Diagnose(test::MustRead(spec)).verdict, Verdict::kNotApplicable);
}

TEST(CallOfAnother, DoubtsALeakWhereDetachCallsAnotherDll) {
  const std::string calls = "6a 00 ff 15 [OTHER.dll!Keep] 83 c4 04";
  const PeSpec spec = WithOther(LeakySpecWithDelete());
  const Diagnosis diagnosis = OfEntryThat(spec, calls, "");
  EXPECT_EQ(diagnosis.verdict, Verdict::kUnknown);
  EXPECT_NE(diagnosis.because.find("calls another DLL, which may delete it"),
            std::string::npos)
      << diagnosis.because;
  // On attach alone.
  EXPECT_EQ(
      OfEntryThat(spec, "83 7c 24 08 00 74 (back) " + calls + " back:", "")
          .verdict,
      Verdict::kLeaks);
  // One that was looked up, nobody knows where.
  PeSpec looking = LeakySpecWithDelete();
  looking.imports[0].functions.push_back("GetProcAddress");
  looking.sections[1].content = "zero:64 'unregister' 00";
  EXPECT_EQ(OfEntryThat(looking,
                        "68 [.data+0x40] 6a 07 "
                        "ff 15 [KERNEL32.dll!GetProcAddress] 85 c0 74 (none) "
                        "ff d0 none:",
                        "")
                .verdict,
            Verdict::kUnknown);
  // Of Windows' own DLLs, one that no table knows.
  PeSpec windows = LeakySpecWithDelete();
  windows.imports.push_back({"SAMLIB.dll", {"Keep"}});
  EXPECT_EQ(OfEntryThat(windows, "6a 00 ff 15 [SAMLIB.dll!Keep] 83 c4 04", "")
                .verdict,
            Verdict::kLeaks);
}

// What decides on detach a thread may have changed meanwhile.
TEST(FindOtherDelete, DoubtsALeakThatAThreadMayEnd) {
  PeSpec spec = LeakySpecWithDelete();
  spec.imports[0].functions.push_back("CreateThread");
  spec.sections[1].content = "zero:128";
  const std::string starts =
      "6a 00 6a 00 6a 00 68 [thread] 6a 00 6a 00 "
      "ff 15 [KERNEL32.dll!CreateThread]";
  const std::string asks =
      "83 3d [.data+0x40] 01 75 (kept) ff 35 [.data+0x44] "
      "ff 15 [KERNEL32.dll!DeleteCriticalSection] kept:";
  const std::string thread = "thread: 31 c0 c2 04 00";
  EXPECT_EQ(OfEntryThat(spec, starts + " " + asks, thread).verdict,
            Verdict::kUnknown);
  EXPECT_EQ(OfEntryThat(spec, starts, thread).verdict, Verdict::kLeaks);
}

// Detach names the section, and calls what would delete it if the process
// answered otherwise, or if a number were another one.
TEST(FindOtherDelete, DoubtsALeakThatAWayNotTakenMayEnd) {
  PeSpec spec = LeakySpecWithDelete();
  spec.imports[0].functions.push_back("GetACP");
  const std::string deletes =
      " 83 f8 09 75 0a ff 74 24 04 ff 15 [KERNEL32.dll!DeleteCriticalSection]"
      " c2 04 00";
  const std::string asks = "free: ff 15 [KERNEL32.dll!GetACP]" + deletes;
  const auto found = [&](const std::string& what, const std::string& more,
                         Setting setting) {
    spec.sections[0].content =
        test::LeakyCode(what + " 31 c0 40 c2 0c 00\ncc\n" + more);
    const PeImage image = test::MustRead(spec);
    const EntryTraces traces = RunEntry(image, Runs::kThatCount, setting);
    EXPECT_TRUE(traces.detach.complete);
    return FindOtherDelete(image, traces, {Rva{0x2010}}, {}).has_value();
  };
  const std::string by_address = "68 [.data+0x10] e8 {free}";
  EXPECT_TRUE(found(by_address, asks, Setting::kOrdinary));
  spec.sections[1].content = "zero:64 [.data+0x10] zero:56";
  const std::string by_pointer = "ff 35 [.data+0x40] e8 {free}";
  EXPECT_TRUE(found(by_pointer, asks, Setting::kOrdinary));
  // Handed back by a function, which names it.
  EXPECT_TRUE(found("e8 {which} 50 e8 {free}",
                    "which: b8 [.data+0x10] c3 " + asks, Setting::kOrdinary));
  // What detach deletes by such a way it got from elsewhere.
  EXPECT_FALSE(found("50 e8 {free}", asks, Setting::kOrdinary));
  EXPECT_FALSE(
      found("68 [.data+0x10] ff 15 [KERNEL32.dll!GetLastError] 59 "
            "50 e8 {free}",
            asks, Setting::kOrdinary));
  // Where all paths were followed, it must be the section that detach names.
  const std::string decides = "free: 31 c0" + deletes;
  EXPECT_TRUE(found(by_address, decides, Setting::kAny));
  EXPECT_FALSE(found("68 [.data+0x70] e8 {free}", decides, Setting::kAny));
}

}  // namespace
}  // namespace detachfix
