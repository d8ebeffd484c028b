// SPDX-License-Identifier: Apache-2.0
// What a value may point into where it is not known, and what is left of two
// values.
#include "disasm/value.h"

namespace detachfix {

Symbol RegionNear(const Value& value) {
  if (value.IsSymbolic()) {
    const bool is_own = value.symbol == kStackSymbol || IsBlock(value.symbol);
    return is_own ? value.symbol : 0;
  }
  const bool is_open = value.IsUnknown() || value.kind == Value::Kind::kPartial;
  return is_open ? value.symbol : 0;
}

/// `to`, which is not known, may point where `value` does.
void MoveNear(const Value& value, Value& to) {
  const Symbol near = RegionNear(value);
  if (near == 0) return;
  const bool has_base =
      near == kStackSymbol &&
      (value.IsSymbolic() || (value.IsUnknown() && value.known == 1));
  if (to.symbol == 0) {
    to.symbol = near;
    if (to.IsUnknown() && has_base) {
      to.bits = value.bits;
      to.known = 1;
    }
    return;
  }
  if (to.symbol != near) to.symbol = kSomewhereSymbol;
  const bool same_base = to.symbol == near && has_base && to.bits == value.bits;
  if (to.IsUnknown() && !same_base) to.bits = to.known = 0;
}

Value Blurred(const Value& value) {
  Value blurred = UnknownValue();
  blurred.from_image = value.MayBeInImage();
  MoveNear(value, blurred);
  return blurred;
}

Value JoinValues(const Value& a, const Value& b) {
  if (a == b) return a;
  Value joined = UnknownValue();
  joined.from_image = a.MayBeInImage() || b.MayBeInImage();
  MoveNear(a, joined);
  MoveNear(b, joined);
  return joined;
}

}  // namespace detachfix
