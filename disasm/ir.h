// SPDX-License-Identifier: Apache-2.0
// The intermediate form: what one instruction does, in operations that know no
// machine. A lifter turns instructions into it, the interpreter runs it; the
// variant is closed, so a new operation shows the compiler every place that
// must learn it.
#ifndef DETACHFIX_DISASM_IR_H_
#define DETACHFIX_DISASM_IR_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "disasm/instruction.h"

namespace detachfix {

/// A register of the machine, one of its flags, or a temporary that lives for
/// one instruction. Numbers below kFirstTemporary are the machine's own.
struct Place {
  uint8_t id = 0;

  friend auto operator<=>(const Place&, const Place&) = default;
};
inline constexpr uint8_t kFirstTemporary = 64;
inline constexpr uint8_t kPlaceCount = 224;

/// What an operation reads: a place or a constant.
using Operand = std::variant<Place, uint64_t>;

/// What Binary computes. Arithmetic is modulo 2^width.
enum class BinaryOp : uint8_t {
  kAdd,
  kSub,
  kMul,
  // By 0: an exception, so that the result means nothing.
  kDivideUnsigned,
  kDivideSigned,
  kRemainderUnsigned,
  kRemainderSigned,
  kAnd,
  kOr,
  kXor,
  kShiftLeft,
  kShiftRight,
  kShiftRightSigned,
  kRotateRight,    ///< the count modulo the width
  kTrailingZeros,  ///< below the lowest bit of a that is set; b where none is
  kLeadingZeros,   ///< above the highest one
  // Of doubles (IEEE 754 binary64, width 64), rounded to the nearest. What is
  // not a number is not known.
  kFloatAdd,
  kFloatSub,
  kFloatMul,
  kFloatDivide,
  // The same where the result is exact, has the digits of a binary32, and a
  // sign that no way to round changes; else not known.
  kFloatAddExact,
  kFloatSubExact,
  kFloatMulExact,
  kFloatDivideExact,
  // Of a alone; b means nothing.
  kFloatFromSingle,    ///< of a binary32
  kFloatToSingle,      ///< a as a binary32 where it is one, else not known
  kFloatRound,         ///< a as the binary32 that is next to it
  kFloatRoot,          ///< the square root
  kFloatWhole,         ///< a where it is a whole number, else not known
  kFloatFromExtended,  ///< of an 80-bit number: significand a, sign and
                       ///< exponent b; its further digits are dropped, and
                       ///< where no double is as large it is not known
  kFloatFromSigned,    ///< of a, a number of 64 bits; b means nothing
  kFloatToSigned,  ///< a towards 0 as 32 bits, or 0x80000000; b means nothing
  kEqual,          ///< 1 or 0, as those below
  kLessUnsigned,
  kLessSigned,
  kFloatEqual,
  kFloatLess,
  kFloatUnordered,  ///< one of them is not a number
};

constexpr bool IsComparison(BinaryOp op) { return op >= BinaryOp::kEqual; }

/// dst = src
struct Assign {
  Place dst;
  Operand src;
  friend bool operator==(const Assign&, const Assign&) = default;
};

/// dst = a op b, on the low `width` bits of both; the result has that width
/// too, and is 0 above it. With lanes, each `lane` bits of a and b give those
/// of the result, and a comparison that holds gives ones in all of them.
struct Binary {
  BinaryOp op = BinaryOp::kAdd;
  uint8_t width = 32;  ///< bits
  Place dst;
  Operand a;
  Operand b;
  uint8_t lane = 0;  ///< bits; 0: the operation is on the whole
  friend bool operator==(const Binary&, const Binary&) = default;
};

/// dst = the low `from` bits of src, sign-extended to `to` bits.
struct SignExtend {
  uint8_t from = 8;  ///< bits
  uint8_t to = 32;   ///< bits
  Place dst;
  Operand src;
  friend bool operator==(const SignExtend&, const SignExtend&) = default;
};

/// dst = cond != 0 ? yes : no
struct Choose {
  Place dst;
  Operand cond;
  Operand yes;
  Operand no;
  friend bool operator==(const Choose&, const Choose&) = default;
};

/// dst = the `size` bytes at `address`, zero-extended.
struct Load {
  uint8_t size = 4;
  Place dst;
  Operand address;
  friend bool operator==(const Load&, const Load&) = default;
};

/// The low `size` bytes of `value` go to `address`. `value` may be absent:
/// something unknown is stored.
struct Store {
  uint8_t size = 4;
  Operand address;
  std::variant<Operand, std::monostate> value;
  friend bool operator==(const Store&, const Store&) = default;
};

/// dst gets a value that is not known.
struct Forget {
  Place dst;
  /// It is what the processor says of itself (cpuid).
  bool of_processor = false;
  friend bool operator==(const Forget&, const Forget&) = default;
};

/// If cond != 0, go to the virtual address `target`; else go on with the next
/// operation.
struct Branch {
  Operand cond;
  uint64_t target = 0;
  friend bool operator==(const Branch&, const Branch&) = default;
};

/// Go to the virtual address `target`.
struct Jump {
  Operand target;
  friend bool operator==(const Jump&, const Jump&) = default;
};

/// Go to `target`; the machine has already noted `return_va` where its
/// convention wants it.
struct Call {
  Operand target;
  uint64_t return_va = 0;
  friend bool operator==(const Call&, const Call&) = default;
};

/// Go back to `target`, which a Call noted. The stack is already popped.
struct Return {
  Operand target;
  friend bool operator==(const Return&, const Return&) = default;
};

/// The path ends here and does not return: a trap, a halt.
struct Trap {
  friend bool operator==(const Trap&, const Trap&) = default;
};

/// The path cannot be followed. Makes the trace incomplete.
struct Unfollowable {
  std::string why;  ///< e.g. "cannot decode the instruction"
  friend bool operator==(const Unfollowable&, const Unfollowable&) = default;
};

using Op = std::variant<Assign, Binary, SignExtend, Choose, Load, Store, Forget,
                        Branch, Jump, Call, Return, Trap, Unfollowable>;

/// One instruction with what it does.
struct Lifted {
  Instruction instruction;
  std::vector<Op> ops;
};

/// One operation a line, in the notation of the trace tests:
/// "r0 = add32 r1, 0x4".
std::string ToText(const Op& op);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_IR_H_
