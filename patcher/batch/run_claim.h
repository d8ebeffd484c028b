// SPDX-License-Identifier: Apache-2.0
// Of several processes that share a ledger, which one works on a run.
#ifndef DETACHFIX_PATCHER_BATCH_RUN_CLAIM_H_
#define DETACHFIX_PATCHER_BATCH_RUN_CLAIM_H_

#include <cstdint>
#include <string>
#include <utility>

#include "patcher/descriptor.h"

namespace detachfix {

enum class Claim : uint8_t {
  kOurs,
  kTaken,    ///< another process works on it
  kUnknown,  ///< the file system has no such locks
};

/// What this process claims in one ledger. A claim is a lock on a byte of the
/// ledger's file, so it ends with the process, however that ends. Must outlive
/// the database on the same file: to close a file gives up the locks that the
/// process has on it by other descriptors (fcntl(2)), SQLite's among them.
class RunClaims {
 public:
  explicit RunClaims(std::string path) : path_(std::move(path)) {}

  /// Claims the run for this process, until this object goes.
  Claim Take(const std::string& run);

 private:
  std::string path_;
  Descriptor file_;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_RUN_CLAIM_H_
