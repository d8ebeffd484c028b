// SPDX-License-Identifier: Apache-2.0
// A share divided among several runs, each of which finds its own part of it
// without speaking to the others.
#ifndef DETACHFIX_PATCHER_BATCH_SHARD_H_
#define DETACHFIX_PATCHER_BATCH_SHARD_H_

#include <cstdint>
#include <string_view>

#include "patcher/result.h"

namespace detachfix {

/// Part `index` of `count`, counted from 1.
struct Shard {
  uint32_t index = 1;
  uint32_t count = 1;

  friend bool operator==(const Shard&, const Shard&) = default;
};

/// Reads "I/N" with 1 <= I <= N <= 65536.
Result<Shard> ParseShard(std::string_view text);

/// Whether the file at `path` belongs to `shard`. `path` is the one below its
/// root, so that it does not matter where the share is mounted. Every path
/// belongs to exactly one of the N shards, for all time: reports and ledgers
/// rest on it. A file and the same file packed (PairName) belong to the same
/// shard, since what is done to one depends on the other.
bool IsInShard(const Shard& shard, std::string_view path);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_SHARD_H_
