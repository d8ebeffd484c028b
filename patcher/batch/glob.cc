// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/glob.h"

#include <optional>

#include "patcher/ascii_text.h"

namespace detachfix {
namespace {

// What one element of a pattern, not a star, says of one character.
struct Element {
  size_t size = 1;  // of the pattern
  bool matches = false;
};

bool IsBetween(char first, char c, char last) {
  const auto number = [](char x) { return static_cast<unsigned char>(x); };
  return number(first) <= number(c) && number(c) <= number(last);
}

// `pattern` begins with '['. Nothing when no ']' ends it.
std::optional<Element> MatchSet(std::string_view pattern, char c) {
  size_t at = 1;
  const bool negated =
      at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  bool found = false;
  // A ']' that comes first stands for itself.
  for (bool first = true; at < pattern.size(); first = false) {
    if (pattern[at] == ']' && !first) {
      return Element{at + 1, found != negated && c != '/'};
    }
    const auto take = [&]() -> char {
      if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
      return pattern[at++];
    };
    const char low = take();
    char high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' &&
        pattern[at + 1] != ']') {
      ++at;
      high = take();
    }
    found |= IsBetween(LowerAscii(low), LowerAscii(c), LowerAscii(high)) ||
             IsBetween(low, c, high);
  }
  return std::nullopt;
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

NamePattern::NamePattern(std::string_view pattern) {
  if (pattern.size() > 1 && pattern.ends_with('/')) {
    folders_only_ = true;
    pattern.remove_suffix(1);
  }
  looks_at_path_ = pattern.find('/') != pattern.npos;
  if (pattern.starts_with('/')) pattern.remove_prefix(1);
  glob_ = pattern;
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
