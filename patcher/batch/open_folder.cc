// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>

#include "patcher/batch/folder_reader.h"

namespace detachfix {
namespace {

constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

struct PseudoName {
  int64_t magic;
  const char* name;
};

// What shows the kernel's state as files. From linux/magic.h, and from the
// kernel's sources where that lacks them.
constexpr PseudoName kPseudo[] = {
    {PROC_SUPER_MAGIC, "proc"},      {SYSFS_MAGIC, "sysfs"},
    {CGROUP_SUPER_MAGIC, "cgroup"},  {CGROUP2_SUPER_MAGIC, "cgroup2"},
    {DEVPTS_SUPER_MAGIC, "devpts"},  {DEBUGFS_MAGIC, "debugfs"},
    {TRACEFS_MAGIC, "tracefs"},      {SECURITYFS_MAGIC, "securityfs"},
    {SELINUX_MAGIC, "selinuxfs"},    {SMACK_MAGIC, "smackfs"},
    {BPF_FS_MAGIC, "bpf"},           {PSTOREFS_MAGIC, "pstore"},
    {EFIVARFS_MAGIC, "efivarfs"},    {NSFS_MAGIC, "nsfs"},
    {BINFMTFS_MAGIC, "binfmt_misc"}, {0x62656570, "configfs"},
    {0x65735543, "fusectl"},         {0x19800202, "mqueue"},
    {0x67596969, "rpc_pipefs"},
};

// Whether the kernel has openat2(2), Linux 5.6; known after the first call. A
// container's filter may answer EPERM for calls that it does not know.
std::atomic<bool> g_has_openat2{true};

OpenedFolder Opened(int descriptor) {
  OpenedFolder opened;
  if (descriptor >= 0) {
    opened.descriptor = Descriptor(descriptor);
  } else {
    opened.failure.crosses = errno == EXDEV;
    opened.failure.error = errno;
  }
  return opened;
}

int OpenAt2(int base, const std::string& path, bool stay) {
  open_how how = {};
  how.flags = kFlags;
  how.resolve = RESOLVE_NO_SYMLINKS | (stay ? RESOLVE_NO_XDEV : 0);
  return static_cast<int>(
      syscall(SYS_openat2, base, path.c_str(), &how, sizeof how));
}

}  // namespace

OpenedFolder OpenFolder(int base, const std::string& path, bool stay) {
  if (g_has_openat2) {
    const int descriptor = OpenAt2(base, path, stay);
    if (descriptor >= 0 || (errno != ENOSYS && errno != EPERM)) {
      return Opened(descriptor);
    }
    if (errno == ENOSYS) g_has_openat2 = false;
  }
  return OpenFolderStepwise(base, path, stay);
}

OpenedFolder OpenFolderStepwise(int base, const std::string& path, bool stay) {
  struct stat first = {};
  if (fstat(base, &first) != 0) return Opened(-1);
  OpenedFolder folder;
  int at = base;
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    struct stat info = {};
    if (fstatat(at, name.c_str(), &info,
                AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
      return Opened(-1);
    }
    if (stay && info.st_dev != first.st_dev) {
      folder.descriptor = Descriptor();
      folder.failure.crosses = true;
      folder.failure.error = EXDEV;
      return folder;
    }
    folder = Opened(openat(at, name.c_str(), kFlags));
    at = folder.descriptor.number();
    if (at < 0) return folder;
    begin = end + 1;
  }
  return folder;
}

std::optional<std::string> PseudoFileSystem(int folder) {
  struct statfs info = {};
  if (fstatfs(folder, &info) != 0) return std::nullopt;
  for (const PseudoName& pseudo : kPseudo) {
    if (static_cast<int64_t>(info.f_type) == pseudo.magic) return pseudo.name;
  }
  return std::nullopt;
}

}  // namespace detachfix
