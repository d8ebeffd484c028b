// SPDX-License-Identifier: Apache-2.0
// verify -> patch -> verify -> revert on bytes in memory, with the laws that
// hold whatever the bytes are.
#ifndef DETACHFIX_TESTS_FUZZ_CHECK_PIPELINE_H_
#define DETACHFIX_TESTS_FUZZ_CHECK_PIPELINE_H_

#include "patcher/outcome.h"
#include "patcher/plan.h"

namespace detachfix::fuzz {

/// How far the bytes got.
enum class Got : uint8_t {
  kUnread,       ///< not a PE, or one that lies
  kJudged,       ///< read, and nothing to patch
  kRefused,      ///< leaks, and no plan was possible
  kPatchedBack,  ///< patched, verified, reverted
};

/// Ends the process when a law is broken.
Got CheckPipeline(const Bytes& file);

}  // namespace detachfix::fuzz

#endif  // DETACHFIX_TESTS_FUZZ_CHECK_PIPELINE_H_
