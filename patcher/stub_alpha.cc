// SPDX-License-Identifier: Apache-2.0
// Encodings are those of the Alpha Architecture Handbook, version 4, chapters 3
// and 4. What the code relies on, after the "Windows NT for Alpha Calling
// Standard" (MSDN Library, April 2000):
// - DllMain's arguments are in R16 to R18 (a0 to a2): hinstDLL, fdwReason,
//   lpvReserved. At the first instruction they are what the loader passed.
// - R26 (ra) is the return address, R0 (v0) the result; R1 to R8, R16 to R25,
//   R27 and R28 are free at a return. No register leads to the image: a
//   procedure value is the address of the code, and R29 is not used.
// - The stack pointer is a multiple of 16 at all times.
// - Code that does not move the stack pointer, and leaves ra as it is, needs no
//   entry in the table of functions (section 3.2.6); code with a frame does,
//   and its prologue moves the stack pointer by one instruction, then stores
//   ra.
// - `br rX, .+4` gives the address the code runs at; LDAH and LDA add a fixed
//   distance, so every place in the image is reached whatever the base.
// - A jump to the delete function in place of a return makes that function
//   return to the loader. The result of a detach is not looked at (Windows SDK,
//   "DllMain entry point").
// - Branches reach 2^20 words each way.
#include "patcher/stub_alpha.h"

#include <cassert>

#include "patcher/hex_text.h"

namespace detachfix {
namespace {

constexpr uint32_t kV0 = 0, kT0 = 1, kT1 = 2, kT2 = 3, kA0 = 16, kA1 = 17,
                   kA2 = 18, kRa = 26, kT12 = 27, kSp = 30, kZero = 31;

constexpr uint32_t kLda = 0x08, kLdah = 0x09, kLdl = 0x28, kLdq = 0x29,
                   kStq = 0x2d, kBr = 0x30, kBsr = 0x34, kBeq = 0x39,
                   kBne = 0x3d;

constexpr uint32_t kWordSize = 4;

std::string Name(uint32_t number) {
  switch (number) {
    case kV0:
      return "v0";
    case kT0:
      return "t0";
    case kT1:
      return "t1";
    case kT2:
      return "t2";
    case kA0:
      return "a0";
    case kA1:
      return "a1";
    case kA2:
      return "a2";
    case kRa:
      return "ra";
    case kT12:
      return "t12";
    case kSp:
      return "sp";
    default:
      return "zero";
  }
}

/// The distance between two places as LDAH and the LDA or LDL after it add it:
/// both halves are signed.
struct Halves {
  int16_t high = 0;
  int16_t low = 0;
};

/// Every distance inside an image has such halves: images are smaller than the
/// 2 GiB that a process has for itself.
Halves Split(Rva from, Rva to) {
  const uint32_t distance = to.value - from.value;
  const int16_t low = static_cast<int16_t>(distance);
  const uint32_t rest = distance - static_cast<uint32_t>(int32_t{low});
  return {static_cast<int16_t>(rest >> 16), low};
}

/// Collects lines; a branch's distance is filled in when its label is bound.
class Assembler {
 public:
  explicit Assembler(Rva at) : here_(at) {}

  Rva here() const { return here_; }

  void Word(uint32_t word, const std::string& text) {
    code_.push_back(
        {here_,
         {static_cast<uint8_t>(word), static_cast<uint8_t>(word >> 8),
          static_cast<uint8_t>(word >> 16), static_cast<uint8_t>(word >> 24)},
         text,
         std::nullopt});
    here_ = here_ + kWordSize;
  }

  /// Memory format: "ldq ra,0(sp)".
  void Memory(uint32_t opcode, const char* name, uint32_t ra,
              int16_t displacement, uint32_t rb) {
    Word(opcode << 26 | ra << 21 | rb << 16 |
             static_cast<uint16_t>(displacement),
         std::string(name) + " " + Name(ra) + "," +
             std::to_string(displacement) + "(" + Name(rb) + ")");
  }

  void Branch(uint32_t opcode, const char* name, uint32_t ra, Rva target) {
    const std::string first = ra == kZero ? "" : Name(ra) + ",";
    Word(opcode << 26 | ra << 21, std::string(name) + " " + first + "#");
    SetTarget(code_.size() - 1, target);
  }

  /// A branch forward; the result is passed to Bind at its target.
  size_t Forward(uint32_t opcode, const char* name, uint32_t ra) {
    Branch(opcode, name, ra, here_ + kWordSize);
    return code_.size() - 1;
  }
  void Bind(size_t branch) { SetTarget(branch, here_); }

  /// `reg` = the address of the next instruction, which is returned.
  Rva Anchor(uint32_t reg) {
    Branch(kBr, "br", reg, here_ + kWordSize);
    return here_;
  }

  Result<StubCode> Finish() {
    if (too_far_) {
      return Error{"the branch at " + HexNumber(too_far_->value) +
                   " would have to reach farther than 4 MiB"};
    }
    return std::move(code_);
  }

 private:
  void SetTarget(size_t branch, Rva target) {
    StubLine& line = code_[branch];
    const int64_t distance =
        (int64_t{target.value} - line.rva.value - kWordSize) / kWordSize;
    if (distance < -(1 << 20) || distance >= 1 << 20) too_far_ = line.rva;
    const uint32_t field = static_cast<uint32_t>(distance) & 0x1fffff;
    line.bytes[0] = static_cast<uint8_t>(field);
    line.bytes[1] = static_cast<uint8_t>(field >> 8);
    line.bytes[2] = static_cast<uint8_t>((line.bytes[2] & 0xe0) | field >> 16);
    line.target = target;
  }

  Rva here_;
  StubCode code_;
  std::optional<Rva> too_far_;
};

/// `reg` = the address of `place`; `base` holds the address of `anchor`.
void EmitAddress(Assembler& a, uint32_t reg, uint32_t base, Rva anchor,
                 Rva place) {
  const Halves halves = Split(anchor, place);
  a.Memory(kLdah, "ldah", reg, halves.high, base);
  a.Memory(kLda, "lda", reg, halves.low, reg);
}

/// t12 = the function that the loader put into `slot`.
void EmitLoadSlot(Assembler& a, uint32_t base, Rva anchor, Rva slot) {
  const Halves halves = Split(anchor, slot);
  a.Memory(kLdah, "ldah", kT12, halves.high, base);
  a.Memory(kLdl, "ldl", kT12, halves.low, kT12);
}

void EmitMove(Assembler& a, uint32_t from, uint32_t to) {
  a.Word(0x11u << 26 | kZero << 21 | from << 16 | 0x20u << 5 | to,
         "mov " + Name(from) + "," + Name(to));
}
void EmitTailJump(Assembler& a) { a.Word(0x6bfb0000, "jmp (t12)"); }
void EmitCall(Assembler& a) { a.Word(0x6b5b4000, "jsr ra,(t12),#"); }
void EmitReturn(Assembler& a) { a.Word(0x6bfa8001, "ret"); }

Result<Stub> Finish(Assembler& a, std::vector<Rva> entries,
                    std::optional<FrameRange> frame) {
  Result<StubCode> code = a.Finish();
  if (!code) return code.error();
  return Stub{std::move(*code), std::move(entries), frame};
}

class Alpha final : public StubMaker {
 public:
  const HookRules& rules() const override;
  Result<Stub> DetachExit(Rva at, const std::vector<MovedCode>& sites,
                          const DeleteTask& task) const override;
  Result<Stub> EntryTail(Rva at, Rva original,
                         const DeleteTask& task) const override;
  Result<Stub> EntryWrapper(Rva at, Rva original,
                            const DeleteTask& task) const override;
  Result<StubLine> Jump(Rva from, Rva to) const override;
};

const HookRules& Alpha::rules() const {
  static const HookRules rules = {
      .kinds = {HookKind::kDetachExit, HookKind::kEntryTail,
                HookKind::kEntryWrapper},
      .code_alignment = kWordSize,
      .jump_size = kWordSize,
      .return_text = "ret",
      .short_branch_reach = 0,
      .most_tail_sections = 1,
      // call_pal halt; nop; unop, as it is mostly encoded.
      .fillers = {{0x00, 0x00, 0x00, 0x00},
                  {0x1f, 0x04, 0xff, 0x47},
                  {0x00, 0x00, 0xfe, 0x2f}},
  };
  return rules;
}

/// All sites were returns, and every jump leads to the same code.
Result<Stub> Alpha::DetachExit(Rva at, const std::vector<MovedCode>& sites,
                               const DeleteTask& task) const {
  assert(task.sections.size() == 1);
  Assembler a(at);
  const size_t other_reason = a.Forward(kBne, "bne", kA1);
  const size_t process_exit = a.Forward(kBne, "bne", kA2);
  const Rva anchor = a.Anchor(kT0);
  EmitAddress(a, kA0, kT0, anchor, task.sections.front());
  a.Memory(kLdl, "ldl", kT1, 0, kA0);
  const size_t absent = a.Forward(kBeq, "beq", kT1);
  EmitLoadSlot(a, kT0, anchor, task.slot);
  EmitTailJump(a);
  for (const size_t branch : {other_reason, process_exit, absent}) {
    a.Bind(branch);
  }
  EmitReturn(a);
  return Finish(a, std::vector<Rva>(sites.size(), at), std::nullopt);
}

Result<Stub> Alpha::EntryTail(Rva at, Rva original,
                              const DeleteTask& task) const {
  assert(task.sections.size() == 1);
  Assembler a(at);
  a.Branch(kBne, "bne", kA1, original);
  a.Branch(kBne, "bne", kA2, original);
  const Rva anchor = a.Anchor(kT0);
  EmitAddress(a, kT1, kT0, anchor, task.sections.front());
  a.Memory(kLdl, "ldl", kT2, 0, kT1);
  a.Branch(kBeq, "beq", kT2, original);
  EmitLoadSlot(a, kT0, anchor, task.slot);
  EmitMove(a, kT1, kA0);
  EmitTailJump(a);
  return Finish(a, {at}, std::nullopt);
}

void EmitDelete(Assembler& a, Rva section, Rva slot) {
  const Rva anchor = a.Anchor(kT0);
  EmitAddress(a, kA0, kT0, anchor, section);
  a.Memory(kLdl, "ldl", kT1, 0, kA0);
  const size_t absent = a.Forward(kBeq, "beq", kT1);
  EmitLoadSlot(a, kT0, anchor, slot);
  EmitCall(a);
  a.Bind(absent);
}

/// Two branches without a frame, then a function with one.
Result<Stub> Alpha::EntryWrapper(Rva at, Rva original,
                                 const DeleteTask& task) const {
  constexpr int16_t kFrameSize = 16;
  constexpr int16_t kResultSlot = 8;
  Assembler a(at);
  a.Branch(kBne, "bne", kA1, original);
  a.Branch(kBne, "bne", kA2, original);
  FrameRange frame;
  frame.begin = a.here();
  a.Memory(kLda, "lda", kSp, -kFrameSize, kSp);
  a.Memory(kStq, "stq", kRa, 0, kSp);
  frame.prolog_end = a.here();
  a.Branch(kBsr, "bsr", kRa, original);
  a.Memory(kStq, "stq", kV0, kResultSlot, kSp);
  for (const Rva section : task.sections) EmitDelete(a, section, task.slot);
  a.Memory(kLdq, "ldq", kV0, kResultSlot, kSp);
  a.Memory(kLdq, "ldq", kRa, 0, kSp);
  a.Memory(kLda, "lda", kSp, kFrameSize, kSp);
  EmitReturn(a);
  frame.end = a.here();
  return Finish(a, {at}, frame);
}

Result<StubLine> Alpha::Jump(Rva from, Rva to) const {
  Assembler a(from);
  a.Branch(kBr, "br", kZero, to);
  Result<StubCode> code = a.Finish();
  if (!code) return code.error();
  return code->front();
}

}  // namespace

const StubMaker& AlphaStubs() {
  static const Alpha stubs;
  return stubs;
}

}  // namespace detachfix
