// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/folder_reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "patcher/system_error.h"

namespace detachfix {
namespace {

constexpr size_t kBufferSize = size_t{256} * 1024;

// One folder, entry by entry, on its way into a listing.
class Listing {
 public:
  Listing(const ReadFolderOptions& options, int folder,
          std::string_view below_root)
      : options_(options), folder_(folder), below_root_(below_root) {}

  void Take(const dirent64& entry);
  FolderListing Finish(std::optional<Error> problem);

 private:
  // The path that the filter is asked about.
  std::string_view PathOf(std::string_view name);
  void TakeKnown(const char* name, mode_t kind);
  void TakeFile(const char* name);
  void TakeFolder(const char* name);
  void Add(const char* name, EntryKind kind, size_t detail = 0);
  void AddProblem(const char* name, int error);

  const ReadFolderOptions& options_;
  const int folder_;
  const std::string_view below_root_;
  std::string path_;
  FolderListing listing_;
};

std::string_view Listing::PathOf(std::string_view name) {
  if (!options_.filter->looks_at_paths() || below_root_.empty()) return name;
  path_ = below_root_;
  path_ += '/';
  path_ += name;
  return path_;
}

void Listing::Add(const char* name, EntryKind kind, size_t detail) {
  FolderEntry entry;
  entry.name = static_cast<uint32_t>(listing_.names.size());
  entry.detail = static_cast<uint32_t>(detail);
  entry.kind = kind;
  listing_.names.append(name, std::strlen(name) + 1);
  listing_.entries.push_back(entry);
}

void Listing::AddProblem(const char* name, int error) {
  Add(name, EntryKind::kProblem, listing_.problems.size());
  listing_.problems.push_back(
      Error{"cannot be looked at: " + SystemError(error).message});
}

// The name is wanted. How many names the file has only its inode tells.
void Listing::TakeFile(const char* name) {
  struct stat info = {};
  if (fstatat(folder_, name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) !=
      0) {
    AddProblem(name, errno);
    return;
  }
  if (!S_ISREG(info.st_mode)) return;  // it was another file a moment ago
  const FileId id{info.st_dev, info.st_ino};
  const bool linked = info.st_nlink > 1 || options_.also_linked->contains(id);
  if (linked) listing_.linked.push_back(id);
  Add(name, EntryKind::kFile, linked ? listing_.linked.size() : 0);
}

void Listing::TakeFolder(const char* name) {
  if (!options_.filter->WantsFolder(PathOf(name))) return;
  const bool skip = !options_.enter_snapshots && IsSnapshotFolderName(name);
  Add(name, skip ? EntryKind::kSkippedFolder : EntryKind::kFolder);
}

void Listing::TakeKnown(const char* name, mode_t kind) {
  if (S_ISDIR(kind)) {
    TakeFolder(name);
  } else if (S_ISREG(kind) && options_.filter->WantsFile(PathOf(name))) {
    TakeFile(name);
  } else if (S_ISLNK(kind) && options_.filter->WantsFile(PathOf(name))) {
    ++listing_.links;
  }
}

void Listing::Take(const dirent64& entry) {
  const char* const name = entry.d_name;
  if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) return;
  ++listing_.seen;
  if (entry.d_type != DT_UNKNOWN) {
    TakeKnown(name, static_cast<mode_t>(DTTOIF(entry.d_type)));
    return;
  }
  struct stat info = {};
  if (fstatat(folder_, name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) ==
      0) {
    TakeKnown(name, info.st_mode & S_IFMT);
  } else {
    AddProblem(name, errno);
  }
}

FolderListing Listing::Finish(std::optional<Error> problem) {
  std::ranges::sort(listing_.entries, [this](const auto& a, const auto& b) {
    const bool a_last = listing_.ComesLast(a);
    if (a_last != listing_.ComesLast(b)) return !a_last;
    return std::strcmp(listing_.NameOf(a), listing_.NameOf(b)) < 0;
  });
  listing_.problem = std::move(problem);
  return std::move(listing_);
}

}  // namespace

FolderReader::FolderReader(const ReadFolderOptions& options)
    : options_(options), buffer_(kBufferSize) {}

FolderListing FolderReader::Read(int folder, std::string_view below_root) {
  Listing listing(options_, folder, below_root);
  while (true) {
    const ssize_t size = getdents64(folder, buffer_.data(), buffer_.size());
    if (size == 0) return listing.Finish(std::nullopt);
    if (size < 0) {
      // What came before is taken: it is there.
      return listing.Finish(
          Error{"cannot be read: " + SystemError(errno).message});
    }
    for (ssize_t at = 0; at < size;) {
      // The kernel aligns every entry to 8 bytes, getdents64(2).
      const auto* entry =
          reinterpret_cast<const dirent64*>(buffer_.data() + at);
      listing.Take(*entry);
      at += entry->d_reclen;
    }
  }
}

}  // namespace detachfix
