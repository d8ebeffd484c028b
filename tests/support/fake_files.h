// SPDX-License-Identifier: Apache-2.0
// A disk in memory that keeps a log of what was done to it, can fail any
// operation, lets a test act between any two, and knows what a power cut would
// leave.
#ifndef DETACHFIX_TESTS_SUPPORT_FAKE_FILES_H_
#define DETACHFIX_TESTS_SUPPORT_FAKE_FILES_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "patcher/files.h"

namespace detachfix {

class FakeFiles : public Files {
 public:
  struct Node {
    Bytes bytes;
    Bytes durable;  ///< what a power cut leaves of `bytes`
    FileState state;
  };
  using Folder = std::map<std::string, std::shared_ptr<Node>>;

  /// A file of mode 0644, owner 1000:1000, on the device as if long there.
  Node& Add(const std::string& path, const Bytes& bytes);

  /// What a second program does to `path`: new content, a later ctime.
  void Overwrite(const std::string& path, const Bytes& bytes);

  /// What keeps the user from making files.
  Result<void> may_create;

  Bytes Content(const std::string& path) const;
  std::set<std::string> Names() const;

  Result<FileState> Look(const std::string& path) override;
  Result<bool> Exists(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& folder) override;
  Result<ReadFile> Read(const std::string& path, uint64_t limit) override;
  Result<std::unique_ptr<FileGuard>> Guard(
      const std::string& path,
      const std::vector<std::string>& side_paths) override;
  Result<std::unique_ptr<InputFile>> OpenToRead(
      const std::string& path) override;
  Result<Bytes> ReadPart(const std::string& path, uint64_t offset,
                         size_t size) override;
  Result<std::unique_ptr<OutputFile>> OpenToAppend(
      const std::string& path) override;
  Result<std::unique_ptr<OutputFile>> CreateBeside(
      const std::string& path) override;
  Result<void> MayCreateBeside(const std::string&) override {
    return may_create;
  }
  Result<void> Rename(const std::string& from, const std::string& to) override;
  Result<void> RenameNew(const std::string& from,
                         const std::string& to) override;
  Result<void> Remove(const std::string& path) override;
  Result<void> SyncFolder(const std::string& path) override;

  /// Logs an operation. Gives the error that it is to fail with, if it is.
  std::optional<Error> Begin(const std::string& operation);

  std::vector<std::string> log;        ///< "rename /d/.a -> /d/a"
  std::set<size_t> fail;               ///< by index into `log`; EIO
  std::set<std::string> fail_verbs;    ///< e.g. "remove": all of them; EIO
  bool failed_rename_happens = false;  ///< as over a network
  /// Called before each operation, with its index, once it is in the log.
  std::function<void(size_t index)> before;
  /// Called with what is about to be written, may change it.
  std::function<void(Bytes& bytes)> on_write;
  /// Called with what SetState is to set, may change it: a file system that
  /// drops what it cannot keep.
  std::function<void(FileState& state)> on_set_state;

  Folder names;          ///< as programs see them
  Folder durable_names;  ///< as a power cut leaves them at worst

 private:
  int64_t Tick() { return ++clock_; }

  uint64_t next_inode_ = 100;
  int64_t clock_ = 1'000'000;
  int next_temporary_ = 0;
  friend class FakeOutputFile;
};

}  // namespace detachfix

#endif  // DETACHFIX_TESTS_SUPPORT_FAKE_FILES_H_
