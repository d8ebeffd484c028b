// SPDX-License-Identifier: Apache-2.0
// Numbers as the bytes of a file, lowest first.
#ifndef DETACHFIX_PATCHER_NUMBER_BYTES_H_
#define DETACHFIX_PATCHER_NUMBER_BYTES_H_

#include <cstdint>

#include "patcher/plan.h"

namespace detachfix {

/// `value` as four bytes.
inline Bytes ToBytes32(uint32_t value) {
  return {static_cast<uint8_t>(value), static_cast<uint8_t>(value >> 8),
          static_cast<uint8_t>(value >> 16), static_cast<uint8_t>(value >> 24)};
}

inline void Append32(Bytes& bytes, uint32_t value) {
  const Bytes four = ToBytes32(value);
  bytes.insert(bytes.end(), four.begin(), four.end());
}

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_NUMBER_BYTES_H_
