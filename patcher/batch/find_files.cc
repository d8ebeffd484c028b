// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/find_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <set>
#include <thread>
#include <utility>

#include "patcher/batch/agenda.h"
#include "patcher/batch/name_filter.h"
#include "patcher/system_error.h"

namespace detachfix {
namespace {

// Paths are opened from the nearest folder that was left open, and such a
// folder is left behind every this many bytes: far enough below PATH_MAX (4096)
// for one more name, and so rarely that descriptors do not run out.
constexpr size_t kBytesBetweenAnchors = 2048;

/// What all threads may change.
struct AtomicCounts {
  std::atomic<uint64_t> folders{0};
  std::atomic<uint64_t> entries{0};
  std::atomic<uint64_t> found{0};
  std::atomic<uint64_t> problems{0};
  std::atomic<uint64_t> skipped_folders{0};
  std::atomic<uint64_t> links{0};
  std::atomic<uint64_t> again{0};
  std::atomic<uint64_t> other_shards{0};
};

/// The names from `from`, not included, down to `folder`.
std::string PathBetween(const SearchFolder* from, const SearchFolder& folder) {
  std::vector<const std::string*> names;
  for (const SearchFolder* at = &folder; at != from; at = at->parent) {
    names.push_back(&at->name);
  }
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!path.empty()) path += '/';
    path += **name;
  }
  return path;
}

class FolderFinder : public FileFinder {
 public:
  explicit FolderFinder(const FindOptions& options);

  std::optional<Found> Next() override;
  FindCounts Counts() const override;

 private:
  /// A folder whose entries are being handed out.
  struct Level {
    SearchFolder* folder = nullptr;
    size_t next = 0;
    size_t path_size = 0;  // of the path that leads to it
    std::unique_ptr<SearchFolder> owner;
  };

  std::unique_ptr<SearchFolder> MakeTop(const std::vector<std::string>& roots);
  void AddRoot(const std::string& root, SearchFolder& top);

  // In any thread.
  void ReadFolder(FolderReader& reader, SearchFolder& folder);
  OpenedFolder Open(const SearchFolder& folder, bool stay);
  void ReadOpened(FolderReader& reader, Descriptor descriptor,
                  SearchFolder& folder);
  bool IsRoot(const SearchFolder& folder) const;
  std::string BelowRoot(const SearchFolder& folder) const;
  bool IsRootElsewhere(const SearchFolder& folder, int descriptor) const;

  // In the thread that calls Next.
  std::optional<Found> TakeEntry(Level& level);
  std::optional<Found> TakeFile(const SearchFolder& folder,
                                const FolderEntry& entry);
  std::optional<Found> EnterFolder(SearchFolder& parent);
  std::optional<std::string> Cross(SearchFolder& folder);
  void AppendToPath(const char* name);
  Found MakeFound();
  Found MakeProblem(const Error& problem);
  Found MakeSkipped(std::string why);

  const NameFilter filter_;
  const std::optional<Shard> shard_;
  const bool cross_file_systems_;
  AtomicCounts counts_;
  std::set<FileId> roots_;        // folders that are roots
  std::set<FileId> root_files_;   // files that are roots
  std::set<uint64_t> devices_;    // file systems that are searched
  std::set<FileId> seen_linked_;  // handed out, and have more names

  std::string path_;           // of what is being handed out
  size_t below_root_at_ = 0;   // where the part below the root begins in it
  std::vector<Level> levels_;  // from the list of roots downwards
  // Its threads work on the folders above, so it goes first.
  std::unique_ptr<FolderAgenda> agenda_;
};

NameFilter MakeFilter(const FindOptions& options) {
  return NameFilter({options.all_dlls, options.include, options.exclude});
}

unsigned ThreadsFor(const FindOptions& options) {
  if (options.threads > 0) return options.threads;
  return std::max(1u, std::thread::hardware_concurrency());
}

// "/" stays, and every other path loses the slashes at its end: one is added
// when a name follows.
std::string WithoutSlashesAtEnd(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

FolderFinder::FolderFinder(const FindOptions& options)
    : filter_(MakeFilter(options)),
      shard_(options.shard),
      cross_file_systems_(options.cross_file_systems) {
  std::unique_ptr<SearchFolder> top = MakeTop(options.roots);
  SearchFolder* const first = top.get();
  levels_.push_back({first, 0, 0, nullptr});
  agenda_ = std::make_unique<FolderAgenda>(
      std::move(top), ThreadsFor(options),
      ReadFolderOptions{&filter_, options.enter_snapshots, &root_files_},
      [this](FolderReader& reader, SearchFolder& folder) {
        ReadFolder(reader, folder);
      });
}

// What stands above the roots: a folder that holds them, in their order.
std::unique_ptr<SearchFolder> FolderFinder::MakeTop(
    const std::vector<std::string>& roots) {
  auto top = std::make_unique<SearchFolder>();
  for (const std::string& root : roots) {
    AddRoot(WithoutSlashesAtEnd(root), *top);
  }
  const FolderListing& listing = top->listing;
  std::stable_partition(
      top->listing.entries.begin(), top->listing.entries.end(),
      [&](const FolderEntry& entry) { return !listing.ComesLast(entry); });
  return top;
}

void FolderFinder::AddRoot(const std::string& root, SearchFolder& top) {
  FolderListing& listing = top.listing;
  FolderEntry entry;
  entry.name = static_cast<uint32_t>(listing.names.size());
  struct stat info = {};
  struct stat itself = {};
  if (lstat(root.c_str(), &itself) != 0) {
    entry.kind = EntryKind::kProblem;
    entry.detail = static_cast<uint32_t>(listing.problems.size());
    listing.problems.push_back(SystemError(errno));
  } else if (stat(root.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    entry.kind = EntryKind::kFolder;
    if (!roots_.insert({info.st_dev, info.st_ino}).second) return;
    devices_.insert(info.st_dev);
  } else {
    // Whatever it is, who looks at it says so.
    entry.kind = EntryKind::kFile;
    listing.linked.push_back({itself.st_dev, itself.st_ino});
    root_files_.insert(listing.linked.back());
    entry.detail = static_cast<uint32_t>(listing.linked.size());
  }
  listing.names.append(root.c_str(), root.size() + 1);
  listing.entries.push_back(entry);
}

bool FolderFinder::IsRoot(const SearchFolder& folder) const {
  return folder.parent != nullptr && folder.parent->parent == nullptr;
}

std::string FolderFinder::BelowRoot(const SearchFolder& folder) const {
  const SearchFolder* root = &folder;
  while (!IsRoot(*root)) root = root->parent;
  return PathBetween(root, folder);
}

// A folder that is named as a root is searched there, not where it lies below
// another root.
bool FolderFinder::IsRootElsewhere(const SearchFolder& folder,
                                   int descriptor) const {
  if (roots_.size() < 2 || IsRoot(folder)) return false;
  struct stat info = {};
  return fstat(descriptor, &info) == 0 &&
         roots_.contains({info.st_dev, info.st_ino});
}

OpenedFolder FolderFinder::Open(const SearchFolder& folder, bool stay) {
  if (!IsRoot(folder)) {
    const SearchFolder* const anchor = folder.parent->anchor;
    return OpenFolder(anchor->descriptor.number(), PathBetween(anchor, folder),
                      stay);
  }
  OpenedFolder opened;
  opened.descriptor =
      Descriptor(open(folder.name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  opened.failure.error = errno;
  return opened;
}

void FolderFinder::ReadFolder(FolderReader& reader, SearchFolder& folder) {
  OpenedFolder opened = Open(folder, true);
  counts_.folders.fetch_add(1, std::memory_order_relaxed);
  if (opened.failure.crosses) {
    folder.crosses = true;
    return;
  }
  if (opened.descriptor.number() < 0) {
    folder.listing.problem =
        Error{"cannot be opened: " + SystemError(opened.failure.error).message};
    return;
  }
  if (IsRoot(folder)) {
    if (const auto pseudo = PseudoFileSystem(opened.descriptor.number())) {
      folder.listing.problem =
          Error{"is on a pseudo file system (" + *pseudo + ")"};
      return;
    }
  }
  ReadOpened(reader, std::move(opened.descriptor), folder);
}

void FolderFinder::ReadOpened(FolderReader& reader, Descriptor descriptor,
                              SearchFolder& folder) {
  if (IsRootElsewhere(folder, descriptor.number())) return;
  std::string below_root;
  if (filter_.looks_at_paths()) below_root = BelowRoot(folder);
  folder.listing = reader.Read(descriptor.number(), below_root);
  counts_.entries.fetch_add(folder.listing.seen, std::memory_order_relaxed);
  counts_.links.fetch_add(folder.listing.links, std::memory_order_relaxed);
  const bool is_anchor =
      IsRoot(folder) || folder.crosses ||
      PathBetween(folder.parent->anchor, folder).size() > kBytesBetweenAnchors;
  if (is_anchor) folder.descriptor = std::move(descriptor);
  folder.anchor = is_anchor ? &folder : folder.parent->anchor;
}

// Reads `folder`, where another file system is mounted, if that is wanted;
// otherwise says why not.
std::optional<std::string> FolderFinder::Cross(SearchFolder& folder) {
  if (!cross_file_systems_) return "another file system is mounted there";
  OpenedFolder opened = Open(folder, false);
  const int descriptor = opened.descriptor.number();
  if (descriptor < 0) {
    folder.listing.problem =
        Error{"cannot be opened: " + SystemError(opened.failure.error).message};
    return std::nullopt;
  }
  if (const auto pseudo = PseudoFileSystem(descriptor)) {
    return "a pseudo file system (" + *pseudo + ")";
  }
  struct stat info = {};
  if (fstat(descriptor, &info) != 0) {
    folder.listing.problem = SystemError(errno);
    return std::nullopt;
  }
  // Its files would come twice if some of it was or will be searched where
  // else it is mounted.
  if (!devices_.insert(info.st_dev).second) {
    return "a file system that is searched elsewhere is mounted there too";
  }
  ReadOpened(agenda_->reader(), std::move(opened.descriptor), folder);
  agenda_->Resume(folder);
  return std::nullopt;
}

void FolderFinder::AppendToPath(const char* name) {
  if (!path_.empty() && !path_.ends_with('/')) path_ += '/';
  path_ += name;
}

Found FolderFinder::MakeFound() {
  counts_.found.fetch_add(1, std::memory_order_relaxed);
  return {path_, std::nullopt, std::nullopt};
}

Found FolderFinder::MakeProblem(const Error& problem) {
  counts_.problems.fetch_add(1, std::memory_order_relaxed);
  return {path_, problem, std::nullopt};
}

Found FolderFinder::MakeSkipped(std::string why) {
  counts_.skipped_folders.fetch_add(1, std::memory_order_relaxed);
  return {path_, std::nullopt, std::move(why)};
}

std::optional<Found> FolderFinder::TakeFile(const SearchFolder& folder,
                                            const FolderEntry& entry) {
  if (entry.detail > 0 &&
      !seen_linked_.insert(folder.listing.linked[entry.detail - 1]).second) {
    counts_.again.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  // A file that is named as a root has no path below it but its name.
  const bool is_root = folder.parent == nullptr;
  const size_t below = is_root ? path_.rfind('/') + 1 : below_root_at_;
  if (shard_ && !IsInShard(*shard_, std::string_view(path_).substr(below))) {
    counts_.other_shards.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  return MakeFound();
}

// The path is that of the folder.
std::optional<Found> FolderFinder::EnterFolder(SearchFolder& parent) {
  std::unique_ptr<SearchFolder> folder = agenda_->Take(parent);
  if (folder->crosses) {
    if (auto why = Cross(*folder)) return MakeSkipped(std::move(*why));
  }
  if (IsRoot(*folder)) below_root_at_ = path_.size() + !path_.ends_with('/');
  std::optional<Found> found;
  if (folder->listing.problem) found = MakeProblem(*folder->listing.problem);
  SearchFolder* const address = folder.get();
  levels_.push_back({address, 0, path_.size(), std::move(folder)});
  return found;
}

std::optional<Found> FolderFinder::TakeEntry(Level& level) {
  const FolderListing& listing = level.folder->listing;
  const FolderEntry& entry = listing.entries[level.next++];
  path_.resize(level.path_size);
  AppendToPath(listing.NameOf(entry));
  switch (entry.kind) {
    case EntryKind::kFile:
      return TakeFile(*level.folder, entry);
    case EntryKind::kFolder:
      return EnterFolder(*level.folder);
    case EntryKind::kSkippedFolder:
      return MakeSkipped("holds snapshots or deleted files");
    case EntryKind::kProblem:
      return MakeProblem(listing.problems[entry.detail]);
  }
  return std::nullopt;
}

std::optional<Found> FolderFinder::Next() {
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.next == level.folder->listing.entries.size()) {
      levels_.pop_back();
      continue;
    }
    if (std::optional<Found> found = TakeEntry(level)) return found;
  }
  return std::nullopt;
}

FindCounts FolderFinder::Counts() const {
  FindCounts counts;
  counts.folders = counts_.folders;
  counts.entries = counts_.entries;
  counts.found = counts_.found;
  counts.problems = counts_.problems;
  counts.skipped_folders = counts_.skipped_folders;
  counts.links = counts_.links;
  counts.again = counts_.again;
  counts.other_shards = counts_.other_shards;
  return counts;
}

}  // namespace

std::unique_ptr<FileFinder> FindFiles(const FindOptions& options) {
  return std::make_unique<FolderFinder>(options);
}

}  // namespace detachfix
