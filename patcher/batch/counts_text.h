// SPDX-License-Identifier: Apache-2.0
// What became of the files of a run, as text.
#ifndef DETACHFIX_PATCHER_BATCH_COUNTS_TEXT_H_
#define DETACHFIX_PATCHER_BATCH_COUNTS_TEXT_H_

#include <cstdint>
#include <string>

#include "patcher/batch/batch_item.h"

namespace detachfix {

/// "1,234,567".
std::string Grouped(uint64_t number);

/// "1 file", "1,234 files".
std::string FilesText(uint64_t files);

enum class Ends : uint8_t {
  kAll,
  kToWatch,  ///< without those of files that are as they should be
};

/// "3 leak, 2 patched": what is not zero.
std::string EndsText(const BatchCounts& counts, Ends which);

/// "12 files: 2 would be patched, 10 fixed before".
std::string CountsText(const BatchCounts& counts);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_COUNTS_TEXT_H_
