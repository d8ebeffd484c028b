// SPDX-License-Identifier: Apache-2.0
// i386 instructions, run by a processor (Unicorn) and by the lifter and the
// interpreter, from the same registers and memory: every register, flag and
// byte that the interpreter claims to know must be the processor's.
#ifndef DETACHFIX_TESTS_DISASM_X86_COMPARISON_H_
#define DETACHFIX_TESTS_DISASM_X86_COMPARISON_H_

#include <gtest/gtest.h>
#include <unicorn/unicorn.h>

#include <array>
#include <bit>
#include <string>
#include <vector>

#include "disasm/interpreter.h"

namespace detachfix {

inline constexpr uint32_t kBase = 0x400000;
inline constexpr uint32_t kCodeRva = 0x1000;
inline constexpr uint32_t kDataRva = 0x10000;
inline constexpr uint32_t kDataSize = 0x1000;
inline constexpr uint32_t kReturnSlot = kBase + 0x20000;
inline constexpr size_t kRegisters = 8;
inline constexpr uint32_t kEspId = 4;
inline constexpr size_t kVectors = 8;
inline constexpr size_t kVectorWords = 4;
inline constexpr size_t kVectorPlace = 13;  // where they lie as memory

struct Machine {
  std::array<uint32_t, kRegisters> registers{};  // EAX ECX EDX EBX ESP EBP …
  uint32_t flags = 0;
  std::array<std::array<uint32_t, kVectorWords>, kVectors> vectors{};  // XMM
  std::vector<uint8_t> data;
};

inline constexpr std::array<int, kRegisters> kUnicornRegisters = {
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

inline Interpreted Interpret(const CodeView& view, const Machine& machine) {
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

inline CodeView ViewOf(const std::vector<uint8_t>& code,
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

/// Runs `code` in both and compares. Counts what was known.
inline void CompareWithProcessor(Processor& processor,
                                 const std::vector<uint8_t>& code,
                                 const Machine& before, const std::string& text,
                                 Tally& tally) {
  Machine after = before;
  if (!processor.Run(code, after)) return;
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

}  // namespace detachfix

#endif  // DETACHFIX_TESTS_DISASM_X86_COMPARISON_H_
