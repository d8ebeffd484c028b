// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_DISASM_CALLBACK_LIST_H_
#define DETACHFIX_DISASM_CALLBACK_LIST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "disasm/api.h"
#include "disasm/value.h"

namespace detachfix {

/// Functions of the image that an import runs before it returns
/// (interpreter_runtime.cc).
struct CallbackList {
  /// Virtual addresses, in order.
  std::shared_ptr<const std::vector<uint64_t>> functions;
  size_t next = 0;             ///< the one to be run next
  bool until_nonzero = false;  ///< stop when one does not return 0
  /// What each function is given, and pops.
  std::vector<Value> arguments;
  bool must_succeed = false;  ///< return what is not 0
  Api api;                    ///< of the import
  Value return_address;       ///< of the import, where a place holds it
  struct Unwound {
    Value frame;
    Value level;  ///< up to which
  };
  std::optional<Unwound> unwound;  ///< by _local_unwind2
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_CALLBACK_LIST_H_
