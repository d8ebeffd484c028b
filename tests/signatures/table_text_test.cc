// SPDX-License-Identifier: Apache-2.0
#include "signatures/table_text.h"

#include <gtest/gtest.h>

#include "signatures/table.h"

namespace detachfix {
namespace {

/// A row with every field.
Signature FullRow() {
  Signature row;
  row.id = "4-full";
  row.target = "security.dll";
  row.product = "nt4-tse";
  row.levels = {"SP4", "SP5"};
  row.machine = 0x184;
  row.crypto = 56;
  row.state = BuildState::kFixed;
  row.size = 99600;
  row.date =
      Date{std::chrono::year(2000), std::chrono::month(1), std::chrono::day(5)};
  row.built_after = row.date;
  row.built_until = row.date;
  row.stamp = 0;
  row.linker = LinkerVersion{3, 10};
  row.entry = 0x2000;
  row.image_base = 0x77a80000;
  row.checksum = 0xffffffff;
  row.description = "a \"quoted\" \\ text \x01";
  row.sha256 = ParseDigest(std::string(64, 'a'));
  row.invariant_sha256 = ParseDigest(std::string(64, 'b'));
  row.dllmain = MaskedPattern(60, uint8_t{0x5a});
  (*row.dllmain)[59] = std::nullopt;
  row.helpers = {{-16, {0x33, std::nullopt}}, {0x40, {0xc3}}};
  row.dllmain_sha256 = ParseDigest(std::string(64, 'c'));
  row.critical_sections = {0xf500, 0xf520};
  row.confirmed_by = {"A. Holder", "B. Holder"};
  row.sources["build"] = "KB Q238493";
  for (const std::string_view fact : FactFields()) {
    row.sources[std::string(fact)] = "a \"source\"";
  }
  return row;
}

TEST(TableText, IsReadBackAsItWas) {
  const Signature row = FullRow();
  const TableText text{"t", TableHead(0x184) + RowToml(row)};
  const SignatureTables tables = ReadTables({&text, 1});
  EXPECT_EQ(tables.errors, std::vector<std::string>());
  ASSERT_EQ(tables.rows.size(), 1u);
  EXPECT_EQ(RowToml(tables.rows[0]), RowToml(row));
  EXPECT_EQ(tables.rows[0].description, row.description);
  EXPECT_EQ(tables.rows[0].dllmain, row.dllmain);
  EXPECT_EQ(tables.rows[0].helpers, row.helpers);
  EXPECT_EQ(tables.rows[0].machine, 0x184);
}

TEST(TableText, EveryBuiltInRowIsReadBack) {
  const SignatureTables tables = ReadTables(BuiltInTables());
  for (const Signature& row : tables.rows) {
    const TableText text{"t", TableHead(row.machine) + RowToml(row)};
    const SignatureTables again = ReadTables({&text, 1});
    ASSERT_EQ(again.errors, std::vector<std::string>()) << row.id;
    EXPECT_EQ(RowToml(again.rows.at(0)), RowToml(row));
  }
}

TEST(TableText, WritesARuleForTheFileAndOneForItsCode) {
  Signature row = FullRow();
  row.dllmain = MaskedPattern{0x55, std::nullopt, 0xc3};
  EXPECT_EQ(
      YaraRules({&row, 1}),
      "// Shipped builds that detachfix knows: detachfix signatures export "
      "--yara\n"
      "import \"hash\"\n"
      "import \"pe\"\n"
      "\n"
      "rule b4_full__exact\n"
      "{\n"
      "  meta:\n"
      "    id = \"4-full\"\n"
      "    match = \"exact\"\n"
      "    build = \"Windows NT 4.0 Terminal Server Edition SP4/SP5, alpha, "
      "56-bit\"\n"
      "    state = \"fixed\"\n"
      "  condition:\n"
      "    hash.sha256(0, filesize) == \"" +
          std::string(64, 'a') +
          "\"\n"
          "}\n"
          "\n"
          "rule b4_full__pattern\n"
          "{\n"
          "  meta:\n"
          "    id = \"4-full\"\n"
          "    match = \"pattern\"\n"
          "    build = \"Windows NT 4.0 Terminal Server Edition SP4/SP5, "
          "alpha, 56-bit\"\n"
          "    state = \"fixed\"\n"
          "  strings:\n"
          "    $dllmain = { 55 ?? c3 }\n"
          "    $helper0 = { 33 ?? }\n"
          "    $helper1 = { c3 }\n"
          "  condition:\n"
          "    pe.machine == 0x184 and pe.dll_name iequals \"security.dll\"\n"
          "    and $dllmain at pe.entry_point\n"
          "    and $helper0 at pe.rva_to_offset(pe.entry_point_raw - 16)\n"
          "    and $helper1 at pe.rva_to_offset(pe.entry_point_raw + 64)\n"
          "}\n");
}

}  // namespace
}  // namespace detachfix
