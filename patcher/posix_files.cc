// SPDX-License-Identifier: Apache-2.0
// Files on a POSIX system, Linux in particular. What we rely on (POSIX.1-2017
// rename(), Linux rename(2) and fsync(2)): rename() replaces a name atomically;
// data is durable after fsync() of the file, the name after fsync() of its
// folder.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "patcher/descriptor.h"
#include "patcher/extended_attributes.h"
#include "patcher/file_flags.h"
#include "patcher/file_guard.h"
#include "patcher/files.h"
#include "patcher/interrupt.h"
#include "patcher/posix_output.h"
#include "patcher/system_error.h"

namespace detachfix {
namespace {

constexpr int kMaxReplaced = 5;  // times that a file is read anew
constexpr size_t kReadSize = size_t{1} << 20;

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileState ToState(const struct stat& info,
                  const Result<Attributes>& attributes) {
  FileState state;
  state.device = info.st_dev;
  state.inode = info.st_ino;
  state.size = static_cast<uint64_t>(info.st_size);
  state.modified_ns = Nanoseconds(info.st_mtim);
  state.accessed_ns = Nanoseconds(info.st_atim);
  state.changed_ns = Nanoseconds(info.st_ctim);
  state.mode = info.st_mode;
  state.owner = info.st_uid;
  state.group = info.st_gid;
  state.link_count = info.st_nlink;
  state.is_regular = S_ISREG(info.st_mode);
  state.is_symlink = S_ISLNK(info.st_mode);
  state.writable = (info.st_mode & S_IWUSR) != 0;
  if (attributes) {
    state.attributes = *attributes;
    if (IsDosReadOnly(*attributes)) state.writable = false;
  } else {
    state.attributes_problem = attributes.error().message;
  }
  return state;
}

// NTFS counts it as another link, though it goes with the long name.
void TakeShortName(const std::string& name, FileState& state) {
  state.short_name = name;
  if (!name.empty() && state.link_count > 1) --state.link_count;
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

const char* KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

// O_NONBLOCK: to open a pipe must not wait for its other end. O_NOATIME is
// allowed to the owner only.
int OpenForReading(const std::string& path) {
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const int fd = OpenPastLease(path, flags | O_NOATIME);
  if (fd >= 0 || errno != EPERM) return fd;
  return OpenPastLease(path, flags);
}

Result<Bytes> ReadToEnd(int fd, uint64_t expected, uint64_t limit) {
  Bytes bytes;
  bytes.reserve(expected + 1);
  while (true) {
    const size_t size = bytes.size();
    // One byte more than is expected, to see the end or that there is none.
    const uint64_t rest = expected > size ? expected - size + 1 : 1;
    bytes.resize(size + std::min<uint64_t>(kReadSize, rest));
    const ssize_t got = read(fd, bytes.data() + size, bytes.size() - size);
    const int error = errno;
    bytes.resize(size + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return bytes;
    if (got < 0 && error != EINTR) {
      return Error{"cannot be read at byte " + std::to_string(size) + ": " +
                   SystemError(error).message};
    }
    if (bytes.size() > limit) {
      return Error{"has more than the " + std::to_string(limit) +
                   " bytes that are read"};
    }
  }
}

// Fills `into` from `offset` on, as far as the file has bytes: how many it had.
Result<size_t> FillFrom(int fd, uint64_t offset, std::span<uint8_t> into) {
  size_t filled = 0;
  while (filled < into.size()) {
    const ssize_t got = pread(fd, into.data() + filled, into.size() - filled,
                              static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(errno);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

Result<Descriptor> OpenRegular(const std::string& path, int flags) {
  // O_NONBLOCK: to open a pipe must not wait for its other end.
  Descriptor file(
      OpenPastLease(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                    S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH));
  if (file.number() < 0) return SystemError(errno);
  struct stat info = {};
  if (fstat(file.number(), &info) != 0) return SystemError(errno);
  if (!S_ISREG(info.st_mode)) {
    return Error{std::string("is ") + KindOf(info.st_mode) +
                 ", not a regular file"};
  }
  return file;
}

bool SameContentTimes(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size &&
         Nanoseconds(a.st_mtim) == Nanoseconds(b.st_mtim) &&
         Nanoseconds(a.st_ctim) == Nanoseconds(b.st_ctim);
}

struct OpenedFile {
  Descriptor descriptor;
  struct stat state = {};
};

Result<OpenedFile> OpenRegularToRead(const std::string& path) {
  OpenedFile file{Descriptor(OpenForReading(path))};
  if (file.descriptor.number() < 0) return CannotOpen(errno);
  if (fstat(file.descriptor.number(), &file.state) != 0) {
    return SystemError(errno);
  }
  if (S_ISREG(file.state.st_mode)) return file;
  return Error{std::string("is ") + KindOf(file.state.st_mode) +
               ", not a regular file"};
}

class PosixInputFile : public InputFile {
 public:
  PosixInputFile(Descriptor descriptor, const struct stat& state)
      : descriptor_(std::move(descriptor)), state_(state) {}

  uint64_t size() const override {
    return static_cast<uint64_t>(state_.st_size);
  }

  Result<void> ReadAt(uint64_t offset, std::span<uint8_t> into) override {
    const Result<size_t> size = FillFrom(descriptor_.number(), offset, into);
    if (!size) return size.error();
    if (*size == into.size()) return {};
    return Error{"ends at byte " + std::to_string(offset + *size)};
  }

  Result<bool> IsUnchanged() override {
    struct stat now = {};
    if (fstat(descriptor_.number(), &now) != 0) return SystemError(errno);
    return SameContentTimes(state_, now);
  }

 private:
  const Descriptor descriptor_;
  const struct stat state_;
};

class PosixFilesImpl : public Files {
 public:
  Result<FileState> Look(const std::string& path) override {
    struct stat info = {};
    if (lstat(path.c_str(), &info) != 0) return SystemError(errno);
    FileState state = ToState(info, ReadAttributes(path));
    TakeShortName(ReadShortName(path, state.attributes), state);
    return state;
  }

  Result<bool> Exists(const std::string& path) override {
    struct stat info = {};
    if (lstat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT) return false;
    return SystemError(errno);
  }

  Result<std::vector<std::string>> List(const std::string& folder) override {
    const std::unique_ptr<DIR, CloseFolder> stream(opendir(folder.c_str()));
    if (!stream) return SystemError(errno);
    std::vector<std::string> names;
    // readdir gives null at the end and on an error; only errno tells which.
    for (errno = 0; const dirent* entry = readdir(stream.get()); errno = 0) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    if (errno != 0) return SystemError(errno);
    std::ranges::sort(names);
    return names;
  }

  Result<ReadFile> Read(const std::string& path, uint64_t limit) override {
    for (int i = 1;; ++i) {
      bool replaced = false;
      Result<ReadFile> file = ReadOnce(path, limit, replaced);
      // To be replaced changes a file: it loses its name. What took its place
      // is whole, and is what the path means now.
      if (file || !replaced || i == kMaxReplaced) return file;
    }
  }

  Result<std::unique_ptr<FileGuard>> Guard(
      const std::string& path,
      const std::vector<std::string>& side_paths) override {
    Result<std::unique_ptr<FileGuard>> guard = GuardFile(path);
    if (!guard) return guard;
    std::vector<std::string> paths = side_paths;
    paths.push_back(path);
    RemoveOrphans(paths, OrphansAre::kAll);
    return guard;
  }

  Result<Bytes> ReadPart(const std::string& path, uint64_t offset,
                         size_t size) override {
    const Result<Descriptor> file = OpenRegular(path, O_RDONLY);
    if (!file) return file.error();
    Bytes bytes(size);
    const Result<size_t> filled = FillFrom(file->number(), offset, bytes);
    if (!filled) return filled.error();
    bytes.resize(*filled);
    return bytes;
  }

  Result<std::unique_ptr<InputFile>> OpenToRead(
      const std::string& path) override {
    Result<OpenedFile> file = OpenRegularToRead(path);
    if (!file) return file.error();
    return std::unique_ptr<InputFile>(std::make_unique<PosixInputFile>(
        std::move(file->descriptor), file->state));
  }

  Result<std::unique_ptr<OutputFile>> OpenToAppend(
      const std::string& path) override {
    Result<Descriptor> file = OpenRegular(path, O_WRONLY | O_APPEND | O_CREAT);
    if (!file) return file.error();
    return std::unique_ptr<OutputFile>(
        std::make_unique<PosixOutputFile>(path, file->Release()));
  }

  Result<void> MakeFolders(const std::string& folder) override {
    struct stat info = {};
    if (stat(folder.c_str(), &info) == 0) return {};
    if (errno == ENOENT && FolderOf(folder) != folder) {
      const Result<void> above = MakeFolders(FolderOf(folder));
      if (!above) return above;
    }
    // Another run may make it at the same time.
    constexpr mode_t kAll = S_IRWXU | S_IRWXG | S_IRWXO;
    if (mkdir(folder.c_str(), kAll) == 0 || errno == EEXIST) return {};
    return Error{folder + ": cannot be made: " + SystemError(errno).message};
  }

  Result<std::unique_ptr<OutputFile>> CreateBeside(
      const std::string& path) override {
    Result<std::unique_ptr<PosixOutputFile>> file = CreateNamed(path);
    if (!file) return file.error();
    return std::unique_ptr<OutputFile>(std::move(*file));
  }

  Result<std::unique_ptr<OutputFile>> CreateUnseenBeside(
      const std::string& path) override {
    const int fd = open(FolderOf(path).c_str(),
                        O_TMPFILE | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
    // Whatever the reason is, the other way may do, or fails with it.
    if (fd < 0) return CreateLocked(path);
    auto file = std::make_unique<UnseenFile>(path, fd, guards_);
    struct stat info = {};
    // It is named through proc(5), which may not be mounted.
    if (stat(file->path().c_str(), &info) != 0) return CreateLocked(path);
    static_cast<void>(file->Lock());
    return std::unique_ptr<OutputFile>(std::move(file));
  }

  Result<void> MayCreateBeside(const std::string& path) override {
    const std::string folder = FolderOf(path);
    if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0) {
      return {};
    }
    return Error{"cannot create a file in " + folder + ": " +
                 SystemError(errno).message};
  }

  void RemoveLeftovers(const std::string& path) override {
    RemoveOrphans({path}, OrphansAre::kUnlocked);
  }

  Result<void> Rename(const std::string& from, const std::string& to) override {
    const HoldInterrupts hold;
    if (rename(from.c_str(), to.c_str()) != 0) return SystemError(errno);
    guards_.erase(from);
    return {};
  }

  Result<void> RenameNew(const std::string& from,
                         const std::string& to) override {
    const HoldInterrupts hold;
    int result = renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(),
                           RENAME_NOREPLACE);
    // Not every file system has that; a link() fails on an existing name too.
    if (result != 0 && (errno == EINVAL || errno == ENOSYS)) {
      result = link(from.c_str(), to.c_str());
      if (result == 0) unlink(from.c_str());
    }
    if (result != 0) return SystemError(errno);
    guards_.erase(from);
    return {};
  }

  Result<void> Remove(const std::string& path) override {
    const HoldInterrupts hold;
    if (unlink(path.c_str()) != 0) return SystemError(errno);
    guards_.erase(path);
    return {};
  }

  Result<void> SetShortName(const std::string& path,
                            const std::string& name) override {
    return WriteShortName(path, name);
  }

  Result<void> SyncFolder(const std::string& path) override {
    const Descriptor folder(
        open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.number() < 0) return SystemError(errno);
    // EINVAL: the file system has no such operation (fsync(2)).
    if (fsync(folder.number()) == 0 || errno == EINVAL) return {};
    return SystemError(errno);
  }

 private:
  Result<std::unique_ptr<PosixOutputFile>> CreateNamed(
      const std::string& path) {
    const HoldInterrupts hold;
    for (int i = 0; i < kMaxNames; ++i) {
      const std::string name = TemporaryName(path, i);
      const int fd = open(name.c_str(),
                          O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                          S_IRUSR | S_IWUSR);
      if (fd >= 0) {
        guards_[name] = std::make_unique<RemoveOnInterrupt>(name);
        return std::make_unique<PosixOutputFile>(name, fd);
      }
      if (errno != EEXIST) break;
    }
    return SystemError(errno);
  }

  // Another process's RemoveLeftovers may take it away before it is locked;
  // then it is made again.
  Result<std::unique_ptr<OutputFile>> CreateLocked(const std::string& path) {
    for (int i = 1;; ++i) {
      Result<std::unique_ptr<PosixOutputFile>> file = CreateNamed(path);
      if (!file) return file.error();
      if ((*file)->Lock() || i == kMaxNames) {
        return std::unique_ptr<OutputFile>(std::move(*file));
      }
      guards_.erase((*file)->path());
    }
  }

  Result<ReadFile> ReadOnce(const std::string& path, uint64_t limit,
                            bool& replaced) {
    const Result<OpenedFile> opened = OpenRegularToRead(path);
    if (!opened) return opened.error();
    const Descriptor& file = opened->descriptor;
    const struct stat& before = opened->state;
    const uint64_t size = static_cast<uint64_t>(before.st_size);
    if (size > limit) {
      return Error{"has " + std::to_string(size) + " bytes, more than the " +
                   std::to_string(limit) + " that are read"};
    }
    Result<Bytes> bytes = ReadToEnd(file.number(), size, limit);
    if (!bytes) return bytes.error();
    struct stat after = {};
    if (fstat(file.number(), &after) != 0) return SystemError(errno);
    if (bytes->size() != size || !SameContentTimes(before, after)) {
      replaced = after.st_nlink < before.st_nlink;
      return Error{"changed while it was read"};
    }
    FileState state = ToState(before, ReadAttributes(file.number()));
    state.flags = ReadFlags(file.number());
    TakeShortName(ReadShortName(file.number(), state.attributes), state);
    return ReadFile{std::move(*bytes), std::move(state)};
  }

  Guards guards_;
};

}  // namespace

uint32_t NewFileMode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666u & ~static_cast<uint32_t>(mask);
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::unique_ptr<Files> PosixFiles() {
  return std::make_unique<PosixFilesImpl>();
}

}  // namespace detachfix
