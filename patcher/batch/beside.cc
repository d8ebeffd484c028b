// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/beside.h"

#include <vector>

#include "patcher/batch/ledger.h"
#include "patcher/batch/setup_log_file.h"
#include "patcher/consult_symbols.h"
#include "patcher/verify_file.h"

namespace detachfix {
namespace {

std::string StateOf(Files& files, const std::string& path,
                    const std::string& run) {
  const Result<FileState> state = files.Look(path);
  // What a symbolic link leads to is read, and its state is not seen here.
  if (!state || state->is_symlink) return run;
  const FileIdentity file = IdentityOf(*state);
  return std::to_string(file.inode) + " " + std::to_string(file.size) + " " +
         std::to_string(file.modified_ns) + " " +
         std::to_string(file.changed_ns);
}

}  // namespace

std::string StateBeside(Files& files, FolderNames& names,
                        const std::string& path, const std::string& run) {
  std::vector<std::string> paths;
  for (const std::string& name :
       names.Find(files, FolderOf(path), DebugName(path))) {
    paths.push_back(FolderOf(path) + "/" + name);
  }
  const Result<bool> undo = files.Exists(SideFilePath(path));
  if (!undo || *undo) paths.push_back(SideFilePath(path));
  std::string text = "beside:";
  for (const std::string& beside : paths) {
    // No name has a '/' in it, so none can pass for another's state.
    text += beside.substr(beside.rfind('/') + 1) + "/" +
            StateOf(files, beside, run) + "/";
  }
  const Result<std::optional<std::string>> log = FindSetupLog(files, path);
  if (!log) return text + "setup.log/" + log.error().message;
  return *log ? text + "setup.log/" + StateOf(files, **log, run) : text;
}

}  // namespace detachfix
