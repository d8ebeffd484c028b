// SPDX-License-Identifier: Apache-2.0
// What no command line can provoke; tests/cli/ holds the rest.
#include "patcher/commands.h"

#include <gtest/gtest.h>

#include <new>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

#include "patcher/version.h"

namespace detachfix {
namespace {

TEST(Commands, ReportABugOfOursAsStatus70) {
  std::ostringstream err;
  const int status = RunAndReportBugs(
      []() -> int { throw std::logic_error("the plan bites itself"); }, err);
  EXPECT_EQ(status, 70);
  EXPECT_EQ(err.str(),
            "detachfix: internal error: the plan bites itself\n"
            "this is a bug of detachfix " +
                std::string(kVersion) +
                "; please report it with the command line\n");
}

TEST(Commands, DoNotCallUsedUpMemoryABug) {
  std::ostringstream err;
  const int status =
      RunAndReportBugs([]() -> int { throw std::bad_alloc(); }, err);
  EXPECT_EQ(status, 3);
  EXPECT_EQ(err.str(), "detachfix: out of memory\n");
}

TEST(Commands, PassOnTheStatusOfARunThatEnds) {
  std::ostringstream err;
  EXPECT_EQ(RunAndReportBugs([] { return 2; }, err), 2);
  EXPECT_EQ(err.str(), "");
}

TEST(Commands, HaveNamesOfTheirOwnAndTwoExamples) {
  std::set<std::string> names;
  for (const Command& command : CommandTable()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name;
    const std::string examples = command.examples;
    const std::string call = "  detachfix " + std::string(command.name) + " ";
    const size_t first = examples.find(call);
    ASSERT_NE(first, std::string::npos) << command.name;
    EXPECT_NE(examples.find(call, first + 1), std::string::npos)
        << command.name;
  }
}

}  // namespace
}  // namespace detachfix
