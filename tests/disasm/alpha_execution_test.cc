// SPDX-License-Identifier: Apache-2.0
// What the lifter and the interpreter say of Alpha code must be what a
// processor does. Random pieces of code run on qemu-alpha and, with the same
// registers and memory, in the interpreter: every register and byte that the
// interpreter claims to know must be the processor's. Straight code and
// forward branches of integer instructions must be known wholly.

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "disasm/alpha_decode.h"
#include "disasm/interpreter.h"

namespace detachfix {
namespace {

// As in alpha_runner.c.
constexpr uint32_t kBase = 0x50000000;
constexpr uint32_t kCodeRva = 0x1000;
constexpr uint32_t kCodeSize = 0x400;
/// Where a case's own code begins: behind what loads the registers.
constexpr uint32_t kOwnCodeRva = kCodeRva + 31 * 4;
constexpr uint32_t kDataRva = 0x2000;
constexpr uint32_t kDataSize = 0x600;
// The data: registers before, registers after, bytes to work on.
constexpr uint32_t kAfter = 0x100;
constexpr uint32_t kBytes = 0x200;
/// A word behind the data, where only the interpreter finds its way back.
constexpr uint32_t kReturnRva = 0x3000;

constexpr uint8_t kAt = 28;  // the code around uses it
constexpr uint8_t kZero = 31;
// Never written: addresses in the data, aligned and not.
constexpr std::array<uint8_t, 3> kAligned = {9, 10, 30};
constexpr std::array<uint8_t, 2> kUnaligned = {11, 12};

constexpr uint32_t Memory32(uint32_t opcode, uint32_t ra, uint32_t rb,
                            int32_t displacement) {
  return opcode << 26 | ra << 21 | rb << 16 |
         (static_cast<uint32_t>(displacement) & 0xffff);
}

struct Case {
  std::vector<uint32_t> code;
  std::array<uint64_t, 31> registers{};
  std::array<uint8_t, kDataSize> data{};
};

class Generator {
 public:
  /// With `few`, code works on few registers, more often on their bytes and
  /// words.
  explicit Generator(bool few = false) : few_(few) {}

  Case Next() {
    Case c;
    for (uint8_t& byte : c.data) byte = static_cast<uint8_t>(random_());
    for (uint64_t& value : c.registers) value = RandomValue();
    for (const uint8_t r : kAligned) c.registers[r] = DataAddress() & ~7ull;
    for (const uint8_t r : kUnaligned) c.registers[r] = DataAddress();
    std::memcpy(c.data.data(), c.registers.data(), sizeof c.registers);
    const uint32_t count = 1 + Random(8);
    for (uint32_t i = 0; i < count; ++i) c.code.push_back(Instruction());
    // Room for a branch over the next one at the end.
    c.code.push_back(0x47ff041f);
    // What is kept of a register only to the end of the code is seen so.
    for (uint32_t r = 1; few_ && r <= 3; ++r) {
      c.code.push_back(
          Memory32(0x2d, r, kAligned[0], static_cast<int32_t>(0x80 + 8 * r)));
    }
    return c;
  }

 private:
  uint32_t Random(uint32_t below) {
    return static_cast<uint32_t>(random_() % below);
  }

  uint64_t DataAddress() {
    return kBase + kDataRva + kBytes + 0x180 + Random(64);
  }

  uint64_t RandomValue() {
    constexpr std::array<uint64_t, 12> kCorners = {
        0,          1,          0x7fffffff,         0xffffffff80000000,
        0x80000000, 0xffffffff, ~uint64_t{0},       0x8000000000000000,
        0xff,       0x8000,     0x7fffffffffffffff, 8};
    switch (Random(3)) {
      case 0:
        return kCorners[Random(kCorners.size())];
      case 1:  // canonical
        return static_cast<uint64_t>(
            static_cast<int64_t>(static_cast<int32_t>(random_())));
      default:
        return random_();
    }
  }

  uint8_t Source() {
    if (few_ && Random(8) != 0) return static_cast<uint8_t>(1 + Random(3));
    const uint8_t r = static_cast<uint8_t>(Random(32));
    return r == kAt ? kZero : r;
  }
  uint8_t Target() {
    if (few_) return static_cast<uint8_t>(1 + Random(3));
    while (true) {
      const uint8_t r = static_cast<uint8_t>(Random(32));
      bool fixed = r == kAt;
      for (const uint8_t kept : kAligned) fixed = fixed || r == kept;
      for (const uint8_t kept : kUnaligned) fixed = fixed || r == kept;
      if (!fixed) return r;
    }
  }

  uint32_t Instruction() {
    switch (Random(8)) {
      case 0:
      case 1:
        return LoadOrStore();
      case 2:
        return Memory32(8 + Random(2), Target(), Source(),
                        static_cast<int32_t>(random_()));
      case 3:
        return Branch();
      default:
        return Operate();
    }
  }

  uint32_t Branch() {
    if (Random(6) == 0) return 0x30u << 26 | uint32_t{Target()} << 21;
    return (0x38 + Random(8)) << 26 | uint32_t{Source()} << 21 | 1;
  }

  uint32_t LoadOrStore() {
    constexpr std::array<uint32_t, 10> kOpcodes = {
        0x0a, 0x0c, 0x0d, 0x0e, 0x0b, 0x0f, 0x28, 0x29, 0x2c, 0x2d};
    constexpr std::array<int32_t, 10> kAlignment = {1, 2, 2, 1, 1,
                                                    1, 4, 8, 4, 8};
    // Of few: ldq_u, stq_u, ldl, ldq, stl, stq.
    const uint32_t kind = few_ ? 4 + Random(6) : Random(kOpcodes.size());
    const bool any = kAlignment[kind] == 1;
    const uint8_t base = any ? kUnaligned[Random(kUnaligned.size())]
                             : kAligned[Random(kAligned.size())];
    const int32_t displacement =
        (static_cast<int32_t>(Random(0x60)) - 0x30) * kAlignment[kind];
    const bool store = kOpcodes[kind] == 0x0d || kOpcodes[kind] == 0x0e ||
                       kOpcodes[kind] == 0x0f || kOpcodes[kind] >= 0x2c;
    return Memory32(kOpcodes[kind], store ? Source() : Target(), base,
                    displacement);
  }

  /// Any integer instruction of the operate format that cannot trap.
  uint32_t Operate() {
    while (true) {
      constexpr std::array<uint32_t, 5> kGroups = {0x10, 0x11, 0x12, 0x13,
                                                   0x1c};
      const bool literal = Random(2) == 0;
      // Half a quadword, in bytes and in bits.
      const uint32_t number = few_ ? 4u << 3 * Random(2) : Random(256);
      const uint32_t second =
          literal ? number << 13 | 1u << 12 : uint32_t{Source()} << 16;
      const uint32_t first = Random(6) == 0 ? kZero : Source();
      const uint32_t group = few_ ? 1 + Random(2) : Random(kGroups.size());
      const uint32_t word = kGroups[group] << 26 | first << 21 | second |
                            Random(128) << 5 | Target();
      const AlphaInstruction decoded = DecodeAlpha(word);
      if (decoded.op == AlphaOp::kUnknown) continue;
      const std::string name = decoded.name;
      if (name.find("/v") != std::string::npos || name == "amask" ||
          name == "implver" || name == "ftoit" || name == "ftois") {
        continue;
      }
      return word;
    }
  }

  const bool few_;
  std::mt19937_64 random_{19961006};
};

/// Loads the registers, runs the code, stores the registers, goes back.
std::vector<uint32_t> Around(const std::vector<uint32_t>& code) {
  const uint32_t to_data = Memory32(0x09, kAt, kZero, kBase >> 16);
  std::vector<uint32_t> all = {to_data};
  for (uint32_t r = 0; r < 31; ++r) {
    if (r == kAt) continue;
    all.push_back(
        Memory32(0x29, r, kAt, static_cast<int32_t>(kDataRva + 8 * r)));
  }
  all.insert(all.end(), code.begin(), code.end());
  all.push_back(to_data);
  for (uint32_t r = 0; r < 31; ++r) {
    all.push_back(Memory32(0x2d, r, kAt,
                           static_cast<int32_t>(kDataRva + kAfter + 8 * r)));
  }
  all.push_back(Memory32(0x29, kAt, kAt, 8));
  all.push_back(0x1au << 26 | uint32_t{kZero} << 21 | uint32_t{kAt} << 16);
  return all;
}

/// The data of each case after qemu has run it, one behind the other.
std::string RunOnProcessor(const std::vector<Case>& cases) {
  const std::string stem =
      testing::TempDir() + "alpha_cases." + std::to_string(getpid());
  {
    std::ofstream out(stem + ".in", std::ios::binary);
    for (const Case& c : cases) {
      std::vector<uint32_t> code = Around(c.code);
      EXPECT_LE(code.size() * 4, kCodeSize);
      code.resize(kCodeSize / 4);
      out.write(reinterpret_cast<const char*>(code.data()), kCodeSize);
      out.write(reinterpret_cast<const char*>(c.data.data()), kDataSize);
    }
  }
  const std::string command =
      "timeout 60 qemu-alpha -L /usr/alpha-linux-gnu " ALPHA_RUNNER " < " +
      stem + ".in > " + stem + ".out";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  std::ifstream in(stem + ".out", std::ios::binary);
  std::string results((std::istreambuf_iterator<char>(in)), {});
  std::remove((stem + ".in").c_str());
  std::remove((stem + ".out").c_str());
  return results;
}

/// The name of the word there, in the data: every third one has one.
constexpr Symbol kFirstName = kFirstFreshSymbol + 0x10000;
constexpr bool HasName(uint32_t at) { return at / 4 % 3 == 0; }
constexpr Symbol NameOf(uint32_t at) { return kFirstName + at; }

/// A case's code alone in the interpreter, then `ldah at; ldl at; ret (at)`.
class Interpretation {
 public:
  /// `c` must outlive the object. With `named`, some words of the memory are
  /// not known to it but have names: NameOf.
  explicit Interpretation(const Case& c, bool named = false) : named_(named) {
    std::vector<uint32_t> code = c.code;
    code.push_back(Memory32(0x09, kAt, kZero, kBase >> 16));
    code.push_back(Memory32(0x28, kAt, kAt, kReturnRva));
    code.push_back(0x1au << 26 | uint32_t{kZero} << 21 | uint32_t{kAt} << 16 |
                   0x8000);
    bytes_.resize(code.size() * 4);
    std::memcpy(bytes_.data(), code.data(), bytes_.size());
    view_.machine = kMachineAlpha;
    view_.image_base = kBase;
    view_.image_size = 0x4000;
    view_.regions = {{Rva{kOwnCodeRva}, kCodeSize, bytes_, true, false},
                     {Rva{kDataRva}, kDataSize, c.data, false, true},
                     {Rva{kReturnRva}, 0x1000, {}, false, true}};
    Run(c);
  }
  Interpretation(const Interpretation&) = delete;
  Interpretation& operator=(const Interpretation&) = delete;

  const std::vector<PathEnd>& ends() const { return ends_; }

 private:
  void Run(const Case& c) {
    State start(view_);
    start.register_width = AlphaIsa().convention().register_width;
    for (size_t i = 0; i < c.registers.size(); ++i) {
      start.places[i] = ConstantValue(c.registers[i]);
    }
    start.memory.Store({kAbsolute, kBase + kReturnRva}, 4,
                       SymbolicValue(kReturnSymbol));
    for (uint32_t at = kBytes; named_ && at < kDataSize; at += 4) {
      if (!HasName(at)) continue;
      start.memory.Store({kAbsolute, int64_t{kBase} + kDataRva + at}, 4,
                         SymbolicValue(NameOf(at)));
    }
    start.pc = kBase + kOwnCodeRva;
    Trace trace;
    Interpreter interpreter(view_, AlphaIsa());
    ends_ = interpreter.Run(std::move(start), trace);
    EXPECT_TRUE(trace.incomplete_because.empty())
        << trace.incomplete_because.front();
  }

  const bool named_;
  std::vector<uint8_t> bytes_;
  CodeView view_;
  std::vector<PathEnd> ends_;
};

std::string Listing(const Case& c) {
  std::string text;
  for (size_t i = 0; i < c.code.size(); ++i) {
    text +=
        AlphaText(DecodeAlpha(c.code[i]), kBase + kOwnCodeRva + 4 * i) + "\n";
  }
  return text;
}

/// Instructions whose result the lifter forgets.
bool Forgets(const Case& c) {
  for (const uint32_t word : c.code) {
    if (DecodeAlpha(word).op == AlphaOp::kForgetRc) return true;
  }
  return false;
}

/// What the interpreter says of one way through a case, beside the processor.
struct Comparison {
  std::string wrong;  ///< the first difference; empty when all is true
  size_t unknown = 0;
};

/// What a value with a name stands for, or 0 where it has none. Of a sum only
/// the low word is promised: it is taken to be an address.
std::optional<uint64_t> Meaning(const Value& value, const Case& c) {
  if (!value.HasSymbol() || value.symbol < kFirstName) return std::nullopt;
  uint32_t word = 0;
  std::memcpy(&word, c.data.data() + (value.symbol - kFirstName), 4);
  if (value.IsSymbolic()) return word + value.bits;
  return (word == (value.bits & LowBits(32))) != value.negated ? 1 : 0;
}

/// What is said of one way through a case with named words: what has a name,
/// or is a number, must be so.
std::string NamedDifference(const State& state, const Case& c,
                            const char* after) {
  std::string wrong;
  const auto compare = [&](const Value& value, uint64_t real,
                           const std::string& what) {
    const std::optional<uint64_t> meant = Meaning(value, c);
    const uint64_t mask = value.IsSymbolic() ? LowBits(32) : ~uint64_t{0};
    if ((meant && ((*meant ^ real) & mask) != 0) ||
        (value.IsConstant() && value.bits != real)) {
      wrong += what + " is " + std::to_string(real) + "\n";
    }
  };
  for (uint32_t r = 0; r < 31; ++r) {
    if (r == kAt) continue;
    uint64_t real = 0;
    std::memcpy(&real, after + kAfter + size_t{8} * r, 8);
    compare(state.places[r], real, "register " + std::to_string(r));
  }
  for (uint32_t at = kBytes; at < kDataSize; at += 4) {
    uint32_t real = 0;
    std::memcpy(&real, after + at, 4);
    compare(state.memory.Load({kAbsolute, int64_t{kBase} + kDataRva + at}, 4),
            real, "word " + std::to_string(at));
  }
  return wrong;
}

Comparison Compare(const State& state, const char* after) {
  Comparison result;
  const auto compare = [&](const Value& value, uint64_t real,
                           const std::string& what) {
    if (!value.IsConstant()) {
      ++result.unknown;
    } else if (value.bits != real && result.wrong.empty()) {
      result.wrong = what + " is " + std::to_string(real) + ", said to be " +
                     std::to_string(value.bits);
    }
  };
  for (uint32_t r = 0; r < 31; ++r) {
    if (r == kAt) continue;
    uint64_t real = 0;
    std::memcpy(&real, after + kAfter + size_t{8} * r, 8);
    compare(state.places[r], real, "register " + std::to_string(r));
  }
  for (uint32_t at = kBytes; at < kDataSize; ++at) {
    compare(state.memory.Load({kAbsolute, int64_t{kBase} + kDataRva + at}, 1),
            static_cast<uint8_t>(after[at]), "byte " + std::to_string(at));
  }
  return result;
}

TEST(AlphaExecution, WhatIsKnownOfRandomCodeIsTrue) {
  constexpr size_t kCases = 12000;
  Generator generator;
  std::vector<Case> cases;
  for (size_t i = 0; i < kCases; ++i) cases.push_back(generator.Next());
  const std::string results = RunOnProcessor(cases);
  ASSERT_EQ(results.size(), kCases * kDataSize);
  size_t wholly_known = 0;
  for (size_t i = 0; i < kCases && !testing::Test::HasFailure(); ++i) {
    const Case& c = cases[i];
    std::string wrong;
    size_t agreeing = 0;
    const Interpretation interpreted(c);
    for (const PathEnd& end : interpreted.ends()) {
      const Comparison compared =
          Compare(end.state, results.data() + i * kDataSize);
      wrong += compared.wrong + "\n";
      if (!compared.wrong.empty()) continue;
      ++agreeing;
      if (compared.unknown == 0) ++wholly_known;
      EXPECT_TRUE(compared.unknown == 0 || Forgets(c)) << Listing(c);
    }
    // A branch on what was forgotten has two ways, of which one is real.
    EXPECT_GE(agreeing, 1u) << wrong << Listing(c);
    EXPECT_TRUE(wrong == "\n" || Forgets(c)) << wrong << Listing(c);
  }
  RecordProperty("wholly_known", static_cast<int>(wholly_known));
  EXPECT_GT(wholly_known, kCases / 2);
}

TEST(AlphaExecution, WhatIsSaidOfNamedWordsIsTrue) {
  constexpr size_t kCases = 12000;
  Generator generator(true);
  std::vector<Case> cases;
  for (size_t i = 0; i < kCases; ++i) cases.push_back(generator.Next());
  const std::string results = RunOnProcessor(cases);
  ASSERT_EQ(results.size(), kCases * kDataSize);
  for (size_t i = 0; i < kCases && !testing::Test::HasFailure(); ++i) {
    const Interpretation interpreted(cases[i], true);
    std::string wrong;
    bool agrees = false;
    for (const PathEnd& end : interpreted.ends()) {
      const std::string difference =
          NamedDifference(end.state, cases[i], results.data() + i * kDataSize);
      agrees |= difference.empty();
      wrong += difference;
    }
    EXPECT_TRUE(agrees) << wrong << Listing(cases[i]);
  }
}

}  // namespace
}  // namespace detachfix
