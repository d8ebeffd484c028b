// SPDX-License-Identifier: Apache-2.0
// Lines as KB Q150497, Q164471 and Q168132 show them; checksums are those that
// pefile or the file's header give.
#include "patcher/batch/setup_log_file.h"

#include <gtest/gtest.h>

#include "patcher/hex_text.h"
#include "patcher/patch_file.h"
#include "patcher/pe_image.h"
#include "patcher/setup_log.h"
#include "tests/support/fake_files.h"
#include "tests/support/security_dll.h"

namespace detachfix {
namespace {

constexpr char kDll[] = "/i/WINNT/System32/security.dll";
constexpr char kLog[] = "/i/WINNT/Repair/SETUP.LOG";

Bytes ToBytes(const std::string& text) {
  return Bytes(text.begin(), text.end());
}

uint32_t CheckSum(const Bytes& bytes) {
  return ReadPeImage(bytes)->image->checksum;
}

std::string Digits(uint32_t value) { return HexNumber(value).substr(2); }

/// A log as Setup writes it, with one byte that is no UTF-8 in it.
std::string LogWith(const std::string& number) {
  return "[Paths]\r\nTargetDirectory=\"\\WINNT\"\r\n[Files.WinNt]\r\n"
         "\\WINNT\\system32\\ntdll.dll = \"ntdll.dll\",\"59c19\"\r\n"
         "\\WINNT\\System32\\Security.DLL = \"security.dll\",\"" +
         number +
         "\"\r\n"
         "\\WINNT\\Temp\\security.dll = \"security.dll\",\"1\"\r\n"
         "\\WINNT\\\xc4.txt = \"a.txt\",\"0\"";
}

/// An installed image with a patched DLL, and the log of the original.
class Installed {
 public:
  Installed() {
    original = test::LeakingSecurityDll();
    files.Add(kDll, original);
    EXPECT_EQ(PatchFile(files, kDll, {}).action, Action::kPatched);
    before = CheckSum(original);
    after = CheckSum(files.Content(kDll));
    EXPECT_NE(before, after);
    files.Add(kLog, ToBytes(LogWith(Digits(before))));
    options.intend = [this](const SetupLogUndo& noted) -> Result<void> {
      undo = noted;
      return {};
    };
  }
  SetupLogEntry Check() {
    const std::optional<SetupLogEntry> entry =
        CheckSetupLog(files, kDll, options);
    EXPECT_TRUE(entry);
    return entry.value_or(SetupLogEntry{});
  }
  std::string Log() const {
    const Bytes bytes = files.Content(kLog);
    return std::string(bytes.begin(), bytes.end());
  }
  std::string Problem() {
    return Check().problem.value_or(Error{"none"}).message;
  }

  FakeFiles files;
  Bytes original;
  uint32_t before = 0;
  uint32_t after = 0;
  SetupLogOptions options;
  SetupLogUndo undo;
};

TEST(SetupLogFile, IsFoundBesideSystem32InAnyCase) {
  Installed image;
  EXPECT_EQ(*FindSetupLog(image.files, kDll), kLog);
  EXPECT_EQ(*FindSetupLog(image.files, "/i/WINNT/Temp/security.dll"),
            std::nullopt);
  EXPECT_EQ(*FindSetupLog(image.files, "security.dll"), std::nullopt);
  image.files.names.erase(kLog);
  EXPECT_EQ(*FindSetupLog(image.files, kDll), std::nullopt);
  image.files.Add("/i/WINNT/repair/setup.lo_", {});
  EXPECT_EQ(FindSetupLog(image.files, kDll).error().message,
            "/i/WINNT/repair/setup.lo_ is packed, and there is no setup.log: "
            "not read");
  image.files.Add(kLog, {});
  EXPECT_EQ(FindSetupLog(image.files, kDll).error().message,
            "/i/WINNT: both Repair and repair stand beside it, which a share "
            "that knows no case cannot tell apart");
}

TEST(SetupLogFile, IsOnlyReadUnlessAsked) {
  Installed image;
  const SetupLogEntry entry = image.Check();
  EXPECT_EQ(entry.path, kLog);
  EXPECT_EQ(entry.check_sum, image.before);
  EXPECT_FALSE(entry.agrees);
  EXPECT_FALSE(entry.updated_to);
  EXPECT_FALSE(entry.problem);
  EXPECT_EQ(image.Log(), LogWith(Digits(image.before)));
}

TEST(SetupLogFile, ChangesOneNumberAndNothingElse) {
  Installed image;
  image.options.update = true;
  const SetupLogEntry entry = image.Check();
  EXPECT_FALSE(entry.problem) << entry.problem->message;
  EXPECT_EQ(entry.check_sum, image.before);
  EXPECT_EQ(entry.updated_to, image.after);
  EXPECT_TRUE(entry.agrees);
  EXPECT_EQ(image.Log(), LogWith(Digits(image.after)));
  // A second time there is nothing to do.
  const SetupLogEntry again = image.Check();
  EXPECT_TRUE(again.agrees);
  EXPECT_FALSE(again.updated_to);
}

TEST(SetupLogFile, GivesTheOldLineBack) {
  Installed image;
  image.options.update = true;
  image.Check();
  const Result<SetupLogUndo> kept = DecodeSetupLogUndo(Encode(image.undo));
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, image.undo);
  for (int i = 0; i < 2; ++i) {
    const Result<void> reverted = RevertSetupLog(image.files, *kept, {});
    EXPECT_TRUE(reverted) << reverted.error().message;
    EXPECT_EQ(image.Log(), LogWith(Digits(image.before)));
  }
  image.files.Overwrite(kLog, ToBytes(LogWith("77")));
  EXPECT_NE(RevertSetupLog(image.files, *kept, {})
                .error()
                .message.find("its line was changed since: it has 0 times"),
            std::string::npos);
  EXPECT_EQ(image.Log(), LogWith("77"));
}

TEST(SetupLogFile, IsOldOrNewWhicheverStepFails) {
  Installed good;
  good.options.update = true;
  const size_t begin = good.files.log.size();
  good.Check();
  for (size_t i = begin; i < good.files.log.size(); ++i) {
    SCOPED_TRACE("fails: " + good.files.log[i]);
    Installed image;
    image.options.update = true;
    image.files.fail = {i};
    const SetupLogEntry entry = image.Check();
    EXPECT_TRUE(entry.problem);
    const std::string log = image.Log();
    EXPECT_TRUE(log == LogWith(Digits(image.before)) ||
                log == LogWith(Digits(image.after)));
    // The next run completes it.
    image.files.fail.clear();
    EXPECT_FALSE(image.Check().problem);
    EXPECT_EQ(image.Log(), LogWith(Digits(image.after)));
  }
}

TEST(SetupLogFile, KeepsAChangeThatComesMeanwhile) {
  // As the line of Secur128.dll, updated by another thread.
  Installed image;
  image.options.update = true;
  const std::string more = "\r\n\\WINNT\\system32\\x.dll = \"x.dll\",\"2\"";
  image.files.before = [&](size_t index) {
    if (!image.files.log[index].starts_with("guard")) return;
    image.files.Overwrite(kLog, ToBytes(LogWith(Digits(image.before)) + more));
  };
  EXPECT_FALSE(image.Check().problem);
  EXPECT_EQ(image.Log(), LogWith(Digits(image.after)) + more);
}

TEST(SetupLogFile, SaysWhatIsWrongWithTheLog) {
  Installed image;
  image.options.update = true;
  const auto with = [&](const std::string& log) {
    image.files.Overwrite(kLog, ToBytes(log));
    std::string problem = image.Problem();
    EXPECT_EQ(image.Log(), log);
    return problem;
  };
  EXPECT_EQ(with(""), "has no line of system32\\security.dll");
  EXPECT_EQ(with("\\W\\security.dll = \"a\",\"1\""),
            "has no line of system32\\security.dll");
  const std::string line = "\\W\\system32\\security.dll = \"a\",\"1\"\n";
  EXPECT_EQ(with(line + line), "has 2 lines of system32\\security.dll");
  EXPECT_EQ(with("\\W\\system32\\security.dll = \"a\",\"\""),
            "the line of security.dll has no checksum");
  EXPECT_EQ(with("\xff\xfe\\"),
            "is UTF-16 text, which Setup of NT 4.0 does not write");
  EXPECT_FALSE(CheckSetupLog(image.files, "/i/other/a.dll", {}));
}

TEST(SetupLogFile, WritesNothingThatWasNotNoted) {
  Installed image;
  image.options.update = true;
  image.options.intend = [](const SetupLogUndo&) -> Result<void> {
    return Error{"disk full"};
  };
  EXPECT_EQ(image.Problem(),
            "not updated, since the ledger cannot note it: disk full");
  EXPECT_EQ(image.Check().exit_status, 3);
  EXPECT_EQ(image.Log(), LogWith(Digits(image.before)));
}

TEST(SetupLogFile, IsReplacedWhenReadOnlyOnlyIfAsked) {
  Installed image;
  image.options.update = true;
  image.files.names.at(kLog)->state.writable = false;
  EXPECT_EQ(image.Problem().substr(0, 26), "not updated: is read-only ");
  EXPECT_EQ(image.Check().exit_status, 2);
  image.options.replace_read_only = true;
  EXPECT_EQ(image.Problem(), "none");
}

TEST(SetupLogLine, KeepsTheCaseOfItsDigits) {
  const Result<SetupLogLine> line = FindSetupLogLine(
      "a\n\\W\\system32\\a.dll=\"a.dll\",\"1AB2\"\r\n", "a.dll");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->offset, 2u);
  EXPECT_EQ(WithCheckSum(*line, 0xc0ffee),
            "\\W\\system32\\a.dll=\"a.dll\",\"C0FFEE\"");
}

}  // namespace
}  // namespace detachfix
