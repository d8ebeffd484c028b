// SPDX-License-Identifier: Apache-2.0
// Lines as KB Q150497, Q164471 and Q168132 show them.
#include "patcher/setup_log.h"

#include <gtest/gtest.h>

namespace detachfix {
namespace {

std::string Outcome(const std::string& log, const std::string& name) {
  const Result<uint32_t> sum = RecordedCheckSum(log, name);
  return sum ? std::to_string(*sum) : sum.error().message;
}

TEST(SetupLog, HasTheCheckSumOfAFile) {
  const std::string log =
      "[Files.WinNt]\r\n"
      "\\WINNT\\system32\\kernel32.dll = \"kernel32.dll\",\"5b7f8\"\r\n"
      "\\WINNT\\system32\\NTDLL.DLL=\"ntdll.dll\" , \"59c19\"\r\n"
      "\\WINNT\\system32\\drivers\\disk.sys = "
      "\"disk.sys\",\"1a2b\",\"\\\",\"Service Pack\"";
  EXPECT_EQ(Outcome(log, "kernel32.dll"), std::to_string(0x5b7f8));
  EXPECT_EQ(Outcome(log, "ntdll.dll"), std::to_string(0x59c19));
  EXPECT_EQ(Outcome(log, "disk.sys"), std::to_string(0x1a2b));
}

TEST(SetupLog, TakesTheWholeNameOnly) {
  const std::string log = "\\W\\mysecurity.dll = \"x\",\"1\"\n";
  EXPECT_EQ(Outcome(log, "security.dll"), "has no line of security.dll");
}

TEST(SetupLog, TakesOneAnswerOnly) {
  EXPECT_EQ(Outcome("\\A\\a.dll = \"a.dll\",\"1\"\n"
                    "\\B\\a.dll = \"a.dll\",\"1\"\n",
                    "a.dll"),
            "1");
  EXPECT_EQ(Outcome("\\A\\a.dll = \"a.dll\",\"1\"\n"
                    "\\B\\a.dll = \"a.dll\",\"2\"\n",
                    "a.dll"),
            "has several checksums of a.dll: 0x1, 0x2");
}

TEST(SetupLog, SaysWhenALineHasNoCheckSum) {
  for (const char* line :
       {"\\A\\a.dll = \"a.dll\"", "\\A\\a.dll = \"a.dll\",\"\"",
        "\\A\\a.dll = \"a.dll\",\"xyz\"",
        "\\A\\a.dll = \"a.dll\",\"123456789\"", "\\A\\a.dll = \"a.dll\",\"1"}) {
    EXPECT_EQ(Outcome(line, "a.dll"), "the line of a.dll has no checksum")
        << line;
  }
  for (const char* line : {"", "= 1", "\\A\\a.dll", "\n\n"}) {
    EXPECT_EQ(Outcome(line, "a.dll"), "has no line of a.dll") << line;
  }
}

}  // namespace
}  // namespace detachfix
