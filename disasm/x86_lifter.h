// SPDX-License-Identifier: Apache-2.0
// The lifter of x86_lift.cc, which has operands, moves, the stack and the flow,
// of x86_lift_operate.cc, which has arithmetic and the flags, x86_lift_bits.cc
// with shifts and single bits, x86_lift_vector.cc and x86_lift_double.cc with
// SSE, and x86_lift_float.cc with the x87.
#ifndef DETACHFIX_DISASM_X86_LIFTER_H_
#define DETACHFIX_DISASM_X86_LIFTER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "disasm/op_builder.h"
#include "disasm/x86_decode.h"
#include "disasm/x86_lift.h"

namespace detachfix {

/// Turns one i386 instruction into operations. One object an instruction.
class X86Lifter : private OpBuilder {
 public:
  X86Lifter(const X86Instruction& instruction, uint32_t va)
      : i_(instruction), va_(va) {}

  /// The operations; to be called once.
  std::vector<Op> Run();

 private:
  using Kind = X86Operand::Kind;

  const X86Operand& operand(size_t n) const { return i_.operands[n]; }
  uint8_t width(size_t n) const {
    return static_cast<uint8_t>(i_.operands[n].width);
  }
  uint32_t next_va() const { return va_ + i_.size; }
  /// Whether both operands are one register.
  bool IsSameRegister() const {
    return operand(0).kind == Kind::kRegister &&
           operand(1).kind == Kind::kRegister &&
           operand(0).reg == operand(1).reg;
  }
  static uint64_t Mask(uint8_t bits) {
    return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
  }

  // Operands.
  Operand Address(const X86Operand& memory);
  Operand ReadRegister(X86Register reg);
  void WriteRegister(X86Register reg, Operand value);
  Operand Read(size_t n);
  void Write(size_t n, Operand value);
  void ForgetOperand(const X86Operand& o);
  Place Unknown();

  // Flags.
  void SetFlag(Place flag, Operand value) { Emit(Assign{flag, value}); }
  void ForgetFlags();
  void SetResultFlags(uint8_t bits, Operand result);
  void SetAddFlags(uint8_t bits, Operand a, Operand b, Operand sum);
  void SetSubFlags(uint8_t bits, Operand a, Operand b, Operand difference);
  Operand SignBit(uint8_t bits, Operand value);
  void SetParity(Operand result);
  Operand Parity();
  void LoadFlags();
  void StoreFlags();
  Operand Condition();

  // Groups; each returns whether the instruction belongs to it.
  bool LiftMove();
  bool LiftStack();
  bool LiftString();
  bool LiftFlow();
  bool LiftBranch();
  bool LiftEnd();
  bool LiftArithmetic();
  bool LiftLogic();
  bool LiftBits();  // x86_lift_bits.cc
  bool LiftConditional();
  bool LiftAtomic();
  bool LiftVector();  // x86_lift_vector.cc

  void AddOrSub(BinaryOp op, bool keep);
  void AddOrSubCarry(BinaryOp op);
  void SetCarryFlags(BinaryOp op, Operand a, Operand b, Operand plain,
                     Operand result, Operand carry);
  void Logic(BinaryOp op, bool keep);
  void IncOrDec(BinaryOp op);
  void Negate();
  void Multiply();
  void MultiplyWide();
  void SetProductFlags(Operand product, uint8_t bits);
  void Divide();
  Operand Wide(Operand value, uint8_t bits);
  void WritePair(Operand low, Operand high);
  using Words = std::array<Operand, kVectorWords>;
  Operand VectorAddress(X86Register reg);
  bool IsVector(size_t n) const;
  Words ReadVector(size_t n, uint8_t count);
  void WriteVector(size_t n, const Words& words, uint8_t count);
  void ForgetVector(X86Register reg);
  void MoveVector(uint8_t count, bool keeps_rest);
  static Words Zeros();
  bool LiftVectorLogic();
  bool LiftVectorLanes();
  bool LiftVectorOrder();
  template <typename Make>
  void EachWord(Make make);
  Place ComputeLanes(BinaryOp op, Operand a, Operand b);
  void AddWide(bool subtracts);
  void ShiftWide(bool left);
  bool LiftWideLanes();
  bool FillsVector();
  void ChooseLanes(bool smaller);
  bool ShiftLanes(BinaryOp op);
  void ShiftByVector(BinaryOp op);
  void CollectSigns();
  Operand HalfWord(const Words& words, size_t n);
  Operand JoinHalves(Operand low, Operand high);
  void Interleave();
  void ShufflePairs();
  void ShuffleVector();
  template <size_t kCount>
  Words Window(const std::array<Operand, kCount>& words, uint32_t bits);
  void ShiftVector();
  void MoveHalf();
  // x86_lift_sse_float.cc
  bool LiftFractions();
  Operand LaneAsDouble(const Words& words, size_t n);
  void PutLane(uint8_t width, size_t n, Operand value, Words& words);
  template <typename Make>
  void EachFraction(Make make);
  void ConvertFractions();
  void ConvertFromSigned();
  void Truncate();
  void CompareFractions();
  Operand HoldsOf(uint32_t predicate, Operand a, Operand b);
  void MaskFractions();
  // x86_lift_float.cc
  struct Float {
    Operand low;
    Operand high;
    Operand form;
  };
  Operand FloatWord(size_t n);
  void MoveFloatWord(size_t from, size_t to, Place address, Place word);
  Float ReadFloat(size_t n);
  void WriteFloat(size_t n, const Float& value);
  void PushFloat(const Float& value);
  void PopFloat();
  void ForgetFloats();
  Operand IsForm(const Float& value, uint64_t form);
  Place ChooseOf(Operand condition, Operand yes, Operand no);
  Operand DoubleOf(const Float& value);
  Float ToDouble(const Float& value);
  Float ToNumber(const Float& value);
  Float LoadedNumber();
  Float LoadedDouble(size_t n);
  Float LoadedExtended(size_t n);
  Float MakeDouble(Operand bits, Operand form);
  void CombineFloats(BinaryOp op, bool reversed);
  void RoundFloat();
  void StoreDouble();
  void StoreNumber();
  void StoreFloat();
  void ExchangeFloats();
  // x86_lift_float_compare.cc
  struct ComparedFloat {
    Operand known;
    Operand truncated;  ///< lies beyond `bits`, seen from zero, up to the next
    Operand negative;
    Operand bits;  ///< of a double
  };
  ComparedFloat ToCompared(const Float& value);
  /// Whether two numbers are known to be finite, and what is true of them then.
  struct FloatOrder {
    Operand known;
    Operand equal;
    Operand less;
  };
  FloatOrder OrderOf(const Float& left, const Float& right);
  Float OtherFloat();
  void CompareFloats();
  void CompareToStatus();
  void StoreStatus();
  void SetStatus(Operand status);
  // x86_lift_float.cc
  bool LiftFloat();
  bool LiftFloatChange();
  bool LiftShift();
  bool LiftRotate();
  bool LiftCarryRotate();
  bool LiftDoubleShift();
  Operand BitAddress();
  bool LiftBitTest();
  bool LiftBitScan();
  void ExchangeAdd();
  void CompareExchange();
  void CompareExchangeWide();
  void SwapBytes();
  void Push(Operand value, uint8_t bytes);
  Place Pop(uint8_t bytes);
  void PushAll();
  void PopAll();
  void PushFlags();
  void PopFlags();
  void StringLoop();
  Place NextElement(Place pointer, Operand step);
  void CompareElements(Operand step);
  bool HasPlainAddresses() const;
  Operand CountLoop();
  void Fallback();

  const X86Instruction& i_;
  const uint32_t va_;
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_X86_LIFTER_H_
