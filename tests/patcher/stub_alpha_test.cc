// SPDX-License-Identifier: Apache-2.0
// Expected words were assembled by GNU as for Alpha from the text beside them
// (alpha-linux-gnu-as); that the code does what its text says is shown where it
// runs, in the proof on qemu-alpha.
#include "patcher/stub_alpha.h"

#include <gtest/gtest.h>

#include "disasm/alpha_decode.h"
#include "tests/support/listing_text.h"

namespace detachfix {
namespace {

std::string Text(const StubCode& code) {
  return test::ListingText(code, kMachineAlpha);
}

TEST(AlphaStub, DetachExitIsTheListing) {
  const Result<Stub> stub = AlphaStubs().DetachExit(
      Rva{0x3000}, {{}, {}}, {{Rva{0x1a588}}, Rva{0x1c04c}});
  ASSERT_TRUE(stub);
  EXPECT_FALSE(stub->frame);
  EXPECT_EQ(stub->entries, (std::vector<Rva>{Rva{0x3000}, Rva{0x3000}}));
  EXPECT_EQ(Text(stub->code),
            "0x3000 09 00 20 f6 | bne a1,0x77a83028\n"
            "0x3004 08 00 40 f6 | bne a2,0x77a83028\n"
            "0x3008 00 00 20 c0 | br t0,0x77a8300c\n"
            "0x300c 01 00 01 26 | ldah a0,1(t0)\n"
            "0x3010 7c 75 10 22 | lda a0,30076(a0)\n"
            "0x3014 00 00 50 a0 | ldl t1,0(a0)\n"
            "0x3018 03 00 40 e4 | beq t1,0x77a83028\n"
            "0x301c 02 00 61 27 | ldah t12,2(t0)\n"
            "0x3020 40 90 7b a3 | ldl t12,-28608(t12)\n"
            "0x3024 00 00 fb 6b | jmp (t12)\n"
            "0x3028 01 80 fa 6b | ret\n");
}

TEST(AlphaStub, EntryTailIsTheListing) {
  const Result<Stub> stub = AlphaStubs().EntryTail(
      Rva{0x10e00}, Rva{0x2000}, {{Rva{0x1a588}}, Rva{0x1c04c}});
  ASSERT_TRUE(stub);
  EXPECT_FALSE(stub->frame);
  EXPECT_EQ(Text(stub->code),
            "0x10e00 7f c4 3f f6 | bne a1,0x77a82000\n"
            "0x10e04 7e c4 5f f6 | bne a2,0x77a82000\n"
            "0x10e08 00 00 20 c0 | br t0,0x77a90e0c\n"
            "0x10e0c 01 00 41 24 | ldah t1,1(t0)\n"
            "0x10e10 7c 97 42 20 | lda t1,-26756(t1)\n"
            "0x10e14 00 00 62 a0 | ldl t2,0(t1)\n"
            "0x10e18 79 c4 7f e4 | beq t2,0x77a82000\n"
            "0x10e1c 01 00 61 27 | ldah t12,1(t0)\n"
            "0x10e20 40 b2 7b a3 | ldl t12,-19904(t12)\n"
            "0x10e24 10 04 e2 47 | mov t1,a0\n"
            "0x10e28 00 00 fb 6b | jmp (t12)\n");
}

TEST(AlphaStub, EntryWrapperIsTheListing) {
  const Result<Stub> stub = AlphaStubs().EntryWrapper(
      Rva{0x3000}, Rva{0x2000}, {{Rva{0x6000}, Rva{0x6018}}, Rva{0x8044}});
  ASSERT_TRUE(stub);
  ASSERT_TRUE(stub->frame);
  EXPECT_EQ(stub->frame->begin, Rva{0x3008});
  EXPECT_EQ(stub->frame->prolog_end, Rva{0x3010});
  EXPECT_EQ(stub->frame->end, Rva{0x3068});
  EXPECT_EQ(stub->entries, std::vector<Rva>{Rva{0x3000}});
  EXPECT_EQ(Text(stub->code),
            "0x3000 ff fb 3f f6 | bne a1,0x77a82000\n"
            "0x3004 fe fb 5f f6 | bne a2,0x77a82000\n"
            "0x3008 f0 ff de 23 | lda sp,-16(sp)\n"
            "0x300c 00 00 5e b7 | stq ra,0(sp)\n"
            "0x3010 fb fb 5f d3 | bsr ra,0x77a82000\n"
            "0x3014 08 00 1e b4 | stq v0,8(sp)\n"
            "0x3018 00 00 20 c0 | br t0,0x77a8301c\n"
            "0x301c 00 00 01 26 | ldah a0,0(t0)\n"
            "0x3020 e4 2f 10 22 | lda a0,12260(a0)\n"
            "0x3024 00 00 50 a0 | ldl t1,0(a0)\n"
            "0x3028 03 00 40 e4 | beq t1,0x77a83038\n"
            "0x302c 00 00 61 27 | ldah t12,0(t0)\n"
            "0x3030 28 50 7b a3 | ldl t12,20520(t12)\n"
            "0x3034 00 40 5b 6b | jsr ra,(t12),0x77a83038\n"
            "0x3038 00 00 20 c0 | br t0,0x77a8303c\n"
            "0x303c 00 00 01 26 | ldah a0,0(t0)\n"
            "0x3040 dc 2f 10 22 | lda a0,12252(a0)\n"
            "0x3044 00 00 50 a0 | ldl t1,0(a0)\n"
            "0x3048 03 00 40 e4 | beq t1,0x77a83058\n"
            "0x304c 00 00 61 27 | ldah t12,0(t0)\n"
            "0x3050 08 50 7b a3 | ldl t12,20488(t12)\n"
            "0x3054 00 40 5b 6b | jsr ra,(t12),0x77a83058\n"
            "0x3058 08 00 1e a4 | ldq v0,8(sp)\n"
            "0x305c 00 00 5e a7 | ldq ra,0(sp)\n"
            "0x3060 10 00 de 23 | lda sp,16(sp)\n"
            "0x3064 01 80 fa 6b | ret\n");
}

TEST(AlphaStub, HasOneSizeWhereverItLies) {
  const std::vector<Rva> sections(5, Rva{0x20000});
  const auto size = [&](Rva at, Rva slot) {
    return CodeSize(
        AlphaStubs().EntryWrapper(at, Rva{0x1000}, {sections, slot})->code);
  };
  EXPECT_EQ(size(Rva{0x1000}, Rva{0x1000}), size(Rva{0x39000}, Rva{0x50000}));
}

TEST(AlphaStub, RefusesABranchThatDoesNotReach) {
  // 2^20 words behind the next instruction are out of reach by one.
  const Rva entry{0x1000};
  EXPECT_TRUE(AlphaStubs().Jump(entry, Rva{0x1004 + 0x3ffffc}));
  const Result<StubLine> far = AlphaStubs().Jump(entry, Rva{0x1004 + 0x400000});
  ASSERT_FALSE(far);
  EXPECT_EQ(far.error().message,
            "the branch at 0x1000 would have to reach farther than 4 MiB");
  EXPECT_TRUE(AlphaStubs().Jump(Rva{0x400ffc}, entry));
  EXPECT_FALSE(AlphaStubs().Jump(Rva{0x401000}, entry));
}

/// What the unwinder finds at one place of a function with a frame: it undoes
/// the part of the prologue that was run, read backwards from the code
/// ("Windows NT for Alpha Calling Standard", 3.2.6; only what our prologue is
/// made of).
struct Caller {
  int64_t stack = 0;         ///< bytes above the stack pointer
  int64_t return_slot = -1;  ///< where ra is, from the stack pointer; -1: ra
};

Caller Unwind(const Stub& stub, Rva pc) {
  Caller caller;
  std::vector<AlphaInstruction> run;
  for (const StubLine& line : stub.code) {
    if (line.rva < stub.frame->begin || line.rva >= pc ||
        line.rva >= stub.frame->prolog_end) {
      continue;
    }
    uint32_t word = 0;
    for (size_t i = 4; i-- > 0;) word = word << 8 | line.bytes[i];
    run.push_back(DecodeAlpha(word));
  }
  for (auto it = run.rbegin(); it != run.rend(); ++it) {
    if (it->op == AlphaOp::kStq && it->ra() == 26 && it->rb() == 30) {
      caller.return_slot = caller.stack + it->displacement();
    } else if (it->op == AlphaOp::kLda && it->ra() == 30 && it->rb() == 30) {
      caller.stack -= it->displacement();
    } else {
      ADD_FAILURE() << "not an instruction of a prologue";
    }
  }
  return caller;
}

// Before each instruction of the wrapper, the table leads to the loader's
// frame: 16 bytes above, ra at the bottom, but for the prologue's own.
TEST(AlphaStub, CanBeUnwoundFromItsCalls) {
  const Stub stub = *AlphaStubs().EntryWrapper(Rva{0x3000}, Rva{0x2000},
                                               {{Rva{0x6000}}, Rva{0x8044}});
  EXPECT_EQ(Unwind(stub, stub.frame->begin).stack, 0);
  EXPECT_EQ(Unwind(stub, stub.frame->begin + 4).stack, 16);
  size_t calls = 0;
  for (const StubLine& line : stub.code) {
    if (!line.text.starts_with("bsr") && !line.text.starts_with("jsr"))
      continue;
    ++calls;
    ASSERT_GE(line.rva, stub.frame->prolog_end);
    ASSERT_LT(line.rva, stub.frame->end);
    const Caller caller = Unwind(stub, line.rva + 4);
    EXPECT_EQ(caller.stack, 16);
    EXPECT_EQ(caller.return_slot, 0);
  }
  EXPECT_EQ(calls, 2u);
}

}  // namespace
}  // namespace detachfix
