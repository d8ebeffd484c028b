// SPDX-License-Identifier: Apache-2.0
#include "patcher/section_imports.h"

#include <gtest/gtest.h>

#include "patcher/diagnosis.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::LeakySpec;
using test::MustRead;
using test::PeSpec;

TEST(SectionImports, SaysWhichImportLeadsToASection) {
  const struct {
    const char* dll;
    const char* name;
    bool leads;
  } rows[] = {
      {"kernel32.dll", "InitializeCriticalSection", true},
      {"kernel32.dll", "InitializeCriticalSectionAndSpinCount", true},
      {"kernel32.dll", "InitializeCriticalSectionEx", true},
      {"ntdll.dll", "RtlInitializeCriticalSection", true},
      {"ntdll.dll", "RtlInitializeCriticalSectionAndSpinCount", true},
      {"ntdll.dll", "RtlInitializeCriticalSectionEx", true},
      {"kernelbase.dll", "InitializeCriticalSection", true},
      {"vcruntime140.dll", "__vcrt_InitializeCriticalSectionEx", true},
      {"ntdll.dll", "RtlInitializeResource", true},
      {"atl.dll", "AtlModuleInit", true},
      {"atl90.dll", "AtlWinModuleInit", true},
      {"atl.dll", "AtlModuleTerm", false},
      {"atlas.dll", "AtlModuleInit", false},
      {"ntdll.dll", "RtlDeleteResource", false},
      {"msvcr120.dll", "__crtInitializeCriticalSectionEx", true},
      {"kernel32.dll", "GetProcAddress", true},
      {"ntdll.dll", "LdrGetProcedureAddress", true},
      {"kernel32.dll", "DeleteCriticalSection", false},
      {"kernel32.dll", "EnterCriticalSection", false},
      {"kernel32.dll", "LoadLibraryA", false},
      {"kernel32.dll", "initializecriticalsection", false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(MayInitialiseSection({row.dll, row.name, std::nullopt}),
              row.leads)
        << row.dll << "!" << row.name;
  }
}

TEST(SectionImports, AnOrdinalAloneMayBeAnythingUnlessItIsListed) {
  EXPECT_TRUE(MayInitialiseSection({"mine.dll", "", 115}));
  EXPECT_TRUE(MayInitialiseSection({"ws2_32.dll", "", 9999}));
  EXPECT_TRUE(MayInitialiseSection({"atl.dll", "", 16}));       // AtlModuleInit
  EXPECT_FALSE(MayInitialiseSection({"ws2_32.dll", "", 115}));  // WSAStartup
}

TEST(SectionImports, AnExportMayBeTheFunctionItself) {
  EXPECT_TRUE(IsInitialiserOfItsOwn("InitializeCriticalSection"));
  EXPECT_TRUE(IsInitialiserOfItsOwn("RtlInitializeCriticalSection"));
  EXPECT_FALSE(IsInitialiserOfItsOwn("InitSecurityInterfaceA"));
  EXPECT_FALSE(IsInitialiserOfItsOwn(""));
}

TEST(SectionImports, LooksAtEveryImportAndExport) {
  PeSpec spec = LeakySpec();
  EXPECT_TRUE(MayInitialiseSection(MustRead(spec)));
  spec.sections[0].content = "entry: c2 0c 00  ; ret 12";
  spec.imports = {{"KERNEL32.dll", {"DeleteCriticalSection"}},
                  {"USER32.dll", {"MessageBoxA"}}};
  spec.exports = {{"InitSecurityInterfaceA", "entry"}};
  EXPECT_FALSE(MayInitialiseSection(MustRead(spec)));
  spec.imports[1].functions.push_back("#115");
  EXPECT_TRUE(MayInitialiseSection(MustRead(spec)));
  spec.imports.pop_back();
  spec.exports.push_back({"InitializeCriticalSection", "entry"});
  EXPECT_TRUE(MayInitialiseSection(MustRead(spec)));
}

// Which function an ordinal of kernel32 names differs from version to version.
TEST(Diagnose, DoesNotKnowWhatAnOrdinalOfTheKernelIs) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = "entry: ff 15 [KERNEL32.dll!#5] c2 0c 00";
  spec.imports = {{"KERNEL32.dll", {"#5"}}};
  const Diagnosis diagnosis = Diagnose(MustRead(spec));
  EXPECT_EQ(diagnosis.verdict, Verdict::kUnknown);
  EXPECT_TRUE(
      diagnosis.because.find("kernel32.dll!#5, which may be anything") !=
      std::string::npos)
      << diagnosis.because;
}

// What the DLL imports from itself is its own code.
TEST(Diagnose, DoesNotFollowImportsFromTheImageItself) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = "entry: ff 15 [SECURITY.dll!Own] c2 0c 00";
  spec.imports.push_back({"SECURITY.dll", {"Own"}});
  EXPECT_EQ(Diagnose(MustRead(spec)).verdict, Verdict::kUnknown);
}

/// A DLL that leaks, whose attach runs `code` first. At .data+0x30 stands
/// "security.dll", at .data+0x28 a word.
PeSpec LeakySpecThatRuns(const std::string& code) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content =
      "entry: 83 7c 24 08 01 75 (out)  ; cmp dword ptr [esp+8], 1; jne\n" +
      code +
      "68 [.data+0x10] ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
      "out: 31 c0 40 c2 0c 00          ; xor eax,eax; inc eax; ret 12";
  spec.sections[1].content =
      "zero:48 73 65 63 75 72 69 74 79 2e 64 6c 6c 00 zero:3";
  spec.imports = {{"KERNEL32.dll",
                   {"InitializeCriticalSection", "DeleteCriticalSection",
                    "LoadLibraryA", "GetModuleHandleExA"}},
                  {"ntdll.dll", {"LdrAddRefDll", "LdrLoadDll"}}};
  return spec;
}

// LoadLibrary maps a program, and calls nothing in it.
TEST(Diagnose, RunsNoEntryOfWhatIsNoDll) {
  PeSpec spec = test::LeakySpec();
  EXPECT_EQ(Diagnose(test::MustRead(spec)).verdict, Verdict::kLeaks);
  spec.characteristics = 0x0102;
  const Diagnosis diagnosis = Diagnose(test::MustRead(spec));
  EXPECT_EQ(diagnosis.verdict, Verdict::kNotApplicable);
  EXPECT_EQ(diagnosis.because,
            "is no DLL (IMAGE_FILE_DLL is not set), so that loading it runs no "
            "entry");
}

// The kernel calls a driver's entry with other arguments, also of one that is a
// DLL by its header. A DLL of the subsystem's processes is native as well.
TEST(Diagnose, RunsNoEntryOfADriver) {
  PeSpec spec = test::LeakySpec();
  spec.overrides = {{"Subsystem", 1}};
  EXPECT_EQ(Diagnose(test::MustRead(spec)).verdict, Verdict::kLeaks);
  for (const char* const dll : {"ntoskrnl.exe", "HAL.dll"}) {
    spec.imports.resize(1);
    spec.imports.push_back({dll, {"READ_PORT_UCHAR"}});
    spec.overrides = {{"Subsystem", 1}};
    const Diagnosis diagnosis = Diagnose(test::MustRead(spec));
    EXPECT_EQ(diagnosis.verdict, Verdict::kNotApplicable);
    EXPECT_EQ(diagnosis.because,
              "is a driver, by its imports from the kernel: its entry is no "
              "DllMain");
    spec.overrides.clear();
    EXPECT_EQ(Diagnose(test::MustRead(spec)).verdict, Verdict::kLeaks);
  }
}

TEST(Diagnose, DoesNotSayThatAnImageLeaksWhichKeepsItselfLoaded) {
  const std::string load =
      "68 [.data+0x30] ff 15 [KERNEL32.dll!LoadLibraryA]\n";
  const Diagnosis loaded = Diagnose(MustRead(LeakySpecThatRuns(load)));
  EXPECT_EQ(loaded.verdict, Verdict::kUnknown);
  EXPECT_EQ(loaded.because,
            "attach loads the image once more, so that FreeLibrary may not "
            "unload it");
  const std::string other =
      "68 [.data+0x31] ff 15 [KERNEL32.dll!LoadLibraryA]\n";
  EXPECT_EQ(Diagnose(MustRead(LeakySpecThatRuns(other))).verdict,
            Verdict::kLeaks);
}

TEST(Diagnose, DoesNotSayThatAnImageLeaksWhichMayLoadItselfByAnyName) {
  const std::string any = "50 ff 15 [KERNEL32.dll!LoadLibraryA]  ; push eax\n";
  EXPECT_EQ(Diagnose(MustRead(LeakySpecThatRuns(any))).verdict,
            Verdict::kUnknown);
}

TEST(Diagnose, KnowsWhichHandleHoldsTheImage) {
  const std::string rest =
      " ff 15 [KERNEL32.dll!GetModuleHandleExA]  ; of an address in the "
      "image\n";
  const std::string held = "68 [.data+0x28] 68 [.text+0x0] 6a 04" + rest;
  EXPECT_EQ(Diagnose(MustRead(LeakySpecThatRuns(held))).verdict,
            Verdict::kUnknown);
  const std::string unchanged = "68 [.data+0x28] 68 [.text+0x0] 6a 06" + rest;
  EXPECT_EQ(Diagnose(MustRead(LeakySpecThatRuns(unchanged))).verdict,
            Verdict::kLeaks);
}

TEST(Diagnose, KnowsTheLoadersOwnWaysToHoldTheImage) {
  const std::string refer = " 6a 00 ff 15 [ntdll.dll!LdrAddRefDll]\n";
  EXPECT_EQ(
      Diagnose(MustRead(LeakySpecThatRuns("68 [.text+0x0]" + refer))).verdict,
      Verdict::kUnknown);
  EXPECT_EQ(
      Diagnose(MustRead(LeakySpecThatRuns("68 00 00 00 7c" + refer))).verdict,
      Verdict::kLeaks);
  // A UNICODE_STRING on the stack, whose buffer is not known.
  const std::string load =
      "50 6a 08 8b cc 68 [.data+0x28] 51 6a 00 6a 00"
      " ff 15 [ntdll.dll!LdrLoadDll] 59 59\n";
  EXPECT_EQ(Diagnose(MustRead(LeakySpecThatRuns(load))).verdict,
            Verdict::kUnknown);
}

TEST(Diagnose, RunsWhatImportsNothing) {
  PeSpec spec = LeakySpec();
  // What it finds in the memory of its process, it may call.
  spec.sections[0].content =
      "entry: 64 a1 30 00 00 00  ; mov eax, fs:[0x30]\n ff d0 c2 0c 00\n";
  spec.imports.clear();
  const Diagnosis diagnosis = Diagnose(MustRead(spec));
  EXPECT_EQ(diagnosis.verdict, Verdict::kUnknown);
  EXPECT_TRUE(diagnosis.because.starts_with(
      "attach: calls to an address that is not known"))
      << diagnosis.because;
  spec.sections[0].content = "entry: b8 01 00 00 00 c2 0c 00\n";
  EXPECT_EQ(Diagnose(MustRead(spec)).verdict, Verdict::kNotApplicable);
}

TEST(Diagnose, NeedsNoTraceWhereNothingLeadsToASection) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = "entry: 0f 0b  ; ud2";
  spec.imports = {{"KERNEL32.dll", {"DeleteCriticalSection"}}};
  const Diagnosis diagnosis = Diagnose(MustRead(spec));
  EXPECT_EQ(diagnosis.verdict, Verdict::kNotApplicable);
  EXPECT_EQ(diagnosis.because,
            "imports no function that initialises a critical section");
  EXPECT_FALSE(diagnosis.traces);
}

TEST(Diagnose, SeesASectionThatDetachItselfLeavesBehind) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content =
      "entry: 83 7c 24 08 01 75 (detach)  ; cmp dword ptr [esp+8], 1; jne\n"
      "68 [.data+0x10] ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
      "eb (out)                           ; jmp out\n"
      "detach: 83 7c 24 08 00 75 (out)    ; cmp dword ptr [esp+8], 0; jne\n"
      "68 [.data+0x28] ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
      "68 [.data+0x10] ff 15 [KERNEL32.dll!DeleteCriticalSection]\n"
      "out: 31 c0 40 c2 0c 00             ; xor eax,eax; inc eax; ret 12";
  spec.imports = {
      {"KERNEL32.dll", {"InitializeCriticalSection", "DeleteCriticalSection"}}};
  const Diagnosis diagnosis = Diagnose(MustRead(spec));
  EXPECT_EQ(diagnosis.verdict, Verdict::kLeaks);
  EXPECT_EQ(diagnosis.because,
            "1 of 2 critical sections that attach or detach initialises is not "
            "deleted on detach");
  ASSERT_EQ(diagnosis.critical_sections.size(), 2u);
  EXPECT_FALSE(diagnosis.critical_sections[0].leaked);
  EXPECT_TRUE(diagnosis.critical_sections[1].leaked);
  EXPECT_EQ(diagnosis.critical_sections[1].rva, Rva{0x2028});
}

TEST(Diagnose, SaysThatAttachDeletesWhatItMade) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content =
      "entry: 83 7c 24 08 01 75 (out)     ; cmp dword ptr [esp+8], 1; jne\n"
      "68 [.data+0x10] ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
      "68 [.data+0x10] ff 15 [KERNEL32.dll!DeleteCriticalSection]\n"
      "out: 31 c0 40 c2 0c 00             ; xor eax,eax; inc eax; ret 12";
  spec.imports = {
      {"KERNEL32.dll", {"InitializeCriticalSection", "DeleteCriticalSection"}}};
  const Diagnosis diagnosis = Diagnose(MustRead(spec));
  EXPECT_EQ(diagnosis.verdict, Verdict::kNotApplicable);
  EXPECT_EQ(diagnosis.because,
            "attach deletes each critical section that it initialises");
}

TEST(Diagnose, IsNotSureOfASectionThatDetachMakesWhereAttachDidNot) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content =
      "entry: 83 7c 24 08 01 75 (detach)  ; cmp dword ptr [esp+8], 1; jne\n"
      "ff 15 [other.dll!answer]           ; call\n"
      "a3 [.data+0x30] 85 c0 74 (out)     ; mov [made], eax; test; je out\n"
      "68 [.data+0x10] ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
      "eb (out)                           ; jmp out\n"
      "detach: 68 [.data+0x10]            ; push offset section\n"
      "83 3d [.data+0x30] 00 74 (none)    ; cmp dword ptr [made], 0; je\n"
      "ff 15 [KERNEL32.dll!DeleteCriticalSection]\n"
      "eb (out)                           ; jmp out\n"
      "none: ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
      "out: 31 c0 40 c2 0c 00             ; xor eax,eax; inc eax; ret 12";
  spec.imports = {
      {"KERNEL32.dll", {"InitializeCriticalSection", "DeleteCriticalSection"}},
      {"other.dll", {"answer"}}};
  EXPECT_EQ(Diagnose(MustRead(spec)).verdict, Verdict::kUnknown);
}

TEST(Diagnose, FollowsThePathsOnWhichThereIsNoMemoryWhereASectionIsMade) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content =
      "entry: 83 7c 24 08 01 75 (detach)  ; cmp dword ptr [esp+8], 1; jne\n"
      "6a 08 ff 15 [msvcrt.dll!malloc] 59 ; push 8; call; pop ecx\n"
      "a3 [.data+0x30]                    ; mov [block], eax\n"
      "68 [.data+0x10] ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
      "eb (out)                           ; jmp out\n"
      "detach: 83 3d [.data+0x30] 00      ; cmp dword ptr [block], 0\n"
      "74 (out)                           ; je out\n"
      "68 [.data+0x10] ff 15 [KERNEL32.dll!DeleteCriticalSection]\n"
      "out: 31 c0 40 c2 0c 00             ; xor eax,eax; inc eax; ret 12";
  spec.imports = {
      {"KERNEL32.dll", {"InitializeCriticalSection", "DeleteCriticalSection"}},
      {"msvcrt.dll", {"malloc"}}};
  const Diagnosis diagnosis = Diagnose(MustRead(spec));
  EXPECT_EQ(diagnosis.verdict, Verdict::kUnknown);
  EXPECT_EQ(diagnosis.basis, Basis::kEveryPath);
}

TEST(Diagnose, SaysOfAResourceThatItIsMoreThanASection) {
  PeSpec spec = LeakySpec();
  const std::string plain = "KERNEL32.dll!InitializeCriticalSection";
  std::string& code = spec.sections[0].content;
  code.replace(code.find(plain), plain.size(),
               "ntdll.dll!RtlInitializeResource");
  spec.imports = {{"ntdll.dll", {"RtlInitializeResource"}}};
  const Diagnosis diagnosis = Diagnose(MustRead(spec));
  EXPECT_EQ(diagnosis.verdict, Verdict::kUnknown);
  EXPECT_EQ(diagnosis.because,
            "detach leaves the resource (RTL_RESOURCE) at 0x2010, whose "
            "critical section is only a part of what it leaks");
}

TEST(Diagnose, FollowsTheEntryOfNativeCodeThatTheClrRuns) {
  const char* const kNativeEntry = "10 00 00 00";
  EXPECT_EQ(Diagnose(MustRead(test::ClrSpec("nothing", kNativeEntry))).verdict,
            Verdict::kNotApplicable);
  const Diagnosis leaks =
      Diagnose(MustRead(test::ClrSpec("entry", kNativeEntry)));
  EXPECT_EQ(leaks.verdict, Verdict::kUnknown);
  EXPECT_TRUE(leaks.because.starts_with("the CLR runs its entry, at 0x"))
      << leaks.because;
  // A token of managed code, not an address.
  EXPECT_EQ(Diagnose(MustRead(test::ClrSpec("entry", "01 00 00 00"))).verdict,
            Verdict::kNotApplicable);
}

}  // namespace
}  // namespace detachfix
