// SPDX-License-Identifier: Apache-2.0
#include "tests/support/temp_tree.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace detachfix {

namespace fs = std::filesystem;

TempTree::TempTree() {
  path_ = testing::TempDir() + "tree-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TempTree::~TempTree() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TempTree::File(const std::string& below, const std::string& text) {
  std::string path = At(below);
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

std::string TempTree::Folder(const std::string& below) {
  fs::create_directories(At(below));
  return At(below);
}

std::string TempTree::Link(const std::string& below, const std::string& to) {
  std::string path = At(below);
  fs::create_directories(fs::path(path).parent_path());
  fs::create_symlink(to, path);
  return path;
}

}  // namespace detachfix
