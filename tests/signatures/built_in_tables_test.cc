// SPDX-License-Identifier: Apache-2.0
// The rows that come with the program, against what the articles say. Values
// are from the articles named, not from the tables.
#include <gtest/gtest.h>

#include <algorithm>

#include "signatures/table.h"

namespace detachfix {
namespace {

const std::vector<Signature>& Rows() {
  static const SignatureTables tables = ReadTables(BuiltInTables());
  return tables.rows;
}

const Signature* Find(const std::string& id) {
  const auto row = std::ranges::find(Rows(), id, &Signature::id);
  return row == Rows().end() ? nullptr : &*row;
}

TEST(BuiltInTables, AreSound) {
  EXPECT_EQ(ReadTables(BuiltInTables()).errors, std::vector<std::string>());
}

TEST(BuiltInTables, HaveTheSizesThatArticlesName) {
  const struct {
    const char* id;
    uint32_t size;
    const char* date;
    const char* article;
  } published[] = {
      {"security-i386-nt4-sp3-40", 45328, "1997-05-01", "Q172965"},
      {"security-i386-nt4-sp5-40", 58640, "1999-04-29", "Q235373"},
      {"security-i386-nt4-sp6a-128", 59152, "1999-09-23", "Q322051"},
      {"security-i386-nt4-sp6a-56", 59152, "1999-11-18", "Q322051"},
      {"security-i386-nt4-q238185", 59664, "2000-01-05", "Q238185"},
      {"security-alpha-nt4-q238185", 99600, "2000-01-05", "Q238185"},
  };
  for (const auto& fact : published) {
    const Signature* row = Find(fact.id);
    ASSERT_NE(row, nullptr) << fact.id;
    EXPECT_EQ(row->size, fact.size) << fact.id;
    EXPECT_EQ(DateText(*row->date), fact.date) << fact.id;
    EXPECT_NE(row->sources.at("size").find(fact.article), std::string::npos);
  }
  EXPECT_EQ(std::ranges::count_if(
                Rows(), [](const Signature& row) { return bool(row.size); }),
            std::ssize(published));
}

TEST(BuiltInTables, HaveTheHeaderOfQ153658) {
  const Signature* row = Find("security-i386-nt4-sp2-128-q153658");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->stamp, 0x3338158du);
  EXPECT_EQ(row->linker, (LinkerVersion{3, 10}));
  EXPECT_EQ(row->entry, 0x1000u);
  EXPECT_EQ(row->image_base, 0x46480000u);
}

TEST(BuiltInTables, SayOfEachLevelWhatTheArticleSays) {
  for (const Signature& row : Rows()) {
    if (row.target == "secur128.dll") {
      EXPECT_EQ(row.state, BuildState::kNotStated) << row.id;
      continue;
    }
    const std::string& level = row.levels[0];
    const bool leaks = level == "RTM" || level == "before-SP6" ||
                       (level.starts_with("SP") && level < "SP6");
    EXPECT_EQ(row.state, leaks ? BuildState::kLeaks : BuildState::kFixed)
        << row.id;
  }
}

TEST(BuiltInTables, HaveARowForEachLevelAndMachineOfTheArticle) {
  for (const uint16_t machine : {uint16_t{0x14c}, uint16_t{0x184}}) {
    for (const std::string level :
         {"RTM", "SP1", "SP2", "SP3", "SP4", "SP5", "SP6", "SP6a", "Q238493"}) {
      EXPECT_TRUE(std::ranges::any_of(Rows(), [&](const Signature& row) {
        return row.machine == machine && row.target == "security.dll" &&
               row.product == "nt4" && row.levels[0] == level;
      })) << level;
    }
  }
}

// No hash, checksum or code byte of a shipped file is published.
TEST(BuiltInTables, StateNothingThatOnlyAGenuineFileCanTell) {
  for (const Signature& row : Rows()) {
    if (!row.confirmed_by.empty()) continue;
    EXPECT_FALSE(row.sha256 || row.invariant_sha256 || row.checksum ||
                 row.dllmain || !row.critical_sections.empty())
        << row.id;
  }
}

}  // namespace
}  // namespace detachfix
