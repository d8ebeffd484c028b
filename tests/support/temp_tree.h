// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_TESTS_SUPPORT_TEMP_TREE_H_
#define DETACHFIX_TESTS_SUPPORT_TEMP_TREE_H_

#include <string>

namespace detachfix {

/// A folder on the real disk that is gone when this is, with all that is in it.
class TempTree {
 public:
  TempTree();
  ~TempTree();
  TempTree(const TempTree&) = delete;
  TempTree& operator=(const TempTree&) = delete;

  const std::string& path() const { return path_; }
  /// The path of what `below` names.
  std::string At(const std::string& below) const { return path_ + "/" + below; }
  /// Make a file, a folder or a symbolic link, and the folders above it. They
  /// give back its path.
  std::string File(const std::string& below, const std::string& text = "");
  std::string Folder(const std::string& below);
  std::string Link(const std::string& below, const std::string& to);

 private:
  std::string path_;
};

}  // namespace detachfix

#endif  // DETACHFIX_TESTS_SUPPORT_TEMP_TREE_H_
