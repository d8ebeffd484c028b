// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/folder_names.h"

#include <algorithm>
#include <utility>

#include "patcher/ascii_text.h"

namespace detachfix {

std::vector<std::string> FolderNames::Find(Files& files,
                                           const std::string& folder,
                                           const std::string& lower) {
  std::vector<std::string> found;
  const std::shared_ptr<const Names> names = NamesIn(files, folder);
  if (names == nullptr) return found;
  const auto [begin, end] = names->equal_range(lower);
  for (auto it = begin; it != end; ++it) found.push_back(it->second);
  std::ranges::sort(found);
  return found;
}

std::shared_ptr<const FolderNames::Names> FolderNames::NamesIn(
    Files& files, const std::string& folder) {
  // Before it is read: what changes meanwhile is seen the next time.
  const Result<FileState> state = files.Look(folder);
  const std::lock_guard lock(mutex_);
  if (state && !state->is_symlink && names_ != nullptr && folder_ == folder &&
      identity_ == IdentityOf(*state)) {
    return names_;
  }
  names_ = nullptr;
  const Result<std::vector<std::string>> list = files.List(folder);
  if (!list) return nullptr;
  Names names;
  for (const std::string& name : *list) names.emplace(LowerAscii(name), name);
  folder_ = folder;
  identity_ = state ? IdentityOf(*state) : FileIdentity();
  names_ = std::make_shared<const Names>(std::move(names));
  return names_;
}

}  // namespace detachfix
