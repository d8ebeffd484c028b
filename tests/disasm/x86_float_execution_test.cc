// SPDX-License-Identifier: Apache-2.0
// The x87: sequences that load, copy, compare and store run in Unicorn and in
// the interpreter. What is not exact must not be known; what only goes through
// must be.

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "tests/disasm/x86_comparison.h"

namespace detachfix {
namespace {

using Code = std::vector<uint8_t>;

constexpr uint32_t kResults = 0x100;  // below it are the operands
constexpr uint32_t kControl = 3 * kResults;
constexpr uint32_t kExtended = 4 * kResults;  // numbers of ten bytes, 16 apart
constexpr uint32_t kExtendedNumbers = 16;

class X86FloatExecution : public testing::Test {
 protected:
  X86FloatExecution() : random_(20240608) {}

  uint32_t Random() { return static_cast<uint32_t>(random_()); }

  void Append(Code& code, Code opcode, uint32_t offset) {
    const uint32_t va = kBase + kDataRva + offset;
    code.insert(code.end(), opcode.begin(), opcode.end());
    for (int shift = 0; shift < 32; shift += 8) {
      code.push_back(static_cast<uint8_t>(va >> shift));
    }
  }

  Machine RandomMachine() {
    Machine machine;
    machine.registers.fill(kBase + kDataRva + kDataSize / 2);
    machine.registers[1] = Random();
    machine.flags = 2;
    machine.data.resize(kDataSize);
    for (uint32_t at = 0; at < kResults; at += 8) Put(machine, at);
    // Every exception is masked; bits 8 to 11 are precision and rounding.
    const uint32_t digits = std::array{0u, 2u, 3u}[Random() % 3];
    const auto control =
        static_cast<uint16_t>(0x7f | digits << 8 | (Random() % 4) << 10);
    std::memcpy(&machine.data[kControl], &control, sizeof(control));
    for (uint32_t i = 0; i < kExtendedNumbers; ++i) PutExtended(machine, i);
    return machine;
  }

  /// A number at the ends of what `width` bits can hold, or between them, with
  /// few digits or with all.
  uint64_t Extreme(int width) {
    const int digits = width == 64 ? 52 : 23;
    const uint64_t highest = (uint64_t{1} << (width - 1 - digits)) - 1;
    const uint64_t middle = highest / 2;
    const std::array<uint64_t, 8> exponents = {
        0,      1,           2,           middle - digits,
        middle, highest - 2, highest - 1, middle / 2 + Random() % middle};
    const uint64_t all = (uint64_t{1} << digits) - 1;
    const std::array<uint64_t, 6> fractions = {
        0, 1, all, all & ~uint64_t{1}, (all >> 1) + 1, all & Random()};
    return uint64_t{Random() % 2} << (width - 1) |
           exponents[Random() % exponents.size()] << digits |
           fractions[Random() % fractions.size()];
  }

  /// Eight bytes of any kind: words, a small or a large number, a double, and
  /// those that are not one.
  void Put(Machine& machine, uint32_t at) {
    uint64_t bits = uint64_t{Random()} << 32 | Random();
    switch (Random() % 10) {
      case 7:
      case 8:
        bits = Extreme(64);
        break;
      case 9:
        bits = Extreme(32) << 32 | Extreme(32);
        break;
      case 5: {  // two of 32 bits
        const float numbers[] = {static_cast<float>(Random() % 64) / 4,
                                 -static_cast<float>(Random() % 8)};
        std::memcpy(&bits, numbers, sizeof(bits));
        break;
      }
      case 0:
        bits = static_cast<uint64_t>(static_cast<int64_t>(bits) >> 40);
        break;
      case 1: {
        const double number = static_cast<int32_t>(Random()) / 4.0;
        std::memcpy(&bits, &number, sizeof(bits));
        break;
      }
      case 2: {
        const double number = static_cast<int32_t>(Random() % 9) - 4;
        std::memcpy(&bits, &number, sizeof(bits));
        break;
      }
      case 3:
        bits |= 0x7ff0000000000000;
        break;
      default:
        break;
    }
    std::memcpy(&machine.data[at], &bits, sizeof(bits));
  }

  /// A number of the x87: one of the doubles, the next to it, or any.
  void PutExtended(Machine& machine, uint32_t i) {
    constexpr uint64_t kFraction = (uint64_t{1} << 52) - 1;
    uint64_t bits = 0;
    const size_t from = size_t{8} * (Random() % (kResults / 8));
    std::memcpy(&bits, &machine.data[from], sizeof(bits));
    const std::array<uint64_t, 5> beyond = {0, 0, 1, 0x7ff, Random() & 0x7ff};
    uint64_t significand = uint64_t{1} << 63 | (bits & kFraction) << 11 |
                           beyond[Random() % beyond.size()];
    auto head = static_cast<uint16_t>((bits >> 52 & 0x7ff) + 16383 - 1023 +
                                      (bits >> 63 << 15));
    switch (Random() % 8) {
      case 0:  // one that no double is as large or as small as
        head = static_cast<uint16_t>(Random());
        break;
      case 1:  // one that is not normal
        significand &= ~(uint64_t{1} << 63);
        break;
      case 2:
        significand = 0;
        head &= 0x8000;
        break;
      default:
        break;
    }
    const uint32_t at = kExtended + 16 * i;
    std::memcpy(&machine.data[at], &significand, sizeof(significand));
    std::memcpy(&machine.data[at + 8], &head, sizeof(head));
  }

  /// One that keeps the stack as deep as it is.
  void AppendInPlace(Code& code, uint32_t depth) {
    const uint8_t other = static_cast<uint8_t>(Random() % depth);
    const uint8_t below = static_cast<uint8_t>(Random() % kResults & ~7u);
    const std::array<uint8_t, 6> arithmetic = {0xc0, 0xc8, 0xe0,
                                               0xe8, 0xf0, 0xf8};
    const uint8_t with = static_cast<uint8_t>(arithmetic[Random() % 6] + other);
    const std::array<Code, 18> choices = {
        Code{0xd9, static_cast<uint8_t>(0xc8 + other)},  // fxch
        Code{0xdd, static_cast<uint8_t>(0xd0 + other)},  // fst st(n)
        Code{0xdb, static_cast<uint8_t>(0xe8 + other)},  // fucomi
        Code{0x0f, 0x92, 0xc1},                          // setb cl
        Code{0x0f, 0x9a, 0xc5},                          // setp ch
        Code{0xd8, static_cast<uint8_t>(0xd0 + other)},  // fcom
        Code{0xdd, static_cast<uint8_t>(0xe0 + other)},  // fucom
        Code{0xd9, 0xe4},                                // ftst
        // fnstsw ax; test ah, 0x44; setp ch
        Code{0xdf, 0xe0, 0xf6, 0xc4, 0x44, 0x0f, 0x9a, 0xc5},
        // fwait; fnstsw ax; sahf; setb cl
        Code{0x9b, 0xdf, 0xe0, 0x9e, 0x0f, 0x92, 0xc1},
        Code{0xd8, with},                    // fadd st, st(n)
        Code{0xd8, with}, Code{0xdc, with},  // fadd st(n), st
        Code{0xd9, 0xfc},                    // frndint
        Code{0xd9, 0xe0},                    // fchs
        Code{}, Code{}, Code{}};
    const Code& chosen = choices[Random() % choices.size()];
    if (!chosen.empty()) {
      code.insert(code.end(), chosen.begin(), chosen.end());
      return;
    }
    if (Random() % 3 == 0) {  // fadd m32 and m64, and their like, fcom
      const uint8_t size = Random() % 2 == 0 ? 0xd8 : 0xdc;
      const bool compares = Random() % 4 == 0;
      const uint8_t op =
          static_cast<uint8_t>(compares ? 0x15 : (with & 0x38) | 0x05);
      Append(code, {size, op}, below);
      return;
    }
    const std::array<Code, 4> memory = {Code{0xdd, 0x15},   // fst m64
                                        Code{0xd9, 0x15},   // fst m32
                                        Code{0xdb, 0x15},   // fist m32
                                        Code{0xdf, 0x15}};  // fist m16
    Append(code, memory[Random() % memory.size()], kResults + below);
  }

  void AppendPush(Code& code, uint32_t depth) {
    const std::array<Code, 5> memory = {Code{0xdf, 0x2d},   // fild m64
                                        Code{0xd9, 0x05},   // fld m32
                                        Code{0xdb, 0x05},   // fild m32
                                        Code{0xdf, 0x05},   // fild m16
                                        Code{0xdd, 0x05}};  // fld m64
    switch (Random() % 8) {
      case 0:
        code.insert(code.end(), {0xd9, 0xe8});  // fld1
        break;
      case 1:
        code.insert(code.end(), {0xd9, 0xee});  // fldz
        break;
      case 3:  // fld m80
        Append(code, {0xdb, 0x2d},
               kExtended + 16 * (Random() % kExtendedNumbers));
        break;
      case 2:
        if (depth > 0) {
          code.insert(code.end(),
                      {0xd9, static_cast<uint8_t>(0xc0 + Random() % depth)});
          break;
        }
        [[fallthrough]];
      default:
        Append(code, memory[Random() % memory.size()],
               Random() % kResults & ~7u);
    }
  }

  void AppendPop(Code& code, uint32_t depth, uint32_t to) {
    const std::array<Code, 5> memory = {Code{0xdf, 0x3d},   // fistp m64
                                        Code{0xd9, 0x1d},   // fstp m32
                                        Code{0xdb, 0x1d},   // fistp m32
                                        Code{0xdf, 0x1d},   // fistp m16
                                        Code{0xdd, 0x1d}};  // fstp m64
    const uint8_t other = static_cast<uint8_t>(Random() % depth);
    switch (Random() % 8) {
      case 0:  // fstp st(n)
        code.insert(code.end(), {0xdd, static_cast<uint8_t>(0xd8 + other)});
        break;
      case 2:  // faddp and its like
        code.insert(
            code.end(),
            {0xde, static_cast<uint8_t>(std::array{0xc0, 0xc8, 0xe0, 0xe8, 0xf0,
                                                   0xf8}[Random() % 6] +
                                        other)});
        break;
      case 3:  // fcomp, fucomp
        if (Random() % 2 == 0) {
          code.insert(code.end(), {0xd8, static_cast<uint8_t>(0xd8 + other)});
        } else {
          code.insert(code.end(), {0xdd, static_cast<uint8_t>(0xe8 + other)});
        }
        break;
      case 1:  // fucomip
        code.insert(code.end(), {0xdf, static_cast<uint8_t>(0xe8 + other)});
        break;
      default:
        Append(code, memory[Random() % memory.size()], to);
    }
  }

  Code RandomSequence() {
    Code code = {0xdb, 0xe3};  // fninit
    // fldcw: how many digits, and how it rounds.
    if (Random() % 2 == 0) Append(code, {0xd9, 0x2d}, kControl);
    uint32_t depth = 0;
    const uint32_t steps = 2 + Random() % 12;
    for (uint32_t i = 0; i < steps; ++i) {
      const uint32_t what = Random() % 3;
      if (depth > 1 && Random() % 12 == 0) {  // fcompp
        code.insert(code.end(), {0xde, 0xd9});
        depth -= 2;
      } else if (depth == 0 || (what == 0 && depth < 8)) {
        AppendPush(code, depth++);
      } else if (what == 1) {
        AppendInPlace(code, depth);
      } else {
        AppendPop(code, depth--, kResults + 8 * i);
      }
    }
    for (uint32_t i = 0; depth > 0; ++i) {
      AppendPop(code, depth--, 2 * kResults + 8 * i);
    }
    return code;
  }

  std::mt19937 random_;
  Processor processor_;
};

TEST_F(X86FloatExecution, WhatIsKnownOfRandomSequencesIsTrue) {
  constexpr int kCases = 20000;
  Tally tally;
  for (int i = 0; i < kCases && !HasFatalFailure(); ++i) {
    CompareWithProcessor(processor_, RandomSequence(), RandomMachine(),
                         "sequence " + std::to_string(i), tally);
  }
  EXPECT_EQ(tally.run, kCases);
}

/// The `size` bytes that `code` leaves at kResults, and whether they are known.
std::vector<int> ResultOf(const Code& code, const Machine& machine,
                          uint32_t size) {
  Code whole = code;
  whole.insert(whole.end(), {0xff, 0x35, 0x00, 0x00, 0x42, 0x00, 0xc3});
  const CodeView view = ViewOf(whole, machine.data);
  const Interpreted seen = Interpret(view, machine);
  EXPECT_TRUE(seen.ended);
  std::vector<int> bytes;
  for (uint32_t at = 0; at < size; ++at) {
    const Value value = seen.state.memory.Load(
        {kAbsolute, int64_t{kBase} + kDataRva + kResults + at}, 1);
    bytes.push_back(value.IsConstant() ? static_cast<int>(value.bits) : -1);
  }
  return bytes;
}

// As Move of Delphi and of Free Pascal does: two at once, the last first.
TEST_F(X86FloatExecution, CopiesOfMemoryAreKnown) {
  Code code = {0xdb, 0xe3};
  Append(code, {0xdf, 0x2d}, 0);
  Append(code, {0xdf, 0x2d}, 8);
  Append(code, {0xdf, 0x3d}, kResults + 8);
  Append(code, {0xdf, 0x3d}, kResults);
  const Machine machine = RandomMachine();
  const std::vector<int> expected(machine.data.begin(),
                                  machine.data.begin() + 16);
  EXPECT_EQ(ResultOf(code, machine, 16), expected);
}

TEST_F(X86FloatExecution, CopiesOfDoublesAreKnown) {
  Code code = {0xdb, 0xe3};
  Append(code, {0xdd, 0x05}, 0);
  code.insert(code.end(), {0xd9, 0xe8, 0xd9, 0xc9});  // fld1; fxch
  Append(code, {0xdd, 0x1d}, kResults);
  Machine machine = RandomMachine();
  const double number = 0.1;
  std::memcpy(machine.data.data(), &number, sizeof(number));
  const std::vector<int> expected(machine.data.begin(),
                                  machine.data.begin() + 8);
  EXPECT_EQ(ResultOf(code, machine, 8), expected);
}

// As the hash tables of libstdc++ find their sizes: n * 1.0f, rounded down.
TEST_F(X86FloatExecution, ExactProductsAndQuotientsAreKnown) {
  Code code = {0xdb, 0xe3};
  Append(code, {0xdf, 0x2d}, 0);          // fild m64
  Append(code, {0xd8, 0x0d}, 8);          // fmul m32
  Append(code, {0xdc, 0x35}, 16);         // fdiv m64
  code.insert(code.end(), {0xd9, 0xfc});  // frndint
  Append(code, {0xdf, 0x3d}, kResults);   // fistp m64
  Machine machine = RandomMachine();
  const uint64_t number = 26;
  const float factor = 1.5;
  for (const double divisor : {3.0, 4.0}) {
    std::memcpy(&machine.data[0], &number, sizeof(number));
    std::memcpy(&machine.data[8], &factor, sizeof(factor));
    std::memcpy(&machine.data[16], &divisor, sizeof(divisor));
    const std::vector<int> known = {13, 0, 0, 0, 0, 0, 0, 0};
    EXPECT_EQ(ResultOf(code, machine, 8),
              divisor == 3 ? known : std::vector<int>(8, -1));
  }
}

// As Delphi waits for a time to pass: what is left of equal times, against a
// number of ten bytes that no double is.
TEST_F(X86FloatExecution, ComparisonsWithNumbersOfTenBytesAreKnown) {
  Code code = {0xdb, 0xe3};
  Append(code, {0xdd, 0x05}, 0);          // fld m64
  Append(code, {0xdc, 0x25}, 8);          // fsub m64
  Append(code, {0xdb, 0x2d}, kExtended);  // fld m80
  // fucompp; fnstsw ax; and eax, 0x4500
  code.insert(code.end(),
              {0xda, 0xe9, 0xdf, 0xe0, 0x25, 0x00, 0x45, 0x00, 0x00});
  Append(code, {0xa3}, kResults);  // mov [results], eax
  Machine machine = RandomMachine();
  // 2^-3 and a bit that a double lacks.
  const uint64_t significand = 0x8000000000000001;
  uint16_t head = 16383 - 3;
  std::memcpy(&machine.data[kExtended], &significand, sizeof(significand));
  const std::vector<int> less = {0, 1, 0, 0};
  const std::vector<int> more = {0, 0, 0, 0};
  const double minuend = 46132.5;
  std::memcpy(&machine.data[0], &minuend, sizeof(minuend));
  const auto compare = [&](uint16_t sign, double difference) {
    const uint16_t signed_head = head | sign;
    std::memcpy(&machine.data[kExtended + 8], &signed_head, sizeof(head));
    const double subtrahend = minuend - difference;
    std::memcpy(&machine.data[8], &subtrahend, sizeof(subtrahend));
    return ResultOf(code, machine, 4);
  };
  EXPECT_EQ(compare(0, 0), more);
  EXPECT_EQ(compare(0, 0.125), more);
  EXPECT_EQ(compare(0, 0.25), less);
  EXPECT_EQ(compare(0x8000, 0), less);
  EXPECT_EQ(compare(0x8000, -0.125), less);
  EXPECT_EQ(compare(0x8000, -0.25), more);
}

// The registers of MMX are those of the x87, whatever set an instruction is of.
TEST_F(X86FloatExecution, AnInstructionOnMmxLeavesNoNumberKnown) {
  for (const Code& uses_mmx : {Code{0x0f, 0x2a, 0xc0},           // cvtpi2ps
                               Code{0xf3, 0x0f, 0xd6, 0xc0}}) {  // movq2dq
    Code code = {0xdb, 0xe3};
    Append(code, {0xdf, 0x2d}, 0);  // fild m64
    code.insert(code.end(), uses_mmx.begin(), uses_mmx.end());
    Append(code, {0xdf, 0x3d}, kResults);  // fistp m64
    EXPECT_EQ(ResultOf(code, RandomMachine(), 8), std::vector<int>(8, -1));
  }
}

// As Visual C++ compares: fld, fcomp, and a look at the condition codes.
TEST_F(X86FloatExecution, ComparisonsThroughTheStatusWordAreKnown) {
  Code code = {0xdb, 0xe3};
  Append(code, {0xdd, 0x05}, 0);  // fld m64
  Append(code, {0xdc, 0x1d}, 8);  // fcomp m64
  // fnstsw ax; and eax, 0x4500
  code.insert(code.end(), {0xdf, 0xe0, 0x25, 0x00, 0x45, 0x00, 0x00});
  Append(code, {0xa3}, kResults);  // mov [results], eax
  Machine machine = RandomMachine();
  const double number = 2.5;
  std::memcpy(&machine.data[8], &number, sizeof(number));
  const std::tuple<double, std::vector<int>> cases[] = {
      {2.5, {0x00, 0x40}},
      {-3.0, {0x00, 0x01}},
      {7.0, {0x00, 0x00}},
      {std::numeric_limits<double>::infinity(), {0x00, -1}},
  };
  for (const auto& [left, expected] : cases) {
    std::memcpy(&machine.data[0], &left, sizeof(left));
    EXPECT_EQ(ResultOf(code, machine, 2), expected) << left;
  }
}

// The x87 has numbers far below a double's smallest: this one is not 0 there.
TEST_F(X86FloatExecution, AProductBelowEveryDoubleIsNotKnown) {
  Code code = {0xdb, 0xe3};
  Append(code, {0xdd, 0x05}, 0);         // fld m64
  Append(code, {0xdc, 0x0d}, 0);         // fmul m64
  Append(code, {0xdd, 0x1d}, kResults);  // fstp m64
  Machine machine = RandomMachine();
  const double number = 1e-200;
  std::memcpy(machine.data.data(), &number, sizeof(number));
  EXPECT_EQ(ResultOf(code, machine, 8), std::vector<int>(8, -1));
}

// A signalling NaN comes out as a quiet one (SDM volume 1, section 4.8.3.4).
TEST_F(X86FloatExecution, WhatIsNoNumberIsNotKnown) {
  Code code = {0xdb, 0xe3};
  Append(code, {0xdd, 0x05}, 0);
  Append(code, {0xdd, 0x1d}, kResults);
  Machine machine = RandomMachine();
  const uint64_t signalling = 0x7ff0000000000001;
  std::memcpy(machine.data.data(), &signalling, sizeof(signalling));
  EXPECT_EQ(ResultOf(code, machine, 8), std::vector<int>(8, -1));
}

}  // namespace
}  // namespace detachfix
