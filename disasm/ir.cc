// SPDX-License-Identifier: Apache-2.0
#include "disasm/ir.h"

#include "disasm/hex_number.h"

namespace detachfix {
namespace {

std::string ToText(Place place) {
  if (place.id >= kFirstTemporary) {
    return "t" + std::to_string(place.id - kFirstTemporary);
  }
  return "r" + std::to_string(place.id);
}

std::string ToText(const Operand& operand) {
  if (const Place* place = std::get_if<Place>(&operand)) return ToText(*place);
  return HexNumber(std::get<uint64_t>(operand));
}

const char* Name(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd:
      return "add";
    case BinaryOp::kSub:
      return "sub";
    case BinaryOp::kMul:
      return "mul";
    case BinaryOp::kDivideUnsigned:
      return "udiv";
    case BinaryOp::kDivideSigned:
      return "sdiv";
    case BinaryOp::kRemainderUnsigned:
      return "urem";
    case BinaryOp::kRemainderSigned:
      return "srem";
    case BinaryOp::kAnd:
      return "and";
    case BinaryOp::kOr:
      return "or";
    case BinaryOp::kXor:
      return "xor";
    case BinaryOp::kShiftLeft:
      return "shl";
    case BinaryOp::kShiftRight:
      return "shr";
    case BinaryOp::kShiftRightSigned:
      return "sar";
    case BinaryOp::kRotateRight:
      return "ror";
    case BinaryOp::kTrailingZeros:
      return "ctz";
    case BinaryOp::kLeadingZeros:
      return "clz";
    case BinaryOp::kFloatAdd:
      return "fadd";
    case BinaryOp::kFloatSub:
      return "fsub";
    case BinaryOp::kFloatMul:
      return "fmul";
    case BinaryOp::kFloatDivide:
      return "fdiv";
    case BinaryOp::kFloatAddExact:
      return "faddx";
    case BinaryOp::kFloatSubExact:
      return "fsubx";
    case BinaryOp::kFloatMulExact:
      return "fmulx";
    case BinaryOp::kFloatDivideExact:
      return "fdivx";
    case BinaryOp::kFloatFromSingle:
      return "f4to8";
    case BinaryOp::kFloatToSingle:
      return "f8to4";
    case BinaryOp::kFloatRound:
      return "fround4";
    case BinaryOp::kFloatRoot:
      return "fsqrt";
    case BinaryOp::kFloatWhole:
      return "fint";
    case BinaryOp::kFloatFromExtended:
      return "f10to8";
    case BinaryOp::kFloatFromSigned:
      return "stof";
    case BinaryOp::kFloatToSigned:
      return "ftos";
    case BinaryOp::kEqual:
      return "eq";
    case BinaryOp::kLessUnsigned:
      return "ltu";
    case BinaryOp::kLessSigned:
      return "lts";
    case BinaryOp::kFloatEqual:
      return "feq";
    case BinaryOp::kFloatLess:
      return "flt";
    case BinaryOp::kFloatUnordered:
      return "funo";
  }
  return "?";
}

struct Printer {
  std::string operator()(const Assign& op) const {
    return ToText(op.dst) + " = " + ToText(op.src);
  }
  std::string operator()(const Binary& op) const {
    return ToText(op.dst) + " = " + Name(op.op) + std::to_string(op.width) +
           (op.lane != 0 ? "by" + std::to_string(op.lane) : "") + " " +
           ToText(op.a) + ", " + ToText(op.b);
  }
  std::string operator()(const SignExtend& op) const {
    return ToText(op.dst) + " = sext" + std::to_string(op.from) + "to" +
           std::to_string(op.to) + " " + ToText(op.src);
  }
  std::string operator()(const Choose& op) const {
    return ToText(op.dst) + " = " + ToText(op.cond) + " ? " + ToText(op.yes) +
           " : " + ToText(op.no);
  }
  std::string operator()(const Load& op) const {
    return ToText(op.dst) + " = load" + std::to_string(8 * op.size) + " [" +
           ToText(op.address) + "]";
  }
  std::string operator()(const Store& op) const {
    const Operand* value = std::get_if<Operand>(&op.value);
    return "store" + std::to_string(8 * op.size) + " [" + ToText(op.address) +
           "] = " + (value != nullptr ? ToText(*value) : "?");
  }
  std::string operator()(const Forget& op) const {
    return ToText(op.dst) + " = ?";
  }
  std::string operator()(const Branch& op) const {
    return "branch " + ToText(op.cond) + " -> " + HexNumber(op.target);
  }
  std::string operator()(const Jump& op) const {
    return "jump " + ToText(op.target);
  }
  std::string operator()(const Call& op) const {
    return "call " + ToText(op.target) + " back to " + HexNumber(op.return_va);
  }
  std::string operator()(const Return& op) const {
    return "return " + ToText(op.target);
  }
  std::string operator()(const Trap&) const { return "trap"; }
  std::string operator()(const Unfollowable& op) const {
    return "unfollowable: " + op.why;
  }
};

}  // namespace

std::string ToText(const Op& op) { return std::visit(Printer{}, op); }

}  // namespace detachfix
