// SPDX-License-Identifier: Apache-2.0
// The flags of chattr(1) that are wishes of whoever set them for the file, and
// so go over to the one that takes its place.
#ifndef DETACHFIX_PATCHER_FILE_FLAGS_H_
#define DETACHFIX_PATCHER_FILE_FLAGS_H_

#include <cstdint>
#include <optional>

#include "patcher/result.h"

namespace detachfix {

/// Nothing where the file system has none.
std::optional<uint32_t> ReadFlags(int descriptor);

/// Gives the file those of `wanted` and no other that go over. Nothing is done
/// without `wanted`, and when it has them already.
Result<void> WriteFlags(int descriptor, std::optional<uint32_t> wanted);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_FILE_FLAGS_H_
