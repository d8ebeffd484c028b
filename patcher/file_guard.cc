// SPDX-License-Identifier: Apache-2.0
#include "patcher/file_guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <thread>

#include "patcher/descriptor.h"
#include "patcher/interrupt.h"
#include "patcher/system_error.h"

namespace detachfix {
namespace {

constexpr std::chrono::milliseconds kBetweenTries{20};

// Of the base name this many bytes go into a temporary name, so that it stays
// below NAME_MAX (255).
constexpr size_t kMaxBaseSize = 200;

class Lock : public FileGuard {
 public:
  explicit Lock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;  // closing it gives the lock back
};

// Without O_NONBLOCK the open would wait for the holder of a lease to give it
// up, up to 45 seconds (fcntl(2), F_SETLEASE).
constexpr int kOpenFlags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW;

// To open a file for writing fails while another program has a lease of either
// kind on it, and asks for the lease.
bool IsLeased(const std::string& path, std::chrono::milliseconds patience) {
  const Descriptor file(OpenPastLease(path, O_RDWR | kOpenFlags, 0, patience));
  return file.number() < 0 && errno == EWOULDBLOCK;
}

// A lease for reading is given only while nobody has the file open for writing
// (fcntl(2)); it is taken to ask, and given back. EAGAIN is the one answer that
// says so; file systems without leases have others.
bool IsOpenForWriting(int fd) {
  // A lease that somebody breaks is told by a signal, which must not be one
  // that ends the program, as the default SIGIO does.
  fcntl(fd, F_SETSIG, SIGURG);
  if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
  }
  return errno == EAGAIN;
}

// The process that holds a lock on some of the bytes (fcntl(2), as Samba and
// NFS clients do), or 0; -1 for an open file description's lock.
std::optional<pid_t> HolderOfBytes(int fd) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) {
    return std::nullopt;
  }
  return lock.l_pid;
}

// Whether `fd` is open on what stands at `path`.
bool StandsAt(const std::string& path, int fd) {
  struct stat by_path = {};
  struct stat by_descriptor = {};
  return lstat(path.c_str(), &by_path) == 0 && fstat(fd, &by_descriptor) == 0 &&
         by_path.st_dev == by_descriptor.st_dev &&
         by_path.st_ino == by_descriptor.st_ino;
}

enum class Locked { kYes, kNotNow, kNever };

// `file` is open for reading. Over NFS flock(2) becomes a lock on bytes, for
// which it must be open for writing.
Locked TryLock(const std::string& path, Descriptor& file) {
  if (flock(file.number(), LOCK_EX | LOCK_NB) == 0) return Locked::kYes;
  if (errno == EBADF) {
    Descriptor writable(open(path.c_str(), O_RDWR | kOpenFlags));
    if (writable.number() >= 0 &&
        flock(writable.number(), LOCK_EX | LOCK_NB) == 0) {
      file = std::move(writable);
      return Locked::kYes;
    }
  }
  if (errno == EWOULDBLOCK) return Locked::kNotNow;
  // The file system has no such locks. What is left is the last look before
  // the rename.
  return Locked::kNever;
}

// By the flags of chattr(1), as statx(2) gives them. Not even root can put
// another file in the place of such a one, and the rename's EPERM would not say
// why.
std::optional<Error> IsFixedInPlace(int fd) {
  struct statx info = {};
  if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &info) != 0) return {};
  if (info.stx_attributes & STATX_ATTR_IMMUTABLE) {
    return Error{"is immutable (chattr -i allows replacing it)"};
  }
  if (info.stx_attributes & STATX_ATTR_APPEND) {
    return Error{"can only be appended to (chattr -a allows replacing it)"};
  }
  return {};
}

// Why a file that we have locked is in use all the same, if so. The questions
// open and lease the file, so they are asked only under the lock: two runs do
// not take each other's for another program's.
std::optional<Error> InUse(const std::string& path, int fd,
                           std::chrono::milliseconds patience) {
  if (IsLeased(path, patience)) {
    return Error{"is in use: another program has a lease on it"};
  }
  if (IsOpenForWriting(fd)) {
    return Error{"is in use: another program has it open for writing"};
  }
  const std::optional<pid_t> holder = HolderOfBytes(fd);
  if (!holder) return std::nullopt;
  return Error{"is in use: " +
               (*holder > 0 ? "process " + std::to_string(*holder)
                            : std::string("another program")) +
               " has locked bytes of it"};
}

bool IsNumbers(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789-") == std::string_view::npos;
}

// Removes a temporary file if it can be locked, under the lock, so that who has
// just made one sees that it is gone.
void RemoveUnlocked(int folder, const char* name) {
  const Descriptor file(openat(folder, name, O_RDONLY | kOpenFlags));
  if (file.number() < 0) return;
  if (flock(file.number(), LOCK_EX | LOCK_NB) != 0) return;
  unlinkat(folder, name, 0);
}

}  // namespace

int OpenPastLease(const std::string& path, int flags, unsigned mode,
                  std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    const int fd = open(path.c_str(), flags, mode);
    if (fd >= 0 || errno != EWOULDBLOCK) return fd;
    if (std::chrono::steady_clock::now() >= end || Interrupted()) {
      errno = EWOULDBLOCK;
      return -1;
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
}

Error CannotOpen(int error) {
  if (error == EWOULDBLOCK) {
    return Error{"is in use: another program has a lease on it"};
  }
  return Error{"cannot be opened: " + SystemError(error).message};
}

Result<std::unique_ptr<FileGuard>> GuardFile(
    const std::string& path, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    Descriptor file(OpenPastLease(path, O_RDONLY | kOpenFlags, 0, patience));
    // A symbolic link is refused by who replaces files, and needs no lock.
    if (file.number() < 0 && errno == ELOOP) {
      return std::unique_ptr<FileGuard>(
          std::make_unique<Lock>(std::move(file)));
    }
    if (file.number() < 0) return CannotOpen(errno);
    const Locked locked = TryLock(path, file);
    // The holder that was waited for may have put a new file in its place: then
    // that is the one to lock.
    if (locked != Locked::kNotNow && StandsAt(path, file.number())) {
      // Before the questions that open it for writing, which fail then.
      if (std::optional<Error> error = IsFixedInPlace(file.number())) {
        return *error;
      }
      if (std::optional<Error> error = InUse(path, file.number(), patience)) {
        return *error;
      }
      return std::unique_ptr<FileGuard>(
          std::make_unique<Lock>(std::move(file)));
    }
    if (std::chrono::steady_clock::now() >= end || Interrupted()) {
      return Error{locked == Locked::kNotNow
                       ? "is in use: another program has locked it"
                       : "another file stands in its place again and again"};
    }
    if (locked == Locked::kNotNow) std::this_thread::sleep_for(kBetweenTries);
  }
}

std::string TemporaryStem(const std::string& path) {
  const std::string base = path.substr(path.rfind('/') + 1);
  return "." + base.substr(0, kMaxBaseSize) + ".detachfix-";
}

void RemoveOrphans(const std::vector<std::string>& paths, OrphansAre which) {
  if (paths.empty()) return;
  const std::string folder = FolderOf(paths[0]);
  DIR* entries = opendir(folder.c_str());
  if (entries == nullptr) return;
  while (const dirent* entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    const bool ours = std::ranges::any_of(paths, [&](const std::string& path) {
      const std::string stem = TemporaryStem(path);
      return name.starts_with(stem) && IsNumbers(name.substr(stem.size()));
    });
    if (ours && which == OrphansAre::kAll) {
      unlinkat(dirfd(entries), entry->d_name, 0);
    } else if (ours) {
      RemoveUnlocked(dirfd(entries), entry->d_name);
    }
  }
  closedir(entries);
}

}  // namespace detachfix
