// SPDX-License-Identifier: Apache-2.0
// Tables as docs/signatures.md describes them: every field, every message.
#include <gtest/gtest.h>

#include "signatures/table.h"

namespace detachfix {
namespace {

constexpr char kHead[] = "format = 1\nmachine = \"i386\"\n";
constexpr char kSha[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A table with one row that has `fields` and, for each of them, a source.
std::string RowText(const std::string& fields, const std::string& sources) {
  return std::string(kHead) +
         "[[build]]\nid = \"a\"\ntarget = \"security.dll\"\n"
         "product = \"nt4\"\nlevels = [\"SP3\"]\n" +
         fields + "[build.source]\nbuild = \"KB Q1\"\n" + sources;
}

SignatureTables Read(const std::string& text) {
  const TableText table{"t.toml", text};
  return ReadTables({&table, 1});
}

TEST(ReadTable, TakesARowWithNothingButItsNames) {
  const SignatureTables tables = Read(RowText("", ""));
  EXPECT_EQ(tables.errors, std::vector<std::string>());
  ASSERT_EQ(tables.rows.size(), 1u);
  const Signature& row = tables.rows[0];
  EXPECT_EQ(row.id, "a");
  EXPECT_EQ(row.target, "security.dll");
  EXPECT_EQ(row.machine, 0x14c);
  EXPECT_EQ(row.levels, std::vector<std::string>{"SP3"});
  EXPECT_EQ(row.state, BuildState::kNotStated);
  EXPECT_EQ(row.file, "t.toml");
  EXPECT_EQ(row.line, 3u);
  EXPECT_EQ(BuildText(row), "Windows NT 4.0 SP3, i386");
}

TEST(ReadTable, TakesEveryField) {
  const std::string sha(kSha);
  std::string other = sha;
  other[0] = 'c';
  const SignatureTables tables = Read(RowText(
      "crypto = 128\nstate = \"fixed\"\nsize = 59_152\ndate = 1999-09-23\n"
      "built_after = 1999-05-04\nbuilt_until = 1999-11-30\n"
      "stamp = 0x37ea0920\nlinker = \"3.10\"\nentry = 0x1000\n"
      "image_base = 0x77a80000\nchecksum = 0x12345\n"
      "description = \"NtLm\"\nsha256 = \"" +
          sha + "\"\ninvariant_sha256 = \"" + other +
          "\"\ndllmain = \"55 8b ec 53 56 57 83 7d 0c 01 75 15 8b 45 08 a3 ?? "
          "?? ?? ??\"\ndllmain_sha256 = \"" +
          sha +
          "\"\nhelpers = [{ from_entry = -16, code = \"33 c0 c3\" }]\n"
          "critical_sections = [0xf500, 0xf520]\n"
          "confirmed_by = [\"A. Holder\"]\n",
      "crypto = \"s\"\nstate = \"s\"\nsize = \"KB Q322051\"\ndate = \"s\"\n"
      "built_after = \"s\"\nbuilt_until = \"s\"\nstamp = \"s\"\n"
      "linker = \"s\"\nentry = \"s\"\nimage_base = \"s\"\nchecksum = \"s\"\n"
      "description = \"s\"\nsha256 = \"s\"\ninvariant_sha256 = \"s\"\n"
      "dllmain = \"s\"\nhelpers = \"s\"\ncritical_sections = \"s\"\n"));
  EXPECT_EQ(tables.errors, std::vector<std::string>());
  ASSERT_EQ(tables.rows.size(), 1u);
  const Signature& row = tables.rows[0];
  EXPECT_EQ(row.crypto, 128u);
  EXPECT_EQ(row.state, BuildState::kFixed);
  EXPECT_EQ(row.size, 59152u);
  EXPECT_EQ(DateText(*row.date), "1999-09-23");
  EXPECT_EQ(DateText(*row.built_after), "1999-05-04");
  EXPECT_EQ(DateText(*row.built_until), "1999-11-30");
  EXPECT_EQ(row.stamp, 0x37ea0920u);
  EXPECT_EQ(row.linker, (LinkerVersion{3, 10}));
  EXPECT_EQ(row.entry, 0x1000u);
  EXPECT_EQ(row.image_base, 0x77a80000u);
  EXPECT_EQ(row.checksum, 0x12345u);
  EXPECT_EQ(row.description, "NtLm");
  EXPECT_EQ(DigestText(*row.sha256), sha);
  EXPECT_EQ(DigestText(*row.invariant_sha256), other);
  EXPECT_EQ(row.dllmain->size(), 20u);
  EXPECT_EQ(DigestText(*row.dllmain_sha256), sha);
  ASSERT_EQ(row.helpers.size(), 1u);
  EXPECT_EQ(row.helpers[0].from_entry, -16);
  EXPECT_EQ(PatternText(row.helpers[0].code), "33 c0 c3");
  EXPECT_EQ(row.critical_sections, (std::vector<uint32_t>{0xf500, 0xf520}));
  EXPECT_EQ(row.sources.at("size"), "KB Q322051");
  EXPECT_EQ(row.confirmed_by, std::vector<std::string>{"A. Holder"});
}

struct WrongField {
  std::string field;
  std::string value;
  std::string message;
};

TEST(ReadTable, NamesFileLineRowAndFieldOfEachMistake) {
  const std::string number = "must be a number from 1 to 0xffffffff";
  const std::string stamp = "must be a number from 0 to 0xffffffff";
  const std::string text = "must be a text that is not empty";
  const std::string hash = "must be 64 lower-case hexadecimal digits";
  const std::string date = "must be a date like 1997-05-01";
  const std::string bytes = "must be bytes like \"55 8b ec ?? 0c\"";
  const std::string part =
      "must be a list of { from_entry = NUMBER, code = \"BYTES\" }";
  const WrongField rows[] = {
      {"crypto", "64", "must be 40, 56 or 128"},
      {"crypto", "\"40\"", number},
      {"state", "\"broken\"", "must be \"leaks\" or \"fixed\""},
      {"size", "0", number},
      {"size", "4294967296", number},
      {"size", "1.5", number},
      {"date", "\"1997-05-01\"", date},
      {"built_after", "1997", date},
      {"built_until", "true", date},
      {"stamp", "-1", stamp},
      {"linker", "\"3\"", "must be a version like \"3.10\""},
      {"linker", "\"3.300\"", "must be a version like \"3.10\""},
      {"linker", "\"+3.010\"", "must be a version like \"3.10\""},
      {"linker", "\" 3.10\"", "must be a version like \"3.10\""},
      {"linker", "\"3.10 \"", "must be a version like \"3.10\""},
      {"linker", "3.10", "must be a version like \"3.10\""},
      {"entry", "0", number},
      {"image_base", "0x77a80001", "must be a multiple of 0x10000"},
      {"checksum", "\"0x1\"", stamp},
      {"description", "\"\"", text},
      {"sha256", "\"ba78\"", hash},
      {"sha256", "\"" + std::string(64, 'A') + "\"", hash},
      {"invariant_sha256", "7", hash},
      {"helpers", "[{ from_entry = 1 }]", part},
      {"helpers", "[{ from_entry = \"1\", code = \"55\" }]", part},
      {"helpers", "\"55\"", part},
      {"critical_sections", "0xf500", "must be a list of RVAs"},
      {"critical_sections", "[0]", number},
  };
  for (const WrongField& row : rows) {
    const SignatureTables tables = Read(RowText(
        row.field + " = " + row.value + "\n", row.field + " = \"s\"\n"));
    ASSERT_FALSE(tables.errors.empty()) << row.field << " " << row.value;
    EXPECT_EQ(tables.errors[0],
              "t.toml:8: row 'a': field '" + row.field + "': " + row.message)
        << row.value;
    EXPECT_TRUE(tables.rows.empty());
  }
}

TEST(ReadTable, NamesWhatIsWrongWithARowAsAWhole) {
  const std::string sha = "dllmain_sha256 = \"" + std::string(kSha) + "\"\n";
  const std::pair<std::string, std::string> rows[] = {
      {RowText("colour = 1\n", ""),
       "t.toml:8: row 'a': field 'colour': is "
       "unknown"},
      {RowText("size = 1\n", ""),
       "t.toml:3: row 'a': field 'source.size': is missing; every fact has a "
       "source"},
      {RowText("", "size = \"KB Q1\"\n"),
       "t.toml:10: row 'a': field 'source.size': the row states no such fact"},
      {RowText("", "colour = \"KB Q1\"\n"),
       "t.toml:10: row 'a': field 'source.colour': the row states no such "
       "fact"},
      {RowText("dllmain = \"55 zz\"\n", "dllmain = \"s\"\n"),
       "t.toml:8: row 'a': field 'dllmain': must be bytes like \"55 8b ec ?? "
       "0c\""},
      {RowText("dllmain = \"55 8b ec ??\"\n" + sha, "dllmain = \"s\"\n"),
       "t.toml:3: row 'a': field 'dllmain': has with 'helpers' 3 bytes that "
       "are not masked, fewer than 16"},
      {RowText("dllmain = \"00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e "
               "0f\"\n",
               "dllmain = \"s\"\n"),
       "t.toml:3: row 'a': field 'dllmain_sha256': is missing; 'dllmain' needs "
       "it"},
      {RowText("built_after = 1999-05-04\nbuilt_until = 1998-10-25\n",
               "built_after = \"s\"\nbuilt_until = \"s\"\n"),
       "t.toml:3: row 'a': field 'built_until': is before 'built_after'"},
      {RowText(sha, ""),
       "t.toml:3: row 'a': field 'dllmain': is missing; 'dllmain_sha256' and "
       "'helpers' belong to it"},
      {RowText("confirmed_by = []\n", ""),
       "t.toml:8: row 'a': field 'confirmed_by': must be a list of texts that "
       "is not empty"},
      {std::string(kHead) + "[[build]]\nid = \"A b\"\n",
       "t.toml:4: field 'id': must be a text of lower-case letters, digits and "
       "'-'"},
      {std::string(kHead) + "[[build]]\nid = \"b\"\n",
       "t.toml:3: row 'b': field 'target': is missing"},
      {std::string(kHead) +
           "[[build]]\nid = \"b\"\ntarget = \"Security.dll\"\n",
       "t.toml:5: row 'b': field 'target': must be the name of a DLL in lower "
       "case, with its ending"},
      {std::string(kHead) + "[[build]]\nid = \"b\"\nproduct = \"nt5\"\n",
       "t.toml:5: row 'b': field 'product': must be \"nt4\" or \"nt4-tse\""},
      {std::string(kHead) + "[[build]]\nid = \"b\"\nlevels = [\"SP7\"]\n",
       "t.toml:5: row 'b': field 'levels': must be of RTM, SP1 to SP6, SP6a, "
       "before-SP6, or the number of a hotfix's article like Q238185; is "
       "'SP7'"},
      {std::string(kHead) + "[[build]]\nid = \"b\"\nsource = 1\n",
       "t.toml:5: row 'b': field 'source': must be a table of texts"},
  };
  for (const auto& [text, message] : rows) {
    const std::vector<std::string> errors = Read(text).errors;
    ASSERT_FALSE(errors.empty()) << message;
    EXPECT_EQ(errors[0], message);
  }
}

TEST(ReadTable, WantsToKnowWhoSaysThatThereIsSuchABuild) {
  const std::vector<std::string> errors =
      Read(std::string(kHead) +
           "[[build]]\nid = \"b\"\ntarget = \"security.dll\"\n"
           "product = \"nt4\"\nlevels = [\"SP3\"]\n")
          .errors;
  EXPECT_EQ(errors, std::vector<std::string>{
                        "t.toml:3: row 'b': field 'source.build': is missing; "
                        "who says that there is such a build?"});
}

TEST(ReadTable, NamesWhatIsWrongWithAFile) {
  const std::pair<std::string, std::string> rows[] = {
      {"machine = \"i386\"\n", "t.toml:1: field 'format': must be 1"},
      {"# later\nformat = 2\n", "t.toml:2: field 'format': must be 1"},
      {"format = 1\n",
       "t.toml:1: field 'machine': must be \"i386\" or \"alpha\""},
      {"format = 1\nmachine = \"mips\"\n",
       "t.toml:2: field 'machine': must be \"i386\" or \"alpha\""},
      {std::string(kHead) + "row = 1\n", "t.toml:3: field 'row': is unknown"},
      {std::string(kHead) + "build = 1\n",
       "t.toml:3: field 'build': must be tables like [[build]]"},
      {std::string(kHead) + "build = [1]\n",
       "t.toml:3: field 'build': must be tables like [[build]]"},
  };
  for (const auto& [text, message] : rows) {
    EXPECT_EQ(Read(text).errors, std::vector<std::string>{message});
  }
  const std::vector<std::string> errors = Read("format = \n").errors;
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_TRUE(errors[0].starts_with("t.toml:1: is not TOML: ")) << errors[0];
}

/// A row called `id` with `fields` that need no source.
std::string Another(const std::string& id, const std::string& fields,
                    const std::string& sources) {
  return "[[build]]\nid = \"" + id +
         "\"\ntarget = \"security.dll\"\nproduct = \"nt4\"\n"
         "levels = [\"SP3\"]\n" +
         fields + "[build.source]\nbuild = \"KB Q1\"\n" + sources;
}

TEST(ReadTable, FindsTwoRowsThatClaimTheSame) {
  const std::string sha = "sha256 = \"" + std::string(kSha) + "\"\n";
  EXPECT_EQ(Read(kHead + Another("a", "", "") + Another("a", "", "")).errors,
            std::vector<std::string>{"t.toml:10: row 'a': field 'id': is also "
                                     "that of row 'a' at t.toml:3"});
  EXPECT_EQ(
      Read(kHead + Another("a", sha, "sha256 = \"s\"\n") +
           Another("b", "invariant_" + sha, "invariant_sha256 = \"s\"\n"))
          .errors,
      std::vector<std::string>{"t.toml:12: row 'b': field 'invariant_sha256': "
                               "is also that of row 'a' at t.toml:3"});
  const auto code = [](const std::string& state) {
    return "state = \"" + state +
           "\"\ndllmain = \"00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e "
           "0f\"\ndllmain_sha256 = \"" +
           kSha + "\"\n";
  };
  const std::string sources = "state = \"s\"\ndllmain = \"s\"\n";
  EXPECT_TRUE(Read(kHead + Another("a", code("leaks"), sources) +
                   Another("b", code("leaks"), sources))
                  .errors.empty());
  EXPECT_EQ(Read(kHead + Another("a", code("leaks"), sources) +
                 Another("b", code("fixed"), sources))
                .errors,
            std::vector<std::string>{
                "t.toml:15: row 'b': field 'dllmain': is also that of row 'a' "
                "at t.toml:3, which has another state"});
}

TEST(Tables, AnOverridingRowReplacesTheOneOfItsId) {
  const SignatureTables base =
      Read(kHead + Another("a", "", "") + Another("b", "", ""));
  const SignatureTables changes =
      Read(kHead + Another("b", "size = 7\n", "size = \"s\"\n") +
           Another("c", "", ""));
  const SignatureTables both = Override(base, changes);
  EXPECT_TRUE(both.errors.empty());
  ASSERT_EQ(both.rows.size(), 3u);
  EXPECT_EQ(both.rows[1].id, "b");
  EXPECT_EQ(both.rows[1].size, 7u);
  EXPECT_EQ(both.rows[2].id, "c");
}

TEST(Tables, AnOverridingRowMayNotClaimTheHashOfAnother) {
  const std::string sha = "sha256 = \"" + std::string(kSha) + "\"\n";
  const std::string source = "sha256 = \"s\"\n";
  const SignatureTables both =
      Override(Read(kHead + Another("a", sha, source)),
               Read(kHead + Another("b", sha, source)));
  EXPECT_EQ(both.errors,
            std::vector<std::string>{"t.toml:3: row 'b': field 'sha256': is "
                                     "also that of row 'a' at t.toml:3"});
}

}  // namespace
}  // namespace detachfix
