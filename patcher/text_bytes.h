// SPDX-License-Identifier: Apache-2.0
// Text as bytes and back; nothing is copied.
#ifndef DETACHFIX_PATCHER_TEXT_BYTES_H_
#define DETACHFIX_PATCHER_TEXT_BYTES_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "patcher/plan.h"

namespace detachfix {

inline std::span<const uint8_t> BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline std::string_view TextOf(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_TEXT_BYTES_H_
