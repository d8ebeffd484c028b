// SPDX-License-Identifier: Apache-2.0
// What an edited image imports is read back by the PE reader, which knows
// nothing of how it was edited. The loader's rules are those of import_edit.cc.
#include "patcher/import_edit.h"

#include <gtest/gtest.h>

#include "patcher/references.h"
#include "tests/support/leaky_image.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::kDataFlags;
using test::kReadOnlyFlags;
using test::LeakySpec;
using test::LeakySpecWithDelete;
using test::MustRead;
using test::PeSpec;

const ImportName kInitialize = {"kernel32.dll", "InitializeCriticalSection",
                                std::nullopt};
const ImportName kRtlInitialize = {"ntdll.dll", "RtlInitializeCriticalSection",
                                   std::nullopt};

/// What came of adding the import to an image.
struct Added {
  Result<DeleteSlot> slot = Error{""};
  PeImage before;
  PeImage after;  ///< empty when nothing was added
  std::vector<Edit> edits;
};

Added Add(const PeSpec& spec, const ImportName& initialised_by = kInitialize,
          bool new_section = false) {
  Added result;
  result.before = MustRead(spec);
  std::vector<Cave> caves = FindCaves(result.before, References(result.before));
  if (new_section) {
    Result<Cave> room = FindNewSectionRoom(result.before, 0x1000);
    EXPECT_TRUE(room) << room.error().message;
    if (room) caves.push_back(*room);
  }
  Draft draft(result.before, caves);
  result.slot = AddDeleteImport(draft, initialised_by);
  if (!result.slot) return result;
  result.edits = draft.Finish();
  const Result<Bytes> bytes = Apply(result.edits, result.before.bytes);
  EXPECT_TRUE(bytes) << bytes.error().message;
  if (bytes) result.after = MustRead(*bytes);
  return result;
}

/// "kernel32.dll!A 0x3040" for each import, in order.
std::vector<std::string> Slots(const PeImage& image) {
  std::vector<std::string> slots;
  for (const ImportDescriptor& d : image.imports) {
    for (const ImportedFunction& f : d.functions) {
      slots.push_back(ToText(f.name) + " " + std::to_string(f.slot.value));
    }
  }
  return slots;
}

/// The imports after are those before and, at its slot, the delete function.
void ExpectOneMore(const Added& added, const std::string& name) {
  ASSERT_TRUE(added.slot) << added.slot.error().message;
  std::vector<std::string> expected = Slots(added.before);
  expected.push_back(name + " " + std::to_string(added.slot->slot.value));
  std::vector<std::string> found = Slots(added.after);
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected);
  EXPECT_EQ(ToText(added.slot->name), name);
}

const Edit* EditFor(const Added& added, const std::string& why) {
  for (const Edit& edit : added.edits) {
    if (edit.why == why) return &edit;
  }
  return nullptr;
}

TEST(ImportedDelete, FindsTheNameOfEitherDll) {
  const PeImage image = MustRead(LeakySpecWithDelete());
  const std::optional<DeleteSlot> slot = ImportedDelete(image, kInitialize);
  ASSERT_TRUE(slot);
  EXPECT_EQ(ToText(slot->name), "kernel32.dll!DeleteCriticalSection");
  EXPECT_EQ(slot->slot, image.imports[0].functions[2].slot);
  EXPECT_TRUE(ImportedDelete(image, kRtlInitialize));
}

TEST(ImportedDelete, PrefersTheDllThatInitialised) {
  PeSpec spec = LeakySpecWithDelete();
  spec.imports.push_back({"ntdll.dll", {"RtlDeleteCriticalSection"}});
  const PeImage image = MustRead(spec);
  EXPECT_EQ(ToText(ImportedDelete(image, kInitialize)->name),
            "kernel32.dll!DeleteCriticalSection");
  EXPECT_EQ(ToText(ImportedDelete(image, kRtlInitialize)->name),
            "ntdll.dll!RtlDeleteCriticalSection");
}

TEST(ImportedDelete, TakesNoOtherDllsFunctionOfThatName) {
  PeSpec spec = LeakySpec();
  spec.imports.push_back({"other.dll", {"DeleteCriticalSection"}});
  spec.imports.push_back({"ntdll.dll", {"DeleteCriticalSection"}});
  EXPECT_FALSE(ImportedDelete(MustRead(spec), kInitialize));
}

TEST(AddDeleteImport, AddsADescriptorOfItsOwn) {
  const Added added = Add(LeakySpec());
  ExpectOneMore(added, "kernel32.dll!DeleteCriticalSection");
  ASSERT_EQ(added.after.imports.size(), 2u);
  const ImportDescriptor& d = added.after.imports[1];
  EXPECT_EQ(d.dll, "KERNEL32.dll");
  EXPECT_EQ(d.time_date_stamp, 0u);
  EXPECT_EQ(d.forwarder_chain, 0u);
  EXPECT_EQ(added.after.directory(Directory::kImport).size, 60u);
  // Tables move within their section where that has room.
  EXPECT_EQ(SectionAt(added.after, Rva{d.original_first_thunk})->name,
            ".idata");
}

TEST(AddDeleteImport, FillsTheSlotAsTheLookupEntry) {
  const Added added = Add(LeakySpec());
  const Edit* slot =
      EditFor(added, "slot of kernel32.dll!DeleteCriticalSection");
  const Edit* lookup =
      EditFor(added, "lookup entry of kernel32.dll!DeleteCriticalSection");
  ASSERT_NE(slot, nullptr);
  ASSERT_NE(lookup, nullptr);
  EXPECT_EQ(slot->after, lookup->after);
  EXPECT_NE(slot->after[0], 0);  // a loader passes over a zero first slot
}

TEST(AddDeleteImport, PutsTheSlotWhereTheLoaderMayWrite) {
  const Added added = Add(LeakySpec());
  EXPECT_TRUE(SectionAt(added.after, added.slot->slot)->IsWritable());
}

TEST(AddDeleteImport, TakesNtdllsNameForItsSections) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content =
      "entry: 68 [.data] ff 15 [ntdll.dll!RtlInitializeCriticalSection] "
      "c2 0c 00";
  spec.imports = {{"ntdll.dll", {"RtlInitializeCriticalSection"}}};
  ExpectOneMore(Add(spec, kRtlInitialize),
                "ntdll.dll!RtlDeleteCriticalSection");
}

// The section was made by what GetProcAddress gave.
TEST(AddDeleteImport, TakesKernel32sNameWhereNothingIsOfNtdll) {
  ExpectOneMore(Add(LeakySpec(), kRtlInitialize),
                "kernel32.dll!DeleteCriticalSection");
}

// vcruntime140 exports the one, and no function that deletes.
TEST(AddDeleteImport, TakesKernel32sNameForACRuntimesSections) {
  const ImportName initialise{
      "vcruntime140.dll", "__vcrt_InitializeCriticalSectionEx", std::nullopt};
  PeSpec spec = LeakySpec();
  spec.imports.push_back({"VCRUNTIME140.dll", {initialise.name}});
  ExpectOneMore(Add(spec, initialise), "kernel32.dll!DeleteCriticalSection");
}

TEST(AddDeleteImport, ClearsBoundImports) {
  PeSpec spec = LeakySpec();
  spec.imports[0].bound_stamp = 0x3300;
  spec.imports.push_back({"USER32.dll", {"MessageBoxA"}, 0x3301});
  const Added added = Add(spec);
  ExpectOneMore(added, "kernel32.dll!DeleteCriticalSection");
  EXPECT_FALSE(added.before.bound_imports.empty());
  EXPECT_EQ(added.after.directory(Directory::kBoundImport).rva, 0u);
  EXPECT_EQ(added.after.directory(Directory::kBoundImport).size, 0u);
  for (const ImportDescriptor& d : added.after.imports) {
    EXPECT_EQ(d.time_date_stamp, 0u);
    EXPECT_EQ(d.forwarder_chain, 0u);
  }
}

TEST(AddDeleteImport, RefusesBoundImportsWithoutALookupTable) {
  PeSpec spec = LeakySpec();
  spec.imports.push_back({"USER32.dll", {"MessageBoxA"}, 0x3301});
  PeImage image = MustRead(spec);
  // Inside the headers: the loader takes it for none.
  image.imports[1].original_first_thunk = image.size_of_headers - 4;
  Draft draft(image, FindCaves(image, References(image)));
  EXPECT_EQ(AddDeleteImport(draft, kInitialize).error().message,
            "the imports of USER32.dll are bound and have no lookup table to "
            "fall back on");
}

TEST(AddDeleteImport, KeepsUnboundImportsWithoutALookupTable) {
  PeSpec spec = LeakySpec();
  spec.imports.push_back({"USER32.dll", {"MessageBoxA"}, 0, {}, false});
  ExpectOneMore(Add(spec), "kernel32.dll!DeleteCriticalSection");
}

TEST(AddDeleteImport, RefusesADllThatIsNotImportedFrom) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content = "entry: ff 15 [USER32.dll!MessageBoxA] c2 0c 00";
  spec.imports = {{"USER32.dll", {"MessageBoxA"}}};
  EXPECT_EQ(Add(spec, kRtlInitialize).slot.error().message,
            "nothing is imported from ntdll.dll");
}

// Without an address table directory the loader unprotects the section of the
// import directory alone. The builder's .idata holds both; made read-only here.
TEST(AddDeleteImport, StaysInTheSectionThatTheLoaderUnprotects) {
  PeSpec spec = LeakySpec();
  spec.iat_directory = false;
  spec.overrides = {{"Section[2].Characteristics", kReadOnlyFlags}};
  const Added added = Add(spec);
  ExpectOneMore(added, "kernel32.dll!DeleteCriticalSection");
  const Section* home = SectionAt(
      added.after, Rva{added.after.directory(Directory::kImport).rva});
  EXPECT_EQ(home->name, ".idata");
  EXPECT_EQ(SectionAt(added.after, added.slot->slot), home);
}

TEST(AddDeleteImport, ReachesTheSlotWithTheAddressTableDirectory) {
  PeSpec spec = LeakySpec();
  spec.sections[1].content = "zero:512";  // no other section to write to
  spec.overrides = {{"Section[2].Characteristics", kReadOnlyFlags}};
  const Added added = Add(spec);
  ExpectOneMore(added, "kernel32.dll!DeleteCriticalSection");
  const DataDirectory& table =
      added.after.directory(Directory::kImportAddressTable);
  EXPECT_EQ(table.rva,
            added.before.directory(Directory::kImportAddressTable).rva);
  EXPECT_GE(added.slot->slot.value, table.rva);
  EXPECT_LE(added.slot->slot.value + 4, table.rva + table.size);
}

/// An image whose .data is full.
PeSpec FullImports() {
  PeSpec spec = LeakySpec();
  spec.sections[1].content = "zero:512";
  return spec;
}

TEST(AddDeleteImport, MakesALookupTableLongerWhenNoSlotIsFree) {
  PeSpec spec = FullImports();
  // Nothing writable has slack: .idata claims all of its raw data.
  spec.overrides = {{"Section[2].VirtualSize", 0x200}};
  const Added added = Add(spec);
  ExpectOneMore(added, "kernel32.dll!DeleteCriticalSection");
  ASSERT_EQ(added.after.imports.size(), 1u);
  const ImportDescriptor& d = added.after.imports[0];
  EXPECT_EQ(added.slot->slot.value, d.first_thunk + 8);
  EXPECT_EQ(added.after.directory(Directory::kImport).rva,
            added.before.directory(Directory::kImport).rva);
}

TEST(AddDeleteImport, UnbindsWhenALookupTableIsMadeLonger) {
  PeSpec spec = FullImports();
  spec.imports[0].bound_stamp = 0x3300;
  spec.overrides = {{"Section[2].VirtualSize", 0x200}};
  const Added added = Add(spec);
  ExpectOneMore(added, "kernel32.dll!DeleteCriticalSection");
  EXPECT_EQ(added.after.imports[0].time_date_stamp, 0u);
  EXPECT_EQ(added.after.directory(Directory::kBoundImport).size, 0u);
}

// A stamp that is a date, and no bound directory: the loader compares it with
// the DLL's, and takes the slots as they are.
TEST(AddDeleteImport, UnbindsTheOldStyleWhenALookupTableIsMadeLonger) {
  PeSpec spec = FullImports();
  spec.overrides = {{"Section[2].VirtualSize", 0x200},
                    {"Import[0].TimeDateStamp", 0x3300}};
  const Added added = Add(spec);
  EXPECT_EQ(added.before.imports[0].time_date_stamp, 0x3300u);
  ExpectOneMore(added, "kernel32.dll!DeleteCriticalSection");
  EXPECT_EQ(added.after.imports[0].time_date_stamp, 0u);
}

TEST(AddDeleteImport, SaysWhyNeitherWayServes) {
  PeSpec spec = FullImports();
  spec.imports[0].lookup_table = false;
  spec.overrides = {{"Section[2].VirtualSize", 0x200}};
  EXPECT_EQ(Add(spec).slot.error().message,
            "a descriptor for kernel32.dll!DeleteCriticalSection: no free "
            "bytes that the loader may write for a slot; a longer lookup "
            "table: the imports of KERNEL32.dll have no lookup table that "
            "could be made longer");
}

TEST(AddDeleteImport, SaysWhyTheWordBehindTheSlotsIsNotFree) {
  PeSpec spec = FullImports();
  spec.sections[0].content += "\nb8 [KERNEL32.dll!GetLastError+0x4]";
  spec.overrides = {{"Section[2].VirtualSize", 0x200}};
  const Added added = Add(spec);
  ASSERT_FALSE(added.slot) << added.slot->slot.value;
  const std::string message = added.slot.error().message;
  EXPECT_NE(message.find("a longer lookup table: a pointer at 0x1019 leads to "
                         "the word behind the slots of KERNEL32.dll at 0x"),
            std::string::npos)
      << message;
}

TEST(AddDeleteImport, UsesANewSection) {
  PeSpec spec = FullImports();
  spec.imports[0].lookup_table = false;
  spec.overrides = {{"Section[2].VirtualSize", 0x200}};
  const Added added = Add(spec, kInitialize, true);
  ExpectOneMore(added, "kernel32.dll!DeleteCriticalSection");
  const Section* home = SectionAt(added.after, added.slot->slot);
  EXPECT_EQ(home->name, ".detach");
  EXPECT_TRUE(home->IsWritable());
  EXPECT_FALSE(home->IsExecutable());
}

}  // namespace
}  // namespace detachfix
