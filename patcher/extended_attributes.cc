// SPDX-License-Identifier: Apache-2.0
#include "patcher/extended_attributes.h"

#include <errno.h>
#include <sys/xattr.h>

#include <functional>
#include <optional>

#include "patcher/system_error.h"

namespace detachfix {
namespace {

// Kernel limits of xattr(7): XATTR_LIST_MAX and XATTR_SIZE_MAX.
constexpr size_t kMaxListSize = 65536;
constexpr size_t kMaxValueSize = 65536;

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
  return attributes;
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

}  // namespace detachfix
