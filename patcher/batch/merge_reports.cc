// SPDX-License-Identifier: Apache-2.0
// Each input is read three times: for what its end says of it, to see that all
// of them go together and where each file is said last, and to copy. Of a file
// only a hash of its name is kept meanwhile.
#include "patcher/batch/merge_reports.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "patcher/batch/read_report.h"
#include "patcher/batch/report.h"
#include "patcher/batch/shard.h"
#include "patcher/exit_status.h"
#include "patcher/sha256.h"

namespace detachfix {

namespace {

constexpr size_t kMostHostsNamed = 5;

/// The first half of a SHA-256: no two names of a share have the same.
using NameHash = std::array<uint64_t, 2>;

struct HashOfHash {
  size_t operator()(const NameHash& hash) const { return hash[0]; }
};

struct Place {
  size_t input = 0;
  uint64_t number = 0;  ///< of the item in the input
};

struct Input {
  std::string path;
  BatchHead head;
  std::optional<Shard> shard;
  std::vector<Shard> shards;  ///< of it, or of the reports that it was made of
  uint64_t items = 0;
};

/// Whichever shards `head` tells of.
Result<std::vector<Shard>> ShardsOf(const BatchHead& head) {
  std::vector<std::string> texts = {head.shard};
  for (const MergedRun& run : head.merged) texts.push_back(run.shard);
  std::vector<Shard> shards;
  for (const std::string& text : texts) {
    if (text.empty()) continue;
    const Result<Shard> shard = ParseShard(text);
    if (!shard) return shard.error();
    shards.push_back(*shard);
  }
  return shards;
}

NameHash HashOf(const std::string& host, const std::string& path) {
  const std::string name = host + '\0' + path;
  const Sha256 hash = HashSha256(
      std::span(reinterpret_cast<const uint8_t*>(name.data()), name.size()));
  NameHash result;
  std::memcpy(result.data(), hash.data(), sizeof result);
  return result;
}

/// Files of one name on two hosts are two files, unless both reports are shards
/// of one share. A shard's file is the file of that name on its own host too,
/// as the report of a whole run has it; the first hash is of the wider name.
std::vector<NameHash> NamesOf(const BatchItem& item, const BatchHead& head) {
  const std::string& host = item.host.empty() ? head.host : item.host;
  const std::string& path = item.outcome.path;
  if (head.shard.empty()) return {HashOf(host, path)};
  return {HashOf("", path), HashOf(host, path)};
}

MergedRun RunOf(const BatchHead& head) {
  return {head.run,   head.host,    head.started,     head.finished,
          head.shard, head.version, head.interrupted, head.counts.files};
}

/// The run that a report is of, or those that it was merged of.
std::vector<MergedRun> RunsOf(const BatchHead& head) {
  return head.merged.empty() ? std::vector{RunOf(head)} : head.merged;
}

/// A run that both have.
std::optional<std::string> RunInBoth(const BatchHead& a, const BatchHead& b) {
  std::set<std::pair<std::string, std::string>> runs;
  for (const MergedRun& run : RunsOf(a)) runs.emplace(run.run, run.host);
  for (const MergedRun& run : RunsOf(b)) {
    if (runs.contains({run.run, run.host})) return run.run;
  }
  return std::nullopt;
}

class Merge {
 public:
  explicit Merge(Files& files) : files_(files) {}

  Result<void> Look(const std::string& path) {
    const size_t index = inputs_.size();
    Input input{path, {}, {}, {}, 0};
    const Result<BatchHead> head = HeadOf(path);
    if (!head) return head.error();
    input.head = *head;
    const Result<std::vector<Shard>> shards = ShardsOf(*head);
    if (!shards) return Error{path + ": " + shards.error().message};
    input.shards = *shards;
    if (!head->shard.empty()) input.shard = shards->front();
    Result<void> fits = CheckAgainstOthers(input);
    if (!fits) return fits;
    const Result<BatchHead> read =
        ReadReport(files_, path, [&](const BatchItem& item) -> Result<void> {
          return Enter(item, {index, input.items++}, input);
        });
    if (!read) return read.error();
    inputs_.push_back(std::move(input));
    return {};
  }

  BatchHead Head() const;
  std::vector<std::string> Notes() const;
  Result<MergedReport> Copy(const std::string& out);

 private:
  Result<BatchHead> HeadOf(const std::string& path) {
    return ReadReport(files_, path,
                      [](const BatchItem&) -> Result<void> { return {}; });
  }

  Result<void> CheckAgainstOthers(const Input& input) const;
  Result<void> Enter(const BatchItem& item, const Place& place,
                     const Input& input);
  std::vector<std::string> MissingShards() const;

  Files& files_;
  std::vector<Input> inputs_;
  std::unordered_map<NameHash, Place, HashOfHash> places_;
};

Result<void> Merge::CheckAgainstOthers(const Input& input) const {
  const std::optional<Shard>& shard = input.shard;
  for (const Input& other : inputs_) {
    const std::string both = other.path + " and " + input.path;
    if (const auto run = RunInBoth(other.head, input.head)) {
      return Error{both + " are of the same run, " + *run};
    }
    if (other.head.command != input.head.command) {
      return Error{both + " are of different commands, " + other.head.command +
                   " and " + input.head.command};
    }
    const std::optional<Shard>& its = other.shard;
    if (!shard || !its) continue;
    if (its->count != shard->count) {
      return Error{both + " divide the share differently: shards " +
                   other.head.shard + " and " + input.head.shard};
    }
    if (its->index == shard->index) {
      return Error{both + " are of the same shard, " + input.head.shard};
    }
  }
  return {};
}

Result<void> Merge::Enter(const BatchItem& item, const Place& place,
                          const Input& input) {
  for (const NameHash& name : NamesOf(item, input.head)) {
    const auto [it, is_new] = places_.emplace(name, place);
    if (is_new) continue;
    if (it->second.input != place.input) {
      return Error{inputs_[it->second.input].path +
                   " has this file too: " + item.outcome.path};
    }
    it->second = place;  // a resumed run looked at it again
  }
  return {};
}

std::string HostsText(const std::set<std::string>& hosts) {
  std::string text;
  size_t named = 0;
  for (const std::string& host : hosts) {
    if (named++ == kMostHostsNamed) {
      return text + " and " + std::to_string(hosts.size() - kMostHostsNamed) +
             " more";
    }
    text += (text.empty() ? "" : ", ") + host;
  }
  return text;
}

BatchHead Merge::Head() const {
  BatchHead head;
  head.run = "merged";
  head.command = inputs_.front().head.command;
  head.started = inputs_.front().head.started;
  std::set<std::string> hosts;
  std::set<std::string> roots;
  bool finished = true;
  for (const Input& input : inputs_) {
    const BatchHead& one = input.head;
    head.started = std::min(head.started, one.started);
    head.finished = std::max(head.finished, one.finished);
    finished = finished && !one.finished.empty();
    head.apply = head.apply || one.apply;
    head.interrupted = head.interrupted || one.interrupted;
    head.exit_status = std::max(head.exit_status, one.exit_status);
    hosts.insert(one.host);
    for (const std::string& root : one.roots) {
      if (roots.insert(root).second) head.roots.push_back(root);
    }
    std::ranges::copy(RunsOf(one), std::back_inserter(head.merged));
  }
  if (!finished) head.finished.clear();
  if (head.interrupted) head.exit_status = kExitInterrupted;
  head.host = HostsText(hosts);
  return head;
}

std::vector<std::string> Merge::MissingShards() const {
  std::map<uint32_t, std::set<uint32_t>> there;  // by how many there are to be
  for (const Input& input : inputs_) {
    for (const Shard& shard : input.shards) {
      there[shard.count].insert(shard.index);
    }
  }
  std::vector<std::string> missing;
  // A lying count shall not make a list without end.
  constexpr size_t kMostNamed = 20;
  for (const auto& [count, indices] : there) {
    for (uint32_t i = 1; i <= count && missing.size() < kMostNamed; ++i) {
      if (indices.contains(i)) continue;
      missing.push_back("shard " + std::to_string(i) + "/" +
                        std::to_string(count) + " is missing");
    }
  }
  return missing;
}

std::vector<std::string> Merge::Notes() const {
  std::vector<std::string> notes = MissingShards();
  std::set<std::string> versions;
  for (const Input& input : inputs_) {
    versions.insert(input.head.version);
    if (input.head.interrupted) {
      notes.push_back(input.path +
                      ": its run was interrupted; files may be missing");
    } else if (input.head.counts.files != input.items) {
      notes.push_back(input.path + ": counts " +
                      std::to_string(input.head.counts.files) +
                      " files and has " + std::to_string(input.items));
    }
  }
  if (versions.size() > 1) {
    std::string text = "made by different versions of detachfix:";
    for (const std::string& version : versions) text += " " + version;
    notes.push_back(text);
  }
  return notes;
}

Result<MergedReport> Merge::Copy(const std::string& out) {
  MergedReport merged{Head(), Notes(), MissingShards().empty()};
  const Result<std::unique_ptr<Report>> report =
      OpenReport(files_, out, merged.head);
  if (!report) return report.error();
  for (size_t index = 0; index < inputs_.size(); ++index) {
    const BatchHead& head = inputs_[index].head;
    uint64_t number = 0;
    const auto copy = [&](BatchItem item) -> Result<void> {
      const auto last = places_.find(NamesOf(item, head).front());
      const uint64_t own = number++;
      if (last == places_.end() || last->second.number != own) return {};
      if (item.run.empty()) item.run = head.run;
      if (item.host.empty()) item.host = head.host;
      Count(item, merged.head.counts);
      merged.head.exit_status =
          std::max(merged.head.exit_status, ExitStatus(item));
      return (*report)->Add(item);
    };
    const Result<BatchHead> read =
        ReadReport(files_, inputs_[index].path, copy);
    if (!read) return read.error();
  }
  const Result<void> finished = (*report)->Finish(merged.head);
  if (!finished) return finished.error();
  return merged;
}

}  // namespace

Result<MergedReport> MergeReports(Files& files, const std::string& out,
                                  const std::vector<std::string>& inputs) {
  const Result<ReportForm> form = ReportFormOf(out);
  if (!form) return form.error();
  Merge merge(files);
  for (const std::string& path : inputs) {
    if (path == out) return Error{out + ": is an input too"};
    const Result<void> looked = merge.Look(path);
    if (!looked) return looked.error();
  }
  if (inputs.empty()) return Error{"no report to merge"};
  return merge.Copy(out);
}

}  // namespace detachfix
