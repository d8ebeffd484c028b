// SPDX-License-Identifier: Apache-2.0
#include "patcher/posix_output.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <utility>

#include "patcher/extended_attributes.h"
#include "patcher/file_flags.h"
#include "patcher/file_guard.h"
#include "patcher/system_error.h"

namespace detachfix {
namespace {

timespec ToTimespec(int64_t nanoseconds) {
  constexpr int64_t kSecond = 1'000'000'000;
  int64_t rest = nanoseconds % kSecond;
  if (rest < 0) rest += kSecond;
  timespec time = {};
  time.tv_sec = static_cast<time_t>((nanoseconds - rest) / kSecond);
  time.tv_nsec = static_cast<long>(rest);
  return time;
}

std::string Octal(uint32_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", mode);
  return text;
}

bool IsOnCifs(int fd) {
  struct statfs info = {};
  if (fstatfs(fd, &info) != 0) return false;
  const auto type = static_cast<uint32_t>(info.f_type);
  return type == CIFS_SUPER_MAGIC || type == SMB2_SUPER_MAGIC;
}

}  // namespace

std::string TemporaryName(const std::string& path, int number) {
  return FolderOf(path) + "/" + TemporaryStem(path) + std::to_string(getpid()) +
         "-" + std::to_string(number);
}

PosixOutputFile::PosixOutputFile(std::string path, int descriptor)
    : path_(std::move(path)), descriptor_(descriptor) {}

Result<void> PosixOutputFile::Write(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t size =
        write(descriptor_.number(), bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return SystemError(errno);
    bytes = bytes.subspan(static_cast<size_t>(size));
  }
  return {};
}

// The permissions come after the attributes: the owner of a file without
// write permission may not write user.* attributes. The owner comes first:
// to change it clears set-id bits and capabilities.
Result<void> PosixOutputFile::SetState(const FileState& state) {
  const int fd = descriptor_.number();
  struct stat now = {};
  if (fstat(fd, &now) != 0) return SystemError(errno);
  const bool same = now.st_uid == state.owner && now.st_gid == state.group;
  if (!same && fchown(fd, state.owner, state.group) != 0) {
    return Error{"owner " + std::to_string(state.owner) + ":" +
                 std::to_string(state.group) + ": " +
                 SystemError(errno).message};
  }
  Result<void> attributes = WriteAttributes(fd, state.attributes);
  if (!attributes) return attributes;
  const mode_t mode = state.mode & 07777;
  // A mode that the access list has brought already is not set again: ntfs-3g
  // would make a new access list from it.
  if (fstat(fd, &now) != 0) return SystemError(errno);
  if ((now.st_mode & 07777) != mode && fchmod(fd, mode) != 0) {
    return Error{"mode " + Octal(mode) + ": " + SystemError(errno).message};
  }
  Result<void> flags = WriteFlags(fd, state.flags);
  if (!flags) return flags;
  const timespec times[2] = {ToTimespec(state.accessed_ns),
                             ToTimespec(state.modified_ns)};
  if (futimens(fd, times) != 0) {
    return Error{"times: " + SystemError(errno).message};
  }
  return {};
}

Result<void> PosixOutputFile::Sync() {
  const int fd = descriptor_.number();
  if (fsync(fd) != 0) return SystemError(errno);
  // Advice only: with the pages gone a later read is one from the device.
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

// Network file systems report a failed write as late as here. A lock stays
// until this is destroyed, through another descriptor.
Result<void> PosixOutputFile::Close() {
  if (locked_) {
    lock_ = Descriptor(fcntl(descriptor_.number(), F_DUPFD_CLOEXEC, 0));
  }
  if (close(descriptor_.Release()) != 0) return SystemError(errno);
  return {};
}

bool PosixOutputFile::Lock() {
  // There it would keep this process too from reading (mount.cifs(8), nobrl).
  if (IsOnCifs(descriptor_.number())) return true;
  locked_ = flock(descriptor_.number(), LOCK_EX | LOCK_NB) == 0;
  if (!locked_) return errno != EWOULDBLOCK;  // there are no locks at all
  struct stat info = {};
  return fstat(descriptor_.number(), &info) != 0 || info.st_nlink > 0;
}

UnseenFile::UnseenFile(std::string beside, int descriptor, Guards& guards)
    : PosixOutputFile("/proc/self/fd/" + std::to_string(descriptor),
                      descriptor),
      beside_(std::move(beside)),
      guards_(guards) {}

Result<void> UnseenFile::Appear() {
  const HoldInterrupts hold;
  for (int i = 0; i < kMaxNames; ++i) {
    const std::string name = TemporaryName(beside_, i);
    if (linkat(AT_FDCWD, path_.c_str(), AT_FDCWD, name.c_str(),
               AT_SYMLINK_FOLLOW) == 0) {
      guards_[name] = std::make_unique<RemoveOnInterrupt>(name);
      path_ = name;
      return {};
    }
    if (errno != EEXIST) break;
  }
  return SystemError(errno);
}

}  // namespace detachfix
