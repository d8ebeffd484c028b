// SPDX-License-Identifier: Apache-2.0
// What LIEF is given to read in place of a file.
#ifndef DETACHFIX_PATCHER_LIEF_COPY_H_
#define DETACHFIX_PATCHER_LIEF_COPY_H_

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "patcher/pe_image.h"
#include "patcher/result.h"

namespace detachfix {

/// The largest copy, bytes: LIEF needs three times that. More need only files
/// that are larger, and not many of these.
inline constexpr uint64_t kMaxLiefCopy = uint64_t{36} * 1024 * 1024;

/// A file with the headers of `image`, which must have been read and checked,
/// and with what the tables of `directories` need; the other directories are
/// cleared. LIEF copies all it is given at least twice, so sections without
/// such tables have no content there, and others none behind their tables.
/// Fails where it would become larger than kMaxLiefCopy.
Result<std::vector<uint8_t>> CopyForLief(
    const PeImage& image, std::initializer_list<Directory> directories);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_LIEF_COPY_H_
