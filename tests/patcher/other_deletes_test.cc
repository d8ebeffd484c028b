// SPDX-License-Identifier: Apache-2.0
#include "patcher/other_deletes.h"

#include <gtest/gtest.h>

#include <string>

#include "patcher/diagnosis.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::LeakySpecWithDelete;
using test::PeSpec;

/// What is said of LeakySpecWithDelete with `code` behind its entry, which
/// nothing runs.
Diagnosis With(const std::string& code) {
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[0].content += "\ncc\nmore: " + code;
  return Diagnose(test::MustRead(spec));
}

TEST(FindOtherDelete, DoubtsALeakThatOtherCodeMayEnd) {
  const char* const kDelete = "[KERNEL32.dll!DeleteCriticalSection]";
  const std::string call = std::string("ff 15 ") + kDelete;
  const std::string codes[] = {
      "68 [.data+0x10] " + call + " c3",
      "68 [.data+0x10] 90 e8 {thunk} c3  thunk: ff 25 " + std::string(kDelete),
      // A member at offset 16 of what ECX points to, two calls down.
      "b9 [.data] e9 {first}  first: e8 {second} c3"
      "  second: 83 c1 10 51 " +
          call + " c3",
      // Through a register that was loaded before.
      "8b 35 " + std::string(kDelete) + " 68 [.data+0x10] ff d6 c3",
  };
  for (const std::string& code : codes) {
    const Diagnosis diagnosis = With(code);
    EXPECT_EQ(diagnosis.verdict, Verdict::kUnknown) << code;
    EXPECT_TRUE(diagnosis.because.find("code that was not run may delete it") !=
                std::string::npos)
        << diagnosis.because;
    EXPECT_FALSE(diagnosis.critical_sections.front().leaked);
  }
}

TEST(FindOtherDelete, IsNotMovedByOtherUses) {
  const std::string codes[] = {
      // It is used, another is deleted, it is compared with.
      "68 [.data+0x10] ff 15 [KERNEL32.dll!GetLastError] c3",
      "68 [.data+0x30] ff 15 [KERNEL32.dll!DeleteCriticalSection] c3",
      "3d [.data+0x10] c3",
  };
  for (const std::string& code : codes) {
    EXPECT_EQ(With(code).verdict, Verdict::kLeaks) << code;
  }
}

TEST(FindOtherDelete, LooksThroughTablesOfPointers) {
  PeSpec spec = LeakySpecWithDelete();
  // The third word of a table that a loop goes through.
  spec.sections[1].content += " zero:8 [.data+0x10] zero:4";
  spec.sections[0].content +=
      "\ncc\nmore: be [.data+0x40] 8b 3d [KERNEL32.dll!DeleteCriticalSection] "
      "ff 36 ff d7 83 c6 04 eb f7";
  EXPECT_EQ(Diagnose(test::MustRead(spec)).verdict, Verdict::kUnknown);
}

TEST(FindOtherDelete, DoubtsALeakThatTooMuchCodeMayEnd) {
  std::string uses;
  for (int i = 0; i < 10'000; ++i) {
    uses += "68 [.data+0x10] 90 90 90 90 90 90 90 90 90 90 90 90 ";
  }
  EXPECT_EQ(With(uses).verdict, Verdict::kUnknown);
}

TEST(FindOtherDelete, LeavesOutWhatExportsDo) {
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[0].content +=
      "\ncc\nshut: e8 {down} c3\n"
      "down: 68 [.data+0x10] ff 15 [KERNEL32.dll!DeleteCriticalSection] c3";
  spec.exports = {{"Shut", "shut"}};
  EXPECT_EQ(Diagnose(test::MustRead(spec)).verdict, Verdict::kLeaks);
}

}  // namespace
}  // namespace detachfix
