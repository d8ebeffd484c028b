// SPDX-License-Identifier: Apache-2.0
#include "patcher/load_signatures.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "patcher/learn_signature.h"

namespace detachfix {

namespace {

/// A table of every build there ever was would be far below this.
constexpr uint64_t kMaxTableSize = uint64_t{4} * 1024 * 1024;

/// $XDG_CONFIG_HOME, or ~/.config: XDG Base Directory Specification 0.8, which
/// also says that a path that is not absolute is to be ignored.
std::string UserFolder() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && config[0] == '/') {
    return std::string(config) + "/detachfix/signatures";
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/') return "";
  return std::string(home) + "/.config/detachfix/signatures";
}

/// Paths of the tables in `folder`; only their names are read here.
Result<std::vector<std::string>> TablesIn(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> paths;
  for (std::filesystem::directory_iterator at(folder, error), end;
       !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".toml") paths.push_back(at->path().string());
  }
  if (error) {
    return Error{folder + ": cannot be listed: " + error.message() + " (" +
                 std::to_string(error.value()) + ")"};
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

SignatureTables LoadFolder(Files& files, const std::string& folder) {
  const Result<std::vector<std::string>> paths = TablesIn(folder);
  if (!paths) return {{}, {paths.error().message}};
  std::vector<TableText> texts;
  std::vector<std::string> errors;
  for (const std::string& path : *paths) {
    const Result<ReadFile> file = files.Read(path, kMaxTableSize);
    if (!file) {
      errors.push_back(path + ": " + file.error().message);
      continue;
    }
    texts.push_back({path, {file->bytes.begin(), file->bytes.end()}});
  }
  SignatureTables tables = ReadTables(texts);
  tables.errors.insert(tables.errors.begin(), errors.begin(), errors.end());
  return tables;
}

SignatureTables LoadSignatures(Files& files, const std::string& folder) {
  SignatureTables tables = ReadTables(BuiltInTables());
  const std::string user = UserFolder();
  std::error_code ignored;
  if (!user.empty() && std::filesystem::is_directory(user, ignored)) {
    tables = Override(std::move(tables), LoadFolder(files, user));
  }
  if (!folder.empty()) {
    tables = Override(std::move(tables), LoadFolder(files, folder));
  }
  const std::vector<std::string> wrong = VectorErrors(tables);
  tables.errors.insert(tables.errors.end(), wrong.begin(), wrong.end());
  return tables;
}

}  // namespace detachfix
