// SPDX-License-Identifier: Apache-2.0
// The proof has to fail for every wrong repair, so each is shown to it.
#include "tests/emulator/compare.h"

#include <gtest/gtest.h>

#include "tests/emulator/argument_table.h"
#include "tests/emulator/prove.h"
#include "tests/emulator/tiny_dll.h"

namespace detachfix::emulator {
namespace {

using Bytes = std::vector<uint8_t>;
using Assemble = void (*)(TinyDll&);

constexpr char kInitialize[] = "InitializeCriticalSection";
constexpr char kDelete[] = "DeleteCriticalSection";

TinyImport Kernel32() {
  return {"kernel32.dll", {kInitialize, kDelete, "SetLastError"}, {}, 0, {}};
}

TinyImport BoundKernel32() {
  TinyImport import = Kernel32();
  import.bound_addresses = {0x77f01000, 0x77f62000, 0x77f03000};
  import.bound_stamp = 0x36d9d5f3;
  return import;
}

Bytes LockDll(Assemble on_free, const TinyImport& import = Kernel32()) {
  return MakeLockDll({import}, kInitialize, on_free).Build();
}

/// cmp dword [kLock], 0; the deletion only when it is not: what a repair does.
void GuardedDelete(TinyDll& dll) {
  dll.CodeAt({0x83, 0x3d}, TinyDll::kLock).Code({0x00, 0x74, 0x0b});
  dll.CallWithLock(kDelete);
}

void Nothing(TinyDll&) {}

std::vector<std::string> FailuresOf(const Bytes& before, const Bytes& after,
                                    const Allowance& allowance = {}) {
  return Prove(
             {}, before, after,
             [](const Scenario&, const ScenarioRun&,
                std::vector<std::string>&) {},
             {}, allowance)
      .failures;
}

bool Contains(const std::vector<std::string>& failures,
              const std::string& text) {
  for (const std::string& failure : failures) {
    if (failure == text) return true;
  }
  return false;
}

TEST(EmulatorProof, AcceptsARepair) {
  EXPECT_EQ(FailuresOf(LockDll(Nothing), LockDll(GuardedDelete)),
            std::vector<std::string>());
}

TEST(EmulatorProof, AcceptsARepairOfABoundFile) {
  EXPECT_EQ(FailuresOf(LockDll(Nothing, BoundKernel32()),
                       LockDll(GuardedDelete, BoundKernel32())),
            std::vector<std::string>());
}

TEST(EmulatorProof, PlaysAtLeastThirteenScenarios) {
  Bytes before = LockDll(Nothing), after = LockDll(GuardedDelete);
  Proof proof = Prove(
      {}, before, after,
      [](const Scenario&, const ScenarioRun&, std::vector<std::string>&) {});
  EXPECT_GE(proof.runs, 13u * 4) << "before and after, two seeds";
}

TEST(EmulatorProof, RefusesAFileThatStillLeaks) {
  EXPECT_TRUE(Contains(FailuresOf(LockDll(Nothing), LockDll(Nothing)),
                       "free: after: detach: leaves alive image+0x3000"));
}

TEST(EmulatorProof, RefusesAnUnguardedDeletion) {
  Bytes after = LockDll([](TinyDll& dll) { dll.CallWithLock(kDelete); });
  EXPECT_TRUE(Contains(
      FailuresOf(LockDll(Nothing), after),
      "never attached: after: deletes image+0x3000, which is no initialised "
      "critical section"));
}

TEST(EmulatorProof, RefusesAnotherCallBeforeTheDeletion) {
  Bytes after = LockDll([](TinyDll& dll) {
    dll.Code({0x6a, 0x05});  // push 5
    dll.CodeAt({0xff, 0x15}, dll.SlotOf("SetLastError"));
    GuardedDelete(dll);
  });
  EXPECT_TRUE(Contains(
      FailuresOf(LockDll(Nothing), after),
      "free: after: detach: calls also kernel32.dll!SetLastError(0x5)"));
}

TEST(EmulatorProof, RefusesADeletionBeforeTheDllsOwnWork) {
  Assemble work = [](TinyDll& dll) {
    dll.Code({0x6a, 0x05});
    dll.CodeAt({0xff, 0x15}, dll.SlotOf("SetLastError"));
  };
  Bytes after = LockDll([](TinyDll& dll) {
    dll.CallWithLock(kDelete).Code({0x6a, 0x05});
    dll.CodeAt({0xff, 0x15}, dll.SlotOf("SetLastError"));
  });
  EXPECT_TRUE(Contains(
      FailuresOf(LockDll(work), after),
      "free: after: detach: calls "
      "kernel32.dll!DeleteCriticalSection(image+0x3000) where it called "
      "kernel32.dll!SetLastError(0x5)"));
}

TEST(EmulatorProof, RefusesADroppedCall) {
  Assemble work = [](TinyDll& dll) {
    dll.Code({0x6a, 0x05});
    dll.CodeAt({0xff, 0x15}, dll.SlotOf("SetLastError"));
  };
  EXPECT_TRUE(Contains(FailuresOf(LockDll(work), LockDll(Nothing)),
                       "free: after: detach: returns where it called "
                       "kernel32.dll!SetLastError(0x5)"));
}

TEST(EmulatorProof, RefusesAnotherReturnValue) {
  Bytes after = LockDll([](TinyDll& dll) {
    GuardedDelete(dll);
    dll.Code({0x31, 0xc0, 0xc2, 0x0c, 0x00});  // return FALSE
  });
  EXPECT_TRUE(Contains(FailuresOf(LockDll(Nothing), after),
                       "free: after: detach: returns 0x0, was 0x1"));
}

TEST(EmulatorProof, MayAcceptAnotherResultOfADeletingDetach) {
  Bytes after = LockDll([](TinyDll& dll) {
    // As GuardedDelete, and where it deletes: return FALSE.
    dll.CodeAt({0x83, 0x3d}, TinyDll::kLock).Code({0x00, 0x74, 0x10});
    dll.CallWithLock(kDelete).Code({0x31, 0xc0, 0xc2, 0x0c, 0x00});
  });
  EXPECT_TRUE(Contains(FailuresOf(LockDll(Nothing), after),
                       "free: after: detach: returns 0x0, was 0x1"));
  EXPECT_EQ(FailuresOf(LockDll(Nothing), after, {true}),
            std::vector<std::string>());
}

TEST(EmulatorProof, RefusesADeletionAtProcessExit) {
  // As LockDll, but looks at the reason alone.
  TinyDll dll({Kernel32()});
  dll.Code({0x83, 0x7c, 0x24, 0x08, 0x01});
  dll.UnlessEqual([](TinyDll& d) { d.CallWithLock(kInitialize); });
  dll.Code({0x83, 0x7c, 0x24, 0x08, 0x00});
  dll.UnlessEqual(GuardedDelete);
  dll.Code({0xb8, 1, 0, 0, 0, 0xc2, 0x0c, 0x00});
  EXPECT_TRUE(Contains(FailuresOf(LockDll(Nothing), dll.Build()),
                       "process exit: after: detach (reserved): calls also "
                       "kernel32.dll!DeleteCriticalSection(image+0x3000)"));
}

TEST(EmulatorProof, RefusesAddressesWithoutRelocation) {
  // push 0x10003000 as four plain bytes: right at one base only.
  Bytes after = LockDll([](TinyDll& dll) {
    dll.CodeAt({0x83, 0x3d}, TinyDll::kLock).Code({0x00, 0x74, 0x0b});
    dll.Code({0x68, 0x00, 0x30, 0x00, 0x10});
    dll.CodeAt({0xff, 0x15}, dll.SlotOf(kDelete));
  });
  std::vector<std::string> failures = FailuresOf(LockDll(Nothing), after);
  EXPECT_TRUE(Contains(failures,
                       "another base: after: deletes 0x10003000, which is no "
                       "initialised critical section"));
  EXPECT_FALSE(
      Contains(failures, "free: after: detach: leaves alive image+0x3000"));
}

TEST(EmulatorProof, RefusesAnImportAddedBesideBoundOnes) {
  // The deletion imported through a descriptor of its own, and the bound-import
  // directory left as it was: nobody snaps the new slot.
  TinyImport bound = {"kernel32.dll", {kInitialize}, {0x77f01000}, 7, {}};
  Bytes before = MakeLockDll({bound}, kInitialize, Nothing).Build();
  Bytes after =
      MakeLockDll(
          {bound, {"ntdll.dll", {"RtlDeleteCriticalSection"}, {}, 0, {}}},
          kInitialize,
          [](TinyDll& dll) { dll.CallWithLock("RtlDeleteCriticalSection"); })
          .Build();
  std::vector<std::string> failures = FailuresOf(before, after);
  ASSERT_FALSE(failures.empty());
  EXPECT_EQ(failures[0].substr(0, 24), "free: after: jumps to 0x");
}

TEST(EmulatorProof, RefusesAWrongCheckSum) {
  Bytes after = LockDll(GuardedDelete);
  after[0x80 + 24 + 64] ^= 1;
  std::vector<std::string> failures = FailuresOf(LockDll(Nothing), after);
  ASSERT_FALSE(failures.empty());
  EXPECT_EQ(failures[0].substr(0, 60),
            "free: after: the repaired file does not load: CheckSum is 0x");
}

TEST(EmulatorProof, RefusesACheckSumOfZero) {
  Bytes after = LockDll(GuardedDelete);
  for (size_t i = 0; i < 4; ++i) after[0x80 + 24 + 64 + i] = 0;
  std::vector<std::string> failures = FailuresOf(LockDll(Nothing), after);
  ASSERT_FALSE(failures.empty());
  EXPECT_EQ(failures[0].substr(0, 64),
            "free: after: the repaired file does not load: CheckSum is 0x0, t");
}

TEST(EmulatorProof, RefusesOtherArgumentsForTheDllsOwnEntry) {
  // A wrapper behind the DLL's code that passes 0 for hinstDLL: push [esp+12];
  // push [esp+12]; push 0; call entry; ret 12.
  Bytes before = LockDll(Nothing);
  TinyDll dll = MakeLockDll({Kernel32()}, kInitialize, Nothing);
  uint32_t wrapper = dll.end_of_text();
  dll.Code({0xff, 0x74, 0x24, 0x0c, 0xff, 0x74, 0x24, 0x0c, 0x6a, 0x00, 0xe8});
  uint32_t distance = TinyDll::kText - (dll.end_of_text() + 4);
  for (int shift = 0; shift < 32; shift += 8) {
    dll.Code({static_cast<uint8_t>(distance >> shift)});
  }
  dll.Code({0xc2, 0x0c, 0x00});
  dll.entry = wrapper;
  EXPECT_TRUE(Contains(FailuresOf(before, dll.Build()),
                       "free: after: attach: enters the DLL's own code with "
                       "(0x0, 0x1, 0x0)"));
}

TEST(EmulatorProof, RefusesWhatDependsOnJunk) {
  // push ecx; call SetLastError: ECX was never set.
  Bytes dll = LockDll([](TinyDll& d) {
    d.Code({0x51});
    d.CodeAt({0xff, 0x15}, d.SlotOf("SetLastError"));
  });
  EXPECT_TRUE(Contains(FailuresOf(dll, {}),
                       "free: depends on junk that it was left with"));
}

TEST(EmulatorProof, HoldsTheManifestAgainstWhatWasSeen) {
  Sample sample;
  sample.sections = {"image+0x3000"};
  sample.leaked = {"image+0x3000"};
  sample.alive_at_exit = {"image+0x3000"};
  for (const char* reason : {"attach", "detach", "process_exit"}) {
    sample.other_calls[reason] = {};
  }
  auto failures = [&sample](const Bytes& file) {
    return Prove(sample.setting, file, {},
                 [&sample](const Scenario& scenario, const ScenarioRun& run,
                           std::vector<std::string>& problems) {
                   CheckTruth(sample, scenario, run, problems);
                 })
        .failures;
  };
  EXPECT_EQ(failures(LockDll(Nothing)), std::vector<std::string>());
  EXPECT_TRUE(Contains(failures(LockDll(GuardedDelete)),
                       "free: detach leaves none, the manifest says "
                       "image+0x3000"));
  sample.leaked.clear();
  EXPECT_TRUE(Contains(failures(LockDll(Nothing)),
                       "free: detach leaves image+0x3000, the manifest says "
                       "none"));
}

// Each count is the function's reference page: parameters times four.
TEST(EmulatorArguments, AreThoseOfTheDocumentation) {
  struct Row {
    const char* dll;
    const char* name;
    uint32_t bytes;
  };
  const Row rows[] = {
      {"kernel32.dll", kInitialize, 4},
      {"kernel32.dll", kDelete, 4},
      {"kernel32.dll", "InitializeCriticalSectionAndSpinCount", 8},
      {"kernel32.dll", "InitializeCriticalSectionEx", 12},
      {"kernel32.dll", "GetLastError", 0},
      {"kernel32.dll", "HeapAlloc", 12},
      {"kernel32.dll", "CreateFileA", 28},
      {"ntdll.dll", "RtlDeleteCriticalSection", 4},
      {"advapi32.dll", "RegOpenKeyExA", 20},
      {"user32.dll", "MessageBoxA", 16}};
  for (const Row& row : rows) {
    std::optional<ImportKind> kind = FindImportKind(row.dll, row.name);
    ASSERT_TRUE(kind) << row.name;
    EXPECT_EQ(kind->convention, ImportKind::Convention::kStdcall) << row.name;
    EXPECT_EQ(kind->bytes, row.bytes) << row.name;
  }
  EXPECT_EQ(FindImportKind("msvcrt.dll", "memcpy")->convention,
            ImportKind::Convention::kCdecl);
  EXPECT_EQ(FindImportKind("msvcrt.dll", "_adjust_fdiv")->convention,
            ImportKind::Convention::kData);
  EXPECT_FALSE(FindImportKind("kernel32.dll", "NoSuchFunction"));
  EXPECT_FALSE(FindImportKind("nosuch.dll", kDelete));
}

}  // namespace
}  // namespace detachfix::emulator
