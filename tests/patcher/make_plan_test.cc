// SPDX-License-Identifier: Apache-2.0
// From bytes to plan and back through the analysis: what the plans promise, on
// images that leave them little or much room, and every refusal.
#include "patcher/make_plan.h"

#include <gtest/gtest.h>

#include "disasm/instruction.h"
#include "patcher/hex_text.h"
#include "patcher/pe_checksum.h"
#include "patcher/references.h"
#include "patcher/undo_record.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::LeakAt;
using test::LeakyCode;
using test::LeakySpec;
using test::LeakySpecWithDelete;
using test::MustRead;
using test::PeSpec;

/// `.text` without a free byte, so that code has to go elsewhere.
PeSpec FullText() {
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[0].content += "\nfill:488:41";
  return spec;
}

/// An exit that cannot be moved: its operand is relocated.
PeSpec NoExit() {
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[0].content = LeakyCode("a1 [.data] c2 0c 00");
  return spec;
}

/// The same, and the detach path calls a function of the system.
PeSpec NoExitAndWork() {
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[0].content =
      LeakyCode("ff 15 [KERNEL32.dll!GetLastError] a1 [.data] c2 0c 00");
  return spec;
}

struct Case {
  const char* name;
  PeSpec spec;
  const char* hook;
  const char* cave;
};

std::vector<Case> Cases() {
  PeSpec bound = LeakySpec();
  bound.imports[0].bound_stamp = 0x3300;
  PeSpec overlay = LeakySpec();
  overlay.debug_misc = "security.dbg";
  overlay.overlay = {1, 2, 3};
  PeSpec grown = FullText();
  grown.overlay = {1, 2, 3};
  PeSpec padded = LeakySpecWithDelete();
  padded.sections[0].virtual_size = 0x800;  // no slack behind the content
  return {
      {"delete imported", LeakySpecWithDelete(), "exit of the detach path",
       "slack of .text"},
      {"delete added", LeakySpec(), "exit of the detach path",
       "slack of .text"},
      {"bound imports", bound, "exit of the detach path", "slack of .text"},
      {"entry", NoExit(), "entry", "slack of .text"},
      {"entry wrapper", NoExitAndWork(), "entry wrapper", "slack of .text"},
      {"overlay", overlay, "exit of the detach path", "slack of .text"},
      {"padding", padded, "exit of the detach path", "padding of .text"},
      {"new section", grown, "exit of the detach path", "a new section"},
  };
}

/// A plan and the file that it makes.
struct Planned {
  PeImage before;
  Plan plan;
  PeImage after;
};

Planned MustPlan(const PeSpec& spec) {
  Planned planned;
  planned.before = MustRead(spec);
  const Diagnosis diagnosis = Diagnose(planned.before);
  EXPECT_EQ(diagnosis.verdict, Verdict::kLeaks) << diagnosis.because;
  Result<Plan> plan = MakePlan(planned.before, diagnosis);
  if (!plan) {
    ADD_FAILURE() << plan.error().message;
    return planned;
  }
  planned.plan = std::move(*plan);
  const Result<Bytes> bytes = Apply(planned.plan.edits, planned.before.bytes);
  EXPECT_TRUE(bytes) << bytes.error().message;
  if (bytes) planned.after = MustRead(*bytes);
  return planned;
}

std::string WhyNot(const PeImage& image, const Diagnosis& diagnosis) {
  const Result<Plan> plan = MakePlan(image, diagnosis);
  return plan ? "planned" : plan.error().message;
}

/// What a repair must leave as it was: each as text, to compare at once.
std::string Identity(const PeImage& image) {
  std::string text = HexNumber(image.time_date_stamp) + " " +
                     HexNumber(image.image_base) + " " +
                     HexNumber(image.characteristics) + " " + image.export_name;
  for (const ExportedFunction& f : image.exports) {
    text += " " + f.name + "=" + HexNumber(f.rva.value);
  }
  for (const Directory d :
       {Directory::kExport, Directory::kResource, Directory::kBaseRelocation,
        Directory::kDebug, Directory::kTls}) {
    text += " " + HexNumber(image.directory(d).rva);
  }
  return text;
}

TEST(MakePlan, TakesTheFirstWayThatServes) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Planned planned = MustPlan(c.spec);
    EXPECT_EQ(planned.plan.hook, c.hook);
    EXPECT_EQ(planned.plan.cave, c.cave);
  }
}

TEST(MakePlan, LeavesAFixedFile) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Planned planned = MustPlan(c.spec);
    const Diagnosis after = Diagnose(planned.after);
    EXPECT_EQ(after.verdict, Verdict::kFixed) << after.because;
    EXPECT_EQ(after.critical_sections.size(), 1u);
  }
}

// The stub could not tell whether it was initialised.
TEST(MakePlan, LeavesASectionThatIsNotZeroInTheFile) {
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[1].content = "zero:16 11 zero:47";
  const PeImage image = MustRead(spec);
  const Result<Plan> plan = MakePlan(image, Diagnose(image), {});
  ASSERT_FALSE(plan);
  EXPECT_TRUE(plan.error().message.find("begins with 0x11 in the file") !=
              std::string::npos)
      << plan.error().message;
}

TEST(MakePlan, KeepsTheChecksumRight) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Planned planned = MustPlan(c.spec);
    EXPECT_EQ(planned.after.checksum,
              PeChecksum(planned.after.bytes, planned.after.checksum_offset));
  }
}

TEST(MakePlan, KeepsWhatIdentifiesTheFile) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Planned planned = MustPlan(c.spec);
    EXPECT_EQ(Identity(planned.after), Identity(planned.before));
  }
}

TEST(MakePlan, KeepsTheSizeOfTheFileWhereACaveServes) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Planned planned = MustPlan(c.spec);
    const bool grows = std::string(c.cave) == "a new section";
    EXPECT_EQ(planned.after.bytes.size() != planned.before.bytes.size(), grows);
    EXPECT_EQ(planned.after.size_of_image != planned.before.size_of_image,
              grows);
  }
}

TEST(MakePlan, TouchesNoRelocatedWord) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Planned planned = MustPlan(c.spec);
    for (const Edit& edit : planned.plan.edits) {
      const std::optional<Rva> rva = ToRva(planned.before, edit.offset);
      if (!rva || edit.before.empty()) continue;
      EXPECT_FALSE(RelocationIn(planned.before, *rva,
                                static_cast<uint32_t>(edit.before.size())))
          << edit.why;
    }
  }
}

TEST(MakePlan, LeadsBack) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Planned planned = MustPlan(c.spec);
    ASSERT_TRUE(planned.plan.undo_in_file);
    const Result<std::optional<FoundUndoRecord>> found =
        FindUndoRecord(planned.after.bytes);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ(Revert(planned.after.bytes, (*found)->record).value(),
              planned.before.bytes);
  }
}

TEST(MakePlan, IsDeterministic) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(MustPlan(c.spec).plan.edits, MustPlan(c.spec).plan.edits);
  }
}

TEST(MakePlan, GivesEveryEditAReason) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    for (const Edit& edit : MustPlan(c.spec).plan.edits) {
      EXPECT_FALSE(edit.why.empty()) << edit.offset.value;
    }
  }
}

TEST(MakePlan, ListsTheCodeThatItInjects) {
  const Planned planned = MustPlan(NoExit());
  ASSERT_FALSE(planned.plan.stub.empty());
  EXPECT_EQ(planned.plan.stub.front().rva, planned.after.entry_point);
  for (const ListingLine& line : planned.plan.stub) {
    const std::optional<FileOffset> offset = ToOffset(planned.after, line.rva);
    ASSERT_TRUE(offset);
    const auto begin = planned.after.bytes.begin() + offset->value;
    EXPECT_TRUE(std::equal(line.bytes.begin(), line.bytes.end(), begin));
    EXPECT_EQ(Disassemble(MakeCodeView(planned.after), line.rva).text,
              line.text);
  }
}

TEST(MakePlan, SaysWhyAWayWasNotTaken) {
  EXPECT_EQ(MustPlan(NoExit()).plan.rejected,
            std::vector<std::string>{
                "exit of the detach path: a base relocation rewrites 0x1013 "
                "before the return 0x1017"});
}

TEST(MakePlan, DeletesEverySection) {
  PeSpec spec = LeakySpecWithDelete();
  spec.sections[0].content =
      "entry: 83 7c 24 08 01 75 (out)\n"
      "68 [.data] ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
      "68 [.data+0x20] ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
      "68 [.data+0x40] ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
      "out: 31 c0 40 c2 0c 00";
  spec.sections[1].content = "zero:96";
  const Diagnosis after = Diagnose(MustPlan(spec).after);
  EXPECT_EQ(after.verdict, Verdict::kFixed) << after.because;
  ASSERT_EQ(after.critical_sections.size(), 3u);
  for (const CriticalSection& section : after.critical_sections) {
    EXPECT_TRUE(section.deleted_at);
  }
}

TEST(MakePlan, GoesWithoutAnUndoRecordWhereNoRoomIsLeft) {
  PeSpec spec = LeakySpecWithDelete();
  // 0x40 bytes are left for a stub of 0x33, none elsewhere.
  spec.sections[0].content += "\nfill:424:41";
  for (const char* size :
       {"Section[1].VirtualSize", "Section[2].VirtualSize",
        "Section[3].VirtualSize", "Section[4].VirtualSize"}) {
    spec.overrides.emplace_back(size, 0x200);
  }
  const Planned planned = MustPlan(spec);
  EXPECT_FALSE(planned.plan.undo_in_file);
  EXPECT_EQ(Diagnose(planned.after).verdict, Verdict::kFixed);
}

TEST(MakePlan, PutsTheOverlayNowhereElse) {
  PeSpec spec = FullText();
  spec.debug_misc = "security.dbg";
  spec.overlay = {1, 2, 3};
  const Planned planned = MustPlan(spec);
  const PeImage& before = planned.before;
  EXPECT_EQ(planned.after.debug[0].raw_offset, before.debug[0].raw_offset);
  const auto begin = static_cast<std::ptrdiff_t>(before.overlay_offset.value);
  EXPECT_TRUE(std::equal(before.bytes.begin() + begin, before.bytes.end(),
                         planned.after.bytes.begin() + begin));
  EXPECT_EQ(planned.after.sections.back().name, ".detach");
}

// Refusals.

TEST(MakePlan, RefusesAnyVerdictButLeaks) {
  const PeImage image = MustRead(LeakySpec());
  Diagnosis diagnosis = LeakAt(Rva{0x2010}, Rva{0x1015});
  diagnosis.verdict = Verdict::kUnknown;
  EXPECT_EQ(WhyNot(image, diagnosis),
            "the verdict is unknown, only a file that leaks is patched");
  diagnosis.verdict = Verdict::kFixed;
  EXPECT_EQ(WhyNot(image, diagnosis),
            "the verdict is fixed, only a file that leaks is patched");
}

TEST(MakePlan, RefusesAFileThatHoldsAnUndoRecord) {
  const Diagnosis diagnosis = LeakAt(Rva{0x2010}, Rva{0x1015});
  PeSpec spec = LeakySpec();
  spec.overlay = {0, 0};
  PeImage image = MustRead(spec);
  UndoRecord record{"0.0.9", 8, {}, {{FileOffset{2}, 1, {7}}}};
  Bytes encoded = Encode(record);
  Bytes bytes = image.bytes;
  bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  image.bytes = bytes;
  EXPECT_EQ(WhyNot(image, diagnosis),
            "the file was patched already, by detachfix 0.0.9, and leaks: "
            "revert it first");
  bytes.back() ^= 1;
  image.bytes = bytes;
  EXPECT_EQ(WhyNot(image, diagnosis).substr(0, 33),
            "the file looks patched already: u");
}

TEST(MakePlan, RefusesADiagnosisWithoutSectionOrTrace) {
  const PeImage image = MustRead(LeakySpec());
  Diagnosis diagnosis = LeakAt(Rva{0x2010}, Rva{0x1015});
  diagnosis.critical_sections.clear();
  EXPECT_EQ(WhyNot(image, diagnosis),
            "no leaked section is at a fixed place in the image");
  diagnosis.traces.reset();
  EXPECT_EQ(WhyNot(image, diagnosis), "the verdict rests on no trace");
}

TEST(MakePlan, RefusesASignedFile) {
  PeSpec spec = LeakySpec();
  spec.certificate = {1, 2, 3};
  const PeImage image = MustRead(spec);
  EXPECT_EQ(WhyNot(image, Diagnose(image)),
            "the file is signed: certificate table at " +
                HexNumber(image.directory(Directory::kCertificate).rva) +
                ", 0x10 bytes; --allow-signed patches it all the same, and "
                "the signature is invalid then");
}

TEST(MakePlan, KeepsTheCertificateTableAtTheEndOfAFileThatMayBeChanged) {
  PeSpec spec = LeakySpecWithDelete();
  spec.certificate = Bytes(16, 0x11);
  const PeImage image = MustRead(spec);
  const Result<Plan> plan = MakePlan(image, Diagnose(image), {true});
  ASSERT_TRUE(plan) << plan.error().message;
  const Result<Bytes> bytes = Apply(plan->edits, image.bytes);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), image.bytes.size());
  const PeImage after = MustRead(*bytes);
  EXPECT_EQ(after.directory(Directory::kCertificate).rva,
            image.directory(Directory::kCertificate).rva);
  spec = FullText();
  spec.certificate = Bytes(16, 0x11);
  const PeImage full = MustRead(spec);
  const Result<Plan> none = MakePlan(full, Diagnose(full), {true});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find(
                "has to stay at the end of the file: no section can follow it"),
            std::string::npos)
      << none.error().message;
}

TEST(MakePlan, RefusesManagedCode) {
  PeSpec spec = LeakySpec();
  spec.overrides = {{"Directory[14].Rva", 0x2000},
                    {"Directory[14].Size", 0x20}};
  const PeImage image = MustRead(spec);
  EXPECT_EQ(WhyNot(image, LeakAt(Rva{0x2010}, Rva{0x1015})),
            "the file holds managed code: CLR header at 0x2000");
}

TEST(MakePlan, RefusesAnotherMachine) {
  PeImage image = MustRead(LeakySpec());
  image.machine = 0x1f0;
  EXPECT_EQ(WhyNot(image, LeakAt(Rva{0x2010}, Rva{0x1015})),
            "code for machine 0x1f0 cannot be made");
}

TEST(MakePlan, NamesEveryWayThatDidNotServe) {
  const PeImage built = MustRead(FullText());
  // Somebody's byte leaves no room for a section header.
  std::vector<uint8_t> bytes = built.bytes;
  bytes[built.sections.back().header_offset.value + 40] = 1;
  const PeImage image = MustRead(bytes);
  EXPECT_EQ(
      WhyNot(image, Diagnose(image)),
      "no way to hook serves: exit of the detach path: no 0x33 free "
      "bytes in a row for the stub where code may run; entry: no 0x34 "
      "free bytes in a row for the stub where code may run; entry "
      "wrapper: no 0x43 free bytes in a row for the stub where code may "
      "run; a new section: the byte at 0x240 behind the section headers is not "
      "zero: no room for another header of 0x28 bytes");
}

// The function is given fewer arguments than it takes, so that the entry's
// return address is among what it may read: of the loader at first, then of the
// stub around the entry.
TEST(MakePlan, RefusesWhatTheAnalysisCouldNotFollow) {
  PeSpec spec = LeakySpecWithDelete();
  spec.imports[0].functions.push_back("CreateFileTransactedA");
  spec.sections[0].content = LeakyCode(
      "55 8b ec 6a 00 ff 15 [KERNEL32.dll!CreateFileTransactedA] 8b e5 5d "
      "a1 [.data] c2 0c 00");
  const PeImage image = MustRead(spec);
  const Diagnosis diagnosis = Diagnose(image);
  EXPECT_EQ(diagnosis.verdict, Verdict::kLeaks) << diagnosis.because;
  const std::string message = WhyNot(image, diagnosis);
  EXPECT_NE(message.find("entry wrapper: the patched file would be unknown: "
                         "detach: passes code at "),
            std::string::npos)
      << message;
}

TEST(MakePlan, GivesUpTheBindingsForTheHeaderOfASection) {
  PeSpec spec = FullText();
  spec.imports[0].bound_stamp = 0x3300;
  const PeImage image = MustRead(spec);
  const Result<Plan> plan = MakePlan(image, Diagnose(image));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->cave, "a new section");
  size_t cleared = 0;
  for (const Edit& edit : plan->edits) {
    cleared += edit.why.starts_with("bound import directory cleared");
    cleared += edit.why.ends_with("no longer bound");
  }
  EXPECT_EQ(cleared, 2u);
}

TEST(MakePlan, SaysThatTheDeleteFunctionCannotBeImported) {
  PeSpec spec = LeakySpec();
  spec.imports[0].lookup_table = false;
  spec.sections[1].content = "zero:512";
  spec.overrides = {{"Section[2].VirtualSize", 0x200}};
  spec.imports[0].functions = {"InitializeCriticalSection"};
  const PeImage built = MustRead(spec);
  // Headers without room, so that no section is appended either.
  std::vector<uint8_t> bytes = built.bytes;
  bytes[built.sections.back().header_offset.value + 40] = 1;
  const PeImage image = MustRead(bytes);
  const std::string message = WhyNot(image, Diagnose(image));
  EXPECT_NE(message.find("the delete function is not imported and cannot be "
                         "added: a descriptor for "
                         "kernel32.dll!DeleteCriticalSection: no free bytes "
                         "that the loader may write for a slot"),
            std::string::npos)
      << message;
}

}  // namespace
}  // namespace detachfix
