// SPDX-License-Identifier: Apache-2.0
// What is odd about this machine's encoding, after the Alpha Architecture
// Handbook, version 4, chapter 3 and appendix C:
// - Every instruction is one aligned word; the top six bits choose a group.
// - Register 31 reads as zero and swallows what is written to it. Many
//   instructions are other ones with a 31 somewhere: `clr`, `mov`, `unop`.
// - Bits 13 to 15 of the operate format should be zero and are not looked at.
// - Floating-point instructions carry their rounding and their traps in the
//   word; which combinations exist depends on the instruction (table C-2 on).
#include "disasm/alpha_decode.h"

#include <array>
#include <cstdio>
#include <span>

namespace detachfix {
namespace {

/// Fields that must be equal beyond what a mask can say.
enum class Same : uint8_t { kNone, kRaRb, kAll };

/// The words w with (w & mask) == match.
struct Pattern {
  uint32_t match = 0;
  uint32_t mask = 0;
};

struct Row {
  AlphaOp op;
  const char* name;
  AlphaFormat format;
  Pattern pattern;
  Same same = Same::kNone;
};

constexpr uint32_t kMajorMask = 0xfc000000;
constexpr uint32_t kRaMask = 31u << 21;
constexpr uint32_t kRbMask = 31u << 16;
constexpr uint32_t kRcMask = 31u;

constexpr Pattern And(Pattern p, uint32_t match, uint32_t mask) {
  return {p.match | match, p.mask | mask};
}
constexpr Pattern Whole(uint32_t word) { return {word, 0xffffffff}; }
constexpr Pattern Major(uint32_t opcode) { return {opcode << 26, kMajorMask}; }
constexpr Pattern RaZero(Pattern p) { return And(p, kRaMask, kRaMask); }
constexpr Pattern RbZero(Pattern p) { return And(p, kRbMask, kRbMask); }
constexpr Pattern RcZero(Pattern p) { return And(p, kRcMask, kRcMask); }
/// Operate format; with Rb or a literal.
constexpr Pattern Operate(uint32_t opcode, uint32_t function) {
  return And(Major(opcode), function << 5, 0x7fu << 5);
}
/// Operate format with Rb.
constexpr Pattern Register(uint32_t opcode, uint32_t function) {
  return And(Operate(opcode, function), 0, 1u << 12);
}
constexpr Pattern LiteralOne(Pattern p) {
  return And(p, 1u << 13 | 1u << 12, 0xffu << 13 | 1u << 12);
}
constexpr Pattern Float(uint32_t opcode, uint32_t function) {
  return And(Major(opcode), function << 5, 0x7ffu << 5);
}
constexpr Pattern Misc(uint32_t function) {
  return And(Major(0x18), function, 0xffff);
}
constexpr Pattern Jump(uint32_t hint, uint32_t hint_mask, bool plain) {
  const Pattern p = And(Major(0x1a), hint, hint_mask);
  return plain ? RaZero(p) : p;
}

constexpr Row kRows[] = {
#include "disasm/alpha_opcodes.inc"
};

constexpr uint32_t MajorOf(uint32_t word) { return word >> 26; }

constexpr bool IsSorted() {
  for (size_t i = 1; i < std::size(kRows); ++i) {
    if (MajorOf(kRows[i - 1].pattern.match) > MajorOf(kRows[i].pattern.match)) {
      return false;
    }
  }
  return true;
}
static_assert(IsSorted(), "the rows of a major opcode must stand together");

/// Where the rows of each major opcode begin; one more for the end.
constexpr std::array<uint16_t, 65> MakeIndex() {
  std::array<uint16_t, 65> index{};
  uint16_t row = 0;
  for (uint32_t major = 0; major < 64; ++major) {
    index[major] = row;
    while (row < std::size(kRows) &&
           MajorOf(kRows[row].pattern.match) == major) {
      ++row;
    }
  }
  index[64] = row;
  return index;
}
constexpr std::array<uint16_t, 65> kIndex = MakeIndex();

// Floating point: bits 5 to 10 of the word are the function and the source
// format, bits 11 and 12 the rounding, bits 13 to 15 the traps.
constexpr uint32_t kChopped = 1u << 0, kMinusInfinity = 1u << 1,
                   kNormal = 1u << 2, kDynamic = 1u << 3;
constexpr uint32_t kNoTrap = 1u << 0, kU = 1u << 1, kS = 1u << 4, kSu = 1u << 5,
                   kSui = 1u << 7;

/// Which roundings and traps an instruction has. `overflow` is how the trap of
/// `u` is called: "u" underflow, "v" integer overflow.
struct Qualifiers {
  uint32_t roundings;
  uint32_t traps;
  char overflow = 'u';
};
constexpr Qualifiers kVax = {kChopped | kNormal, kNoTrap | kU | kS | kSu};
constexpr Qualifiers kVaxToInteger = {kVax.roundings, kVax.traps, 'v'};
constexpr Qualifiers kVaxFromInteger = {kChopped | kNormal, kNoTrap};
constexpr Qualifiers kVaxCompare = {kNormal, kNoTrap | kS};
constexpr Qualifiers kIeee = {kChopped | kMinusInfinity | kNormal | kDynamic,
                              kNoTrap | kU | kSu | kSui};
constexpr Qualifiers kIeeeToInteger = {kIeee.roundings, kIeee.traps, 'v'};
constexpr Qualifiers kIeeeFromInteger = {kIeee.roundings, kNoTrap | kSui};
constexpr Qualifiers kIeeeCompare = {kNormal, kNoTrap | kSu};

struct Family {
  const char* name;
  uint8_t opcode;
  uint8_t function;  ///< 6 bits
  bool unary;        ///< Ra must be 31
  Qualifiers qualifiers;
};

// Tables C-2 (VAX, opcode 15), C-3 (IEEE, opcode 16), C-4 (square roots, 14).
constexpr Family kFamilies[] = {
    {"sqrtf", 0x14, 0x0a, true, kVax},
    {"sqrts", 0x14, 0x0b, true, kIeee},
    {"sqrtg", 0x14, 0x2a, true, kVax},
    {"sqrtt", 0x14, 0x2b, true, kIeee},
    {"addf", 0x15, 0x00, false, kVax},
    {"subf", 0x15, 0x01, false, kVax},
    {"mulf", 0x15, 0x02, false, kVax},
    {"divf", 0x15, 0x03, false, kVax},
    {"cvtdg", 0x15, 0x1e, true, kVax},
    {"addg", 0x15, 0x20, false, kVax},
    {"subg", 0x15, 0x21, false, kVax},
    {"mulg", 0x15, 0x22, false, kVax},
    {"divg", 0x15, 0x23, false, kVax},
    {"cmpgeq", 0x15, 0x25, false, kVaxCompare},
    {"cmpglt", 0x15, 0x26, false, kVaxCompare},
    {"cmpgle", 0x15, 0x27, false, kVaxCompare},
    {"cvtgf", 0x15, 0x2c, true, kVax},
    {"cvtgd", 0x15, 0x2d, true, kVax},
    {"cvtgq", 0x15, 0x2f, true, kVaxToInteger},
    {"cvtqf", 0x15, 0x3c, true, kVaxFromInteger},
    {"cvtqg", 0x15, 0x3e, true, kVaxFromInteger},
    {"adds", 0x16, 0x00, false, kIeee},
    {"subs", 0x16, 0x01, false, kIeee},
    {"muls", 0x16, 0x02, false, kIeee},
    {"divs", 0x16, 0x03, false, kIeee},
    {"addt", 0x16, 0x20, false, kIeee},
    {"subt", 0x16, 0x21, false, kIeee},
    {"mult", 0x16, 0x22, false, kIeee},
    {"divt", 0x16, 0x23, false, kIeee},
    {"cmptun", 0x16, 0x24, false, kIeeeCompare},
    {"cmpteq", 0x16, 0x25, false, kIeeeCompare},
    {"cmptlt", 0x16, 0x26, false, kIeeeCompare},
    {"cmptle", 0x16, 0x27, false, kIeeeCompare},
    {"cvtts", 0x16, 0x2c, true, kIeee},
    {"cvttq", 0x16, 0x2f, true, kIeeeToInteger},
    {"cvtqs", 0x16, 0x3c, true, kIeeeFromInteger},
    {"cvtqt", 0x16, 0x3e, true, kIeeeFromInteger},
};
// CVTST shares CVTTS's function and has codes of traps of its own.
constexpr uint32_t kCvtst = 0x2ac, kCvtstS = 0x6ac;

std::string QualifierText(const Qualifiers& q, uint32_t rounding,
                          uint32_t trap) {
  std::string text;
  if ((trap & 4) != 0) text += 's';
  if ((trap & 1) != 0) text += q.overflow;
  if ((trap & 2) != 0) text += 'i';
  constexpr std::array<const char*, 4> kRoundings = {"c", "m", "", "d"};
  text += kRoundings[rounding];
  return text.empty() ? text : "/" + text;
}

void DecodeFloat(AlphaInstruction& out) {
  const uint32_t function = (out.word >> 5) & 0x7ff;
  const uint32_t rounding = (function >> 6) & 3;
  const uint32_t trap = function >> 8;
  for (const Family& family : kFamilies) {
    if (family.opcode != MajorOf(out.word) ||
        family.function != (function & 0x3f) ||
        (family.unary && out.ra() != 31)) {
      continue;
    }
    out.format = family.unary ? AlphaFormat::kUnaryFloat : AlphaFormat::kFloat;
    if (family.opcode == 0x16 && (function == kCvtst || function == kCvtstS)) {
      out.op = AlphaOp::kNothing;
      out.name = "cvtst";
      if (function == kCvtstS) out.qualifier = "/s";
      return;
    }
    const Qualifiers& q = family.qualifiers;
    if (((q.roundings >> rounding) & (q.traps >> trap) & 1) == 0) return;
    out.op = AlphaOp::kNothing;
    out.name = family.name;
    out.qualifier = QualifierText(q, rounding, trap);
    return;
  }
}

bool Matches(const Row& row, const AlphaInstruction& instruction) {
  if (((instruction.word ^ row.pattern.match) & row.pattern.mask) != 0) {
    return false;
  }
  if (row.same == Same::kNone) return true;
  if (instruction.ra() != instruction.rb()) return false;
  return row.same == Same::kRaRb || instruction.ra() == instruction.rc();
}

constexpr std::array<const char*, 32> kRegisters = {
    "v0", "t0", "t1",  "t2",  "t3", "t4",  "t5", "t6", "t7", "s0",  "s1",
    "s2", "s3", "s4",  "s5",  "fp", "a0",  "a1", "a2", "a3", "a4",  "a5",
    "t8", "t9", "t10", "t11", "ra", "t12", "at", "gp", "sp", "zero"};

std::string Integer(uint8_t number) { return kRegisters[number]; }
std::string FloatRegister(uint8_t number) {
  return "$f" + std::to_string(number);
}

/// As printf's "%#x": 0 has no prefix.
std::string Hex(uint64_t value) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%#llx",
                static_cast<unsigned long long>(value));
  return text.data();
}

std::string Second(const AlphaInstruction& i) {
  return i.has_literal() ? Hex(i.literal()) : Integer(i.rb());
}

std::string Displaced(const AlphaInstruction& i) {
  return std::to_string(i.displacement()) + "(" + Integer(i.rb()) + ")";
}

/// Where the branch predictor is told that a jump leads: 14 bits of words.
std::string Hint(const AlphaInstruction& i, uint64_t va) {
  const int32_t words = static_cast<int32_t>(i.word << 18) >> 18;
  return Hex(va + 4 + static_cast<uint64_t>(int64_t{words} * 4));
}

std::string Operands(const AlphaInstruction& i, uint64_t va) {
  switch (i.format) {
    case AlphaFormat::kNone:
      return "";
    case AlphaFormat::kPal:
      return Hex(i.pal_function());
    case AlphaFormat::kMemory:
      return Integer(i.ra()) + "," + Displaced(i);
    case AlphaFormat::kMemoryFloat:
      return FloatRegister(i.ra()) + "," + Displaced(i);
    case AlphaFormat::kAddress:
      return Integer(i.ra()) + "," + std::to_string(i.displacement());
    case AlphaFormat::kBranch:
      return Integer(i.ra()) + "," + Hex(i.BranchTarget(va));
    case AlphaFormat::kBranchFloat:
      return FloatRegister(i.ra()) + "," + Hex(i.BranchTarget(va));
    case AlphaFormat::kBranchPlain:
      return Hex(i.BranchTarget(va));
    case AlphaFormat::kJump:
      return Integer(i.ra()) + ",(" + Integer(i.rb()) + ")," + Hint(i, va);
    case AlphaFormat::kJumpPlain:
    case AlphaFormat::kFetch:
      return "(" + Integer(i.rb()) + ")";
    case AlphaFormat::kReturn:
      return Integer(i.ra()) + ",(" + Integer(i.rb()) + ")," +
             Hex(i.word & 0x3fff);
    case AlphaFormat::kOperate:
      return Integer(i.ra()) + "," + Second(i) + "," + Integer(i.rc());
    case AlphaFormat::kUnary:
      return Second(i) + "," + Integer(i.rc());
    case AlphaFormat::kTarget:
      return Integer(i.rc());
    case AlphaFormat::kFloat:
      return FloatRegister(i.ra()) + "," + FloatRegister(i.rb()) + "," +
             FloatRegister(i.rc());
    case AlphaFormat::kUnaryFloat:
      return FloatRegister(i.rb()) + "," + FloatRegister(i.rc());
    case AlphaFormat::kTargetFloat:
      return FloatRegister(i.rc());
    case AlphaFormat::kControl:
      return FloatRegister(i.ra());
    case AlphaFormat::kToFloat:
      return Integer(i.ra()) + "," + FloatRegister(i.rc());
    case AlphaFormat::kFromFloat:
      return FloatRegister(i.ra()) + "," + Integer(i.rc());
    case AlphaFormat::kCounter:
      return Integer(i.ra());
    case AlphaFormat::kCounterTwo:
      return Integer(i.ra()) + "," + Integer(i.rb());
  }
  return "";
}

}  // namespace

AlphaInstruction DecodeAlpha(uint32_t word) {
  AlphaInstruction out;
  out.word = word;
  const uint32_t major = MajorOf(word);
  const std::span rows(kRows);
  for (const Row& row :
       rows.subspan(kIndex[major], kIndex[major + 1] - kIndex[major])) {
    if (!Matches(row, out)) continue;
    out.op = row.op;
    out.name = row.name;
    out.format = row.format;
    return out;
  }
  if (major >= 0x14 && major <= 0x16) DecodeFloat(out);
  return out;
}

std::string AlphaText(const AlphaInstruction& instruction, uint64_t va) {
  if (instruction.op == AlphaOp::kUnknown) {
    return ".long " + Hex(instruction.word);
  }
  const std::string name = instruction.name + instruction.qualifier;
  const std::string operands = Operands(instruction, va);
  return operands.empty() ? name : name + " " + operands;
}

}  // namespace detachfix
