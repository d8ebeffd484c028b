// SPDX-License-Identifier: Apache-2.0
// What the interpreter keeps and forgets of memory that Alpha code writes, and
// the tables that it jumps through.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

constexpr uint32_t kBase = 0x400000;
constexpr uint32_t kCodeRva = 0x1000;
constexpr uint32_t kDataRva = 0x2000;
constexpr int64_t kData = int64_t{kBase} + kDataRva;

constexpr uint8_t kIndex = 1, kArray = 2, kOne = 3, kTemporary = 4, kRa = 26,
                  kZero = 31;
constexpr uint32_t kLda = 0x08, kLdah = 0x09, kLdqU = 0x0b, kStqU = 0x0f,
                   kLdl = 0x28, kLdq = 0x29, kStl = 0x2c, kStq = 0x2d;
constexpr uint32_t kRet = 0x6bfa8001;

constexpr uint32_t Memory32(uint32_t opcode, uint32_t ra, int32_t displacement,
                            uint32_t rb) {
  return opcode << 26 | ra << 21 | rb << 16 |
         (static_cast<uint32_t>(displacement) & 0xffff);
}
constexpr uint32_t Operate(uint32_t opcode, uint32_t function, uint32_t ra,
                           uint32_t rb, uint32_t rc) {
  return opcode << 26 | ra << 21 | rb << 16 | function << 5 | rc;
}
constexpr uint32_t Literal(uint32_t opcode, uint32_t function, uint32_t ra,
                           uint32_t number, uint32_t rc) {
  return opcode << 26 | ra << 21 | number << 13 | 1u << 12 | function << 5 | rc;
}

/// Runs code to its `ret`; the data begins with 0, 1, 2, 3 as words.
class AlphaMemory : public testing::Test {
 protected:
  AlphaMemory() {
    view_.machine = kMachineAlpha;
    view_.image_base = kBase;
    view_.image_size = 0x4000;
  }

  /// `index` is what is in R1, R2 has the address of the data, R3 is 1.
  State Run(const std::vector<uint32_t>& code, const Value& index) {
    std::vector<PathEnd> ends = Ends(code, index);
    EXPECT_TRUE(trace_.incomplete_because.empty());
    EXPECT_EQ(ends.size(), 1u);
    return ends.empty() ? State(view_) : std::move(ends.front().state);
  }

  std::vector<PathEnd> Ends(std::vector<uint32_t> code, const Value& index) {
    code.push_back(kRet);
    code_.resize(code.size() * 4);
    std::memcpy(code_.data(), code.data(), code_.size());
    view_.regions = {{Rva{kCodeRva}, 0x1000, code_, true, false},
                     {Rva{kDataRva}, 0x1000, content_, false, true}};
    State start(view_);
    start.register_width = AlphaIsa().convention().register_width;
    start.places[kIndex] = index;
    start.places[kArray] = ConstantValue(kData);
    start.places[kOne] = ConstantValue(1);
    start.places[kRa] = SymbolicValue(kReturnSymbol);
    start.pc = kBase + kCodeRva;
    if (section_) start.sections.Change()[{kAbsolute, *section_}].live = true;
    trace_ = Trace();
    return Interpreter(view_, AlphaIsa()).Run(std::move(start), trace_);
  }
  static Value Word(const State& state, int64_t offset) {
    return state.memory.Load({kAbsolute, kData + offset}, 4);
  }

  CodeView view_;
  std::optional<int64_t> section_;  ///< a critical section that is alive
  Trace trace_;                     ///< of the last run

 private:
  std::array<uint8_t, 16> content_ = {0, 0, 0, 0, 1, 0, 0, 0,
                                      2, 0, 0, 0, 3, 0, 0, 0};
  std::vector<uint8_t> code_;
};

TEST_F(AlphaMemory, AStoreToAnUnknownElementForgetsTheArray) {
  constexpr uint32_t kS4addl = 0x02, kAddq = 0x20, kS4addq = 0x22, kSubq = 0x29;
  const uint32_t add[] = {Operate(0x10, kS4addl, kIndex, kArray, kTemporary),
                          Operate(0x10, kS4addq, kIndex, kArray, kTemporary),
                          Operate(0x10, kAddq, kIndex, kArray, kTemporary),
                          Operate(0x10, kSubq, kArray, kIndex, kTemporary)};
  const std::vector<uint32_t> store[] = {
      {Memory32(kStl, kOne, 0, kTemporary)},
      {Memory32(kStl, kOne, 4, kTemporary)},
      {Memory32(kStqU, kOne, 1, kTemporary)},
      {Memory32(kLda, kTemporary, 8, kTemporary),
       Memory32(kStl, kOne, 0, kTemporary)},
      {Operate(0x10, 0, kTemporary, kZero, kTemporary),
       Memory32(kStl, kOne, 4, kTemporary)}};
  for (const uint32_t first : add) {
    for (const std::vector<uint32_t>& rest : store) {
      std::vector<uint32_t> code = {first};
      code.insert(code.end(), rest.begin(), rest.end());
      const State end = Run(code, UnknownValue());
      EXPECT_FALSE(Word(end, 4).IsConstant()) << std::hex << first;
    }
  }
  // One that is known is another matter, and so is somebody else's pointer.
  const std::vector<uint32_t> code = {add[0], store[1][0]};
  EXPECT_EQ(Word(Run(code, ConstantValue(1)), 8), ConstantValue(1));
  EXPECT_EQ(Word(Run(code, ConstantValue(1)), 4), ConstantValue(1));
  EXPECT_EQ(Word(Run({Memory32(kStl, kOne, 4, kIndex)}, UnknownValue()), 4),
            ConstantValue(1));
}

TEST_F(AlphaMemory, AnAddressThatWasReadThroughOneIsFollowed) {
  // The pointer is a word, although a register holds two.
  const std::vector<uint32_t> code = {
      Operate(0x10, 0x02, kIndex, kArray, kTemporary),
      Memory32(kLdl, kTemporary, 4, kTemporary),
      Memory32(kStl, kOne, 4, kTemporary)};
  EXPECT_FALSE(Word(Run(code, UnknownValue()), 4).IsConstant());
}

/// ldq_u, insbl, mskbl, bis, stq_u: writes the byte 1 at `at` of the data.
std::vector<uint32_t> StoreByte(int32_t at) {
  constexpr uint8_t kQuad = 5, kByte = 6, kAddress = 7;
  return {Memory32(kLda, kAddress, at, kArray),
          Memory32(kLdqU, kQuad, 0, kAddress),
          Operate(0x12, 0x0b, kOne, kAddress, kByte),
          Operate(0x12, 0x02, kQuad, kAddress, kQuad),
          Operate(0x11, 0x20, kQuad, kByte, kQuad),
          Memory32(kStqU, kQuad, 0, kAddress)};
}

TEST_F(AlphaMemory, AByteIsWrittenBesideAPointer) {
  const Value pointer = SymbolicValue(kFirstFreshSymbol + 7, 8, true);
  for (const int32_t word : {0, 4}) {
    for (const int32_t byte : {0, 1, 2, 3, 4, 5, 6, 7}) {
      std::vector<uint32_t> code = {Memory32(kStl, kIndex, word, kArray)};
      const std::vector<uint32_t> rest = StoreByte(byte);
      code.insert(code.end(), rest.begin(), rest.end());
      const State end = Run(code, pointer);
      const bool hits = byte / 4 == word / 4;
      EXPECT_EQ(Word(end, word) == pointer, !hits) << word << " " << byte;
      const MemoryAddress at{kAbsolute, kData + byte};
      EXPECT_EQ(end.memory.Load(at, 1), ConstantValue(1)) << byte;
    }
  }
}

TEST_F(AlphaMemory, TwoWordsAreCopiedAtOnce) {
  constexpr uint8_t kQuad = 5;
  const Value pointer = SymbolicValue(kFirstFreshSymbol + 7);
  const std::vector<uint32_t> code = {Memory32(kStl, kIndex, 4, kArray),
                                      Memory32(kLdq, kQuad, 0, kArray),
                                      Memory32(kStq, kQuad, 8, kArray)};
  const State end = Run(code, pointer);
  EXPECT_EQ(Word(end, 12), pointer);
  EXPECT_EQ(Word(end, 8), ConstantValue(0));
  EXPECT_EQ(end.places[kQuad].kind, Value::Kind::kPartial);
}

TEST_F(AlphaMemory, APointerIsReadOutOfAQuadword) {
  constexpr uint8_t kQuad = 5, kAddress = 7;
  const Value pointer = SymbolicValue(kFirstFreshSymbol + 7);
  // ldq_u, extll, addl
  const std::vector<uint32_t> code = {
      Memory32(kStl, kIndex, 4, kArray), Memory32(kLda, kAddress, 4, kArray),
      Memory32(kLdqU, kQuad, 0, kAddress),
      Operate(0x12, 0x26, kQuad, kAddress, kQuad),
      Operate(0x10, 0, kQuad, kZero, kQuad)};
  EXPECT_EQ(Run(code, pointer).places[kQuad], pointer);
}

TEST_F(AlphaMemory, AnotherValueOfTheRegisterHasNoOldWords) {
  constexpr uint8_t kQuad = 5;
  const Value pointer = SymbolicValue(kFirstFreshSymbol + 7);
  const std::vector<uint32_t> load = {Memory32(kStl, kIndex, 4, kArray),
                                      Memory32(kLdq, kQuad, 0, kArray)};
  const std::vector<uint32_t> rest[] = {
      // A shift by 8, a sum, a load through a pointer that is not known.
      {Literal(0x12, 0x34, kQuad, 8, kQuad)},
      {Literal(0x10, 0x20, kQuad, 1, kQuad)},
      {Memory32(kLdq, kQuad, 0, kQuad)}};
  for (const std::vector<uint32_t>& change : rest) {
    std::vector<uint32_t> code = load;
    code.insert(code.end(), change.begin(), change.end());
    code.push_back(Memory32(kStq, kQuad, 8, kArray));
    const State end = Run(code, pointer);
    EXPECT_FALSE(Word(end, 8).IsSymbolic()) << std::hex << change[0];
    EXPECT_FALSE(Word(end, 12).IsSymbolic()) << std::hex << change[0];
  }
}

TEST_F(AlphaMemory, AJumpThroughATableLeadsToEachOfItsEntries) {
  constexpr uint32_t kTable = kCodeRva + 5 * 4, kFirst = kTable + 2 * 4;
  constexpr uint32_t kJmp = 0x1au << 26 | kZero << 21 | kTemporary << 16;
  std::vector<uint32_t> code = {
      Memory32(kLdah, kTemporary, kBase >> 16, kZero),
      Operate(0x11, 0x20, kZero, kZero, kZero),  // a nop between them
      Operate(0x10, 0x02, kIndex, kTemporary, kTemporary),
      Memory32(kLdl, kTemporary, kTable, kTemporary),
      kJmp,
      kBase + kFirst,
      kBase + kFirst + 8,
      Memory32(kStl, kOne, 8, kArray),
      kRet,
      Memory32(kStl, kOne, 12, kArray)};
  const std::vector<PathEnd> ends = Ends(code, UnknownValue());
  EXPECT_TRUE(trace_.incomplete_because.empty());
  ASSERT_EQ(ends.size(), 2u);
  for (const PathEnd& end : ends) {
    const bool is_first = Word(end.state, 8) == ConstantValue(1);
    EXPECT_EQ(Word(end.state, 12), ConstantValue(is_first ? 3 : 1));
  }
  // An address that is read from a fixed place is no entry of a table, and
  // what another instruction has changed is none either.
  code[2] = code[1];
  EXPECT_EQ(Ends(code, UnknownValue()).size(), 1u);
  code[2] = Operate(0x10, 0x02, kIndex, kTemporary, kTemporary);
  code[1] = Operate(0x13, 0x20, kTemporary, kIndex, kTemporary);
  EXPECT_TRUE(Ends(code, UnknownValue()).empty());
  EXPECT_FALSE(trace_.incomplete_because.empty());
}

// An entry that reads what its stub has deleted before would go another way.
TEST_F(AlphaMemory, SaysThatASectionIsRead) {
  section_ = kData + 8;
  const auto read_by = [this](uint32_t instruction) {
    Run({instruction}, UnknownValue());
    return trace_.reads_section_at;
  };
  EXPECT_EQ(read_by(Memory32(kLdl, kTemporary, 4, kArray)), std::nullopt);
  EXPECT_EQ(read_by(Memory32(kLdl, kTemporary, 8, kArray)), Rva{kCodeRva});
  EXPECT_EQ(read_by(Memory32(kLdq, kTemporary, 0, kArray)), std::nullopt);
  EXPECT_EQ(read_by(Memory32(kLdqU, kTemporary, 9, kArray)), Rva{kCodeRva});
  EXPECT_EQ(read_by(Memory32(kLdl, kTemporary, 28, kArray)), Rva{kCodeRva});
  EXPECT_EQ(read_by(Memory32(kLdl, kTemporary, 32, kArray)), std::nullopt);
}

}  // namespace
}  // namespace detachfix
