// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/shard.h"

#include <charconv>
#include <optional>
#include <string>

#include "patcher/batch/media_names.h"

namespace detachfix {
namespace {

constexpr uint32_t kMaxShards = 65536;

std::optional<uint32_t> ParseNumber(std::string_view text) {
  uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return number;
}

// FNV-1a, 64 bits wide (draft-eastlake-fnv).
uint64_t HashFnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

}  // namespace

Result<Shard> ParseShard(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash != text.npos) {
    const std::optional<uint32_t> index = ParseNumber(text.substr(0, slash));
    const std::optional<uint32_t> count = ParseNumber(text.substr(slash + 1));
    if (index && count && *index >= 1 && *index <= *count &&
        *count <= kMaxShards) {
      return Shard{*index, *count};
    }
  }
  return Error{"\"" + std::string(text) +
               "\" is not a shard: I/N with 1 <= I <= N <= " +
               std::to_string(kMaxShards) + " is"};
}

bool IsInShard(const Shard& shard, std::string_view path) {
  const size_t name = path.rfind('/') + 1;  // npos + 1 is 0
  const std::string key =
      std::string(path.substr(0, name)) + PairName(path.substr(name));
  // The high half: the low bits of FNV-1a see little of the last characters'
  // high bits, and paths of one share differ in few places.
  const uint64_t hash = HashFnv1a(key);
  const uint64_t mixed = (hash >> 32) ^ (hash & 0xffffffff);
  return mixed % shard.count == shard.index - 1;
}

}  // namespace detachfix
