// SPDX-License-Identifier: Apache-2.0
// ioctl_iflags(2), FS_IOC_GETFLAGS and FS_IOC_SETFLAGS, and the letters of
// chattr(1). Not among the flags that go over: i and a, which such a file is
// refused for; those that say how content is stored (c, C, e, j, m, N, V, x),
// which are the folder's and the file system's choice and of which some can be
// given to an empty file only; and those of folders.
#include "patcher/file_flags.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <string>

#include "patcher/system_error.h"

namespace detachfix {
namespace {

struct Flag {
  uint32_t bit;
  char letter;
};

constexpr Flag kFlags[] = {
    {FS_SECRM_FL, 's'},  {FS_UNRM_FL, 'u'},    {FS_SYNC_FL, 'S'},
    {FS_NODUMP_FL, 'd'}, {FS_NOATIME_FL, 'A'}, {FS_NOTAIL_FL, 't'},
};

constexpr uint32_t GoOver() {
  uint32_t bits = 0;
  for (const Flag& flag : kFlags) bits |= flag.bit;
  return bits;
}

std::string Letters(uint32_t bits) {
  std::string letters;
  for (const Flag& flag : kFlags) {
    if ((bits & flag.bit) != 0) letters += flag.letter;
  }
  return letters;
}

// The kernel takes an int there, whatever the type in the name of the request
// is.
std::optional<uint32_t> AllFlags(int descriptor) {
  int flags = 0;
  if (ioctl(descriptor, FS_IOC_GETFLAGS, &flags) != 0) return std::nullopt;
  return static_cast<uint32_t>(flags);
}

}  // namespace

std::optional<uint32_t> ReadFlags(int descriptor) {
  const std::optional<uint32_t> flags = AllFlags(descriptor);
  if (!flags) return std::nullopt;
  return *flags & GoOver();
}

Result<void> WriteFlags(int descriptor, std::optional<uint32_t> wanted) {
  const std::optional<uint32_t> now = AllFlags(descriptor);
  if (!wanted || !now || (*now & GoOver()) == *wanted) return {};
  int flags = static_cast<int>((*now & ~GoOver()) | *wanted);
  if (ioctl(descriptor, FS_IOC_SETFLAGS, &flags) == 0) return {};
  return Error{"chattr flags '" + Letters(*wanted) +
               "': " + SystemError(errno).message};
}

}  // namespace detachfix
