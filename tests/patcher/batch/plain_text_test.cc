// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/plain_text.h"

#include <gtest/gtest.h>

namespace detachfix {
namespace {

constexpr char kNone[] = "\xef\xbf\xbd";  // U+FFFD in UTF-8

std::string Times(int count) {
  std::string text;
  while (count-- > 0) text += kNone;
  return text;
}

TEST(PlainText, KeepsWhatIsUtf8) {
  constexpr char kAccents[] =
      "S\xc3\xa9"
      "curit\xc3\xa9";
  for (const std::string text :
       {"", "Security.dll", kAccents, "\xe2\x82\xac", "\xf0\x9f\x92\xbe",
        "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"}) {
    EXPECT_EQ(Visible(text), text);
  }
}

// RFC 3629, sections 3 and 4: overlong forms, surrogates, what lies behind
// U+10FFFF, and characters that are cut off are no UTF-8.
TEST(PlainText, ReplacesEachByteThatIsNoUtf8) {
  EXPECT_EQ(Visible("s\xe9"
                    "curit\xe9"),
            "s" + Times(1) + "curit" + Times(1));
  EXPECT_EQ(Visible("\xc0\xaf"), Times(2));
  EXPECT_EQ(Visible("\xe0\x80\xaf"), Times(3));
  EXPECT_EQ(Visible("\xed\xa0\x80"), Times(3));
  EXPECT_EQ(Visible("\xf4\x90\x80\x80"), Times(4));
  EXPECT_EQ(Visible("\xe2\x82"), Times(2));
  EXPECT_EQ(Visible("\xff<\x80"), Times(1) + "<" + Times(1));
}

TEST(PlainText, ShowsWhatWouldNotBeSeen) {
  EXPECT_EQ(Visible("a\nb\x1b[2J\x7f"), "a\\u{a}b\\u{1b}[2J\\u{7f}");
  // U+202E turns "gnp.lld" round, so that a DLL looks like a picture.
  EXPECT_EQ(Visible("x\xe2\x80\xaegnp.dll"), "x\\u{202e}gnp.dll");
  EXPECT_EQ(Visible("a\xe2\x80\x8b"
                    "b\xef\xbb\xbf"),
            "a\\u{200b}b\\u{feff}");
  EXPECT_EQ(Visible("\xe2\x81\xa6\xe2\x80\xa8"), "\\u{2066}\\u{2028}");
  EXPECT_EQ(Visible("\xff S\xc3\xa9"), Times(1) + " S\xc3\xa9");
}

TEST(PlainText, EncodesPathsForUris) {
  EXPECT_EQ(PercentEncoded("/srv/NT 4/100%.dll"), "/srv/NT%204/100%25.dll");
  EXPECT_EQ(PercentEncoded("C:a?b#c"), "C%3Aa%3Fb%23c");
  EXPECT_EQ(PercentEncoded("\xe9"), "%E9");
  EXPECT_EQ(PercentEncoded("aZ0-._~"), "aZ0-._~");
}

// The examples of RFC 4648, section 10.
TEST(PlainText, WritesBase64) {
  const std::string words[][2] = {{"", ""},
                                  {"f", "Zg=="},
                                  {"fo", "Zm8="},
                                  {"foo", "Zm9v"},
                                  {"foob", "Zm9vYg=="},
                                  {"fooba", "Zm9vYmE="},
                                  {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : words) {
    const std::vector<uint8_t> bytes(plain.begin(), plain.end());
    EXPECT_EQ(Base64(bytes), encoded);
  }
}

}  // namespace
}  // namespace detachfix
