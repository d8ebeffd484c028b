// SPDX-License-Identifier: Apache-2.0
#include "patcher/scope_tables.h"

#include <gtest/gtest.h>

#include <string>

#include "patcher/diagnosis.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuiltPe;
using test::PeSpec;

/// A function with __try as Visual C++ 4 to 7 begins it, and as it ends.
const char kLinks[] = " 68 [handler] 64 a1 00 00 00 00 50 64 89 25 00 00 00 00";
const char kUnlinks[] = " 8b 4d f0 64 89 0d 00 00 00 00 8b e5 5d";

/// What is said of an entry that begins with `begin`, leaves a section and does
/// `what` when it is called for reason 9; .data+0x40 holds `table`, which names
/// a block that deletes what it is given.
Diagnosis Of(const std::string& begin, const std::string& table,
             const std::string& what = "") {
  PeSpec spec = test::LeakySpecWithDelete();
  spec.sections[0].content =
      "entry: 55 8b ec " + begin + kLinks + " 83 7d 0c 09 75 (no)" + what +
      " no: 83 7d 0c 01 75 (out)"
      " 68 [.data+0x10] ff 15 [KERNEL32.dll!InitializeCriticalSection] out:" +
      kUnlinks +
      " 31 c0 40 c2 0c 00 cc"
      " handler: 31 c0 40 c3 unwind: c2 08 00 cc"
      " block: ff 74 24 04 ff 15 [KERNEL32.dll!DeleteCriticalSection] c3";
  spec.sections[1].content = "zero:64 " + table + " zero:64";
  return Diagnose(test::MustRead(spec));
}

TEST(FindScopeTableWords, DoubtsNoLeakThatAnExceptionAloneMayEnd) {
  const std::string begin = "6a ff 68 [.data+0x40]";
  for (const char* const table :
       {"ff ff ff ff 00 00 00 00 [block]", "ff ff ff ff [handler] [block]",
        "ff ff ff ff [handler] [handler] 00 00 00 00 00 00 00 00 [block]"}) {
    const Diagnosis leak = Of(begin, table);
    EXPECT_EQ(leak.verdict, Verdict::kLeaks) << table << leak.because;
  }
  const Diagnosis leak =
      Of("6a fe 68 [.data+0x40]",
         "fe ff ff ff 00 00 00 00 d8 ff ff ff 00 00 00 00 fe ff ff ff "
         "[handler] [block]");
  EXPECT_EQ(leak.verdict, Verdict::kLeaks) << leak.because;
}

TEST(FindScopeTableWords, TakesNoOtherObjectForATable) {
  const std::string begin = "6a ff 68 [.data+0x40]";
  for (const char* const table :
       {"00 00 00 00 00 00 00 00 [block]", "ff ff ff ff 01 00 00 00 [block]",
        "ff ff ff ff [.data] [block]", "ff ff ff ff [handler] [.data] [block]",
        // A level that lies in a later one.
        "ff ff ff ff [handler] [handler] 01 00 00 00 00 00 00 00 [block]"}) {
    EXPECT_EQ(Of(begin, table).verdict, Verdict::kUnknown) << table;
  }
  // It is passed by other code.
  EXPECT_EQ(
      Of("6a 01 68 [.data+0x40]", "ff ff ff ff 00 00 00 00 [block]").verdict,
      Verdict::kUnknown);
}

// "return" in a block of __try: _local_unwind2 runs what the table names.
TEST(FindScopeTableWords, LeavesOutWhatAFunctionLeavesByItsTable) {
  const std::string begin = "6a ff 68 [.data+0x40]";
  const std::string returns = " 6a ff 8d 45 f0 50 e8 {unwind}";
  EXPECT_EQ(Of(begin, "ff ff ff ff 00 00 00 00 [block]", returns).verdict,
            Verdict::kUnknown);
  EXPECT_EQ(Of(begin, "ff ff ff ff [handler] [block]", returns).verdict,
            Verdict::kLeaks);
}

// __SEH_prolog, __SEH_prolog4.
TEST(FindScopeTableWords, KnowsTheHelpersThatLinkAFrame) {
  const auto count = [](const std::string& pushes, const std::string& helper) {
    PeSpec spec = test::LeakySpec();
    spec.sections[0].content +=
        "\ncc function: " + pushes +
        " 68 [.data+0x40] e8 {helper} c3 cc handler: c3 helper: " + helper +
        " 8b 44 24 10 c3";
    spec.sections[1].content =
        "zero:64 ff ff ff ff [handler] [handler] zero:64";
    return FindScopeTableWords(MakeCodeView(test::MustRead(spec))).size();
  };
  const std::string moves = "68 [handler] 64 a1 00 00 00 00 50";
  const std::string pushes = "68 [handler] 64 ff 35 00 00 00 00";
  EXPECT_EQ(count("6a 08", moves), 2);
  EXPECT_EQ(count("68 00 02 00 00", pushes), 2);
  EXPECT_EQ(count("68 [.data]", moves), 0);
  EXPECT_EQ(count("6a 08", "64 a1 00 00 00 00 50"), 0);
}

}  // namespace
}  // namespace detachfix
