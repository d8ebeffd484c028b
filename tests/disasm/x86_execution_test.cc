// SPDX-License-Identifier: Apache-2.0
// What the lifter and the interpreter say of an instruction must be what a
// processor does. Random instructions run in Unicorn and, with the same
// registers and memory, in the interpreter: every register, flag and byte that
// the interpreter claims to know must be the processor's. What it does not know
// is sound; for the instructions that DllMain analysis lives on, the results
// must be known too.

#include <gtest/gtest.h>
#include <unicorn/unicorn.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

constexpr uint32_t kBase = 0x400000;
constexpr uint32_t kCodeRva = 0x1000;
constexpr uint32_t kDataRva = 0x10000;
constexpr uint32_t kDataSize = 0x1000;
constexpr uint32_t kReturnSlot = kBase + 0x20000;
constexpr size_t kRegisters = 8;
constexpr uint32_t kEspId = 4;
constexpr size_t kVectors = 8;
constexpr size_t kVectorWords = 4;
constexpr size_t kVectorPlace = 13;  // where they lie as memory

struct Machine {
  std::array<uint32_t, kRegisters> registers{};  // EAX ECX EDX EBX ESP EBP …
  uint32_t flags = 0;
  std::array<std::array<uint32_t, kVectorWords>, kVectors> vectors{};  // XMM
  std::vector<uint8_t> data;
};

constexpr std::array<int, kRegisters> kUnicornRegisters = {
    UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
    UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};

/// One Unicorn engine with code and data mapped, used for all cases.
class Processor {
 public:
  Processor() {
    EXPECT_EQ(uc_open(UC_ARCH_X86, UC_MODE_32, &engine_), UC_ERR_OK);
    EXPECT_EQ(uc_mem_map(engine_, kBase, 0x8000, UC_PROT_ALL), UC_ERR_OK);
    EXPECT_EQ(uc_mem_map(engine_, kBase + kDataRva, kDataSize,
                         UC_PROT_READ | UC_PROT_WRITE),
              UC_ERR_OK);
  }
  ~Processor() { uc_close(engine_); }
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;

  /// Runs one instruction; false when it faults or does not come out behind
  /// itself.
  bool Run(const std::vector<uint8_t>& code, Machine& machine) {
    uc_mem_write(engine_, kBase + kCodeRva, code.data(), code.size());
    uc_mem_write(engine_, kBase + kDataRva, machine.data.data(),
                 machine.data.size());
    for (size_t i = 0; i < kRegisters; ++i) {
      uc_reg_write(engine_, kUnicornRegisters[i], &machine.registers[i]);
    }
    uc_reg_write(engine_, UC_X86_REG_EFLAGS, &machine.flags);
    for (size_t i = 0; i < kVectors; ++i) {
      uc_reg_write(engine_, UC_X86_REG_XMM0 + static_cast<int>(i),
                   machine.vectors[i].data());
    }
    const uint64_t start = kBase + kCodeRva;
    const uint64_t end = start + code.size();
    if (uc_emu_start(engine_, start, end, 0, 2'000) != UC_ERR_OK) return false;
    uint32_t eip = 0;
    uc_reg_read(engine_, UC_X86_REG_EIP, &eip);
    for (size_t i = 0; i < kRegisters; ++i) {
      uc_reg_read(engine_, kUnicornRegisters[i], &machine.registers[i]);
    }
    uc_reg_read(engine_, UC_X86_REG_EFLAGS, &machine.flags);
    for (size_t i = 0; i < kVectors; ++i) {
      uc_reg_read(engine_, UC_X86_REG_XMM0 + static_cast<int>(i),
                  machine.vectors[i].data());
    }
    uc_mem_read(engine_, kBase + kDataRva, machine.data.data(),
                machine.data.size());
    return eip == end;
  }

 private:
  uc_engine* engine_ = nullptr;
};

/// The same instruction in the interpreter, followed by `push [slot]; ret`,
/// which leads back to the caller without touching anything else.
struct Interpreted {
  bool ended = false;
  State state;
};

Interpreted Interpret(const CodeView& view, const Machine& machine) {
  State start(view);
  for (size_t i = 0; i < kRegisters; ++i) {
    start.places[i] = ConstantValue(machine.registers[i]);
  }
  const auto flag = [&](unsigned bit) {
    return ConstantValue((machine.flags >> bit) & 1);
  };
  start.places[8] = flag(6);    // ZF
  start.places[9] = flag(0);    // CF
  start.places[10] = flag(7);   // SF
  start.places[11] = flag(11);  // OF
  start.places[14] = flag(10);  // DF
  // A byte with an even number of bits for PF.
  start.places[15] = ConstantValue((machine.flags >> 2 & 1) ^ 1);
  start.places[kVectorPlace] = SymbolicValue(kWideRegistersSymbol);
  for (size_t i = 0; i < kVectors * kVectorWords; ++i) {
    const uint32_t word = machine.vectors[i / kVectorWords][i % kVectorWords];
    start.memory.Store({kWideRegistersSymbol, static_cast<int64_t>(4 * i)}, 4,
                       ConstantValue(word));
  }
  start.memory.Store({kAbsolute, kReturnSlot}, 4, SymbolicValue(kReturnSymbol));
  start.pc = kBase + kCodeRva;
  Trace trace;
  Interpreter interpreter(view, X86Isa());
  std::vector<PathEnd> ends = interpreter.Run(std::move(start), trace);
  if (ends.size() != 1) return {false, State(view)};
  return {true, std::move(ends[0].state)};
}

struct Tally {
  size_t run = 0;
  size_t unknown_registers = 0;
  size_t unknown_flags = 0;
  size_t unknown_words = 0;  // of vectors
};

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
    }
    machine.data.resize(kDataSize);
    for (size_t i = 0; i < machine.data.size(); i += 4) {
      const uint32_t word = Random();
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
        {0x66, 0x0f, 0x2f}};
    std::vector<uint8_t> bytes = kOpcodes[Random() % kOpcodes.size()];
    // Half of them with a register where memory could be.
    const uint8_t form = Random() % 2 == 0 ? 0xc0 : 0;
    bytes.push_back(static_cast<uint8_t>(Random() | form));
    while (bytes.size() < 16) bytes.push_back(static_cast<uint8_t>(Random()));
    return bytes;
  }

  /// Runs `code` in both and compares. Counts what was known.
  void Check(const std::vector<uint8_t>& code, const Machine& before,
             const std::string& text, Tally& tally);

  std::mt19937 random_;
  Processor processor_;
};

CodeView ViewOf(const std::vector<uint8_t>& code,
                const std::vector<uint8_t>& data) {
  CodeView view;
  view.machine = kMachineI386;
  view.image_base = kBase;
  view.image_size = 0x30000;
  view.regions.push_back({Rva{kCodeRva}, 0x1000, std::span(code), true, false});
  view.regions.push_back(
      {Rva{kDataRva}, kDataSize, std::span(data), false, true});
  view.regions.push_back({Rva{0x20000}, 0x1000, {}, false, true});
  return view;
}

void X86Execution::Check(const std::vector<uint8_t>& code,
                         const Machine& before, const std::string& text,
                         Tally& tally) {
  Machine after = before;
  if (!processor_.Run(code, after)) return;
  std::vector<uint8_t> whole = code;
  constexpr std::array<uint8_t, 7> kWayBack = {
      // push [kReturnSlot]; ret
      0xff, 0x35, 0x00, 0x00, 0x42, 0x00, 0xc3};
  whole.insert(whole.end(), kWayBack.begin(), kWayBack.end());
  const CodeView view = ViewOf(whole, before.data);
  const Interpreted seen = Interpret(view, before);
  if (!seen.ended) return;  // said to be unfollowable: sound
  ++tally.run;
  for (size_t i = 0; i < kRegisters; ++i) {
    const Value& value = seen.state.places[i];
    if (value.kind == Value::Kind::kPartial) {
      ASSERT_EQ((value.bits ^ after.registers[i]) & value.known & UINT32_MAX, 0)
          << text << ", register " << i;
    }
    if (!value.IsConstant()) {
      ++tally.unknown_registers;
      continue;
    }
    ASSERT_EQ(value.bits, after.registers[i]) << text << ", register " << i;
  }
  constexpr std::array<unsigned, 5> kFlagBits = {6, 0, 7, 11, 10};
  constexpr std::array<size_t, 5> kFlagPlaces = {8, 9, 10, 11, 14};
  for (size_t i = 0; i < kFlagBits.size(); ++i) {
    // No compiler sets DF by this; the lifter says that it stays.
    if (text.starts_with("popf") && kFlagBits[i] == 10) continue;
    const Value& value = seen.state.places[kFlagPlaces[i]];
    if (!value.IsConstant()) {
      ++tally.unknown_flags;
      continue;
    }
    ASSERT_EQ(value.bits, (after.flags >> kFlagBits[i]) & 1)
        << text << ", flag bit " << kFlagBits[i];
  }
  if (const Value& byte = seen.state.places[15]; byte.IsConstant()) {
    ASSERT_EQ((std::popcount(byte.bits & 0xff) & 1) ^ 1, after.flags >> 2 & 1)
        << text << ", PF";
  }
  for (size_t i = 0; i < kVectors * kVectorWords; ++i) {
    const Value value = seen.state.memory.Load(
        {kWideRegistersSymbol, static_cast<int64_t>(4 * i)}, 4);
    if (!value.IsConstant()) {
      ++tally.unknown_words;
      continue;
    }
    ASSERT_EQ(value.bits, after.vectors[i / kVectorWords][i % kVectorWords])
        << text << ", word " << i % kVectorWords << " of XMM"
        << i / kVectorWords;
  }
  for (uint32_t at = 0; at < kDataSize; ++at) {
    if (at + 4 > before.registers[kEspId] - kBase - kDataRva - 4 &&
        at < before.registers[kEspId] - kBase - kDataRva + 64) {
      continue;  // where the closing push and ret work
    }
    const int64_t va = int64_t{kBase} + kDataRva + at;
    const Value byte = seen.state.memory.Load({kAbsolute, va}, 1);
    if (!byte.IsConstant()) continue;
    ASSERT_EQ(byte.bits, after.data[at]) << text << ", byte at " << at;
  }
}

TEST_F(X86Execution, WhatIsKnownOfRandomInstructionsIsTrue) {
  constexpr int kCases = 120000;
  std::map<std::string, Tally> tallies;
  size_t tried = 0;
  for (int i = 0; i < kCases && !HasFatalFailure(); ++i) {
    const std::vector<uint8_t> bytes =
        i % 3 != 0 ? RandomLaterCode() : RandomCode();
    const CodeView view = ViewOf(bytes, {});
    const Instruction instruction = Decode(view, Rva{kCodeRva});
    if (instruction.flow != Flow::kNext) continue;
    // Of the kernel's: Unicorn crashes on some of their values.
    static const std::regex privileged(R"(\b[cdt]r\d+\b)");
    if (std::regex_search(instruction.text, privileged)) continue;
    const std::vector<uint8_t> code(bytes.begin(),
                                    bytes.begin() + instruction.size);
    ++tried;
    Tally& tally = IsPlain(instruction.text) ? tallies[Mnemonic(instruction)]
                                             : tallies["with other registers"];
    Check(code, RandomMachine(), instruction.text, tally);
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
       {"mul",   "imul",  "div",   "idiv",      "bt",        "bts",
        "btr",   "btc",   "bsf",   "bsr",       "bswap",     "rcl",
        "rcr",   "shld",  "shrd",  "cmpxchg8b", "movsb",     "movsd",
        "stosb", "sahf",  "setp",  "setnp",     "cvttsd2si", "ucomisd",
        "addsd", "mulsd", "divsd", "cvtsi2sd",  "stosd",     "tzcnt"}) {
    const Tally& tally = tallies[name];
    EXPECT_GT(tally.run, 0u) << name << " was never compared";
    EXPECT_LT(tally.unknown_registers, tally.run) << name;
  }
  for (const char* name :
       {"movaps",     "movups",    "movdqa",    "movdqu",    "movd",
        "movq",       "movlps",    "movss",     "movsd",     "xorps",
        "pxor",       "pshufd",    "movhps",    "movlhps",   "movhlps",
        "andps",      "andnps",    "orps",      "pand",      "pandn",
        "por",        "paddb",     "paddw",     "paddd",     "paddq",
        "psubq",      "psllq",     "psrlq",     "psubb",     "psubw",
        "psubd",      "pcmpeqb",   "pcmpeqw",   "pcmpeqd",   "pcmpgtb",
        "pcmpgtw",    "pcmpgtd",   "pminub",    "pmaxub",    "pmovmskb",
        "movmskps",   "movmskpd",  "punpcklbw", "punpcklwd", "punpckldq",
        "punpcklqdq", "punpckhbw", "punpckhwd", "punpckhdq", "punpckhqdq",
        "unpcklps",   "unpckhpd",  "pshuflw",   "pshufhw",   "shufps",
        "shufpd",     "pslldq",    "psrldq",    "palignr"}) {
    const Tally& tally = tallies[name];
    EXPECT_GT(tally.run, 0u) << name << " was never compared";
    EXPECT_EQ(tally.unknown_words, 0u) << name;
  }
}

}  // namespace
}  // namespace detachfix
