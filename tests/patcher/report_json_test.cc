// SPDX-License-Identifier: Apache-2.0
// What no sample file shows; tests/cli/ and the schema test hold the rest.
#include "patcher/report_json.h"

#include <gtest/gtest.h>

#include <string>

namespace detachfix {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ReportJson, KeepsAPathThatIsNotUtf8InHexadecimal) {
  FileOutcome outcome;
  outcome.path = "a\xff.dll";
  const std::string line = JsonLine(outcome);
  // U+FFFD, REPLACEMENT CHARACTER, is EF BF BD in UTF-8.
  EXPECT_TRUE(Has(line, "\"path\":\"a\xef\xbf\xbd.dll\"")) << line;
  EXPECT_TRUE(Has(line, "\"path_hex\":\"61ff2e646c6c\"")) << line;
}

TEST(ReportJson, LeavesPathHexNullForUtf8) {
  FileOutcome outcome;
  outcome.path = "Sécurité.dll";
  EXPECT_TRUE(Has(JsonLine(outcome), "\"path_hex\":null"));
}

TEST(ReportJson, NamesTheMachinesItKnowsAndNumbersTheOthers) {
  FileOutcome outcome;
  EXPECT_TRUE(Has(JsonLine(outcome), "\"machine\":null"));
  outcome.machine = uint16_t{0x14c};
  EXPECT_TRUE(Has(JsonLine(outcome), "\"machine\":\"i386\""));
  outcome.machine = uint16_t{0x184};
  EXPECT_TRUE(Has(JsonLine(outcome), "\"machine\":\"alpha\""));
  outcome.machine = uint16_t{0x8664};
  EXPECT_TRUE(Has(JsonLine(outcome), "\"machine\":34404"));
}

TEST(ReportJson, PutsAnObjectOnOneLine) {
  FileOutcome outcome;
  outcome.path = "a\nb";
  const std::string line = JsonLine(outcome);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_TRUE(line.starts_with("{\"schema\":\"detachfix/1\",\"path\":"));
}

TEST(ReportJson, SaysWhenTheRunWasInterrupted) {
  EXPECT_TRUE(
      Has(JsonDocument({"patch", 130, true}, {}), "\"interrupted\": true"));
}

}  // namespace
}  // namespace detachfix
