// SPDX-License-Identifier: Apache-2.0
// Lifting follows the "Operation" sections of the Intel Software Developer's
// Manual, volume 2. What is odd about this machine and what we rely on:
// - The flags are four places of one bit each (ZF, CF, SF, OF). Of PF the byte
//   is kept that it is computed from; AF is never known.
// - A byte or word register is a part of its 32-bit register: reading extracts,
//   writing merges.
// - The direction flag is a place too. The Windows i386 ABI demands that it is
//   clear at every procedure call; pushfd and popfd save and restore it.
// - FS addresses the thread's environment block: its base is a place that
//   nothing writes. The other segments have base 0.
// - An instruction that has no case here forgets what the decoder says it
//   writes. That is sound as long as it leaves the stack pointer and the flow
//   alone; one that does not is unfollowable.
#include "disasm/x86_lift.h"

#include <algorithm>
#include <cassert>
#include <span>
#include <string>

#include "disasm/x86_lifter.h"

namespace detachfix {

/// A value that is not known.
Place X86Lifter::Unknown() {
  const Place t = NewTemporary();
  Emit(Forget{t});
  return t;
}

Operand X86Lifter::ReadRegister(X86Register reg) {
  if (reg.width == 0 || reg.width > 32) return Unknown();
  const Place whole{reg.number};
  if (reg.width == 32) return whole;
  Operand value = whole;
  if (reg.shift != 0) {
    value = Compute(BinaryOp::kShiftRight, 32, value, uint64_t{reg.shift});
  }
  return Compute(BinaryOp::kAnd, 32, value, Mask(reg.width));
}

void X86Lifter::WriteRegister(X86Register reg, Operand value) {
  if (reg.width == kVectorWidth) ForgetVector(reg);
  if (reg.width == kFloatWidth) ForgetFloats();
  if (reg.width == 0 || reg.width > 32) return;
  const Place whole{reg.number};
  if (reg.width == 32) {
    Emit(Assign{whole, value});
    return;
  }
  const uint64_t hole = Mask(reg.width) << reg.shift;
  value = Compute(BinaryOp::kAnd, 32, value, Mask(reg.width));
  if (reg.shift != 0) {
    value = Compute(BinaryOp::kShiftLeft, 32, value, uint64_t{reg.shift});
  }
  const Place rest = Compute(BinaryOp::kAnd, 32, whole, ~hole & Mask(32));
  Emit(Binary{BinaryOp::kOr, 32, whole, rest, value});
}

Operand X86Lifter::Address(const X86Operand& o) {
  Operand address = o.number & Mask(i_.address_width);
  if (o.base) {
    address = Compute(BinaryOp::kAdd, 32, ReadRegister(*o.base), address);
  }
  if (o.index) {
    Operand index = ReadRegister(*o.index);
    if (o.scale > 1) {
      index = Compute(BinaryOp::kMul, 32, index, uint64_t{o.scale});
    }
    address = Compute(BinaryOp::kAdd, 32, address, index);
  }
  if (o.in_thread_block) {
    address = Compute(BinaryOp::kAdd, 32, kFsBase, address);
  }
  return address;
}

Operand X86Lifter::Read(size_t n) {
  const X86Operand& o = operand(n);
  switch (o.kind) {
    case Kind::kRegister:
      return ReadRegister(o.reg);
    case Kind::kImmediate:
      return uint64_t{o.number};
    case Kind::kMemory: {
      const uint8_t bytes = static_cast<uint8_t>(o.width / 8);
      if (bytes > 4 || bytes == 0) return Unknown();
      const Place t = NewTemporary();
      Emit(Load{bytes, t, Address(o)});
      return t;
    }
    default:
      return Unknown();
  }
}

void X86Lifter::Write(size_t n, Operand value) {
  const X86Operand& o = operand(n);
  if (o.kind == Kind::kRegister) {
    WriteRegister(o.reg, value);
  } else if (o.kind == Kind::kMemory) {
    Emit(Store{static_cast<uint8_t>(o.width / 8), Address(o), value});
  }
}

void X86Lifter::ForgetOperand(const X86Operand& o) {
  if (o.kind == Kind::kRegister) {
    if (o.reg.width == kVectorWidth) {
      ForgetVector(o.reg);
    } else if (o.reg.width == kFloatWidth) {
      ForgetFloats();
    } else if (o.reg.width != 0) {
      Emit(Forget{Place{o.reg.number}});
    }
  } else if (o.kind == Kind::kMemory && o.width >= 8) {
    const uint32_t bytes = std::min<uint32_t>(o.width / 8, 255);
    Emit(Store{static_cast<uint8_t>(bytes), Address(o), std::monostate{}});
  }
}

/// Of a word register (SDM, BSWAP: of others it means nothing).
void X86Lifter::SwapBytes() {
  const Operand value = Read(0);
  if (width(0) != 32) {
    Write(0, Unknown());
    return;
  }
  // The odd bytes and the even ones, each by one rotation.
  const Place odd = Compute(BinaryOp::kAnd, 32, value, 0xff00ff00u);
  const Place even = Compute(BinaryOp::kAnd, 32, value, 0x00ff00ffu);
  const Place left = Compute(BinaryOp::kRotateRight, 32, odd, 24u);
  const Place right = Compute(BinaryOp::kRotateRight, 32, even, 8u);
  Write(0, Compute(BinaryOp::kOr, 32, left, right));
}

bool X86Lifter::LiftMove() {
  switch (i_.op) {
    case X86Op::kNothing:
      return true;
    case X86Op::kMov:
      Write(0, Read(1));
      return true;
    case X86Op::kMovsx: {
      const Place t = NewTemporary();
      Emit(SignExtend{width(1), width(0), t, Read(1)});
      Write(0, t);
      return true;
    }
    case X86Op::kLea:
      Write(0, Address(operand(1)));
      return true;
    case X86Op::kXchg: {
      // A plain register is not yet a copy: the first write would change it.
      const Place old = NewTemporary();
      Emit(Assign{old, Read(0)});
      Write(0, Read(1));
      Write(1, old);
      return true;
    }
    case X86Op::kCdq:
      Emit(Binary{BinaryOp::kShiftRightSigned, 32, kEdx, kEax, 31u});
      return true;
    case X86Op::kBswap:
      SwapBytes();
      return true;
    case X86Op::kIdentify:
      for (const Place place : {kEax, kEbx, kEcx, kEdx}) {
        Emit(Forget{place, true});
      }
      return true;
    case X86Op::kCwde:
      Emit(SignExtend{16, 32, kEax, kEax});
      return true;
    case X86Op::kLahf:
      LoadFlags();
      return true;
    case X86Op::kSahf:
      StoreFlags();
      return true;
    case X86Op::kClc:
      SetFlag(kCf, 0u);
      return true;
    case X86Op::kStc:
      SetFlag(kCf, 1u);
      return true;
    default:
      return false;
  }
}

void X86Lifter::Push(Operand value, uint8_t bytes) {
  // The value is read before the stack pointer moves (SDM, PUSH).
  const Place pushed = NewTemporary();
  Emit(Assign{pushed, value});
  Emit(Binary{BinaryOp::kSub, 32, kEsp, kEsp, uint64_t{bytes}});
  Emit(Store{bytes, kEsp, Operand{pushed}});
}

Place X86Lifter::Pop(uint8_t bytes) {
  const Place value = NewTemporary();
  Emit(Load{bytes, value, kEsp});
  Emit(Binary{BinaryOp::kAdd, 32, kEsp, kEsp, uint64_t{bytes}});
  return value;
}

void X86Lifter::PushAll() {
  const Place old_esp = NewTemporary();
  Emit(Assign{old_esp, kEsp});
  for (const Place reg : {kEax, kEcx, kEdx, kEbx, old_esp, kEbp, kEsi, kEdi}) {
    Push(reg, 4);
  }
}

void X86Lifter::PopAll() {
  for (const Place reg : {kEdi, kEsi, kEbp, kEsp, kEbx, kEdx, kEcx, kEax}) {
    const Place value = Pop(4);
    if (reg != kEsp) Emit(Assign{reg, value});
  }
}

bool X86Lifter::LiftStack() {
  const uint8_t bytes = i_.operand_width == 16 ? 2 : 4;
  switch (i_.op) {
    case X86Op::kPush:
      Push(Read(0), bytes);
      return true;
    case X86Op::kPop:
      // A destination addressed by ESP is computed after the pop (SDM, POP).
      Write(0, Pop(bytes));
      return true;
    case X86Op::kEnter: {
      // Frames of procedures around it, which compilers of C do not ask for,
      // are not copied.
      constexpr uint32_t kLevels = 32;
      if (i_.operand_width != 32 || operand(1).number % kLevels != 0) {
        return false;
      }
      Push(kEbp, 4);
      Emit(Assign{kEbp, kEsp});
      Emit(Binary{BinaryOp::kSub, 32, kEsp, kEsp, operand(0).number});
      return true;
    }
    case X86Op::kLeave:
      if (i_.operand_width != 32) return false;
      Emit(Assign{kEsp, kEbp});
      Emit(Assign{kEbp, Pop(4)});
      return true;
    case X86Op::kPushfd:
      PushFlags();
      return true;
    case X86Op::kPopfd:
      PopFlags();
      return true;
    case X86Op::kPushad:
      PushAll();
      return true;
    case X86Op::kPopad:
      PopAll();
      return true;
    default:
      return false;
  }
}

/// DF's bit of EFLAGS (SDM volume 1, section 3.4.3).
constexpr uint64_t kDirectionBit = 0x400;

/// Of what pushfd pushes only DF counts for us: a memmove by hand saves it so.
void X86Lifter::PushFlags() {
  const Place others = NewTemporary();
  Emit(Forget{others, true});
  const Place direction = NewTemporary();
  Emit(Choose{direction, kDf, kDirectionBit, uint64_t{0}});
  const Place without =
      Compute(BinaryOp::kAnd, 32, others, ~kDirectionBit & Mask(32));
  Push(Compute(BinaryOp::kOr, 32, without, direction), 4);
}

void X86Lifter::PopFlags() {
  const Place flags = Pop(4);
  ForgetFlags();
  const Place direction = Compute(BinaryOp::kAnd, 32, flags, kDirectionBit);
  SetFlag(kDf, Compute(BinaryOp::kEqual, 32, direction, kDirectionBit));
}

bool X86Lifter::LiftFlow() {
  const bool goes_on_elsewhere = i_.is_relative || i_.op == X86Op::kCall ||
                                 i_.op == X86Op::kJmp || i_.op == X86Op::kRet;
  if (goes_on_elsewhere && i_.operand_width == 16) {
    Emit(Unfollowable{"an instruction pointer of 16 bits"});
    return true;
  }
  switch (i_.op) {
    case X86Op::kCall: {
      const Operand target =
          i_.is_relative ? Operand{uint64_t{i_.Target(va_)}} : Read(0);
      const Place kept = NewTemporary();
      Emit(Assign{kept, target});
      Push(uint64_t{next_va()}, 4);
      Emit(Call{kept, next_va()});
      return true;
    }
    case X86Op::kJmp:
      Emit(Jump{i_.is_relative ? Operand{uint64_t{i_.Target(va_)}} : Read(0)});
      return true;
    case X86Op::kRet: {
      const Place target = Pop(4);
      const uint64_t pop = i_.visible_count > 0 ? operand(0).number : 0;
      if (pop != 0) Emit(Binary{BinaryOp::kAdd, 32, kEsp, kEsp, pop});
      Emit(Return{target});
      return true;
    }
    case X86Op::kTrap:
      Emit(Trap{});
      return true;
    default:
      return LiftBranch();
  }
}

/// loop, loope, loopne: counts ECX down; whether the branch is taken.
Operand X86Lifter::CountLoop() {
  Emit(Binary{BinaryOp::kSub, 32, kEcx, kEcx, uint64_t{1}});
  const Operand counts = Not(Compute(BinaryOp::kEqual, 32, kEcx, uint64_t{0}));
  if (i_.op == X86Op::kLoop) return counts;
  const Operand wanted =
      i_.op == X86Op::kLoope ? Operand{kZf} : Operand{Not(kZf)};
  return Compute(BinaryOp::kAnd, 1, counts, wanted);
}

bool X86Lifter::LiftBranch() {
  const auto branch = [&](Operand condition) {
    assert(i_.is_relative);
    Emit(Branch{condition, i_.Target(va_)});
    return true;
  };
  switch (i_.op) {
    case X86Op::kJcc:
      return branch(Condition());
    case X86Op::kJecxz:
      return branch(Compute(BinaryOp::kEqual, 32, kEcx, uint64_t{0}));
    case X86Op::kLoop:
    case X86Op::kLoope:
    case X86Op::kLoopne:
      return branch(CountLoop());
    default:
      return false;
  }
}

/// Whether no register makes an address with 16 bits. `push fs:[0]` is written
/// that way where it saves a byte (Microsoft's _SEH_prolog4).
bool X86Lifter::HasPlainAddresses() const {
  switch (i_.op) {
    case X86Op::kMovs:
    case X86Op::kStos:
    case X86Op::kLods:
    case X86Op::kScas:
    case X86Op::kCmps:
    case X86Op::kPort:
    case X86Op::kJecxz:
    case X86Op::kLoop:
    case X86Op::kLoope:
    case X86Op::kLoopne:
      return false;
    default:
      break;
  }
  const std::span<const X86Operand> operands =
      std::span(i_.operands).first(i_.visible_count);
  return std::ranges::none_of(
      operands, [](const X86Operand& o) { return o.base || o.index; });
}

/// Whether the path cannot be followed behind the instruction, or at all.
bool X86Lifter::LiftEnd() {
  const auto end = [&](const char* why) {
    Emit(Unfollowable{why});
    return true;
  };
  if (i_.address_width != 32 && !HasPlainAddresses()) {
    return end("addresses with 16 bits");
  }
  switch (i_.op) {
    case X86Op::kUnknown:
      return end("cannot decode the instruction");
    case X86Op::kSystemCall:
      return end("makes a system call");
    case X86Op::kPort:
      return end("reads or writes a port");
    case X86Op::kTransaction:
      return end("begins or ends a transaction");
    case X86Op::kReturnFar:
      return end("returns to another code segment or from an interrupt");
    default:
      return false;
  }
}

/// Forgets what the instruction writes; hidden operands and flags too.
void X86Lifter::Fallback() {
  const std::span<const X86Operand> operands =
      std::span(i_.operands).first(i_.operand_count);
  const auto moves_stack = [](const X86Operand& o) {
    return o.written && o.hidden && o.kind == Kind::kRegister &&
           o.reg.width != 0 && o.reg.width <= 32 && Place{o.reg.number} == kEsp;
  };
  if (std::any_of(operands.begin(), operands.end(), moves_stack)) {
    DropOps();
    Emit(Unfollowable{std::string("moves the stack pointer by ") + i_.name});
    return;
  }
  for (const X86Operand& o : operands) {
    if (o.written) ForgetOperand(o);
  }
  if (i_.changes_flags) ForgetFlags();
}

std::vector<Op> X86Lifter::Run() {
  if (!LiftEnd() && !LiftMove() && !LiftArithmetic() && !LiftLogic() &&
      !LiftBits() && !LiftStack() && !LiftFlow() && !LiftString() &&
      !LiftConditional() && !LiftAtomic() && !LiftFloat() && !LiftVector()) {
    Fallback();
  }
  return TakeOps();
}

std::vector<Op> LiftX86(const X86Instruction& instruction, uint32_t va) {
  return X86Lifter(instruction, va).Run();
}

}  // namespace detachfix
