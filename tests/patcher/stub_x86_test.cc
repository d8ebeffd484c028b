// SPDX-License-Identifier: Apache-2.0
// Expected bytes were written by hand from the Intel SDM, volume 2; that the
// code does what its text says is shown where it runs, in the emulator tests.
#include "patcher/stub_x86.h"

#include <gtest/gtest.h>

#include "patcher/hex_text.h"
#include "tests/support/listing_text.h"

namespace detachfix {
namespace {

constexpr uint32_t kImageBase = 0x77a80000;

// None of these fails on this machine.
StubCode EntryWrapper(Rva at, Rva original, const DeleteTask& task) {
  return X86Stubs().EntryWrapper(at, original, task)->code;
}
StubCode EntryTail(Rva at, Rva original, const DeleteTask& task) {
  return X86Stubs().EntryTail(at, original, task)->code;
}
Stub DetachExit(Rva at, const std::vector<MovedCode>& sites,
                const DeleteTask& task) {
  return *X86Stubs().DetachExit(at, sites, task);
}
StubLine Jump(Rva from, Rva to) { return *X86Stubs().Jump(from, to); }

std::string Text(const StubCode& code) {
  return test::ListingText(code, kMachineI386);
}

TEST(EntryWrapperStub, IsTheListing) {
  const StubCode code =
      EntryWrapper(Rva{0x1e00}, Rva{0x1000}, {{Rva{0x9010}}, Rva{0xa040}});
  EXPECT_EQ(Text(code),
            "0x1e00 83 7c 24 08 00 | cmp dword ptr [esp+0x08], 0x00\n"
            "0x1e05 75 07 | jnz 0x77A81E0E\n"
            "0x1e07 83 7c 24 0c 00 | cmp dword ptr [esp+0x0C], 0x00\n"
            "0x1e0c 74 05 | jz 0x77A81E13\n"
            "0x1e0e e9 ed f1 ff ff | jmp 0x77A81000\n"
            "0x1e13 ff 74 24 0c | push [esp+0x0C]\n"
            "0x1e17 ff 74 24 0c | push [esp+0x0C]\n"
            "0x1e1b ff 74 24 0c | push [esp+0x0C]\n"
            "0x1e1f e8 dc f1 ff ff | call 0x77A81000\n"
            "0x1e24 50 | push eax\n"
            "0x1e25 53 | push ebx\n"
            "0x1e26 e8 00 00 00 00 | call 0x77A81E2B\n"
            "0x1e2b 5b | pop ebx\n"
            "0x1e2c 8d 83 e5 71 00 00 | lea eax, [ebx+0x71E5]\n"
            "0x1e32 83 38 00 | cmp dword ptr [eax], 0x00\n"
            "0x1e35 74 07 | jz 0x77A81E3E\n"
            "0x1e37 50 | push eax\n"
            "0x1e38 ff 93 15 82 00 00 | call [ebx+0x8215]\n"
            "0x1e3e 5b | pop ebx\n"
            "0x1e3f 58 | pop eax\n"
            "0x1e40 c2 0c 00 | ret 0x0C\n");
}

TEST(EntryTailStub, IsTheListing) {
  const StubCode code =
      EntryTail(Rva{0x1e00}, Rva{0x1000}, {{Rva{0x9010}}, Rva{0xa040}});
  EXPECT_EQ(Text(code),
            "0x1e00 83 7c 24 08 00 | cmp dword ptr [esp+0x08], 0x00\n"
            "0x1e05 75 07 | jnz 0x77A81E0E\n"
            "0x1e07 83 7c 24 0c 00 | cmp dword ptr [esp+0x0C], 0x00\n"
            "0x1e0c 74 05 | jz 0x77A81E13\n"
            "0x1e0e e9 ed f1 ff ff | jmp 0x77A81000\n"
            "0x1e13 50 | push eax\n"
            "0x1e14 53 | push ebx\n"
            "0x1e15 e8 00 00 00 00 | call 0x77A81E1A\n"
            "0x1e1a 5b | pop ebx\n"
            "0x1e1b 8d 83 f6 71 00 00 | lea eax, [ebx+0x71F6]\n"
            "0x1e21 83 38 00 | cmp dword ptr [eax], 0x00\n"
            "0x1e24 74 07 | jz 0x77A81E2D\n"
            "0x1e26 50 | push eax\n"
            "0x1e27 ff 93 26 82 00 00 | call [ebx+0x8226]\n"
            "0x1e2d 5b | pop ebx\n"
            "0x1e2e 58 | pop eax\n"
            "0x1e2f e9 cc f1 ff ff | jmp 0x77A81000\n");
}

// One section in front of the code and one behind it.
TEST(Stub, DeletesSeveralSectionsInALoop) {
  const StubCode code = EntryTail(Rva{0x1e00}, Rva{0x1000},
                                  {{Rva{0x1a00}, Rva{0x9010}}, Rva{0xa040}});
  const std::string text = Text(code);
  EXPECT_EQ(text.substr(text.find("0x1e1b")),
            "0x1e1b 6a 00 | push 0x00\n"
            "0x1e1d 68 f6 71 00 00 | push 0x71F6\n"
            "0x1e22 68 e6 fb ff ff | push 0xFFFFFBE6\n"
            "0x1e27 58 | pop eax\n"
            "0x1e28 85 c0 | test eax, eax\n"
            "0x1e2a 74 10 | jz 0x77A81E3C\n"
            "0x1e2c 01 d8 | add eax, ebx\n"
            "0x1e2e 83 38 00 | cmp dword ptr [eax], 0x00\n"
            "0x1e31 74 f4 | jz 0x77A81E27\n"
            "0x1e33 50 | push eax\n"
            "0x1e34 ff 93 26 82 00 00 | call [ebx+0x8226]\n"
            "0x1e3a eb eb | jmp 0x77A81E27\n"
            "0x1e3c 5b | pop ebx\n"
            "0x1e3d 58 | pop eax\n"
            "0x1e3e e9 bd f1 ff ff | jmp 0x77A81000\n");
}

TEST(DetachExitStub, IsTheListing) {
  const MovedCode moved = {{{0x5f}, {0x5e}}, {"pop edi", "pop esi"}};
  const Stub stub =
      DetachExit(Rva{0x9e00}, {moved}, {{Rva{0x9010}}, Rva{0xa040}});
  EXPECT_EQ(stub.entries, std::vector<Rva>{Rva{0x9e00}});
  EXPECT_EQ(Text(stub.code),
            "0x9e00 5f | pop edi\n"
            "0x9e01 5e | pop esi\n"
            "0x9e02 83 7c 24 08 00 | cmp dword ptr [esp+0x08], 0x00\n"
            "0x9e07 75 07 | jnz 0x77A89E10\n"
            "0x9e09 83 7c 24 0c 00 | cmp dword ptr [esp+0x0C], 0x00\n"
            "0x9e0e 74 03 | jz 0x77A89E13\n"
            "0x9e10 c2 0c 00 | ret 0x0C\n"
            "0x9e13 50 | push eax\n"
            "0x9e14 53 | push ebx\n"
            "0x9e15 e8 00 00 00 00 | call 0x77A89E1A\n"
            "0x9e1a 5b | pop ebx\n"
            "0x9e1b 8d 83 f6 f1 ff ff | lea eax, [ebx-0xE0A]\n"
            "0x9e21 83 38 00 | cmp dword ptr [eax], 0x00\n"
            "0x9e24 74 07 | jz 0x77A89E2D\n"
            "0x9e26 50 | push eax\n"
            "0x9e27 ff 93 26 02 00 00 | call [ebx+0x226]\n"
            "0x9e2d 5b | pop ebx\n"
            "0x9e2e 58 | pop eax\n"
            "0x9e2f c2 0c 00 | ret 0x0C\n");
}

TEST(DetachExitStub, SharesTheTestBetweenSites) {
  const MovedCode first = {{{0x5f}, {0xc9}}, {"pop edi", "leave"}};
  const MovedCode second = {{{0x31, 0xc0}}, {"xor eax, eax"}};
  const Stub stub =
      DetachExit(Rva{0x2000}, {first, second}, {{Rva{0x3000}}, Rva{0x4000}});
  ASSERT_EQ(stub.entries, (std::vector<Rva>{Rva{0x2000}, Rva{0x2007}}));
  // pop edi; leave; jmp 0x2009; xor eax, eax; the test
  EXPECT_EQ(HexBytes(CodeBytes(stub.code), "").substr(0, 28),
            "5fc9e90200000031c0837c240800");
  EXPECT_TRUE(ListCode(stub.code, kMachineI386, kImageBase));
}

TEST(Stub, HasOneSizeWhereverItLies) {
  const std::vector<Rva> sections = {Rva{0x9000}, Rva{0x9018}, Rva{0x9030}};
  const uint32_t near_size =
      CodeSize(EntryWrapper(Rva{0}, Rva{0}, {sections, Rva{0}}));
  const uint32_t far_size = CodeSize(
      EntryWrapper(Rva{0x123456}, Rva{0x1000}, {sections, Rva{0x200000}}));
  EXPECT_EQ(near_size, far_size);
}

TEST(Stub, DecodesBackForUpToFortySections) {
  DeleteTask task{{}, Rva{0xa000}};
  for (uint32_t count = 1; count <= 40; ++count) {
    task.sections.push_back(Rva{0x9000 + 24 * count});
    const StubCode code = EntryWrapper(Rva{0x1f00}, Rva{0x1000}, task);
    EXPECT_EQ(CodeSize(code), count == 1 ? 67 : 72 + 5 * count);
    EXPECT_EQ(CodeBytes(code).size(), CodeSize(code));
    EXPECT_TRUE(ListCode(code, kMachineI386, kImageBase)) << count;
  }
}

TEST(JumpLine, LeadsBothWays) {
  EXPECT_EQ(HexBytes(Jump(Rva{0x1000}, Rva{0x1005}).bytes, ""), "e900000000");
  EXPECT_EQ(HexBytes(Jump(Rva{0x1005}, Rva{0x1000}).bytes, ""), "e9f6ffffff");
}

TEST(ListCode, SaysWhatDoesNotDecodeToItsText) {
  const StubCode other_text = {{Rva{0x1000}, {0x50}, "push ebx", {}}};
  EXPECT_EQ(ListCode(other_text, kMachineI386, kImageBase).error().message,
            "injected code at 0x1000 is \"push ebx\", but decodes to "
            "\"push eax\"");
  const StubCode other_size = {{Rva{0x1000}, {0x50, 0x90}, "push eax", {}}};
  EXPECT_FALSE(ListCode(other_size, kMachineI386, kImageBase));
  const StubCode other_target = {
      {Rva{0x1000}, {0xeb, 0x00}, "jmp #", Rva{0x1003}}};
  EXPECT_FALSE(ListCode(other_target, kMachineI386, kImageBase));
}

}  // namespace
}  // namespace detachfix
