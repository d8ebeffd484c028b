// SPDX-License-Identifier: Apache-2.0
// Lifting follows the "Operation" parts of the Alpha Architecture Handbook,
// version 4, chapter 4. What is odd about this machine and what we rely on:
// - Registers have 64 bits. The longword instructions compute with 32 and
//   sign-extend, as loads of longwords do: every Binary or Load of 32 bits here
//   is followed by a SignExtend, so that a word in a register has one form.
// - There are no flags: comparisons write 0 or 1 to a register.
// - LDQ_U and STQ_U ignore the low three bits of the address; with EXT, INS and
//   MSK they stand for loads and stores of bytes on the first processors.
// - A trap on overflow ends the program; what runs on is the same without it.
// - STL_C and STQ_C store or do not, whatever the program does: both ways are
//   followed.
// - The instructions with `kForget…` give numbers that the analysis of DllMain
//   has no use for.
#include "disasm/alpha_lift.h"

#include <cassert>

#include "disasm/alpha_lifter.h"

namespace detachfix {

Operand AlphaLifter::Address(int64_t displacement) {
  const uint64_t offset = static_cast<uint64_t>(displacement);
  if (i_.rb() == kZeroRegister) return offset;
  return Compute(BinaryOp::kAdd, kQuad, Read(i_.rb()), offset);
}

void AlphaLifter::LoadTo(uint8_t size, Operand address) {
  if (i_.ra() == kZeroRegister) return;  // a prefetch
  const Place loaded = NewTemporary();
  Emit(Load{size, loaded, address});
  Write(i_.ra(), size == 4 ? ExtendLong(loaded) : loaded);
}

bool AlphaLifter::LiftMemory() {
  const int64_t displacement = i_.displacement();
  switch (i_.op) {
    case AlphaOp::kLda:
      Write(i_.ra(), Address(displacement));
      return true;
    case AlphaOp::kLdah:
      Write(i_.ra(), Address(displacement * 0x10000));
      return true;
    case AlphaOp::kLdbu:
      LoadTo(1, Address(displacement));
      return true;
    case AlphaOp::kLdwu:
      LoadTo(2, Address(displacement));
      return true;
    case AlphaOp::kLdl:
      LoadTo(4, Address(displacement));
      return true;
    case AlphaOp::kLdq:
      LoadTo(8, Address(displacement));
      return true;
    case AlphaOp::kLdqU:
      LoadTo(8, Compute(BinaryOp::kAnd, kQuad, Address(displacement),
                        ~uint64_t{7}));
      return true;
    default:
      return LiftStore();
  }
}

bool AlphaLifter::LiftStore() {
  const Operand value = First();
  const auto store = [&](uint8_t size, Operand address) {
    Emit(Store{size, address, value});
  };
  switch (i_.op) {
    case AlphaOp::kStb:
      store(1, Address(i_.displacement()));
      return true;
    case AlphaOp::kStw:
      store(2, Address(i_.displacement()));
      return true;
    case AlphaOp::kStl:
      store(4, Address(i_.displacement()));
      return true;
    case AlphaOp::kStq:
      store(8, Address(i_.displacement()));
      return true;
    case AlphaOp::kStqU:
      store(8, Compute(BinaryOp::kAnd, kQuad, Address(i_.displacement()),
                       ~uint64_t{7}));
      return true;
    case AlphaOp::kStlC:
      StoreConditional(4);
      return true;
    case AlphaOp::kStqC:
      StoreConditional(8);
      return true;
    case AlphaOp::kStoreFloat4:
    case AlphaOp::kStoreFloat8:
      Emit(Store{static_cast<uint8_t>(i_.op == AlphaOp::kStoreFloat4 ? 4 : 8),
                 Address(i_.displacement()), std::monostate{}});
      return true;
    default:
      return false;
  }
}

/// Ra becomes 1 where the store was done, 0 where it was not.
void AlphaLifter::StoreConditional(uint8_t size) {
  const Place address = NewTemporary();
  Emit(Assign{address, Address(i_.displacement())});
  const Place value = NewTemporary();
  Emit(Assign{value, First()});
  const Place failed = NewTemporary();
  Emit(Forget{failed});
  Write(i_.ra(), uint64_t{0});
  Emit(Branch{failed, va_ + 4});
  Emit(Store{size, address, Operand{value}});
  Write(i_.ra(), uint64_t{1});
}

Place AlphaLifter::Holds(Test test) {
  const Operand a = First();
  switch (test) {
    case Test::kZero:
      return Compute(BinaryOp::kEqual, kQuad, a, uint64_t{0});
    case Test::kNegative:
      return Compute(BinaryOp::kLessSigned, kQuad, a, uint64_t{0});
    case Test::kPositive:
      return Compute(BinaryOp::kLessSigned, kQuad, uint64_t{0}, a);
    case Test::kEven:
      break;
  }
  const Place low = Compute(BinaryOp::kAnd, kQuad, a, uint64_t{1});
  return Compute(BinaryOp::kEqual, kQuad, low, uint64_t{0});
}

bool AlphaLifter::LiftConditionalBranch() {
  const auto branch = [&](Place condition) {
    Emit(Branch{condition, i_.BranchTarget(va_)});
    return true;
  };
  switch (i_.op) {
    case AlphaOp::kBeq:
      return branch(Holds(Test::kZero));
    case AlphaOp::kBne:
      return branch(Not(Holds(Test::kZero)));
    case AlphaOp::kBlt:
      return branch(Holds(Test::kNegative));
    case AlphaOp::kBge:
      return branch(Not(Holds(Test::kNegative)));
    case AlphaOp::kBgt:
      return branch(Holds(Test::kPositive));
    case AlphaOp::kBle:
      return branch(Not(Holds(Test::kPositive)));
    case AlphaOp::kBlbc:
      return branch(Holds(Test::kEven));
    case AlphaOp::kBlbs:
      return branch(Not(Holds(Test::kEven)));
    case AlphaOp::kBranchFloat: {
      const Place open = NewTemporary();
      Emit(Forget{open});
      return branch(open);
    }
    default:
      return false;
  }
}

/// Ra = the address of the next instruction.
void AlphaLifter::Link() { Write(i_.ra(), va_ + 4); }

bool AlphaLifter::LiftJump() {
  switch (i_.op) {
    case AlphaOp::kBr:
      Link();
      Emit(Jump{i_.BranchTarget(va_)});
      return true;
    case AlphaOp::kBsr:
      Link();
      if (i_.ra() == kZeroRegister) {
        Emit(Jump{i_.BranchTarget(va_)});
      } else {
        Emit(Call{i_.BranchTarget(va_), va_ + 4});
      }
      return true;
    case AlphaOp::kJmp:
    case AlphaOp::kJsr:
    case AlphaOp::kRet: {
      // The target is read before Ra is written: they may be one register.
      const Place target = NewTemporary();
      Emit(Assign{target, Read(i_.rb())});
      Link();
      if (i_.op == AlphaOp::kRet) {
        Emit(Return{target});
      } else if (i_.op == AlphaOp::kJsr && i_.ra() != kZeroRegister) {
        Emit(Call{target, va_ + 4});
      } else {
        Emit(Jump{target});
      }
      return true;
    }
    case AlphaOp::kJsrCoroutine:
      Emit(Unfollowable{"jumps between coroutines"});
      return true;
    default:
      return false;
  }
}

void AlphaLifter::LiftPal() {
  constexpr uint8_t kV0 = 0;
  if (PalStops(i_)) {
    Emit(Trap{});
  } else if (i_.word == kPalRdteb) {
    ForgetRegister(kV0);  // the address of the thread's environment block
  } else if (i_.word != kPalImb) {
    Emit(Unfollowable{"calls the PALcode"});
  }
}

std::vector<Op> AlphaLifter::Run() {
  switch (i_.op) {
    case AlphaOp::kUnknown:
      Emit(Unfollowable{"cannot decode the instruction"});
      break;
    case AlphaOp::kNothing:
      break;
    case AlphaOp::kForgetRa:
      ForgetRegister(i_.ra());
      break;
    case AlphaOp::kForgetRc:
      ForgetRegister(i_.rc());
      break;
    case AlphaOp::kPal:
      LiftPal();
      break;
    default: {
      [[maybe_unused]] const bool known =
          LiftMemory() || LiftConditionalBranch() || LiftJump() ||
          LiftArithmetic() || LiftLogic() || LiftConditionalMove() ||
          LiftShift() || LiftBytes();
      assert(known);
    }
  }
  return TakeOps();
}

bool PalStops(const AlphaInstruction& instruction) {
  constexpr uint32_t kHalt = 0, kBugchk = 0x81;
  for (const uint32_t function :
       {kHalt, kPalBpt, kBugchk, kPalGentrap, kPalKbpt}) {
    if (instruction.word == function) return true;
  }
  return false;
}

std::vector<Op> LiftAlpha(const AlphaInstruction& instruction, uint64_t va) {
  return AlphaLifter(instruction, va).Run();
}

}  // namespace detachfix
