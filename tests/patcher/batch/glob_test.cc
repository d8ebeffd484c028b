// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/glob.h"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace detachfix {
namespace {

TEST(MatchesGlob, KnowsNamesInAnyCase) {
  EXPECT_TRUE(MatchesGlob("security.dll", "SECURITY.DLL"));
  EXPECT_TRUE(MatchesGlob("*.DL?", "security.dl_"));
  EXPECT_TRUE(MatchesGlob("s[a-e]c*", "Security.dll"));
  EXPECT_FALSE(MatchesGlob("s[!a-e]c*", "Security.dll"));
  EXPECT_FALSE(MatchesGlob("*.dll", "security.dl_"));
  EXPECT_TRUE(MatchesGlob("", ""));
  EXPECT_FALSE(MatchesGlob("", "a"));
}

TEST(MatchesGlob, StarsCrossSlashesOnlyInPairs) {
  EXPECT_TRUE(MatchesGlob("*/system32/*", "image7/system32/a"));
  EXPECT_FALSE(MatchesGlob("*/system32/*", "share/image7/system32/a"));
  EXPECT_FALSE(MatchesGlob("a?b", "a/b"));
  EXPECT_FALSE(MatchesGlob("a[/]b", "a/b"));
  EXPECT_FALSE(MatchesGlob("a[!x]b", "a/b"));
  EXPECT_TRUE(MatchesGlob("**/system32/*", "share/image7/system32/a"));
  EXPECT_TRUE(MatchesGlob("**/system32/*", "system32/a"));
  EXPECT_FALSE(MatchesGlob("**/system32/*", "xsystem32/a"));
  EXPECT_TRUE(MatchesGlob("old/**", "old/a/b"));
  EXPECT_FALSE(MatchesGlob("old/**", "old"));
  EXPECT_TRUE(MatchesGlob("a/**/b", "a/b"));
  EXPECT_TRUE(MatchesGlob("a/**/b", "a/x/y/b"));
  EXPECT_FALSE(MatchesGlob("a/**/b", "a/xb"));
  EXPECT_TRUE(MatchesGlob("**/a/**/b*", "x/a/a/y/bc"));
  EXPECT_TRUE(MatchesGlob("**a*/b", "x/ya/zaz/b"));
}

TEST(MatchesGlob, TakesOddPatternsAtTheirWord) {
  EXPECT_TRUE(MatchesGlob("a[b", "a[b"));
  EXPECT_TRUE(MatchesGlob("a\\*b", "a*b"));
  EXPECT_FALSE(MatchesGlob("a\\*b", "axb"));
  EXPECT_TRUE(MatchesGlob("a\\", "a\\"));
  EXPECT_TRUE(MatchesGlob("[]]", "]"));
  EXPECT_TRUE(MatchesGlob("[a-]", "-"));
  EXPECT_TRUE(MatchesGlob("[\\]]", "]"));
  EXPECT_TRUE(MatchesGlob("\xff*", "\xff\xfe"));
}

TEST(GlobProblem, SaysWhatWasHardlyMeant) {
  EXPECT_EQ(GlobProblem(""), "is empty, and so matches nothing");
  EXPECT_EQ(GlobProblem("[old"), "has a '[' without its ']'");
  EXPECT_EQ(GlobProblem("a[]"), "has a '[' without its ']'");
  EXPECT_EQ(GlobProblem("[a][!"), "has a '[' without its ']'");
  EXPECT_EQ(GlobProblem("x[a-cz-a]"), "has the range z-a, which is empty");
  EXPECT_EQ(GlobProblem("a\\"), "ends with a '\\' that has nothing behind it");
  EXPECT_EQ(GlobProblem("old\\security.dll"),
            "has a '\\' before 's', which needs none; folders are separated by "
            "'/'");
  EXPECT_EQ(GlobProblem("a[[:digit:]]"),
            "has [:digit:], but sets are of characters here, not of classes");
  EXPECT_EQ(GlobProblem("[:a]"), "");
  for (const char* good : {"*", "**/[!a]b?", "[]]", "[a-]", "[Z-a]", "[a-Z]",
                           "\\[old", "\\\\", "[\\]]", "[x-\xff]"}) {
    EXPECT_EQ(GlobProblem(good), "") << good;
  }
}

TEST(NamePattern, HasTheProblemOfWhatIsMatched) {
  EXPECT_EQ(NamePattern("/").Problem(), "is empty, and so matches nothing");
  EXPECT_EQ(NamePattern("[old/").Problem(), "has a '[' without its ']'");
  EXPECT_EQ(NamePattern("/old/").Problem(), "");
  for (const char* here : {"./a*", ".", "a/./b", "a/."}) {
    EXPECT_EQ(NamePattern(here).Problem(),
              "has the folder '.', which no path below a root has")
        << here;
  }
  EXPECT_EQ(NamePattern("../a").Problem(),
            "has the folder '..', which no path below a root has");
  for (const char* nothing : {"//a", "a//b", "a//"}) {
    EXPECT_EQ(NamePattern(nothing).Problem(), "has nothing between two slashes")
        << nothing;
  }
  for (const char* good : {".a", "a.", "...", "..a/b", "**/a", "*/.*"}) {
    EXPECT_EQ(NamePattern(good).Problem(), "") << good;
  }
}

TEST(MatchesGlob, TakesNoLongerThanTheProductOfTheLengths) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  for (int i = 0; i < 200; ++i) pattern += "**b";
  EXPECT_FALSE(MatchesGlob(pattern + "c", std::string(4000, 'a')));
}

// Whatever has no "**" means what fnmatch(3) makes of it.
TEST(MatchesGlob, AgreesWithTheSystem) {
  std::mt19937 random(1);
  const auto text = [&](const char* characters, size_t most) {
    const std::string from = characters;
    std::string made(random() % (most + 1), ' ');
    for (char& c : made) c = from[random() % from.size()];
    return made;
  };
  int matches = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string pattern = text("aabB*?/[]!-\\", 8);
    const std::string path = text("aAbB/", 6);
    if (pattern.find("**") != pattern.npos) continue;
    // fnmatch takes a '\' at the end for an error, a set with a '/' for none,
    // and glibc's finds no '/' after a star that is written as "\/".
    if (pattern.ends_with('\\')) continue;
    if (pattern.find("\\/") != pattern.npos) continue;
    if (pattern.find('[') != pattern.npos &&
        pattern.find('/') != pattern.npos) {
      continue;
    }
    const bool expected = fnmatch(pattern.c_str(), path.c_str(),
                                  FNM_PATHNAME | FNM_CASEFOLD) == 0;
    matches += expected;
    ASSERT_EQ(MatchesGlob(pattern, path), expected)
        << "pattern " << pattern << ", path " << path;
  }
  EXPECT_GT(matches, 1000);
}

TEST(NamePattern, SpeaksOfNamesOrOfPaths) {
  const NamePattern name("*.dll");
  EXPECT_TRUE(name.Matches("a/b/x.DLL", false));
  EXPECT_TRUE(name.Matches("x.dll", true));
  EXPECT_FALSE(name.looks_at_path());
  const NamePattern path("i386/*.dl_");
  EXPECT_TRUE(path.Matches("I386/security.dl_", false));
  EXPECT_FALSE(path.Matches("nt/i386/security.dl_", false));
  EXPECT_TRUE(path.looks_at_path());
  EXPECT_TRUE(NamePattern("/x").Matches("x", false));
  EXPECT_FALSE(NamePattern("/x").Matches("a/x", false));
}

TEST(NamePattern, WithASlashAtItsEndSpeaksOfFolders) {
  const NamePattern pattern("old/");
  EXPECT_TRUE(pattern.Matches("a/Old", true));
  EXPECT_FALSE(pattern.Matches("a/Old", false));
}

}  // namespace
}  // namespace detachfix
