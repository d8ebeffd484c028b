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
#include <utility>

namespace detachfix {
namespace {

constexpr uint8_t kZero = 31;
constexpr uint8_t kQuad = 64;
constexpr uint8_t kLong = 32;

class Lifter {
 public:
  Lifter(const AlphaInstruction& instruction, uint64_t va)
      : i_(instruction), va_(va) {}

  std::vector<Op> Run();

 private:
  template <typename T>
  void Emit(T op) {
    ops_.emplace_back(std::move(op));
  }
  Place NewTemporary() {
    assert(next_temporary_ < kPlaceCount);
    return Place{next_temporary_++};
  }
  Place Compute(BinaryOp op, uint8_t width, Operand a, Operand b) {
    const Place t = NewTemporary();
    Emit(Binary{op, width, t, a, b});
    return t;
  }
  Place Not(Operand bit) { return Compute(BinaryOp::kXor, 1, bit, 1u); }
  Place ExtendLong(Operand value) {
    const Place t = NewTemporary();
    Emit(SignExtend{kLong, kQuad, t, value});
    return t;
  }

  Operand Read(uint8_t number) const {
    if (number == kZero) return uint64_t{0};
    return Place{number};
  }
  void Write(uint8_t number, Operand value) {
    if (number != kZero) Emit(Assign{Place{number}, value});
  }
  void ForgetRegister(uint8_t number) {
    if (number != kZero) Emit(Forget{Place{number}});
  }
  Operand First() const { return Read(i_.ra()); }
  Operand Second() const {
    return i_.has_literal() ? Operand{uint64_t{i_.literal()}} : Read(i_.rb());
  }
  bool IsSameRegister() const {
    return !i_.has_literal() && i_.ra() == i_.rb();
  }
  Operand Address(int64_t displacement);

  // Groups; each returns whether the instruction belongs to it.
  bool LiftMemory();
  bool LiftStore();
  bool LiftConditionalBranch();
  bool LiftJump();
  bool LiftArithmetic();
  bool LiftComparison();
  bool LiftLogic();
  bool LiftConditionalMove();
  bool LiftShift();
  bool LiftBytes();
  void LiftPal();

  void LoadTo(uint8_t size, Operand address);
  void StoreConditional(uint8_t size);
  void Add(BinaryOp op, uint8_t width, uint64_t scale);
  void Logic(BinaryOp op, Operand b);
  void Link();

  const AlphaInstruction& i_;
  const uint64_t va_;
  std::vector<Op> ops_;
  uint8_t next_temporary_ = kFirstTemporary;
};

Operand Lifter::Address(int64_t displacement) {
  const uint64_t offset = static_cast<uint64_t>(displacement);
  if (i_.rb() == kZero) return offset;
  return Compute(BinaryOp::kAdd, kQuad, Read(i_.rb()), offset);
}

void Lifter::LoadTo(uint8_t size, Operand address) {
  if (i_.ra() == kZero) return;  // a prefetch
  const Place loaded = NewTemporary();
  Emit(Load{size, loaded, address});
  Write(i_.ra(), size == 4 ? ExtendLong(loaded) : loaded);
}

bool Lifter::LiftMemory() {
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

bool Lifter::LiftStore() {
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
void Lifter::StoreConditional(uint8_t size) {
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

bool Lifter::LiftConditionalBranch() {
  const uint64_t target = i_.BranchTarget(va_);
  const Operand a = First();
  const auto branch = [&](Place condition) { Emit(Branch{condition, target}); };
  const auto less = [&](Operand x, Operand y) {
    return Compute(BinaryOp::kLessSigned, kQuad, x, y);
  };
  const auto is_even = [&] {
    return Compute(BinaryOp::kEqual, kQuad,
                   Compute(BinaryOp::kAnd, kQuad, a, uint64_t{1}), uint64_t{0});
  };
  const auto is_zero = [&] {
    return Compute(BinaryOp::kEqual, kQuad, a, uint64_t{0});
  };
  switch (i_.op) {
    case AlphaOp::kBeq:
      branch(is_zero());
      return true;
    case AlphaOp::kBne:
      branch(Not(is_zero()));
      return true;
    case AlphaOp::kBlt:
      branch(less(a, uint64_t{0}));
      return true;
    case AlphaOp::kBge:
      branch(Not(less(a, uint64_t{0})));
      return true;
    case AlphaOp::kBgt:
      branch(less(uint64_t{0}, a));
      return true;
    case AlphaOp::kBle:
      branch(Not(less(uint64_t{0}, a)));
      return true;
    case AlphaOp::kBlbc:
      branch(is_even());
      return true;
    case AlphaOp::kBlbs:
      branch(Not(is_even()));
      return true;
    case AlphaOp::kBranchFloat: {
      const Place open = NewTemporary();
      Emit(Forget{open});
      branch(open);
      return true;
    }
    default:
      return false;
  }
}

/// Ra = the address of the next instruction.
void Lifter::Link() { Write(i_.ra(), va_ + 4); }

bool Lifter::LiftJump() {
  switch (i_.op) {
    case AlphaOp::kBr:
      Link();
      Emit(Jump{i_.BranchTarget(va_)});
      return true;
    case AlphaOp::kBsr:
      Link();
      if (i_.ra() == kZero) {
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
      } else if (i_.op == AlphaOp::kJsr && i_.ra() != kZero) {
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

/// Rc = Ra * scale op Rb, on `width` bits.
void Lifter::Add(BinaryOp op, uint8_t width, uint64_t scale) {
  Operand a = First();
  if (scale != 1) a = Compute(BinaryOp::kMul, width, a, scale);
  const Place result = Compute(op, width, a, Second());
  Write(i_.rc(), width == kLong ? ExtendLong(result) : result);
}

bool Lifter::LiftArithmetic() {
  switch (i_.op) {
    case AlphaOp::kAddl:
      Add(BinaryOp::kAdd, kLong, 1);
      return true;
    case AlphaOp::kS4addl:
      Add(BinaryOp::kAdd, kLong, 4);
      return true;
    case AlphaOp::kS8addl:
      Add(BinaryOp::kAdd, kLong, 8);
      return true;
    case AlphaOp::kSubl:
      Add(BinaryOp::kSub, kLong, 1);
      return true;
    case AlphaOp::kS4subl:
      Add(BinaryOp::kSub, kLong, 4);
      return true;
    case AlphaOp::kS8subl:
      Add(BinaryOp::kSub, kLong, 8);
      return true;
    case AlphaOp::kAddq:
      Add(BinaryOp::kAdd, kQuad, 1);
      return true;
    case AlphaOp::kS4addq:
      Add(BinaryOp::kAdd, kQuad, 4);
      return true;
    case AlphaOp::kS8addq:
      Add(BinaryOp::kAdd, kQuad, 8);
      return true;
    case AlphaOp::kSubq:
      Add(BinaryOp::kSub, kQuad, 1);
      return true;
    case AlphaOp::kS4subq:
      Add(BinaryOp::kSub, kQuad, 4);
      return true;
    case AlphaOp::kS8subq:
      Add(BinaryOp::kSub, kQuad, 8);
      return true;
    case AlphaOp::kMull:
      Add(BinaryOp::kMul, kLong, 1);
      return true;
    case AlphaOp::kMulq:
      Add(BinaryOp::kMul, kQuad, 1);
      return true;
    default:
      return LiftComparison();
  }
}

bool Lifter::LiftComparison() {
  const Operand a = First();
  const Operand b = Second();
  switch (i_.op) {
    case AlphaOp::kCmpeq:
      Write(i_.rc(), Compute(BinaryOp::kEqual, kQuad, a, b));
      return true;
    case AlphaOp::kCmplt:
      Write(i_.rc(), Compute(BinaryOp::kLessSigned, kQuad, a, b));
      return true;
    case AlphaOp::kCmple:
      Write(i_.rc(), Not(Compute(BinaryOp::kLessSigned, kQuad, b, a)));
      return true;
    case AlphaOp::kCmpult:
      Write(i_.rc(), Compute(BinaryOp::kLessUnsigned, kQuad, a, b));
      return true;
    case AlphaOp::kCmpule:
      Write(i_.rc(), Not(Compute(BinaryOp::kLessUnsigned, kQuad, b, a)));
      return true;
    default:
      return false;
  }
}

void Lifter::Logic(BinaryOp op, Operand b) {
  Write(i_.rc(), Compute(op, kQuad, First(), b));
}

bool Lifter::LiftLogic() {
  const auto inverted = [&] {
    return Compute(BinaryOp::kXor, kQuad, Second(), ~uint64_t{0});
  };
  switch (i_.op) {
    case AlphaOp::kAnd:
      Logic(BinaryOp::kAnd, Second());
      return true;
    case AlphaOp::kBic:
      Logic(BinaryOp::kAnd, inverted());
      return true;
    case AlphaOp::kBis:
      if (i_.ra() == kZero || IsSameRegister()) {
        Write(i_.rc(), Second());  // a move, of whatever it is
      } else {
        Logic(BinaryOp::kOr, Second());
      }
      return true;
    case AlphaOp::kOrnot:
      Logic(BinaryOp::kOr, inverted());
      return true;
    case AlphaOp::kXor:
      if (IsSameRegister()) {
        Write(i_.rc(), uint64_t{0});
      } else {
        Logic(BinaryOp::kXor, Second());
      }
      return true;
    case AlphaOp::kEqv:
      Logic(BinaryOp::kXor, inverted());
      return true;
    case AlphaOp::kSextb:
    case AlphaOp::kSextw: {
      const uint8_t from = i_.op == AlphaOp::kSextb ? 8 : 16;
      const Place result = NewTemporary();
      Emit(SignExtend{from, kQuad, result, Read(i_.rb())});
      Write(i_.rc(), result);
      return true;
    }
    default:
      return false;
  }
}

bool Lifter::LiftConditionalMove() {
  const Operand a = First();
  const auto move_if = [&](Place condition) {
    const Place chosen = NewTemporary();
    Emit(Choose{chosen, condition, Second(), Read(i_.rc())});
    Write(i_.rc(), chosen);
    return true;
  };
  const auto less = [&](Operand x, Operand y) {
    return Compute(BinaryOp::kLessSigned, kQuad, x, y);
  };
  const auto is_even = [&] {
    return Compute(BinaryOp::kEqual, kQuad,
                   Compute(BinaryOp::kAnd, kQuad, a, uint64_t{1}), uint64_t{0});
  };
  const auto is_zero = [&] {
    return Compute(BinaryOp::kEqual, kQuad, a, uint64_t{0});
  };
  switch (i_.op) {
    case AlphaOp::kCmoveq:
      return move_if(is_zero());
    case AlphaOp::kCmovne:
      return move_if(Not(is_zero()));
    case AlphaOp::kCmovlt:
      return move_if(less(a, uint64_t{0}));
    case AlphaOp::kCmovge:
      return move_if(Not(less(a, uint64_t{0})));
    case AlphaOp::kCmovgt:
      return move_if(less(uint64_t{0}, a));
    case AlphaOp::kCmovle:
      return move_if(Not(less(uint64_t{0}, a)));
    case AlphaOp::kCmovlbc:
      return move_if(is_even());
    case AlphaOp::kCmovlbs:
      return move_if(Not(is_even()));
    default:
      return false;
  }
}

bool Lifter::LiftShift() {
  BinaryOp op;
  switch (i_.op) {
    case AlphaOp::kSll:
      op = BinaryOp::kShiftLeft;
      break;
    case AlphaOp::kSrl:
      op = BinaryOp::kShiftRight;
      break;
    case AlphaOp::kSra:
      op = BinaryOp::kShiftRightSigned;
      break;
    default:
      return false;
  }
  Logic(op, Compute(BinaryOp::kAnd, kQuad, Second(), uint64_t{63}));
  return true;
}

/// The eight bytes that a mask of eight bits stands for.
uint64_t BytesOf(uint8_t mask) {
  uint64_t bytes = 0;
  for (int i = 0; i < 8; ++i) {
    if (((mask >> i) & 1) != 0) bytes |= uint64_t{0xff} << (8 * i);
  }
  return bytes;
}

/// ext, ins and msk: the low half works on the quadword with the first byte,
/// the high half on the next one. The mask of bytes is shifted out of range
/// where a quadword has none of them.
bool Lifter::LiftBytes() {
  if (i_.op == AlphaOp::kZap || i_.op == AlphaOp::kZapnot) {
    if (!i_.has_literal()) {
      ForgetRegister(i_.rc());
      return true;
    }
    const uint64_t bytes = BytesOf(i_.literal());
    Logic(BinaryOp::kAnd, i_.op == AlphaOp::kZap ? ~bytes : bytes);
    return true;
  }
  const uint8_t count = i_.byte_count();
  const uint64_t bytes = BytesOf(static_cast<uint8_t>((1u << count) - 1));
  const auto up = [&] {
    return Compute(BinaryOp::kShiftLeft, kQuad,
                   Compute(BinaryOp::kAnd, kQuad, Second(), uint64_t{7}),
                   uint64_t{3});
  };
  const auto down = [&] {
    return Compute(BinaryOp::kSub, kQuad, uint64_t{64}, up());
  };
  const auto shifted = [&](BinaryOp op, Operand value, Operand by) {
    return Compute(op, kQuad, value, by);
  };
  const auto masked = [&](Operand value, Operand mask) {
    return Compute(BinaryOp::kAnd, kQuad, value, mask);
  };
  const auto inverted = [&](Operand mask) {
    return Compute(BinaryOp::kXor, kQuad, mask, ~uint64_t{0});
  };
  constexpr BinaryOp kLeft = BinaryOp::kShiftLeft;
  constexpr BinaryOp kRight = BinaryOp::kShiftRight;
  switch (i_.op) {
    case AlphaOp::kExtLow:
      Write(i_.rc(), masked(shifted(kRight, First(), up()), bytes));
      return true;
    case AlphaOp::kExtHigh:
      Write(
          i_.rc(),
          masked(shifted(kLeft, First(), masked(down(), uint64_t{63})), bytes));
      return true;
    case AlphaOp::kInsLow:
      Write(i_.rc(), shifted(kLeft, masked(First(), bytes), up()));
      return true;
    case AlphaOp::kInsHigh:
      Write(i_.rc(), shifted(kRight, masked(First(), bytes), down()));
      return true;
    case AlphaOp::kMskLow:
      Write(i_.rc(), masked(First(), inverted(shifted(kLeft, bytes, up()))));
      return true;
    case AlphaOp::kMskHigh:
      Write(i_.rc(), masked(First(), inverted(shifted(kRight, bytes, down()))));
      return true;
    default:
      return false;
  }
}

void Lifter::LiftPal() {
  constexpr uint8_t kV0 = 0;
  if (PalStops(i_)) {
    Emit(Trap{});
  } else if (i_.word == kPalRdteb) {
    ForgetRegister(kV0);  // the address of the thread's environment block
  } else if (i_.word != kPalImb) {
    Emit(Unfollowable{"calls the PALcode"});
  }
}

std::vector<Op> Lifter::Run() {
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
  return std::move(ops_);
}

}  // namespace

bool PalStops(const AlphaInstruction& instruction) {
  constexpr uint32_t kHalt = 0, kBugchk = 0x81;
  for (const uint32_t function :
       {kHalt, kPalBpt, kBugchk, kPalGentrap, kPalKbpt}) {
    if (instruction.word == function) return true;
  }
  return false;
}

std::vector<Op> LiftAlpha(const AlphaInstruction& instruction, uint64_t va) {
  return Lifter(instruction, va).Run();
}

}  // namespace detachfix
