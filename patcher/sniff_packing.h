// SPDX-License-Identifier: Apache-2.0
// Whether a file is packed, as those of install media are (`Security.dl_`).
#ifndef DETACHFIX_PATCHER_SNIFF_PACKING_H_
#define DETACHFIX_PATCHER_SNIFF_PACKING_H_

#include <cstdint>
#include <span>

namespace detachfix {

/// How the bytes on the disk hold the image.
enum class Packing : uint8_t {
  kNone,  ///< the image itself
  kSzdd,  ///< the `*.DL_` of Microsoft's COMPRESS.EXE, or QBasic's variant
  kKwaj,
  kMscf,  ///< a cabinet
};

/// By the first bytes alone: kNone for everything that is not packed.
Packing SniffPacking(std::span<const uint8_t> bytes);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SNIFF_PACKING_H_
