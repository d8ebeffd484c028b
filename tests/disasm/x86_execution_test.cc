// SPDX-License-Identifier: Apache-2.0
// What the lifter and the interpreter say of an instruction must be what a
// processor does. Random instructions run in Unicorn and, with the same
// registers and memory, in the interpreter: every register, flag and byte that
// the interpreter claims to know must be the processor's. What it does not know
// is sound; for the instructions that DllMain analysis lives on, the results
// must be known too.

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include "tests/disasm/x86_comparison.h"

namespace detachfix {
namespace {

std::string Mnemonic(const Instruction& instruction) {
  std::string text = instruction.text;
  for (const char* prefix : {"lock ", "rep ", "repz ", "repnz "}) {
    if (text.starts_with(prefix)) text.erase(0, std::strlen(prefix));
  }
  return text.substr(0, text.find(' '));
}

class X86Execution : public testing::Test {
 protected:
  X86Execution() : random_(20240607) {}

  uint32_t Random() { return static_cast<uint32_t>(random_()); }

  /// Registers near the middle of the data, so that memory operands hit it;
  /// some small numbers and extremes, for the flags.
  Machine RandomMachine() {
    Machine machine;
    constexpr std::array<uint32_t, 8> kCorners = {
        0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x80, 0xff, 31};
    for (uint32_t& value : machine.registers) {
      value = kBase + kDataRva + kDataSize / 2 + (Random() & 0x1ff);
      if (Random() % 3 == 0) value = kCorners[Random() % kCorners.size()];
      if (Random() % 8 == 0) value = Random();
    }
    machine.registers[kEspId] =
        kBase + kDataRva + kDataSize / 2 + (Random() & 0x1fc);
    machine.flags = 0x2 | (Random() & 0xcc5);  // OF, DF, SF, ZF, PF, CF
    for (auto& vector : machine.vectors) {
      for (uint32_t& word : vector) word = Random();
      if (Random() % 2 == 0) PutDouble(vector);
      if (Random() % 4 == 0) PutSingles(vector);
    }
    machine.data.resize(kDataSize);
    for (size_t i = 0; i < machine.data.size(); i += 4) {
      uint32_t word = Random();
      // What an instruction loads may be where it stores, if that is wrong.
      if (word % 4 == 0) word = kBase + kDataRva + word / 4 % kDataSize;
      std::memcpy(&machine.data[i], &word, 4);
    }
    return machine;
  }

  /// One of ordinary size, a corner, or what is not a number.
  void PutDouble(std::array<uint32_t, kVectorWords>& vector) {
    constexpr std::array<double, 8> kCorners = {
        0.0,
        -0.0,
        1.0,
        -2147483648.0,
        2147483648.0,
        0.5,
        std::numeric_limits<double>::infinity(),
        std::numeric_limits<double>::quiet_NaN()};
    double number = static_cast<double>(static_cast<int32_t>(Random())) / 1024;
    if (Random() % 2 == 0) number = kCorners[Random() % kCorners.size()];
    std::memcpy(vector.data(), &number, sizeof(number));
  }

  void PutSingles(std::array<uint32_t, kVectorWords>& vector) {
    constexpr std::array<float, 8> kCorners = {
        0.0F,
        -0.0F,
        1.0F,
        0x1p-149F,
        2147483648.0F,
        0.1F,
        std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()};
    for (uint32_t& word : vector) {
      float number = static_cast<float>(static_cast<int32_t>(Random())) / 1024;
      if (Random() % 2 == 0) number = kCorners[Random() % kCorners.size()];
      std::memcpy(&word, &number, sizeof(number));
    }
  }

  /// Segment, control and debug registers are not modelled: what is read from
  /// them or through FS is not known.
  static bool IsPlain(const std::string& text) {
    static const std::regex other(R"(\b([cdefgs]s|[cdt]r\d+)\b)");
    return !std::regex_search(text, other);
  }

  /// Random bytes; a third of them begin with one of the two-byte opcodes that
  /// compilers use: movzx, movsx, setcc, cmovcc, imul, xadd, cmpxchg, shifts.
  std::vector<uint8_t> RandomCode() {
    std::vector<uint8_t> bytes(16);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(Random());
    if (Random() % 3 == 0) {
      constexpr std::array<uint8_t, 16> kSecond = {
          0xb6, 0xb7, 0xbe, 0xbf, 0x90, 0x94, 0x95, 0x9c,
          0x44, 0x45, 0x4c, 0x4f, 0xaf, 0xc1, 0xb1, 0xa4};
      bytes[0] = 0x0f;
      bytes[1] = kSecond[Random() % kSecond.size()];
    }
    return bytes;
  }

  /// What compilers use beyond that: mul, div, single bits, bswap, shifts of
  /// two words, strings, and the SSE instructions on numbers without a
  /// fraction, each with random operands.
  std::vector<uint8_t> RandomLaterCode() {
    static const std::vector<std::vector<uint8_t>> kOpcodes = {
        {0xf6},
        {0xf7},
        {0x66, 0xf7},
        {0x66, 0x0f, 0xaf},
        {0x66, 0x0f, 0xd4},
        {0x66, 0x0f, 0xfb},
        {0x0f, 0xa3},
        {0x0f, 0xba},
        {0x0f, 0xc8},
        {0x0f, 0xc9},
        {0x0f, 0xca},
        {0x0f, 0x10},
        {0x0f, 0x11},
        {0x66, 0x0f, 0x10},
        {0xf3, 0x0f, 0x10},
        {0xf3, 0x0f, 0x11},
        {0xf2, 0x0f, 0x10},
        {0xf2, 0x0f, 0x11},
        {0x0f, 0x12},
        {0x0f, 0x13},
        {0x66, 0x0f, 0x12},
        {0x0f, 0x28},
        {0x0f, 0x29},
        {0x66, 0x0f, 0x6f},
        {0xf3, 0x0f, 0x6f},
        {0x66, 0x0f, 0x7f},
        {0xf3, 0x0f, 0x7f},
        {0x66, 0x0f, 0x6e},
        {0x66, 0x0f, 0x7e},
        {0xf3, 0x0f, 0x7e},
        {0x66, 0x0f, 0xd6},
        {0x0f, 0x57},
        {0x66, 0x0f, 0x57},
        {0x66, 0x0f, 0xef},
        {0x66, 0x0f, 0x70},
        {0x0f, 0x6e},
        {0x0f, 0x6f},
        {0x66, 0x0f, 0xfe},
        {0xf2, 0x0f, 0x2a},
        {0x0f, 0xc6},
        {0x66, 0x0f, 0xc6},
        {0x66, 0x0f, 0xc4},
        {0xd1},
        {0xd0},
        {0x0f, 0xa4},
        {0x0f, 0xac},
        {0x0f, 0xad},
        {0x0f, 0xab},
        {0x0f, 0xb3},
        {0x0f, 0xbb},
        {0x0f, 0xbc},
        {0x0f, 0xbd},
        {0xf3, 0x0f, 0xbc},
        {0x0f, 0xc7, 0x0d, 0x00, 0x04, 0x41, 0x00},
        {0xfc},
        {0xfd},
        {0xa4},
        {0xa5},
        {0xaa},
        {0xab},
        {0xa6},
        {0xf3, 0xa6},
        {0xf3, 0xa7},
        {0x66, 0xa7},
        {0xac},
        {0xad},
        {0xae},
        {0xf2, 0xae},
        {0xf3, 0xaf},
        {0x0f, 0x54},
        {0x0f, 0x55},
        {0x0f, 0x56},
        {0x66, 0x0f, 0xdb},
        {0x66, 0x0f, 0xdf},
        {0x66, 0x0f, 0xeb},
        {0x66, 0x0f, 0xfc},
        {0x66, 0x0f, 0xfd},
        {0x66, 0x0f, 0xf8},
        {0x66, 0x0f, 0xf9},
        {0x66, 0x0f, 0xfa},
        {0x66, 0x0f, 0x74},
        {0x66, 0x0f, 0x75},
        {0x66, 0x0f, 0x76},
        {0x66, 0x0f, 0x64},
        {0x66, 0x0f, 0x65},
        {0x66, 0x0f, 0x66},
        {0x66, 0x0f, 0xda},
        {0x66, 0x0f, 0xde},
        {0x66, 0x0f, 0x71},
        {0x66, 0x0f, 0x72},
        {0x66, 0x0f, 0x73},
        {0x66, 0x0f, 0xd7},
        {0x0f, 0x50},
        {0x66, 0x0f, 0x50},
        {0x0f, 0x14},
        {0x66, 0x0f, 0x15},
        {0x66, 0x0f, 0x60},
        {0x66, 0x0f, 0x61},
        {0x66, 0x0f, 0x62},
        {0x66, 0x0f, 0x68},
        {0x66, 0x0f, 0x69},
        {0x66, 0x0f, 0x6a},
        {0x66, 0x0f, 0x6c},
        {0x66, 0x0f, 0x6d},
        {0xf2, 0x0f, 0x70},
        {0xf3, 0x0f, 0x70},
        {0x66, 0x0f, 0x3a, 0x0f},
        {0x0f, 0x16},
        {0x0f, 0x17},
        {0x9e},
        {0x9f},
        {0x0f, 0x9a},
        {0x0f, 0x9b},
        {0xf2, 0x0f, 0x58},
        {0xf2, 0x0f, 0x59},
        {0xf2, 0x0f, 0x5c},
        {0xf2, 0x0f, 0x5e},
        {0xf2, 0x0f, 0x2c},
        {0x66, 0x0f, 0x2e},
        {0x66, 0x0f, 0x2f},
        {0x0f, 0x51},
        {0x0f, 0x58},
        {0x0f, 0x59},
        {0x0f, 0x5a},
        {0x0f, 0x5c},
        {0x0f, 0x5d},
        {0x0f, 0x5e},
        {0x0f, 0x5f},
        {0x66, 0x0f, 0x51},
        {0x66, 0x0f, 0x58},
        {0x66, 0x0f, 0x59},
        {0x66, 0x0f, 0x5a},
        {0x66, 0x0f, 0x5c},
        {0x66, 0x0f, 0x5d},
        {0x66, 0x0f, 0x5e},
        {0x66, 0x0f, 0x5f},
        {0xf3, 0x0f, 0x51},
        {0xf3, 0x0f, 0x58},
        {0xf3, 0x0f, 0x59},
        {0xf3, 0x0f, 0x5a},
        {0xf3, 0x0f, 0x5c},
        {0xf3, 0x0f, 0x5d},
        {0xf3, 0x0f, 0x5e},
        {0xf3, 0x0f, 0x5f},
        {0xf2, 0x0f, 0x51},
        {0xf2, 0x0f, 0x5a},
        {0xf2, 0x0f, 0x5d},
        {0xf2, 0x0f, 0x5f},
        {0x0f, 0x5b},
        {0xf3, 0x0f, 0x5b},
        {0xf3, 0x0f, 0xe6},
        {0x66, 0x0f, 0xe6},
        {0xf3, 0x0f, 0x2a},
        {0xf3, 0x0f, 0x2c},
        {0x0f, 0x2e},
        {0x0f, 0x2f}};
    std::vector<uint8_t> bytes = kOpcodes[Random() % kOpcodes.size()];
    // Half of them with a register where memory could be.
    const uint8_t form = Random() % 2 == 0 ? 0xc0 : 0;
    bytes.push_back(static_cast<uint8_t>(Random() | form));
    while (bytes.size() < 16) bytes.push_back(static_cast<uint8_t>(Random()));
    return bytes;
  }

  std::mt19937 random_;
  Processor processor_;
};

// Random registers hold few counts that shift anything.
TEST_F(X86Execution, ShiftsByTheLowerHalfOfARegisterAreKnown) {
  const std::array<uint8_t, 6> opcodes = {0xf1, 0xf2, 0xf3,   // psllw, d, q
                                          0xd1, 0xd2, 0xd3};  // psrlw, d, q
  const std::array<std::array<uint32_t, 2>, 9> counts = {{{0, 0},
                                                          {1, 0},
                                                          {15, 0},
                                                          {16, 0},
                                                          {31, 0},
                                                          {32, 0},
                                                          {63, 0},
                                                          {64, 0},
                                                          {1, 1}}};
  Tally tally;
  for (const uint8_t opcode : opcodes) {
    for (const auto& count : counts) {
      Machine machine = RandomMachine();
      machine.vectors[1] = {count[0], count[1], 5, 6};
      // The whole of the other register too.
      CompareWithProcessor(processor_, {0x66, 0x0f, opcode, 0xc1}, machine,
                           "by " + std::to_string(count[0]), tally);
    }
  }
  EXPECT_EQ(tally.run, opcodes.size() * counts.size());
  EXPECT_EQ(tally.unknown_words, 0u);
}

TEST_F(X86Execution, MasksOfComparedFractionsAreKnown) {
  using Vector = std::array<uint32_t, 4>;
  // Singles, which as doubles are numbers as well.
  constexpr uint32_t kOne = 0x3f800000, kTwo = 0x40000000;
  constexpr uint32_t kMinusOne = 0xbf800000, kNoNumber = 0x7fc00000;
  const Vector left = {kOne, kOne, kTwo, kTwo};
  const std::array<Vector, 3> rights = {
      {{kOne, kOne, kMinusOne, kTwo},
       {kTwo, kTwo, kOne, kOne},
       {kNoNumber, 0x7ff80000, kNoNumber, 0x7ff80000}}};
  const std::array<std::vector<uint8_t>, 4> opcodes = {
      {{0x0f, 0xc2, 0xc1},          // cmpps xmm0, xmm1
       {0xf3, 0x0f, 0xc2, 0xc1},    // cmpss
       {0x66, 0x0f, 0xc2, 0xc1},    // cmppd
       {0xf2, 0x0f, 0xc2, 0xc1}}};  // cmpsd
  std::array<Tally, 3> tallies;
  for (const std::vector<uint8_t>& opcode : opcodes) {
    for (uint8_t predicate = 0; predicate < 8; ++predicate) {
      std::vector<uint8_t> code = opcode;
      code.push_back(predicate);
      for (size_t i = 0; i < rights.size(); ++i) {
        Machine machine = RandomMachine();
        machine.vectors[0] = left;
        machine.vectors[1] = rights[i];
        CompareWithProcessor(processor_, code, machine,
                             "predicate " + std::to_string(predicate),
                             tallies[i]);
      }
    }
  }
  EXPECT_EQ(tallies[0].run + tallies[1].run + tallies[2].run, 4u * 8 * 3);
  EXPECT_EQ(tallies[0].unknown_words + tallies[1].unknown_words, 0u);
}

TEST_F(X86Execution, WhatIsKnownOfRandomInstructionsIsTrue) {
  constexpr int kCases = 120000;
  std::map<std::string, Tally> tallies;
  size_t tried = 0;
  for (int i = 0; i < kCases && !HasFatalFailure(); ++i) {
    const std::vector<uint8_t> bytes =
        i % 3 != 0 ? RandomLaterCode() : RandomCode();
    const CodeView view = ViewOf(bytes, {});
    const Instruction instruction = Disassemble(view, Rva{kCodeRva});
    if (instruction.flow != Flow::kNext) continue;
    // Of the kernel's: Unicorn crashes on some of their values.
    static const std::regex privileged(R"(\b[cdt]r\d+\b)");
    if (std::regex_search(instruction.text, privileged)) continue;
    const std::vector<uint8_t> code(bytes.begin(),
                                    bytes.begin() + instruction.size);
    ++tried;
    Tally& tally = IsPlain(instruction.text) ? tallies[Mnemonic(instruction)]
                                             : tallies["with other registers"];
    CompareWithProcessor(processor_, code, RandomMachine(), instruction.text,
                         tally);
  }
  size_t run = 0;
  for (const auto& [name, tally] : tallies) run += tally.run;
  RecordProperty("decoded", static_cast<int>(tried));
  RecordProperty("compared", static_cast<int>(run));
  EXPECT_GT(run, kCases / 4) << "most instructions must really be compared";
  // Constants in, constants out: these are never forgotten.
  for (const char* name :
       {"mov", "movzx", "movsx", "lea",  "push", "pop",  "add",
        "sub", "and",   "or",    "xor",  "cmp",  "test", "inc",
        "dec", "neg",   "not",   "xchg", "cdq",  "leave"}) {
    const Tally& tally = tallies[name];
    EXPECT_GT(tally.run, 0u) << name << " was never compared";
    EXPECT_EQ(tally.unknown_registers, 0u) << name;
  }
  for (const char* name :
       {"add", "sub", "and", "or", "xor", "cmp", "test", "adc", "sbb"}) {
    EXPECT_EQ(tallies[name].unknown_flags, 0u) << name;
  }
  for (const char* name :
       {"mul",       "imul",      "div",       "idiv",      "bt",
        "bts",       "btr",       "btc",       "bsf",       "bsr",
        "bswap",     "rcl",       "rcr",       "shld",      "shrd",
        "cmpxchg8b", "cmpxchg",   "xadd",      "movsb",     "movsd",
        "stosb",     "sahf",      "setp",      "setnp",     "cvttsd2si",
        "ucomisd",   "addsd",     "mulsd",     "divsd",     "cvtsi2sd",
        "stosd",     "tzcnt",     "lodsb",     "lodsd",     "scasb",
        "scasd",     "cmpsb",     "cmpsd",     "addss",     "addps",
        "subpd",     "mulss",     "divps",     "sqrtss",    "sqrtpd",
        "minss",     "maxsd",     "minpd",     "maxps",     "cvtss2sd",
        "cvtsd2ss",  "cvtps2pd",  "cvtpd2ps",  "cvtdq2pd",  "cvtdq2ps",
        "cvtsi2ss",  "cvttss2si", "cvttps2dq", "cvttpd2dq", "ucomiss",
        "comiss"}) {
    const Tally& tally = tallies[name];
    EXPECT_GT(tally.run, 0u) << name << " was never compared";
    EXPECT_LT(tally.unknown_registers, tally.run) << name;
  }
  for (const char* name :
       {"movaps",    "movups",    "movdqa",    "movdqu",     "movd",
        "movq",      "movlps",    "movss",     "movsd",      "xorps",
        "pxor",      "pshufd",    "movhps",    "movlhps",    "movhlps",
        "andps",     "andnps",    "orps",      "pand",       "pandn",
        "por",       "paddb",     "paddw",     "paddd",      "paddq",
        "psubq",     "psllq",     "psrlq",     "psubb",      "psubw",
        "pslld",     "psrld",     "psllw",     "psrlw",      "psubd",
        "pcmpeqb",   "pcmpeqw",   "pcmpeqd",   "pcmpgtb",    "pcmpgtw",
        "pcmpgtd",   "pminub",    "pmaxub",    "pmovmskb",   "movmskps",
        "movmskpd",  "punpcklbw", "punpcklwd", "punpckldq",  "punpcklqdq",
        "punpckhbw", "punpckhwd", "punpckhdq", "punpckhqdq", "unpcklps",
        "unpckhpd",  "pshuflw",   "pshufhw",   "shufps",     "shufpd",
        "pslldq",    "psrldq",    "palignr"}) {
    const Tally& tally = tallies[name];
    EXPECT_GT(tally.run, 0u) << name << " was never compared";
    EXPECT_EQ(tally.unknown_words, 0u) << name;
  }
}

}  // namespace
}  // namespace detachfix
