// SPDX-License-Identifier: Apache-2.0
// The only door to the disk. Everything that reads or writes goes through this
// interface, so that tests can fail each step and see what was touched.
#ifndef DETACHFIX_PATCHER_FILES_H_
#define DETACHFIX_PATCHER_FILES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "patcher/plan.h"
#include "patcher/result.h"
#include "patcher/shared_bytes.h"

namespace detachfix {

/// What tells one state of one file from another, and what must survive a
/// replacement.
struct FileState {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;        ///< bytes
  int64_t modified_ns = 0;  ///< since the epoch
  int64_t accessed_ns = 0;
  int64_t changed_ns = 0;
  uint32_t mode = 0;  ///< st_mode
  uint32_t owner = 0;
  uint32_t group = 0;
  uint64_t link_count = 1;
  bool is_regular = true;
  bool is_symlink = false;
  bool writable = true;  ///< by the permission bits of its owner
  std::map<std::string, Bytes> attributes;  ///< extended attributes
  /// Those of chattr(1) that a new file is given too, as FS_IOC_GETFLAGS has
  /// them; absent: not known, or the file system has none.
  std::optional<uint32_t> flags;
  /// The second name that NTFS has for old programs ("ALONGN~1.DLL"), or empty.
  /// It belongs to the name, not to the file.
  std::string short_name;
  /// Why `attributes` is not complete, or empty. Such a file can be read, but
  /// not replaced.
  std::string attributes_problem;
};

/// A whole file, and what it was when it was read.
struct ReadFile {
  SharedBytes bytes;
  FileState state;
};

/// A file that is being written. Not visible under its final name until
/// Files::Rename.
class OutputFile {
 public:
  virtual ~OutputFile() = default;
  /// Where it is now: of CreateBeside, the temporary name.
  virtual const std::string& path() const = 0;
  /// Appends all of `bytes`; a part that was written is an error.
  virtual Result<void> Write(std::span<const uint8_t> bytes) = 0;
  /// Of CreateUnseenBeside: gives the file a name, which path() is from then
  /// on. Any other has one.
  virtual Result<void> Appear() { return {}; }
  /// Gives the file the owner, group, permissions, flags, times and exactly the
  /// extended attributes of `state`. To be called after the last Write, which
  /// would change the times. The error names which of them failed.
  virtual Result<void> SetState(const FileState& state) = 0;
  /// Flushes it to the device, so that a later read comes from there where the
  /// file system allows that.
  virtual Result<void> Sync() = 0;
  /// To be called once, last: a disk may report here that it is full.
  virtual Result<void> Close() = 0;
};

/// A regular file that is open for reading.
class InputFile {
 public:
  virtual ~InputFile() = default;
  virtual uint64_t size() const = 0;  ///< when it was opened
  /// Fills all of `into` with what stands from `offset` on; fails when the
  /// file ends before.
  virtual Result<void> ReadAt(uint64_t offset, std::span<uint8_t> into) = 0;
  /// Whether content and size are still those of when it was opened.
  virtual Result<bool> IsUnchanged() = 0;
};

/// Keeps other runs off a file as long as it lives.
class FileGuard {
 public:
  virtual ~FileGuard() = default;
};

/// Errors of Read, OpenToRead, Guard, MakeFolders and SetState say what failed;
/// those of the others are the cause alone (`No space left on device (28)`),
/// since the caller knows the step and what it was for.
class Files {
 public:
  virtual ~Files() = default;
  /// Does not follow a symbolic link at the last component.
  virtual Result<FileState> Look(const std::string& path) = 0;
  /// Whether anything stands at `path`, a dangling symbolic link included.
  virtual Result<bool> Exists(const std::string& path) = 0;
  /// The names in a folder, sorted by their bytes, without "." and "..".
  virtual Result<std::vector<std::string>> List(const std::string& folder) = 0;
  /// The whole of a regular file, and its state. Follows symbolic links. Fails
  /// when it is larger than `limit` bytes, and when it changes meanwhile.
  virtual Result<ReadFile> Read(const std::string& path, uint64_t limit) = 0;
  /// To be had before a file is read that is to be replaced: two runs on one
  /// share then never work on it at the same time. Waits for another holder,
  /// but not long. Fails when another program has locked the file or has it
  /// open for writing, as far as the file system tells. A symbolic
  /// link is not followed and not locked. What a run that was killed left
  /// behind beside the file (temporary files for `path` and `side_paths`) is
  /// removed.
  virtual Result<std::unique_ptr<FileGuard>> Guard(
      const std::string& path, const std::vector<std::string>& side_paths) = 0;
  /// Up to `size` bytes of a regular file from `offset` on: fewer at its end,
  /// none behind it. Follows symbolic links.
  virtual Result<Bytes> ReadPart(const std::string& path, uint64_t offset,
                                 size_t size) = 0;
  /// Opens a regular file. Follows symbolic links.
  virtual Result<std::unique_ptr<InputFile>> OpenToRead(
      const std::string& path) = 0;
  /// Opens a regular file, made if need be, so that each Write goes to its end
  /// as it then is (O_APPEND).
  virtual Result<std::unique_ptr<OutputFile>> OpenToAppend(
      const std::string& path) = 0;
  /// Makes `folder` and what is missing above it, as mkdir -p does. The error
  /// names the folder that cannot be made.
  virtual Result<void> MakeFolders(const std::string& /*folder*/) { return {}; }
  /// Creates a new file (O_EXCL) in the folder of `path`, with a name derived
  /// from it that starts with a dot. It is removed when a signal ends the
  /// program before it was renamed.
  virtual Result<std::unique_ptr<OutputFile>> CreateBeside(
      const std::string& path) = 0;
  /// The same, but where the file system can it has no name before Appear, so
  /// that a program that is killed leaves nothing. path() is then one by which
  /// this process alone can read it.
  virtual Result<std::unique_ptr<OutputFile>> CreateUnseenBeside(
      const std::string& path) {
    return CreateBeside(path);
  }
  /// What keeps this user from making a file in the folder of `path`, as far as
  /// that can be told without making one.
  virtual Result<void> MayCreateBeside(const std::string& /*path*/) {
    return {};
  }
  /// Removes the temporary files for `path` of programs that were killed: those
  /// that no living one holds. What cannot be removed stays.
  virtual void RemoveLeftovers(const std::string& /*path*/) {}
  /// Atomic, over an existing `to`.
  virtual Result<void> Rename(const std::string& from,
                              const std::string& to) = 0;
  /// Like Rename, but fails when `to` exists.
  virtual Result<void> RenameNew(const std::string& from,
                                 const std::string& to) = 0;
  /// Removes the name; an error when nothing stands there.
  virtual Result<void> Remove(const std::string& path) = 0;
  /// Gives the file at `path` the FileState::short_name that the one before it
  /// had there.
  virtual Result<void> SetShortName(const std::string& /*path*/,
                                    const std::string& /*name*/) {
    return {};
  }
  /// fsync of the folder that holds `path`.
  virtual Result<void> SyncFolder(const std::string& path) = 0;
};

/// The permission bits that a program's new files get where nothing else is
/// asked for: 0666 without the umask. Not while another thread makes files.
uint32_t NewFileMode();

/// The folder that holds `path`: "." when that is a bare name.
std::string FolderOf(const std::string& path);

/// The real disk.
std::unique_ptr<Files> PosixFiles();

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_FILES_H_
