// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/glob.h"

#include <cctype>
#include <optional>
#include <string>

#include "patcher/ascii_text.h"

namespace detachfix {
namespace {

// What one element of a pattern, not a star, says of one character.
struct Element {
  size_t size = 1;  // of the pattern
  bool matches = false;
};

unsigned char Byte(char c) { return static_cast<unsigned char>(c); }

bool IsBetween(char first, char c, char last) {
  return Byte(first) <= Byte(c) && Byte(c) <= Byte(last);
}

// In either case, as one is enough for a match.
bool IsReversed(char first, char last) {
  return Byte(first) > Byte(last) &&
         Byte(LowerAscii(first)) > Byte(LowerAscii(last));
}

size_t SizeOfBegin(std::string_view pattern) {
  const bool negated =
      pattern.size() > 1 && (pattern[1] == '!' || pattern[1] == '^');
  return negated ? 2 : 1;
}

// `pattern` begins with '['. Gives `take` the ends of each range, a single
// character being both; and its own size, or nothing when no ']' ends it.
template <typename Take>
std::optional<size_t> ReadSet(std::string_view pattern, Take take) {
  size_t at = SizeOfBegin(pattern);
  // A ']' that comes first stands for itself.
  for (bool first = true; at < pattern.size(); first = false) {
    if (pattern[at] == ']' && !first) return at + 1;
    const auto next = [&]() -> char {
      if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
      return pattern[at++];
    };
    const char low = next();
    char high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' &&
        pattern[at + 1] != ']') {
      ++at;
      high = next();
    }
    take(low, high);
  }
  return std::nullopt;
}

std::optional<Element> MatchSet(std::string_view pattern, char c) {
  bool found = false;
  const std::optional<size_t> size = ReadSet(pattern, [&](char low, char high) {
    found |= IsBetween(LowerAscii(low), LowerAscii(c), LowerAscii(high)) ||
             IsBetween(low, c, high);
  });
  if (!size) return std::nullopt;
  const bool negated = SizeOfBegin(pattern) == 2;
  return Element{*size, found != negated && c != '/'};
}

// `pattern` is not empty and does not begin with '*'.
Element MatchOne(std::string_view pattern, char c) {
  if (pattern[0] == '?') return {1, c != '/'};
  if (pattern[0] == '[') {
    if (const std::optional<Element> set = MatchSet(pattern, c)) return *set;
  }
  if (pattern[0] == '\\' && pattern.size() > 1) {
    return {2, LowerAscii(pattern[1]) == LowerAscii(c)};
  }
  return {1, LowerAscii(pattern[0]) == LowerAscii(c)};
}

// Where matching goes on when what was tried after a star did not match: the
// star takes one character more.
struct Retry {
  size_t pattern = 0;
  size_t text = 0;
  bool over_slashes = false;
  bool set = false;
};

}  // namespace

bool MatchesGlob(std::string_view pattern, std::string_view text) {
  // A "**" is gone back to when no later "*" can go on: of each kind the last
  // is enough, so the time is bounded by the product of the lengths.
  Retry star;
  Retry double_star;
  size_t p = 0;
  size_t t = 0;
  while (true) {
    if (pattern.substr(p, 2) == "**") {
      while (p < pattern.size() && pattern[p] == '*') ++p;
      const bool at_begin_of_name = t == 0 || text[t - 1] == '/';
      double_star = {p, t, true, true};
      star.set = false;
      if (p < pattern.size() && pattern[p] == '/' && at_begin_of_name) ++p;
      continue;
    }
    if (p < pattern.size() && pattern[p] == '*') {
      star = {++p, t, false, true};
      continue;
    }
    if (p == pattern.size() && t == text.size()) return true;
    if (p < pattern.size() && t < text.size()) {
      const Element element = MatchOne(pattern.substr(p), text[t]);
      if (element.matches) {
        p += element.size;
        ++t;
        continue;
      }
    }
    if (star.set && star.text < text.size() && text[star.text] != '/') {
      p = star.pattern;
      t = ++star.text;
    } else if (double_star.set && double_star.text < text.size()) {
      p = double_star.pattern;
      t = ++double_star.text;
      star.set = false;
    } else {
      return false;
    }
  }
}

namespace {

// `pattern` begins with '\\'.
std::string EscapeProblem(std::string_view pattern) {
  if (pattern.size() == 1) return "ends with a '\\' that has nothing behind it";
  if (std::isalnum(Byte(pattern[1])) == 0) return "";
  return std::string("has a '\\' before '") + pattern[1] +
         "', which needs none; folders are separated by '/'";
}

// `pattern` begins with '['; `size` is that of the set, where it is one.
std::string SetProblem(std::string_view pattern, size_t& size) {
  std::string reversed;
  const auto check = [&](char low, char high) {
    if (IsReversed(low, high)) reversed = {low, '-', high};
  };
  const std::optional<size_t> set = ReadSet(pattern, check);
  if (!set) return "has a '[' without its ']'";
  size = *set;
  if (!reversed.empty()) {
    return "has the range " + reversed + ", which is empty";
  }
  const std::string_view text = pattern.substr(0, size);
  const size_t named = text.find("[:");
  if (named != text.npos && text.ends_with(":]")) {
    return "has " + std::string(text.substr(named)) +
           ", but sets are of characters here, not of classes";
  }
  return "";
}

// No path has them where it was searched for.
std::string ComponentProblem(std::string_view pattern) {
  while (true) {
    const size_t slash = pattern.find('/');
    const std::string_view component = pattern.substr(0, slash);
    if (component.empty()) return "has nothing between two slashes";
    if (component == "." || component == "..") {
      return "has the folder '" + std::string(component) +
             "', which no path below a root has";
    }
    if (slash == pattern.npos) return "";
    pattern.remove_prefix(slash + 1);
  }
}

}  // namespace

std::string GlobProblem(std::string_view pattern) {
  if (pattern.empty()) return "is empty, and so matches nothing";
  while (!pattern.empty()) {
    size_t size = 1;
    std::string problem;
    if (pattern[0] == '\\') {
      size = 2;
      problem = EscapeProblem(pattern);
    } else if (pattern[0] == '[') {
      problem = SetProblem(pattern, size);
    }
    if (!problem.empty()) return problem;
    pattern.remove_prefix(size);
  }
  return "";
}

std::string BadPattern(const std::string& where, const std::string& pattern,
                       const std::string& problem) {
  return where + ": '" + pattern + "' " + problem;
}

NamePattern::NamePattern(std::string_view pattern) {
  if (pattern.size() > 1 && pattern.ends_with('/')) {
    folders_only_ = true;
    pattern.remove_suffix(1);
  }
  looks_at_path_ = pattern.find('/') != pattern.npos;
  if (pattern.starts_with('/')) pattern.remove_prefix(1);
  glob_ = pattern;
}

std::string NamePattern::Problem() const {
  const std::string problem = GlobProblem(glob_);
  return problem.empty() ? ComponentProblem(glob_) : problem;
}

bool NamePattern::Matches(std::string_view path, bool is_folder) const {
  if (folders_only_ && !is_folder) return false;
  if (!looks_at_path_) {
    const size_t slash = path.rfind('/');
    if (slash != path.npos) path.remove_prefix(slash + 1);
  }
  return MatchesGlob(glob_, path);
}

}  // namespace detachfix
