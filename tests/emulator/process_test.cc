// SPDX-License-Identifier: Apache-2.0
// What the emulated process notices: each row is a mistake that a repair could
// make, in hand assembly, and the words it is reported with.
#include "tests/emulator/process.h"

#include <gtest/gtest.h>

#include "tests/emulator/scenarios.h"
#include "tests/emulator/tiny_dll.h"

namespace detachfix::emulator {
namespace {

constexpr char kInitialize[] = "InitializeCriticalSection";
constexpr char kDelete[] = "DeleteCriticalSection";

std::vector<TinyImport> Imports() {
  return {
      {"kernel32.dll",
       {kInitialize, kDelete, "EnterCriticalSection", "LeaveCriticalSection",
        "LocalFree", "ExitProcess", "NoSuchFunction"},
       {},
       0,
       {}}};
}

using Assemble = void (*)(TinyDll&);

/// A DLL that on FreeLibrary does what `on_free` says.
TinyDll LockDll(Assemble on_free) {
  return MakeLockDll(Imports(), kInitialize, on_free);
}

ScenarioRun RunFree(const TinyDll& dll) {
  std::vector<uint8_t> file = dll.Build();
  return Play(AllScenarios()[0], {}, file, file, 1);
}

TEST(EmulatorProcess, SeesTheLeak) {
  ScenarioRun run = RunFree(LockDll([](TinyDll&) {}));
  EXPECT_EQ(run.load_error, "");
  EXPECT_TRUE(run.violations.empty());
  EXPECT_EQ(run.live, std::set<std::string>{"image+0x3000"});
  ASSERT_EQ(run.entries.size(), 2u);
  EXPECT_EQ(run.entries[0].what, "attach");
  ASSERT_EQ(run.entries[0].calls.size(), 1u);
  EXPECT_EQ(run.entries[0].calls[0].ToText(),
            "kernel32.dll!InitializeCriticalSection(image+0x3000)");
  EXPECT_TRUE(run.entries[1].calls.empty());
}

TEST(EmulatorProcess, SeesTheDeletion) {
  ScenarioRun run =
      RunFree(LockDll([](TinyDll& dll) { dll.CallWithLock(kDelete); }));
  EXPECT_TRUE(run.violations.empty());
  EXPECT_TRUE(run.live.empty());
}

struct Mistake {
  const char* name;
  Assemble on_free;
  std::vector<std::string> violations;
};

const Mistake kMistakes[] = {
    {"PopsTooLittle",
     [](TinyDll& dll) {
       dll.CallWithLock(kDelete).Code({0xc2, 0x08, 0x00});
     },
     {"returns with esp off by -0x4"}},
    {"PopsTooMuch",
     [](TinyDll& dll) {
       dll.CallWithLock(kDelete).Code({0xc2, 0x10, 0x00});
     },
     {"returns with esp off by +0x4"}},
    {"PushesWithoutPop",  // push eax: returns to what was pushed
     [](TinyDll& dll) {
       dll.Code({0x31, 0xc0, 0x50, 0xc2, 0x0c, 0x00});
     },
     {"jumps to 0x0, where nothing is"}},
    {"ClobbersEbx",
     [](TinyDll& dll) {
       dll.CallWithLock(kDelete).Code({0x31, 0xdb});
     },
     {"returns with another ebx"}},
    {"ClobbersEsiEdiEbp",  // xor esi, esi; xor edi, edi; xor ebp, ebp
     [](TinyDll& dll) {
       dll.Code({0x31, 0xf6, 0x31, 0xff, 0x31, 0xed});
     },
     {"returns with another esi", "returns with another edi",
      "returns with another ebp"}},
    {"SetsTheDirectionFlag",  // std
     [](TinyDll& dll) { dll.Code({0xfd}); },
     {"returns with the direction flag set"}},
    {"CallsWithTheDirectionFlag",
     [](TinyDll& dll) { dll.Code({0xfd}).CallWithLock(kDelete); },
     {"calls kernel32.dll!DeleteCriticalSection with a bad stack or direction "
      "flag"}},
    {"DeletesTwice",
     [](TinyDll& dll) { dll.CallWithLock(kDelete).CallWithLock(kDelete); },
     {"deletes image+0x3000, which is no initialised critical section"}},
    {"DeletesAnother",
     [](TinyDll& dll) { dll.CallWithLock(kDelete, 4); },
     {"deletes image+0x3004, which is no initialised critical section"}},
    {"DeletesWhileEntered",
     [](TinyDll& dll) {
       dll.CallWithLock("EnterCriticalSection").CallWithLock(kDelete);
     },
     {"deletes image+0x3000 while it is entered"}},
    {"EntersTheDeleted",
     [](TinyDll& dll) {
       dll.CallWithLock(kDelete).CallWithLock("EnterCriticalSection");
     },
     {"enters image+0x3000, which is no initialised critical section"}},
    {"LeavesWithoutEntering",
     [](TinyDll& dll) { dll.CallWithLock("LeaveCriticalSection"); },
     {"leaves image+0x3000, which is not entered"}},
    {"FreesWhatIsNoBlock",
     [](TinyDll& dll) { dll.CallWithLock("LocalFree"); },
     {"frees image+0x3000, which is no allocated block"}},
    {"WritesReadOnlyCode",  // mov [kText], eax
     [](TinyDll& dll) { dll.CodeAt({0xa3}, TinyDll::kText); },
     {"writes read-only memory at 0x10001000 (image+0x101c)"}},
    {"WritesReadOnlySlots",
     [](TinyDll& dll) { dll.CodeAt({0xa3}, TinyDll::kImports); },
     {"writes read-only memory at 0x10002000 (image+0x101c)"}},
    {"WritesPastVirtualSize",  // .data is 0x100 bytes long
     [](TinyDll& dll) { dll.CodeAt({0xa3}, TinyDll::kData + 0x100); },
     {"writes 0x10003100, past the VirtualSize of a section "
      "(image+0x101c)"}},
    {"ReadsTheUnmapped",  // mov eax, [0]
     [](TinyDll& dll) {
       dll.Code({0xa1, 0, 0, 0, 0});
     },
     {"reads unmapped memory at 0x0 (image+0x101c)"}},
    {"ExecutesData",  // jmp to .data through push, ret
     [](TinyDll& dll) { dll.CodeAt({0x68}, TinyDll::kData).Code({0xc3}); },
     {"executes data at 0x10003000 (image+0x1021)"}},
    {"JumpsNowhere",  // xor eax, eax; jmp eax
     [](TinyDll& dll) {
       dll.Code({0x31, 0xc0, 0xff, 0xe0});
     },
     {"jumps to 0x0, where nothing is"}},
    {"NeverReturns",  // jmp $
     [](TinyDll& dll) {
       dll.Code({0xeb, 0xfe});
     },
     {"does not return (image+0x101c)"}},
    {"Breaks",  // int3
     [](TinyDll& dll) { dll.Code({0xcc}); },
     {"stops: Unhandled CPU exception (UC_ERR_EXCEPTION) (image+0x101c)"}},
    {"ChangesItsCallersStack",  // mov [esp+16], eax
     [](TinyDll& dll) {
       dll.Code({0x89, 0x44, 0x24, 0x10});
     },
     {"changed its caller's stack at 0x0 above the arguments"}},
    {"LeavesAnExceptionFrame",  // mov fs:[0], eax
     [](TinyDll& dll) {
       dll.Code({0x64, 0xa3, 0, 0, 0, 0});
     },
     {"returns with another head of the exception chain"}},
    {"CallsTheUnknown",
     [](TinyDll& dll) { dll.CallWithLock("NoSuchFunction"); },
     {"calls kernel32.dll!NoSuchFunction, whose arguments are not known"}},
    {"EndsTheProcess",
     [](TinyDll& dll) { dll.CallWithLock("ExitProcess"); },
     {"ends the process"}},
};

class EmulatorMistake : public testing::TestWithParam<Mistake> {};

TEST_P(EmulatorMistake, IsReported) {
  ScenarioRun run = RunFree(LockDll(GetParam().on_free));
  EXPECT_EQ(run.load_error, "");
  EXPECT_EQ(run.violations, GetParam().violations);
}

INSTANTIATE_TEST_SUITE_P(All, EmulatorMistake, testing::ValuesIn(kMistakes),
                         [](const testing::TestParamInfo<Mistake>& row) {
                           return row.param.name;
                         });

TEST(EmulatorProcess, ReportsCodePastVirtualSize) {
  TinyDll dll = LockDll([](TinyDll&) {});
  dll.text_virtual_size = 0x1a;  // up to the detach work and what follows
  EXPECT_EQ(RunFree(dll).violations,
            std::vector<std::string>{"executes past the VirtualSize of its "
                                     "section (image+0x101a)"});
}

TEST(EmulatorProcess, MayChangeItsOwnArguments) {
  // mov dword [esp+4], 0; mov dword [esp+12], 0: they belong to the callee.
  ScenarioRun run = RunFree(LockDll([](TinyDll& dll) {
    dll.Code({0xc7, 0x44, 0x24, 0x04, 0, 0, 0, 0});
    dll.Code({0xc7, 0x44, 0x24, 0x0c, 0, 0, 0, 0});
  }));
  EXPECT_TRUE(run.violations.empty());
}

TEST(EmulatorProcess, FindsNothingLeftBelowTheStackAfterACall) {
  // push 0x12345678; pop eax; …call…; mov eax, [esp-4]: the value is gone.
  ScenarioRun run = RunFree(LockDll([](TinyDll& dll) {
    dll.Code({0x68, 0x78, 0x56, 0x34, 0x12, 0x58}).CallWithLock(kDelete);
    dll.Code({0x8b, 0x44, 0x24, 0xfc, 0xc2, 0x0c, 0x00});
  }));
  EXPECT_TRUE(run.violations.empty());
  EXPECT_NE(run.entries[1].result, 0x12345678u);
}

TEST(EmulatorProcess, ReadsTheThreadBlockThroughFs) {
  // mov eax, fs:[0x18]: NtCurrentTeb()
  ScenarioRun run = RunFree(LockDll([](TinyDll& dll) {
    dll.Code({0x64, 0xa1, 0x18, 0, 0, 0, 0xc2, 0x0c, 0x00});
  }));
  EXPECT_TRUE(run.violations.empty());
  EXPECT_EQ(run.entries[1].result, Machine::kThreadBlock);
}

TEST(EmulatorProcess, KnowsWhichDllsAreThere) {
  // GetModuleHandleA(name), its result returned.
  for (bool exists : {false, true}) {
    TinyDll dll({{"kernel32.dll", {"GetModuleHandleA"}, {}, 0, {}}});
    dll.CodeAt({0x68}, TinyDll::kText + 0x0e);
    dll.CodeAt({0xff, 0x15}, dll.SlotOf("GetModuleHandleA"));
    dll.Code({0xc2, 0x0c, 0x00});
    for (char c : std::string(exists ? "NTDLL" : "nowhere")) {
      dll.Code({static_cast<uint8_t>(c)});
    }
    dll.Code({0});
    ScenarioRun run = RunFree(dll);
    EXPECT_TRUE(run.violations.empty());
    EXPECT_EQ(run.entries[0].result != 0, exists);
  }
}

TEST(EmulatorProcess, AnswersTheEnvironmentAsSteered) {
  // GetEnvironmentVariableA("TEMP", NULL, 0), its result returned.
  TinyDll dll({{"kernel32.dll", {"GetEnvironmentVariableA"}, {}, 0, {}}});
  dll.Code({0x6a, 0, 0x6a, 0}).CodeAt({0x68}, TinyDll::kText + 0x16);
  dll.CodeAt({0xff, 0x15}, dll.SlotOf("GetEnvironmentVariableA"));
  dll.Code({0xc2, 0x0c, 0x00, 0x90, 0x90, 0x90, 0x90});
  dll.Code({'T', 'E', 'M', 'P', 0});
  FakeSystem system;
  for (bool is_set : {false, true}) {
    ProcessOptions options;
    if (is_set) options.steering.environment["TEMP"] = "C:\\";
    Result<std::unique_ptr<Process>> process =
        Process::Load(dll.Build(), options, system);
    ASSERT_TRUE(process) << process.error().message;
    EntryRecord attach = (*process)->CallEntry(Reason::kAttach, false);
    EXPECT_EQ(attach.result, is_set ? 4u : 0u) << "the length with its zero";
    ASSERT_EQ(attach.calls.size(), 1u);
    EXPECT_EQ(attach.calls[0].ToText(),
              "kernel32.dll!GetEnvironmentVariableA(image+0x1016, 0x0, 0x0)");
  }
}

}  // namespace
}  // namespace detachfix::emulator
