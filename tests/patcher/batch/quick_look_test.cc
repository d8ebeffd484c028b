// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/quick_look.h"

#include <gtest/gtest.h>

#include <string>

#include "patcher/verify_file.h"
#include "tests/support/fake_files.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"
#include "tests/support/security_dll.h"

namespace detachfix {
namespace {

constexpr const char* kPath = "/d/a.dll";

// FullSpec as another DLL, and without a function that makes a section.
test::PeSpec HarmlessSpec() {
  test::PeSpec spec = test::FullSpec();
  spec.sections[0].content =
      "entry: 83 7c 24 08 01 75 (out)  ; cmp [esp+8],1; jne out\n"
      "ff 15 [KERNEL32.dll!TlsAlloc]\n"
      "out: 31 c0 40 c2 0c 00          ; mov eax,1; ret 12\n"
      "init: b8 [.data] c3";
  spec.imports[0].functions = {"TlsAlloc"};
  spec.export_name = "OTHER.dll";
  spec.version = {};
  return spec;
}

Bytes ToBytes(const std::string& text) {
  return Bytes(text.begin(), text.end());
}

std::optional<FileOutcome> Answer(const Bytes& bytes,
                                  Look look = Look::kTables) {
  FakeFiles files;
  files.Add(kPath, bytes);
  return LookQuickly(files, kPath, look);
}

std::string Line(const FileOutcome& outcome) {
  return std::string(ToText(outcome.action)) + ", " +
         ToText(outcome.diagnosis.verdict) + ": " + outcome.diagnosis.because +
         "; " + outcome.diagnosis.not_target_because;
}

std::string FullLine(const Bytes& bytes, Scope scope = Scope::kAnyDll) {
  FakeFiles files;
  files.Add(kPath, bytes);
  return Line(VerifyFile(files, kPath, scope).outcome);
}

TEST(LookQuickly, SettlesAnImageThatImportsNoInitialise) {
  const std::optional<FileOutcome> outcome =
      Answer(test::BuildPe(HarmlessSpec()).bytes);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(Line(*outcome),
            "none, not-applicable: imports no function that initialises a "
            "critical section; it is not named security.dll: export name "
            "\"OTHER.dll\"");
  EXPECT_EQ(outcome->path, kPath);
  EXPECT_EQ(outcome->machine, 0x14c);
  EXPECT_FALSE(outcome->sha256);
}

TEST(LookQuickly, FollowsTheEntryThatTheClrRuns) {
  for (const char* const native : {"entry", "nothing"}) {
    test::PeSpec spec = test::ClrSpec(native, "10 00 00 00");
    spec.export_name = "OTHER.dll";
    const Bytes bytes = test::BuildPe(spec).bytes;
    const std::optional<FileOutcome> outcome = Answer(bytes, Look::kCode);
    ASSERT_TRUE(outcome) << native;
    EXPECT_EQ(Line(*outcome), FullLine(bytes)) << native;
  }
}

TEST(LookQuickly, SettlesOtherMachines) {
  test::PeSpec spec = test::FullSpec();
  spec.overrides = {{"Machine", 0x8664}};
  const std::optional<FileOutcome> outcome = Answer(test::BuildPe(spec).bytes);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->diagnosis.because,
            "machine x86-64 (0x8664), which KB Q238493 does not list");
}

TEST(LookQuickly, SettlesWhatIsNoPe) {
  for (const char* text : {"", "x", "#!/bin/sh\n", "PK\x03\x04 and more"}) {
    const std::optional<FileOutcome> outcome = Answer(ToBytes(text));
    ASSERT_TRUE(outcome) << text;
    EXPECT_EQ(Line(*outcome), FullLine(ToBytes(text)));
    EXPECT_EQ(outcome->action, Action::kFailed);
  }
}

TEST(LookQuickly, LeavesTheRestToAFullLook) {
  EXPECT_FALSE(Answer(test::LeakingSecurityDll()));
  EXPECT_FALSE(Answer(test::LeakingOtherDll()));
  EXPECT_FALSE(Answer(ToBytes("SZDD\x88\xf0\x27\x33 packed")));
  EXPECT_FALSE(Answer(ToBytes("SZ \x88\xf0\x27\x33\xd1 packed")));
  EXPECT_FALSE(Answer(ToBytes("MSCF packed")));
  EXPECT_FALSE(Answer(ToBytes("KWAJ\x88\xf0\x27\xd1 packed")));
  EXPECT_FALSE(Answer(ToBytes("MZ")));
  FakeFiles files;
  EXPECT_FALSE(LookQuickly(files, "/d/missing", Look::kTables));
  // The target, whose hash a table may know, also when it needs no fix.
  test::PeSpec spec = HarmlessSpec();
  spec.export_name = "SECURITY.dll";
  EXPECT_FALSE(Answer(test::BuildPe(spec).bytes));
}

TEST(LookQuickly, ReadsNoCodeAndNoMoreThanItNeeds) {
  test::PeSpec spec = HarmlessSpec();
  Bytes bytes = test::BuildPe(spec).bytes;
  const size_t size = bytes.size();
  bytes.resize(size + 1'000'000);  // an installer's payload
  FakeFiles files;
  files.Add(kPath, bytes);
  ASSERT_TRUE(LookQuickly(files, kPath, Look::kTables));
  for (const std::string& step : files.log) {
    if (!step.starts_with("read-at")) continue;
    const size_t last = step.rfind(' ');
    const size_t offset = std::stoul(step.substr(step.rfind(' ', last - 1)));
    EXPECT_LE(offset + std::stoul(step.substr(last)), size + 16384) << step;
  }
}

TEST(LookQuickly, SaysNothingWhenAnyStepFailsOrTheFileChanges) {
  const Bytes bytes = test::BuildPe(HarmlessSpec()).bytes;
  FakeFiles counted;
  counted.Add(kPath, bytes);
  ASSERT_TRUE(LookQuickly(counted, kPath, Look::kTables));
  ASSERT_GE(counted.log.size(), 3u);
  for (size_t step = 0; step < counted.log.size(); ++step) {
    FakeFiles files;
    files.Add(kPath, bytes);
    files.fail = {step};
    EXPECT_FALSE(LookQuickly(files, kPath, Look::kTables)) << counted.log[step];
  }
  FakeFiles files;
  files.Add(kPath, bytes);
  files.before = [&](size_t step) {
    if (step == 1) files.Overwrite(kPath, test::LeakingOtherDll());
  };
  EXPECT_FALSE(LookQuickly(files, kPath, Look::kTables));
}

// HarmlessSpec, but it might initialise a section.
Bytes DllThatMustBeRun() {
  test::PeSpec spec = HarmlessSpec();
  spec.imports[0].functions = {"TlsAlloc", "InitializeCriticalSection"};
  return test::BuildPe(spec).bytes;
}

TEST(LookQuickly, RunsCodeOnlyWhenAskedTo) {
  const Bytes bytes = DllThatMustBeRun();
  EXPECT_FALSE(Answer(bytes, Look::kTables));
  const std::optional<FileOutcome> outcome = Answer(bytes, Look::kCode);
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->diagnosis.because.starts_with(
      "attach initialises no critical section"))
      << outcome->diagnosis.because;
  EXPECT_EQ(Line(*outcome), FullLine(bytes));
  // What leaks is LIEF's to read, too.
  EXPECT_FALSE(Answer(test::LeakingOtherDll(), Look::kCode));
}

TEST(LookQuickly, HandsOnWhatItRan) {
  const Bytes bytes = test::LeakingOtherDll();
  FakeFiles files;
  files.Add(kPath, bytes);
  SeenRuns seen;
  ASSERT_FALSE(LookQuickly(files, kPath, Look::kCode, &seen));
  ASSERT_EQ(seen.runs.size(), 1u);
  // As if attach had left nothing: only who runs it again will know better.
  seen.runs.begin()->second.attach.exits[0].sections.clear();
  seen.runs.begin()->second.detach.exits[0].sections.clear();
  SeenRuns same{std::move(seen.parts), seen.runs};
  EXPECT_EQ(VerifyFile(files, kPath, Scope::kAnyDll, std::move(same))
                .outcome.diagnosis.verdict,
            Verdict::kNotApplicable);
  SeenRuns changed;
  ASSERT_FALSE(LookQuickly(files, kPath, Look::kCode, &changed));
  changed.runs = seen.runs;
  Bytes other = bytes;
  other[0x1f] ^= 1;  // the DOS header, which the look has read
  files.Overwrite(kPath, other);
  EXPECT_EQ(VerifyFile(files, kPath, Scope::kAnyDll, std::move(changed))
                .outcome.diagnosis.verdict,
            Verdict::kLeaks);
}

TEST(LookQuickly, AsksTheRestOfTheFolderWhereCodeIsRun) {
  FakeFiles files;
  files.Add(kPath, DllThatMustBeRun());
  ASSERT_TRUE(LookQuickly(files, kPath, Look::kCode));
  files.Add(SideFilePath(kPath), ToBytes("of whatever"));
  EXPECT_FALSE(LookQuickly(files, kPath, Look::kCode));
}

TEST(LookQuickly, AnswersForNoCodeThatItCouldNotRead) {
  FakeFiles counted;
  counted.Add(kPath, DllThatMustBeRun());
  ASSERT_TRUE(LookQuickly(counted, kPath, Look::kCode));
  for (size_t step = 0; step < counted.log.size(); ++step) {
    FakeFiles files;
    files.Add(kPath, DllThatMustBeRun());
    files.fail = {step};
    EXPECT_FALSE(LookQuickly(files, kPath, Look::kCode)) << counted.log[step];
  }
}

TEST(LookQuickly, TellsTheTargetFromOtherDllsWithoutTheirCode) {
  const std::optional<FileOutcome> other =
      Answer(test::LeakingOtherDll(), Look::kTarget);
  ASSERT_TRUE(other);
  EXPECT_EQ(Line(*other),
            "none, not-applicable: is not Security.dll: it is not named "
            "security.dll: export name \"OTHER.dll\"; it is not named "
            "security.dll: export name \"OTHER.dll\"");
  EXPECT_EQ(Line(*other), FullLine(test::LeakingOtherDll(), Scope::kTarget));
  EXPECT_FALSE(Answer(test::LeakingSecurityDll(), Look::kTarget));
}

// Each field wrong: an answer is that of a full look, and most get none.
TEST(LookQuickly, AgreesOnBrokenFiles) {
  const test::PeSpec sound = HarmlessSpec();
  int answers = 0;
  for (const auto& [name, field] : test::BuildPe(sound).fields) {
    for (const uint32_t value : {0u, 1u, 0x1001u, 0x7ffffff0u, 0xffffffffu}) {
      test::PeSpec broken = sound;
      broken.overrides = {{name, value}};
      const Bytes bytes = test::BuildPe(broken).bytes;
      const std::optional<FileOutcome> outcome = Answer(bytes);
      if (!outcome) continue;
      ++answers;
      EXPECT_EQ(Line(*outcome), FullLine(bytes)) << name << " = " << value;
    }
  }
  EXPECT_GT(answers, 100);
}

}  // namespace
}  // namespace detachfix
