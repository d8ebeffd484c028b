// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_files.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "patcher/system_error.h"

namespace detachfix {

class FakeInputFile : public InputFile {
 public:
  FakeInputFile(FakeFiles& files, std::string path,
                std::shared_ptr<FakeFiles::Node> node)
      : files_(files),
        path_(std::move(path)),
        node_(std::move(node)),
        opened_(node_->state) {}

  uint64_t size() const override { return opened_.size; }

  Result<void> ReadAt(uint64_t offset, std::span<uint8_t> into) override {
    std::optional<Error> error =
        files_.Begin("read-at " + path_ + " " + std::to_string(offset) + " " +
                     std::to_string(into.size()));
    if (error) return *error;
    if (offset + into.size() > node_->bytes.size()) return Error{"ends"};
    std::copy_n(node_->bytes.begin() + static_cast<ptrdiff_t>(offset),
                into.size(), into.begin());
    return {};
  }

  Result<bool> IsUnchanged() override {
    std::optional<Error> error = files_.Begin("is-unchanged " + path_);
    if (error) return *error;
    return node_->state.changed_ns == opened_.changed_ns &&
           node_->state.size == opened_.size;
  }

 private:
  FakeFiles& files_;
  const std::string path_;
  const std::shared_ptr<FakeFiles::Node> node_;
  const FileState opened_;
};

class FakeOutputFile : public OutputFile {
 public:
  FakeOutputFile(FakeFiles& files, std::string path,
                 std::shared_ptr<FakeFiles::Node> node)
      : files_(files), path_(std::move(path)), node_(std::move(node)) {}

  const std::string& path() const override { return path_; }

  Result<void> Write(std::span<const uint8_t> bytes) override {
    std::optional<Error> error = files_.Begin("write " + path_);
    Bytes data(bytes.begin(), bytes.end());
    if (files_.on_write) files_.on_write(data);
    // A disk that fills up takes a part first.
    if (error) data.resize(data.size() / 2);
    node_->bytes.insert(node_->bytes.end(), data.begin(), data.end());
    node_->state.size = node_->bytes.size();
    node_->state.modified_ns = files_.Tick();
    if (error) return *error;
    return {};
  }

  Result<void> SetState(const FileState& state) override {
    std::optional<Error> error = files_.Begin("set-state " + path_);
    if (error) return Error{"owner 1000:1000: " + error->message};
    FileState kept = state;
    if (files_.on_set_state) files_.on_set_state(kept);
    FileState& own = node_->state;
    own.mode = kept.mode;
    own.owner = kept.owner;
    own.group = kept.group;
    own.modified_ns = kept.modified_ns;
    own.accessed_ns = kept.accessed_ns;
    own.attributes = kept.attributes;
    own.writable = kept.writable;
    return {};
  }

  Result<void> Sync() override {
    std::optional<Error> error = files_.Begin("sync " + path_);
    if (error) return *error;
    node_->durable = node_->bytes;
    return {};
  }

  Result<void> Close() override {
    std::optional<Error> error = files_.Begin("close " + path_);
    if (error) return *error;
    return {};
  }

 private:
  FakeFiles& files_;
  std::string path_;
  std::shared_ptr<FakeFiles::Node> node_;
};

FakeFiles::Node& FakeFiles::Add(const std::string& path, const Bytes& bytes) {
  const std::shared_ptr<Node> node = std::make_shared<Node>();
  node->bytes = bytes;
  node->durable = bytes;
  node->state.inode = next_inode_++;
  node->state.size = bytes.size();
  node->state.mode = 0100644;
  node->state.owner = 1000;
  node->state.group = 1000;
  node->state.modified_ns = 500;
  node->state.changed_ns = Tick();
  names[path] = node;
  durable_names[path] = node;
  return *node;
}

void FakeFiles::Overwrite(const std::string& path, const Bytes& bytes) {
  Node& node = *names.at(path);
  node.bytes = bytes;
  node.durable = bytes;
  node.state.size = bytes.size();
  node.state.changed_ns = Tick();
}

Bytes FakeFiles::Content(const std::string& path) const {
  const Folder::const_iterator it = names.find(path);
  return it == names.end() ? Bytes() : it->second->bytes;
}

std::set<std::string> FakeFiles::Names() const {
  std::set<std::string> result;
  for (const auto& [path, node] : names) result.insert(path);
  return result;
}

std::optional<Error> FakeFiles::Begin(const std::string& operation) {
  const size_t index = log.size();
  log.push_back(operation);
  if (before) before(index);
  const std::string verb = operation.substr(0, operation.find(' '));
  if (!fail.contains(index) && !fail_verbs.contains(verb)) return std::nullopt;
  return SystemError(EIO);
}

Result<FileState> FakeFiles::Look(const std::string& path) {
  std::optional<Error> error = Begin("look " + path);
  if (error) return *error;
  const Folder::const_iterator it = names.find(path);
  if (it == names.end()) return SystemError(ENOENT);
  return it->second->state;
}

Result<bool> FakeFiles::Exists(const std::string& path) {
  std::optional<Error> error = Begin("exists " + path);
  if (error) return *error;
  return names.contains(path);
}

Result<std::vector<std::string>> FakeFiles::List(const std::string& folder) {
  std::optional<Error> error = Begin("list " + folder);
  if (error) return *error;
  std::set<std::string> found;
  for (const auto& [path, node] : names) {
    if (!path.starts_with(folder + "/")) continue;
    const std::string rest = path.substr(folder.size() + 1);
    found.insert(rest.substr(0, rest.find('/')));
  }
  if (found.empty()) return SystemError(ENOENT);
  return std::vector<std::string>(found.begin(), found.end());
}

Result<ReadFile> FakeFiles::Read(const std::string& path, uint64_t limit) {
  std::optional<Error> error = Begin("read " + path);
  if (error) return Error{"cannot be opened: " + error->message};
  const Folder::const_iterator it = names.find(path);
  if (it == names.end()) {
    return Error{"cannot be opened: " + SystemError(ENOENT).message};
  }
  if (it->second->bytes.size() > limit) {
    return Error{"has " + std::to_string(it->second->bytes.size()) +
                 " bytes, more than the " + std::to_string(limit) +
                 " that are read"};
  }
  return ReadFile{it->second->bytes, it->second->state};
}

Result<std::unique_ptr<FileGuard>> FakeFiles::Guard(
    const std::string& path, const std::vector<std::string>&) {
  std::optional<Error> error = Begin("guard " + path);
  if (error) return Error{"is in use: " + error->message};
  return std::make_unique<FileGuard>();
}

Result<std::unique_ptr<InputFile>> FakeFiles::OpenToRead(
    const std::string& path) {
  std::optional<Error> error = Begin("open-to-read " + path);
  if (error) return *error;
  const Folder::const_iterator it = names.find(path);
  if (it == names.end()) return SystemError(ENOENT);
  return std::unique_ptr<InputFile>(
      std::make_unique<FakeInputFile>(*this, path, it->second));
}

Result<Bytes> FakeFiles::ReadPart(const std::string& path, uint64_t offset,
                                  size_t size) {
  std::optional<Error> error = Begin("read-part " + path);
  if (error) return *error;
  const Folder::const_iterator it = names.find(path);
  if (it == names.end()) return SystemError(ENOENT);
  const Bytes& bytes = it->second->bytes;
  const uint64_t begin = std::min<uint64_t>(offset, bytes.size());
  const uint64_t count = std::min<uint64_t>(size, bytes.size() - begin);
  const auto first = bytes.begin() + static_cast<ptrdiff_t>(begin);
  return Bytes(first, first + static_cast<ptrdiff_t>(count));
}

Result<std::unique_ptr<OutputFile>> FakeFiles::OpenToAppend(
    const std::string& path) {
  std::optional<Error> error = Begin("open-to-append " + path);
  if (error) return *error;
  if (!names.contains(path)) Add(path, {});
  return std::unique_ptr<OutputFile>(
      std::make_unique<FakeOutputFile>(*this, path, names.at(path)));
}

Result<std::unique_ptr<OutputFile>> FakeFiles::CreateBeside(
    const std::string& path) {
  std::optional<Error> error = Begin("create-beside " + path);
  if (error) return *error;
  const std::string name = FolderOf(path) + "/." +
                           path.substr(path.rfind('/') + 1) + ".tmp" +
                           std::to_string(next_temporary_++);
  Node& node = Add(name, {});
  node.state.mode = 0100600;
  node.state.owner = 0;
  node.state.group = 0;
  durable_names.erase(name);
  return std::unique_ptr<OutputFile>(
      std::make_unique<FakeOutputFile>(*this, name, names.at(name)));
}

Result<void> FakeFiles::Rename(const std::string& from, const std::string& to) {
  std::optional<Error> error = Begin("rename " + from + " -> " + to);
  if (error && !failed_rename_happens) return *error;
  names[to] = names.at(from);
  names.erase(from);
  if (error) return *error;
  return {};
}

Result<void> FakeFiles::RenameNew(const std::string& from,
                                  const std::string& to) {
  std::optional<Error> error = Begin("rename-new " + from + " -> " + to);
  if (error && !failed_rename_happens) return *error;
  if (names.contains(to)) return SystemError(EEXIST);
  names[to] = names.at(from);
  names.erase(from);
  if (error) return *error;
  return {};
}

Result<void> FakeFiles::Remove(const std::string& path) {
  std::optional<Error> error = Begin("remove " + path);
  if (error) return *error;
  if (names.erase(path) == 0) return SystemError(ENOENT);
  return {};
}

Result<void> FakeFiles::SyncFolder(const std::string& path) {
  std::optional<Error> error = Begin("sync-folder " + FolderOf(path));
  if (error) return *error;
  durable_names = names;
  return {};
}

}  // namespace detachfix
