// SPDX-License-Identifier: Apache-2.0
// What the interpreter knows of one word: a constant, a symbol plus an offset,
// the outcome of comparing a symbol, or nothing.
//
// A symbol stands for one value that is not known but stays the same: the
// stack pointer at the entry, what an import returned, what a word of memory
// held when it was first read. Two words with the same symbol are equal; that
// lets a branch on one say something about the other.
//
// A symbol is a word of 32 bits, as addresses are on every machine here. In a
// register of 64 bits a word stands sign-extended, and what is computed from it
// with 64 bits is taken to stay in that range: it is an address, or a number
// that the compiler keeps in the canonical form ("32-bit values are kept
// sign-extended", R. Chen, The Alpha AXP, part 1, 7 August 2017).
#ifndef DETACHFIX_DISASM_VALUE_H_
#define DETACHFIX_DISASM_VALUE_H_

#include <compare>
#include <cstdint>

#include "disasm/ir.h"

namespace detachfix {

using Symbol = uint32_t;

/// Symbols with a meaning of their own. Others are given out by State.
inline constexpr Symbol kStackSymbol = 1;   ///< the stack pointer at the entry
inline constexpr Symbol kReturnSymbol = 2;  ///< where the entry returns to
inline constexpr Symbol kImportSymbol = 3;  ///< offset: RVA of the slot
inline constexpr Symbol kReservedSymbol = 4;  ///< lpvReserved, when not NULL
inline constexpr Symbol kCallbackSymbol = 5;  ///< where a callback returns to
/// Where registers lie that are wider than a word: they are kept as memory.
inline constexpr Symbol kWideRegistersSymbol = 6;
/// In an ordinary process: at each block's address, how long it is. No value of
/// the code's points there.
inline constexpr Symbol kBlockSizesSymbol = 7;
/// Of an unknown value: it may point to any block or the stack.
inline constexpr Symbol kSomewhereSymbol = 8;
/// In an ordinary process: at the first page of a section, how VirtualProtect
/// left it. No value of the code's points there.
inline constexpr Symbol kProtectionsSymbol = 9;
inline constexpr Symbol kFirstRegisterSymbol = 16;  ///< + Place::id, at entry
/// An import's address that the code has hidden, by xor with a number or by a
/// rotation: one symbol for each way and import, the same in every state.
inline constexpr Symbol kFirstHiddenSymbol = 128;
inline constexpr Symbol kFirstFreshSymbol = 1024;
/// Set in the symbol for the address of a block that an import allocated. It is
/// NULL or lies above the first 64 KiB; the block neither wraps around the end
/// of the address space nor touches the image.
inline constexpr Symbol kBlockBit = Symbol{1} << 31;
/// Set in the symbol for an index into thread-local storage, which is not
/// TLS_OUT_OF_INDEXES. What the thread keeps there is at offset 0 of the region
/// of that name.
inline constexpr Symbol kThreadIndexBit = Symbol{1} << 30;
/// There are some hundred indices (MSDN, "Thread Local Storage").
inline constexpr uint64_t kMaxThreadIndex = 0xffff;
constexpr bool IsBlock(Symbol symbol) { return (symbol & kBlockBit) != 0; }
constexpr bool IsThreadIndex(Symbol symbol) {
  return !IsBlock(symbol) && (symbol & kThreadIndexBit) != 0;
}

/// No image, stack or block lies below, and whoever touches it faults (Windows
/// SDK: /BASE, lpMinimumApplicationAddress).
inline constexpr uint64_t kLowestImage = 0x10000;

/// What is known of one word; see above.
struct Value {
  enum class Kind : uint8_t {
    kUnknown,    ///< anything; two unknowns need not be equal
    kConstant,   ///< `bits`
    kPartial,    ///< `bits` where `known` is set: a byte written into a
                 ///< register of which nothing is known, say
    kSymbolic,   ///< symbol + `bits`
    kCondition,  ///< 1 if symbol == `bits` else 0; the other way if negated
  };

  Kind kind = Kind::kUnknown;
  /// Of kSymbolic: known not to be 0; where the symbol is a block, the block is
  /// known not to be NULL.
  bool nonzero = false;
  bool negated = false;  ///< of kCondition
  /// Of kUnknown, kPartial and kSymbolic: computed from a number that may be an
  /// address in the image, or read from a word of the image that was forgotten.
  bool from_image = false;
  /// Of kUnknown and kPartial: the stack or the block that it may point into,
  /// nobody knows where (an element of an array); 0 for none of them.
  Symbol symbol = 0;
  /// Of kUnknown, where `symbol` is the stack: the offset that it was computed
  /// from, if `known` is 1.
  uint64_t bits = 0;
  uint64_t known = 0;  ///< of kPartial: the bits that are known, not all

  bool IsConstant() const { return kind == Kind::kConstant; }
  bool IsConstant(uint64_t value) const {
    return IsConstant() && bits == value;
  }
  bool IsSymbolic() const { return kind == Kind::kSymbolic; }
  bool IsUnknown() const { return kind == Kind::kUnknown; }
  /// Whether `symbol` means something.
  bool HasSymbol() const { return IsSymbolic() || kind == Kind::kCondition; }
  /// Known not to be 0: a constant that is not, an address of the stack or of
  /// an import, a symbol that a branch or an API's contract showed not to be.
  bool IsNonzero() const;

  /// Whether it may be an address in the image: such a number, or computed from
  /// one. Images lie above the first 64 KiB (Windows SDK, /BASE). What nothing
  /// is known of otherwise is not: somebody else's pointer.
  bool MayBeInImage() const;

  friend bool operator==(const Value&, const Value&) = default;
};

constexpr Value UnknownValue() { return {}; }
/// The stack or block that `value` points into or, not known where, may point
/// into; kSomewhereSymbol for any; 0 for none.
Symbol RegionNear(const Value& value);
/// Has `to`, which is not known, point where `value` may as well.
void MoveNear(const Value& value, Value& to);
/// A value of which no more is left than what it may point into: the image, the
/// stack or a block.
Value Blurred(const Value& value);
constexpr Value ConstantValue(uint64_t bits) {
  Value value;
  value.kind = Value::Kind::kConstant;
  value.bits = bits;
  return value;
}
constexpr Value SymbolicValue(Symbol symbol, uint64_t offset = 0,
                              bool nonzero = false) {
  Value value;
  value.kind = Value::Kind::kSymbolic;
  value.nonzero = nonzero;
  value.symbol = symbol;
  value.bits = offset;
  return value;
}

/// A value of which the bits in `known` are `bits`; a constant, or unknown,
/// when those are all or none of the low `width` bits. The others are 0.
Value PartialValue(uint64_t bits, uint64_t known, uint8_t width);

/// The low `width` bits set.
constexpr uint64_t LowBits(unsigned width) {
  return width >= 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
}

/// a op b on `width` bits. Sound: what is not certain is unknown.
Value Evaluate(BinaryOp op, uint8_t width, const Value& a, const Value& b);

/// The same on each `lane` bits of both; a comparison that holds gives ones.
/// Only numbers give something that is known.
Value EvaluateLanes(BinaryOp op, uint8_t width, uint8_t lane, const Value& a,
                    const Value& b);

/// What is certain of something that is `a` or `b`.
Value JoinValues(const Value& a, const Value& b);

/// The low `from` bits sign-extended to `to` bits.
Value EvaluateSignExtend(uint8_t from, uint8_t to, const Value& value);

/// Whether `value` is 0 or not, where that is certain.
enum class Truth : uint8_t { kFalse, kTrue, kOpen };
Truth TruthOf(const Value& value);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_VALUE_H_
