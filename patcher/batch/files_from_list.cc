// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <utility>

#include "patcher/batch/find_files.h"
#include "patcher/batch/name_filter.h"
#include "patcher/descriptor.h"
#include "patcher/system_error.h"

namespace detachfix {
namespace {

constexpr size_t kSniffed = size_t{64} * 1024;
// A path without end would fill the memory.
constexpr size_t kMaxPath = size_t{1} << 20;

class ListFinder : public FileFinder {
 public:
  ListFinder(Descriptor list, std::string name, const FindOptions& options)
      : name_(std::move(name)),
        list_(std::move(list)),
        options_(options),
        filter_({true, options.include, options.exclude}) {}

  std::optional<Found> Next() override;
  FindCounts Counts() const override;

  void set_total(std::optional<uint64_t> total) { total_ = total; }

 private:
  void Fill();
  void Sniff();
  std::optional<std::string> TakePath();
  bool Wants(const std::string& path);
  Found MakeFound(std::string path);

  const std::string name_;
  const Descriptor list_;
  const FindOptions options_;
  const NameFilter filter_;
  std::string buffer_;  // read; from begin_ on not yet handed out
  size_t begin_ = 0;
  char separator_ = '\n';
  bool sniffed_ = false;
  bool at_end_ = false;
  std::optional<Error> problem_;  // what reading ended with
  // Packed files, by their names: they wait for what stands not packed beside
  // them, which may come anywhere in the list.
  std::deque<std::string> last_;
  std::atomic<uint64_t> entries_{0};
  std::atomic<uint64_t> found_{0};
  std::atomic<uint64_t> problems_{0};
  std::atomic<uint64_t> other_shards_{0};
  std::optional<uint64_t> total_;
};

void ListFinder::Fill() {
  std::array<char, kSniffed> block;
  const ssize_t size = read(list_.number(), block.data(), block.size());
  if (size < 0 && errno == EINTR) return;
  if (size > 0) {
    buffer_.append(block.data(), static_cast<size_t>(size));
    return;
  }
  at_end_ = true;
  if (size < 0) {
    problem_ = Error{"cannot be read: " + SystemError(errno).message};
  }
}

void ListFinder::Sniff() {
  while (!at_end_ && buffer_.size() < kSniffed &&
         buffer_.find('\0') == buffer_.npos) {
    Fill();
  }
  if (buffer_.substr(0, kSniffed).find('\0') != buffer_.npos) separator_ = '\0';
  sniffed_ = true;
}

std::optional<std::string> ListFinder::TakePath() {
  size_t end = buffer_.find(separator_, begin_);
  if (end == buffer_.npos) {
    buffer_.erase(0, std::exchange(begin_, 0));
    for (size_t searched = 0;
         end == buffer_.npos && !at_end_ && buffer_.size() < kMaxPath;) {
      searched = buffer_.size();
      Fill();
      end = buffer_.find(separator_, searched);
    }
    if (buffer_.empty()) return std::nullopt;
  }
  if (end == buffer_.npos && !at_end_) {
    at_end_ = true;
    buffer_.clear();
    problem_ =
        Error{"has a path of more than " + std::to_string(kMaxPath) + " bytes"};
    return std::nullopt;
  }
  const size_t size = std::min(end, buffer_.size()) - begin_;
  std::string path = buffer_.substr(begin_, size);
  begin_ = std::min(begin_ + size + 1, buffer_.size());
  return path;
}

bool ListFinder::Wants(const std::string& path) {
  if (options_.include.empty() ? filter_.ExcludesFile(path)
                               : !filter_.WantsFile(path)) {
    return false;
  }
  if (!options_.shard || IsInShard(*options_.shard, path)) return true;
  ++other_shards_;
  return false;
}

Found ListFinder::MakeFound(std::string path) {
  ++found_;
  return Found{std::move(path), std::nullopt, std::nullopt};
}

std::optional<Found> ListFinder::Next() {
  if (!sniffed_) Sniff();
  while (std::optional<std::string> path = TakePath()) {
    if (path->empty()) continue;
    ++entries_;
    if (!Wants(*path)) continue;
    if (!path->ends_with('_')) return MakeFound(std::move(*path));
    last_.push_back(std::move(*path));
  }
  if (!last_.empty()) {
    Found found = MakeFound(std::move(last_.front()));
    last_.pop_front();
    return found;
  }
  if (!problem_) return std::nullopt;
  ++problems_;
  return Found{name_, std::exchange(problem_, std::nullopt), std::nullopt};
}

FindCounts ListFinder::Counts() const {
  FindCounts counts;
  counts.entries = entries_;
  counts.found = found_;
  counts.problems = problems_;
  counts.other_shards = other_shards_;
  counts.total = total_;
  return counts;
}

Descriptor OpenList(const std::string& path) {
  return Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

// How many files the list hands out.
std::optional<uint64_t> CountList(const std::string& path,
                                  const FindOptions& options) {
  Descriptor list = OpenList(path);
  if (list.number() < 0) return std::nullopt;
  ListFinder finder(std::move(list), path, options);
  uint64_t count = 0;
  while (finder.Next()) ++count;
  return count;
}

}  // namespace

Result<std::unique_ptr<FileFinder>> FilesFromList(const std::string& list,
                                                  const FindOptions& options) {
  const bool is_input = list == "-";
  // A pipe is not opened twice, to be counted: its writer would see an end.
  struct stat info = {};
  const bool is_file =
      !is_input && stat(list.c_str(), &info) == 0 && S_ISREG(info.st_mode);
  Descriptor descriptor =
      is_input ? Descriptor(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3))
               : OpenList(list);
  if (descriptor.number() < 0) {
    return Error{list + ": cannot be opened: " + SystemError(errno).message};
  }
  auto finder = std::make_unique<ListFinder>(
      std::move(descriptor), is_input ? "standard input" : list, options);
  if (is_file) finder->set_total(CountList(list, options));
  return std::unique_ptr<FileFinder>(std::move(finder));
}

}  // namespace detachfix
