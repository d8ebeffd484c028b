// SPDX-License-Identifier: Apache-2.0
#include "patcher/extended_attributes.h"

#include <errno.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>

#include "patcher/samba_attributes.h"
#include "patcher/system_error.h"

namespace detachfix {
namespace {

// Kernel limits of xattr(7): XATTR_LIST_MAX and XATTR_SIZE_MAX.
constexpr size_t kMaxListSize = 65536;
constexpr size_t kMaxValueSize = 65536;

constexpr char kSambaAttributes[] = "user.DOSATTRIB";

// What ntfs-3g(8) gives of a file when asked by name, and never lists: DOS
// attributes, security descriptor, creation time. Without them a new file has
// those of the moment and of its folder, so that one which only administrators
// may change would be everybody's.
constexpr char kNtfsAttributes[] = "system.ntfs_attrib";
constexpr char kNtfsShortName[] = "system.ntfs_dos_name";
constexpr size_t kMaxShortName = 64;  // 8 + 1 + 3 characters in UTF-8
constexpr const char* kNtfsOthers[] = {"system.ntfs_acl", "system.ntfs_crtime"};

// [MS-FSCC] 2.6, those that ntfs-3g lets anyone set: READONLY, HIDDEN, SYSTEM,
// ARCHIVE, TEMPORARY, OFFLINE, NOT_CONTENT_INDEXED. The others say how the
// content is stored, as COMPRESSED does, which is the folder's choice.
constexpr uint32_t kSettable = 0x31a7;
constexpr uint32_t kDosReadOnly = 0x1;

using List = std::function<ssize_t(char* names, size_t size)>;
using Get = std::function<ssize_t(const char* name, void* value, size_t size)>;

Error NamedError(const std::string& name, int number) {
  return Error{"extended attribute " + name + ": " +
               SystemError(number).message};
}

Result<std::vector<std::string>> Names(const List& list) {
  std::string all(kMaxListSize, '\0');
  const ssize_t size = list(all.data(), all.size());
  if (size < 0 && errno == ENOTSUP) return std::vector<std::string>();
  if (size < 0) {
    return Error{"extended attributes: " + SystemError(errno).message};
  }
  all.resize(static_cast<size_t>(size));
  std::vector<std::string> names;
  // Each name ends with a zero byte.
  for (size_t begin = 0; begin < all.size();) {
    names.push_back(all.c_str() + begin);
    begin += names.back().size() + 1;
  }
  return names;
}

// ntfs-3g takes and gives the number in the byte order of the machine.
void KeepSettable(Bytes& value) {
  uint32_t flags = 0;
  if (value.size() != sizeof flags) return;
  std::memcpy(&flags, value.data(), sizeof flags);
  flags &= kSettable;
  std::memcpy(value.data(), &flags, sizeof flags);
}

Result<void> ReadUnlisted(const Get& get, Attributes& attributes) {
  Bytes buffer(sizeof(uint32_t));
  // Each other file system has its own way to say that it knows no such name.
  if (get(kNtfsAttributes, buffer.data(), buffer.size()) !=
      static_cast<ssize_t>(buffer.size())) {
    return {};
  }
  KeepSettable(buffer);
  attributes[kNtfsAttributes] = buffer;
  buffer.resize(kMaxValueSize);
  for (const char* name : kNtfsOthers) {
    const ssize_t size = get(name, buffer.data(), buffer.size());
    if (size < 0 && (errno == ENODATA || errno == ENOTSUP)) continue;
    if (size < 0) return NamedError(name, errno);
    attributes[name].assign(buffer.begin(), buffer.begin() + size);
  }
  return {};
}

Result<Attributes> ReadAll(const List& list, const Get& get) {
  Result<std::vector<std::string>> names = Names(list);
  if (!names) return names.error();
  Attributes attributes;
  Bytes buffer(names->empty() ? 0 : kMaxValueSize);
  for (const std::string& name : *names) {
    const ssize_t size = get(name.c_str(), buffer.data(), buffer.size());
    if (size < 0) return NamedError(name, errno);
    attributes[name].assign(buffer.begin(), buffer.begin() + size);
  }
  Result<void> unlisted = ReadUnlisted(get, attributes);
  if (!unlisted) return unlisted.error();
  return attributes;
}

std::string ShortName(const Attributes& attributes, const Get& get) {
  if (!attributes.contains(kNtfsAttributes)) return "";
  std::string name(kMaxShortName, '\0');
  const ssize_t size = get(kNtfsShortName, name.data(), name.size());
  name.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));  // it has none
  return name;
}

}  // namespace

Result<Attributes> ReadAttributes(int descriptor) {
  return ReadAll(
      [&](char* names, size_t size) {
        return flistxattr(descriptor, names, size);
      },
      [&](const char* name, void* value, size_t size) {
        return fgetxattr(descriptor, name, value, size);
      });
}

Result<Attributes> ReadAttributes(const std::string& path) {
  return ReadAll(
      [&](char* names, size_t size) {
        return llistxattr(path.c_str(), names, size);
      },
      [&](const char* name, void* value, size_t size) {
        return lgetxattr(path.c_str(), name, value, size);
      });
}

// From the last name to the first: user.* before system.posix_acl_access, which
// may take away the permission to write user.*.
Result<void> WriteAttributes(int descriptor, const Attributes& wanted) {
  Result<Attributes> present = ReadAttributes(descriptor);
  if (!present) return present.error();
  // A folder's default access list is inherited by a new file.
  for (const auto& [name, value] : *present) {
    if (!wanted.contains(name) && fremovexattr(descriptor, name.c_str()) != 0) {
      return NamedError(name, errno);
    }
  }
  for (auto it = wanted.rbegin(); it != wanted.rend(); ++it) {
    const auto& [name, value] = *it;
    const Attributes::const_iterator old = present->find(name);
    if (old != present->end() && old->second == value) continue;
    if (fsetxattr(descriptor, name.c_str(), value.data(), value.size(), 0) !=
        0) {
      return NamedError(name, errno);
    }
  }
  return {};
}

std::string ReadShortName(int descriptor, const Attributes& attributes) {
  return ShortName(attributes, [&](const char* name, void* value, size_t size) {
    return fgetxattr(descriptor, name, value, size);
  });
}

std::string ReadShortName(const std::string& path,
                          const Attributes& attributes) {
  return ShortName(attributes, [&](const char* name, void* value, size_t size) {
    return lgetxattr(path.c_str(), name, value, size);
  });
}

Result<void> WriteShortName(const std::string& path, const std::string& name) {
  if (lsetxattr(path.c_str(), kNtfsShortName, name.data(), name.size(), 0) ==
      0) {
    return {};
  }
  return SystemError(errno);
}

bool IsDosReadOnly(const Attributes& attributes) {
  const Attributes::const_iterator ntfs = attributes.find(kNtfsAttributes);
  uint32_t flags = 0;
  if (ntfs != attributes.end() && ntfs->second.size() == sizeof flags) {
    std::memcpy(&flags, ntfs->second.data(), sizeof flags);
  }
  const Attributes::const_iterator samba = attributes.find(kSambaAttributes);
  if (samba != attributes.end()) {
    flags |= SambaDosAttributes(samba->second).value_or(0);
  }
  return (flags & kDosReadOnly) != 0;
}

}  // namespace detachfix
