// SPDX-License-Identifier: Apache-2.0
// The patterns of --include and --exclude.
#ifndef DETACHFIX_PATCHER_BATCH_GLOB_H_
#define DETACHFIX_PATCHER_BATCH_GLOB_H_

#include <string>
#include <string_view>

namespace detachfix {

/// Whether the whole of `text` is what `pattern` describes:
///   *      any characters but '/', also none
///   **     any characters, '/' too, also none; "**/" also no folder at all
///   ?      one character but '/'
///   [ab-d] one of these, [!…] or [^…] none of these; never '/'
///   \c     the character c itself
/// Bytes are compared, since names on a share are in no particular encoding;
/// ASCII letters in any case. What GlobProblem finds fault with stands for
/// itself or for nothing.
bool MatchesGlob(std::string_view pattern, std::string_view text);

/// What shows that `pattern` is not what its writer meant, such as "has a '['
/// without its ']'", or an empty string.
std::string GlobProblem(std::string_view pattern);

/// What is said of the pattern that stands in `where`: "--only: 'a[' has …".
std::string BadPattern(const std::string& where, const std::string& pattern,
                       const std::string& problem);

/// A pattern as a user writes it. Without a slash it speaks of names, wherever
/// they are; with one, of paths below the root. A slash at the begin changes
/// nothing but that ("/a" is the a directly below the root); one at the end
/// means folders only.
class NamePattern {
 public:
  explicit NamePattern(std::string_view pattern);

  /// GlobProblem of what is matched, or that no path has such a folder ("./a").
  std::string Problem() const;

  /// `path` is that below the root; its last component is the name.
  bool Matches(std::string_view path, bool is_folder) const;
  bool folders_only() const { return folders_only_; }
  /// Whether Matches looks at more of the path than the name.
  bool looks_at_path() const { return looks_at_path_; }

 private:
  std::string glob_;
  bool looks_at_path_ = false;
  bool folders_only_ = false;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_GLOB_H_
