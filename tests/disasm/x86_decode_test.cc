// SPDX-License-Identifier: Apache-2.0
// Encodings are those of the Intel Software Developer's Manual, volume 2.
#include "disasm/x86_decode.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "disasm/instruction.h"

namespace detachfix {
namespace {

using Bytes = std::vector<uint8_t>;
using Kind = X86Operand::Kind;

constexpr uint32_t kVa = 0x401000;

TEST(DecodeX86, KnowsWhatAnInstructionDoes) {
  struct Case {
    Bytes bytes;
    X86Op op;
    std::string text;
  };
  const Case cases[] = {
      {{0x90}, X86Op::kNothing, "nop"},
      {{0x8b, 0xec}, X86Op::kMov, "mov ebp, esp"},
      {{0x0f, 0xb6, 0xc1}, X86Op::kMov, "movzx eax, cl"},
      {{0xff, 0x25, 0x00, 0x20, 0x40, 0x00}, X86Op::kJmp, "jmp [0x00402000]"},
      {{0xeb, 0xfe}, X86Op::kJmp, "jmp 0x00401000"},
      {{0xe8, 0x00, 0x00, 0x00, 0x00}, X86Op::kCall, "call 0x00401005"},
      {{0xc2, 0x0c, 0x00}, X86Op::kRet, "ret 0x0C"},
      {{0xcf}, X86Op::kReturnFar, "iretd"},
      {{0xcc}, X86Op::kTrap, "int3"},
      {{0xcd, 0x2e}, X86Op::kSystemCall, "int 0x2E"},
      {{0xcd, 0x2d}, X86Op::kOther, "int 0x2D"},
      {{0xcd, 0x29}, X86Op::kTrap, "int 0x29"},
      {{0x0f, 0x34}, X86Op::kSystemCall, "sysenter"},
      {{0xe3, 0x00}, X86Op::kJecxz, "jecxz 0x00401002"},
      {{0xe0, 0x00}, X86Op::kLoopne, "loopne 0x00401002"},
      {{0xa5}, X86Op::kMovs, "movsd"},
      {{0xf2, 0x0f, 0x10, 0xc1}, X86Op::kMovsd, "movsd xmm0, xmm1"},
      {{0xa6}, X86Op::kCmps, "cmpsb"},
      {{0x66, 0xaf}, X86Op::kScas, "scasw"},
      {{0xf2, 0x0f, 0xc2, 0xc1, 0x00},
       X86Op::kMaskFractions,
       "cmpsd xmm0, xmm1, 0x00"},
      {{0xdf, 0x28}, X86Op::kFild, "fild [eax]"},
      {{0xdf, 0xe9}, X86Op::kFcomip, "fucomip st0, st1"},
      {{0xde, 0xc1}, X86Op::kFaddp, "faddp st1, st0"},
      {{0xdc, 0xea}, X86Op::kFsub, "fsub st2, st0"},
      {{0xd9, 0xfe}, X86Op::kWritesFloats, "fsin"},
      {{0x0f, 0x77}, X86Op::kWritesFloats, "emms"},
      {{0x6e}, X86Op::kPort, "outsb"},
      {{0x0f, 0x01, 0xd5}, X86Op::kTransaction, "xend"},
      {{0xc6, 0xf8, 0x01}, X86Op::kTransaction, "xabort 0x01"},
      {{0x0f, 0xa2}, X86Op::kIdentify, "cpuid"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    std::string text;
    const X86Instruction i = DecodeX86(c.bytes, kVa, text);
    EXPECT_EQ(i.op, c.op);
    EXPECT_EQ(i.size, c.bytes.size());
    EXPECT_EQ(text, c.text);
    EXPECT_EQ(DecodeX86(c.bytes).op, c.op);
  }
}

TEST(DecodeX86, NeverFails) {
  for (const Bytes& bytes : {Bytes{}, Bytes{0x0f}, Bytes{0xe8, 0x00},
                             Bytes{0x0f, 0x04, 0x00, 0x00}}) {
    std::string text;
    const X86Instruction i = DecodeX86(bytes, kVa, text);
    EXPECT_EQ(i.op, X86Op::kUnknown);
    EXPECT_EQ(i.size, 1);
    EXPECT_EQ(i.operand_count, 0);
    EXPECT_EQ(text, "(bad)");
  }
}

// The low four bits of the opcode, in each group that has them.
TEST(DecodeX86, ReadsConditionsFromTheOpcode) {
  for (uint8_t tttn = 0; tttn < 16; ++tttn) {
    const auto number = [&](int base) {
      return static_cast<uint8_t>(base + tttn);
    };
    const std::pair<Bytes, X86Op> cases[] = {
        {{number(0x70), 0x00}, X86Op::kJcc},
        {{0x0f, number(0x80), 0x00, 0x00, 0x00, 0x00}, X86Op::kJcc},
        {{0x0f, number(0x90), 0xc0}, X86Op::kSetcc},
        {{0x0f, number(0x40), 0xc1}, X86Op::kCmovcc},
    };
    for (const auto& [bytes, op] : cases) {
      const X86Instruction i = DecodeX86(bytes);
      EXPECT_EQ(i.op, op);
      EXPECT_EQ(static_cast<int>(i.test), tttn / 2);
      EXPECT_EQ(i.test_negated, tttn % 2 != 0);
    }
  }
}

TEST(DecodeX86, KnowsWhichPartOfARegister) {
  const auto first = [](const Bytes& bytes) {
    return DecodeX86(bytes).operands[0].reg;
  };
  EXPECT_EQ(first({0xbf, 0, 0, 0, 0}), (X86Register{7, 0, 32}));  // edi
  EXPECT_EQ(first({0x66, 0xbc, 0, 0}), (X86Register{4, 0, 16}));  // sp
  EXPECT_EQ(first({0xb3, 0}), (X86Register{3, 0, 8}));            // bl
  EXPECT_EQ(first({0xb5, 0}), (X86Register{1, 8, 8}));            // ch
  EXPECT_EQ(first({0x0f, 0x57, 0xe0}),
            (X86Register{4, 0, kVectorWidth}));  // xmm4
  EXPECT_EQ(first({0xc5, 0xfc, 0x57, 0xc0}),
            (X86Register{0, 0, kVectorWidth}));  // ymm0
  EXPECT_EQ(first({0x0f, 0x6f, 0xc1}),
            (X86Register{0, 0, kFloatWidth}));                       // mm0
  EXPECT_EQ(first({0xdd, 0xda}), (X86Register{2, 0, kFloatWidth}));  // st2
  EXPECT_EQ(first({0x8e, 0xd8}), X86Register{});                     // ds
}

TEST(DecodeX86, TakesAnAddressApart) {
  // mov eax, fs:[ecx+esi*4-8]
  const X86Operand o =
      DecodeX86(Bytes{0x64, 0x8b, 0x44, 0xb1, 0xf8}).operands[1];
  EXPECT_EQ(o.kind, Kind::kMemory);
  EXPECT_EQ(o.width, 32);
  EXPECT_EQ(o.base, (X86Register{1, 0, 32}));
  EXPECT_EQ(o.index, (X86Register{6, 0, 32}));
  EXPECT_EQ(o.scale, 4);
  EXPECT_EQ(o.number, 0xfffffff8);
  EXPECT_TRUE(o.in_thread_block);
  EXPECT_FALSE(o.written);
  // mov eax, [0x402000]
  const X86Operand absolute =
      DecodeX86(Bytes{0xa1, 0x00, 0x20, 0x40, 0x00}).operands[1];
  EXPECT_FALSE(absolute.base || absolute.index || absolute.in_thread_block);
  EXPECT_EQ(absolute.number, 0x402000u);
}

TEST(DecodeX86, LeadsARelativeOperandToItsTarget) {
  const X86Instruction back = DecodeX86(Bytes{0x74, 0xf0});
  EXPECT_TRUE(back.is_relative);
  EXPECT_EQ(back.Target(kVa), kVa - 14);
  EXPECT_FALSE(DecodeX86(Bytes{0xff, 0xd0}).is_relative);  // call eax
  EXPECT_FALSE(DecodeX86(Bytes{0xc2, 0x0c, 0x00}).is_relative);
}

// SDM volume 2, "Flags Affected" of each. Code compiled against Spectre has
// lfence between a comparison and its branch.
TEST(DecodeX86, SaysWhetherFlagsChange) {
  for (const Bytes& bytes : {Bytes{0x0f, 0xae, 0xe8},           // lfence
                             Bytes{0x0f, 0xae, 0xf0},           // mfence
                             Bytes{0x0f, 0x18, 0x08},           // prefetcht0
                             Bytes{0x66, 0x0f, 0x38, 0x00, 0},  // pshufb
                             Bytes{0x0f, 0xa2},                 // cpuid
                             Bytes{0xd9, 0xfe}}) {              // fsin
    EXPECT_FALSE(DecodeX86(bytes).changes_flags) << DecodeX86(bytes).name;
  }
  for (const Bytes& bytes : {Bytes{0x01, 0xd8},                 // add
                             Bytes{0x66, 0x0f, 0x38, 0x17, 0},  // ptest
                             Bytes{0x0f, 0xc7, 0xf0},           // rdrand
                             Bytes{0x27},                       // daa
                             Bytes{0xdb, 0xf1}}) {              // fcomi
    EXPECT_TRUE(DecodeX86(bytes).changes_flags) << DecodeX86(bytes).name;
  }
}

TEST(DecodeX86, ListsHiddenOperandsBehindThoseOfTheText) {
  const X86Instruction push = DecodeX86(Bytes{0x50});
  EXPECT_EQ(push.visible_count, 1);
  ASSERT_GT(push.operand_count, 1);
  EXPECT_FALSE(push.operands[0].hidden || push.operands[0].written);
  const X86Operand& stack = push.operands[1];
  EXPECT_TRUE(stack.hidden && stack.written);
  EXPECT_EQ(stack.reg, (X86Register{4, 0, 32}));
}

// What Decode leaves out must not be what it says: every opcode of one, two and
// three bytes, with and without a prefix, is compared with what the text's
// decoder makes of it.
TEST(DecodeX86, SaysTheSameOfTheFlowWithoutOperands) {
  const std::vector<Bytes> prefixes = {
      {},           {0x66},       {0x67},       {0xf2},       {0xf3},
      {0xf0},       {0x2e},       {0x0f},       {0x0f, 0x38}, {0x0f, 0x3a},
      {0x66, 0x0f}, {0xf3, 0x0f}, {0xf2, 0x0f}, {0xc5},       {0xc4},
      {0x62},       {0x64}};
  CodeView view;
  view.machine = kMachineI386;
  view.image_base = 0x400000;
  view.image_size = 0x3000;
  view.import_slots[Rva{0x2000}] = {"kernel32.dll", "Sleep", std::nullopt};
  size_t leading_elsewhere = 0;
  for (const Bytes& prefix : prefixes) {
    for (uint32_t pair = 0; pair < 0x10000; ++pair) {
      Bytes bytes = prefix;
      bytes.push_back(static_cast<uint8_t>(pair >> 8));
      bytes.push_back(static_cast<uint8_t>(pair));
      // Of a displacement: the slot.
      bytes.insert(bytes.end(), {0x00, 0x20, 0x40, 0x00, 0x12, 0x34, 0x56});
      view.regions = {{.begin = Rva{0x1000},
                       .size = 0x1000,
                       .content = bytes,
                       .executable = true}};
      Instruction with_text = Disassemble(view, Rva{0x1000});
      with_text.text.clear();
      ASSERT_EQ(Decode(view, Rva{0x1000}), with_text) << std::hex << pair;
      leading_elsewhere += with_text.slot || with_text.target;
    }
  }
  EXPECT_GT(leading_elsewhere, 10'000u);
}

}  // namespace
}  // namespace detachfix
