// SPDX-License-Identifier: Apache-2.0
// Reading one folder from the disk.
#ifndef DETACHFIX_PATCHER_BATCH_FOLDER_READER_H_
#define DETACHFIX_PATCHER_BATCH_FOLDER_READER_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "patcher/batch/name_filter.h"
#include "patcher/descriptor.h"
#include "patcher/result.h"

namespace detachfix {

/// What tells one file or folder from every other.
struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;

  friend auto operator<=>(const FileId&, const FileId&) = default;
};

enum class EntryKind : uint8_t { kFile, kFolder, kSkippedFolder, kProblem };

/// A folder can hold a million of them, so they are small.
struct FolderEntry {
  uint32_t name = 0;  ///< where it begins in FolderListing::names
  /// kFile: 0, or 1 + index into `linked`. kProblem: index into `problems`.
  uint32_t detail = 0;
  EntryKind kind = EntryKind::kFile;
};

/// The wanted part of what a folder holds, sorted by the bytes of the names;
/// packed files come last.
struct FolderListing {
  std::string names;  ///< each ends with a NUL byte
  std::vector<FolderEntry> entries;
  std::vector<FileId> linked;  ///< files that can be met again
  std::vector<Error> problems;
  std::optional<Error> problem;  ///< of the folder itself
  uint64_t seen = 0;             ///< entries that the folder has
  uint64_t links = 0;            ///< symbolic links of a wanted name

  const char* NameOf(const FolderEntry& entry) const {
    return names.data() + entry.name;
  }

  /// Whether it is a packed file, by its name. It waits for what stands not
  /// packed beside it, which may have any case and so sort anywhere.
  bool ComesLast(const FolderEntry& entry) const {
    return entry.kind == EntryKind::kFile &&
           std::string_view(NameOf(entry)).ends_with('_');
  }
};

struct ReadFolderOptions {
  const NameFilter* filter = nullptr;
  bool enter_snapshots = false;
  /// Files that others name too, though they may have one name only.
  const std::set<FileId>* also_linked = nullptr;
};

/// Reads folders, one after the other, into a buffer of its own.
class FolderReader {
 public:
  explicit FolderReader(const ReadFolderOptions& options);

  /// What the open `folder` holds. `below_root` is its path below the root,
  /// empty for the root itself; only used when the filter looks at paths.
  FolderListing Read(int folder, std::string_view below_root);

 private:
  const ReadFolderOptions options_;
  std::vector<char> buffer_;
};

/// Why OpenFolder gives no descriptor.
struct OpenFailure {
  bool crosses = false;  ///< another file system is mounted there
  int error = 0;         ///< errno's value otherwise
};

/// Opens the folder at `path` below the open folder `base`. Follows no symbolic
/// link, not in the middle of the path either, where somebody could have put
/// one since the folder there was read; and with `stay` does not set foot on
/// another file system, whose server may have died.
struct OpenedFolder {
  Descriptor descriptor;
  OpenFailure failure;  ///< when `descriptor` is none
};
OpenedFolder OpenFolder(int base, const std::string& path, bool stay);

/// The same for systems without openat2(2), component by component.
OpenedFolder OpenFolderStepwise(int base, const std::string& path, bool stay);

/// The name of the pseudo file system ("proc") that the open `folder` is on;
/// nothing when it is one that holds files.
std::optional<std::string> PseudoFileSystem(int folder);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_FOLDER_READER_H_
