// SPDX-License-Identifier: Apache-2.0
// Where the stack lies in an ordinary process: at a number. Code that does not
// use an address of the stack as one, such as a cookie that is mixed with it,
// is then followed to the bit.
#ifndef DETACHFIX_DISASM_PROCESS_STACK_PLACE_H_
#define DETACHFIX_DISASM_PROCESS_STACK_PLACE_H_

#include <cstdint>

#include "disasm/ir.h"
#include "disasm/value.h"

namespace detachfix {

/// The entry's stack pointer, and what lies around it: where few numbers are
/// that mean something else. Virtual addresses.
inline constexpr uint64_t kStack = 0x1b49f000;
inline constexpr uint64_t kStackPlace = 0x1b480000;
inline constexpr uint64_t kStackPlaceSize = 0x20000;

/// An address of the stack as its number; every other value as it is.
Value PlacedStack(const Value& value);

/// The other way: what is computed from such numbers may be an address again;
/// and what is computed from an address of the stack may be a number.
Value StackFromPlace(const Value& value);

/// `result` of the operation on `a` and `b`, as it is where the stack lies at
/// numbers.
Value InPlace(const Binary& op, const Value& a, const Value& b,
              const Value& result);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_PROCESS_STACK_PLACE_H_
