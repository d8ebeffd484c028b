// SPDX-License-Identifier: Apache-2.0
// What the emulator's loader maps, refuses and snaps.
#include "tests/emulator/loader.h"

#include <gtest/gtest.h>

#include "tests/emulator/tiny_dll.h"

namespace detachfix::emulator {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr char kKernel32[] = "kernel32.dll";
constexpr char kInitialize[] = "InitializeCriticalSection";
constexpr char kDelete[] = "DeleteCriticalSection";
constexpr size_t kOptionalHeader = 0x80 + 24;  // in a TinyDll
constexpr size_t kSectionTable = kOptionalHeader + 0xe0;

TinyImport Unbound() { return {kKernel32, {kInitialize, kDelete}, {}, 0, {}}; }

TinyImport Bound() {
  return {kKernel32,
          {kInitialize, kDelete},
          {0x77f01234, 0x77f61234},
          0x36d9d5f3,
          {{"ntdll.dll", 0x36d5e9a4}}};
}

/// A DLL whose entry returns TRUE.
TinyDll ReturnsTrue(TinyImport import) {
  TinyDll dll({std::move(import)});
  dll.Code({0xb8, 1, 0, 0, 0, 0xc2, 0x0c, 0x00});
  return dll;
}

void Put32(Bytes& file, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) {
    file[at + i] = static_cast<uint8_t>(value >> (8 * i));
  }
}

/// The error of a load, or "" when it succeeds.
std::string LoadErrorIn(const Bytes& file, const LoadOptions& options,
                        FakeSystem& system) {
  Machine machine;
  Result<LoadedImage> image = LoadImage(file, options, system, machine);
  return image ? "" : image.error().message;
}

std::string LoadError(const Bytes& file, std::optional<uint32_t> base = {}) {
  FakeSystem system;
  return LoadErrorIn(file, {base, false}, system);
}

FakeSystem SystemOf(const Bytes& file) {
  Result<PeHeaders> headers = ReadHeaders(file);
  std::vector<uint8_t> image = LayOut(*headers, file);
  return **FakeSystem::BoundBy(*headers, ImageBytes(image));
}

TEST(EmulatorLoader, MapsSectionsWithTheirProtections) {
  FakeSystem system;
  Machine machine;
  Bytes file = ReturnsTrue(Unbound()).Build();
  Result<LoadedImage> image = LoadImage(file, {}, system, machine);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(machine.Find(0x10000000, 1)->access, kRead);
  EXPECT_EQ(machine.Find(0x10001000, 8)->access, kRead | kExecute);
  EXPECT_EQ(machine.Find(0x10001000, 9), nullptr) << "past VirtualSize";
  EXPECT_EQ(machine.Find(0x10003000, 4)->access, kRead | kWrite);
}

TEST(EmulatorLoader, RefusesWhatNtRefuses) {
  struct Row {
    size_t at;
    uint32_t value;
    const char* error;
  };
  const Row rows[] = {
      {kSectionTable + 40 + 12, 0x3000,
       "section .idata is at 0x3000, not at 0x2000 where the one before it "
       "ends"},
      {kSectionTable + 8, 0x1001,
       "section .idata is at 0x2000, not at 0x3000 where the one before it "
       "ends"},
      {kSectionTable + 16, 0x10000,
       "section .text ends at 0x10400, file has 0xc00 bytes"},
      {kSectionTable + 20, 0x410,
       "section .text lies at file offset 0x410, not at a sector"},
      {kOptionalHeader + 56, 0x6000,
       "the sections end at 0x5000, SizeOfImage is 0x6000"},
      {kOptionalHeader + 60, 0x100,
       "SizeOfHeaders is 0x100, the section table ends at 0x218, file has "
       "0xc00 bytes"},
      {kOptionalHeader + 32, 0x200, "SectionAlignment is 0x200"},
      {kOptionalHeader + 28, 0x10001000, "ImageBase is 0x10001000"},
      {0x84, 0x40184, "machine is 0x184"},
  };
  for (const Row& row : rows) {
    Bytes file = ReturnsTrue(Unbound()).Build();
    Put32(file, row.at, row.value);
    EXPECT_EQ(LoadError(file), row.error);
  }
}

TEST(EmulatorLoader, TakesTheRawSizeWhereVirtualSizeIsZero) {
  Bytes file = ReturnsTrue(Unbound()).Build();
  Put32(file, kSectionTable + 8, 0);
  Result<PeHeaders> headers = ReadHeaders(file);
  ASSERT_TRUE(headers);
  EXPECT_EQ(headers->sections[0].size, 0x200u);
}

TEST(EmulatorLoader, SumsWordsAndAddsTheLength) {
  // 0xffff + 0x0001 carries round to 1; the field at 4 counts for nothing; the
  // odd last byte is a word of its own: 1 + 0x80 + 9 bytes.
  Bytes file = {0xff, 0xff, 0x01, 0x00, 0x11, 0x22, 0x33, 0x44, 0x80};
  EXPECT_EQ(ImageChecksum(file, 4), 0x1u + 0x80 + 9);
}

TEST(EmulatorLoader, RefusesAWrongCheckSumWhenAsked) {
  Bytes file = ReturnsTrue(Unbound()).Build();
  FakeSystem system;
  EXPECT_EQ(LoadErrorIn(file, {}, system), "");
  Put32(file, kOptionalHeader + 64, 0x1234);
  EXPECT_EQ(LoadErrorIn(file, {}, system).substr(0, 37),
            "CheckSum is 0x1234, the file sums to ");
  EXPECT_EQ(LoadErrorIn(file, {{}, false}, system), "");
}

TEST(EmulatorLoader, RelocatesEveryPlaceItIsTold) {
  TinyDll dll({Unbound()});
  dll.CodeAt({0xb8}, TinyDll::kLock).Code({0xc2, 0x0c, 0x00});
  FakeSystem system;
  Machine machine;
  Result<LoadedImage> image =
      LoadImage(dll.Build(), {0x00a50000, true}, system, machine);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(machine.Peek32(0x00a51001), 0x00a53000u);
}

TEST(EmulatorLoader, RelocatesTheHalvesOfAnAddressOnAlpha) {
  TinyDll dll({Unbound()});
  for (int i = 0; i < 3; ++i) dll.CodeAt({}, TinyDll::kLock);
  Bytes file = dll.Build();
  Put32(file, 0x84, 0x40184);
  // 0x10008000, whose low half counts as negative: the high one is one more.
  Put32(file, 0x400, 0x261f1001);       // ldah a0, 0x1001(zero)
  Put32(file, 0x404, 0x22108000);       // lda a0, -0x8000(a0)
  Put32(file, 0xa00 + 8, 0x80004000);   // HIGHADJ at +0, low half 0x8000
  Put32(file, 0xa00 + 12, 0x30082004);  // LOW at +4, HIGHLOW at +8
  FakeSystem system;
  LoadOptions options{0x00a50000, false, kMachineAlpha};
  Result<PreparedImage> image = PrepareImage(file, options, system);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->Read().U32(0x1000), 0x261f00a6u);
  EXPECT_EQ(image->Read().U32(0x1004), 0x22108000u);
  EXPECT_EQ(image->Read().U32(0x1008), 0x00a53000u);
  options.machine = kMachineI386;
  EXPECT_EQ(PrepareImage(file, options, system).error().message,
            "machine is 0x184");
}

TEST(EmulatorLoader, CannotMoveAFileWithoutRelocations) {
  constexpr char kError[] =
      "no relocations, so it cannot be loaded at 0xa50000";
  TinyDll none = ReturnsTrue(Unbound());
  none.relocations = false;
  EXPECT_EQ(LoadError(none.Build(), 0x00a50000), kError);
  TinyDll stripped = ReturnsTrue(Unbound());
  stripped.relocations_stripped = true;
  EXPECT_EQ(LoadError(stripped.Build(), 0x00a50000), kError);
  EXPECT_EQ(LoadError(stripped.Build()), "");
}

TEST(EmulatorLoader, RefusesARelocationOfAnotherKind) {
  TinyDll dll = ReturnsTrue(Unbound());
  dll.CodeAt({0xb8}, TinyDll::kLock);
  Bytes file = dll.Build();
  size_t block = 0xa00;  // .reloc, after headers and three sections
  file[block + 9] = static_cast<uint8_t>(file[block + 9] | 0xa0);  // DIR64
  EXPECT_EQ(LoadError(file, 0x00a50000), "relocation type 11 at 0x1009");
}

TEST(EmulatorLoader, SnapsEachSlotToItsOwnFunction) {
  TinyDll dll = ReturnsTrue(Unbound());
  FakeSystem system;
  Machine machine;
  Result<LoadedImage> image = LoadImage(dll.Build(), {}, system, machine);
  ASSERT_TRUE(image) << image.error().message;
  for (const char* name : {kInitialize, kDelete}) {
    uint32_t held = *machine.Peek32(TinyDll::kBase + dll.SlotOf(name));
    ASSERT_NE(system.FunctionAt(held), nullptr);
    EXPECT_EQ(system.FunctionAt(held)->name, name);
  }
}

TEST(EmulatorLoader, WritesReadOnlySlotsOnlyInTheAddressTable) {
  TinyDll dll = ReturnsTrue(Unbound());
  Bytes file = dll.Build();
  EXPECT_EQ(LoadError(file), "");
  // The directory without its last slot, DeleteCriticalSection's.
  size_t directory = kOptionalHeader + 96 + kIatDirectory * 8;
  Put32(file, directory + 4, 4);
  EXPECT_EQ(LoadError(file),
            "the slot of kernel32.dll!DeleteCriticalSection at 0x202c is "
            "read-only while imports are snapped");
  // Without the directory, the section of the import directory will do.
  Put32(file, directory, 0);
  EXPECT_EQ(LoadError(file), "");
}

TEST(EmulatorLoader, WritesAnySlotInAWritableSection) {
  TinyDll dll = ReturnsTrue(Unbound());
  dll.writable_imports = true;
  Bytes file = dll.Build();
  Put32(file, kOptionalHeader + 96 + kIatDirectory * 8 + 4, 4);
  EXPECT_EQ(LoadError(file), "");
}

TEST(EmulatorLoader, StrandsSlotsWhenTheImportDirectoryMovesAway) {
  // No address-table directory, and the import directory in .data: the slots
  // in the read-only .idata can no longer be written.
  TinyDll dll = ReturnsTrue(Unbound());
  dll.iat_directory = false;
  Bytes file = dll.Build();
  size_t idata = 0x600, data = 0x800;
  for (size_t i = 0; i < 40; ++i) file[data + i] = file[idata + i];
  Put32(file, kOptionalHeader + 96 + kImportDirectory * 8, TinyDll::kData);
  EXPECT_EQ(LoadError(file),
            "the slot of kernel32.dll!InitializeCriticalSection at 0x2028 is "
            "read-only while imports are snapped");
}

TEST(EmulatorLoader, UsesAValidBindingAsItIs) {
  TinyDll dll = ReturnsTrue(Bound());
  Bytes file = dll.Build();
  FakeSystem system = SystemOf(file);
  Machine machine;
  Result<LoadedImage> image = LoadImage(file, {}, system, machine);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->binding, Binding::kValid);
  EXPECT_EQ(machine.Peek32(TinyDll::kBase + dll.SlotOf(kDelete)), 0x77f61234u);
  EXPECT_EQ(system.FunctionAt(0x77f61234)->ToText(),
            "kernel32.dll!DeleteCriticalSection");
}

TEST(EmulatorLoader, SnapsWhenTheBindingIsStale) {
  Bytes file = ReturnsTrue(Bound()).Build();
  FakeSystem other_stamp = SystemOf(file), moved = SystemOf(file),
             forwarder = SystemOf(file);
  other_stamp.Load(kKernel32).stamp = 1;
  moved.Load(kKernel32).at_preferred_base = false;
  forwarder.Load("ntdll.dll").stamp = 1;
  for (FakeSystem* system : {&other_stamp, &moved, &forwarder}) {
    Machine machine;
    Result<LoadedImage> image = LoadImage(file, {}, *system, machine);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->binding, Binding::kStale);
  }
}

TEST(EmulatorLoader, FailsOnAStaleBindingWithoutALookupTable) {
  TinyImport import = Bound();
  import.has_lookup_table = false;
  EXPECT_EQ(LoadError(ReturnsTrue(import).Build()),
            "imports of kernel32.dll: the lookup entry at 0x2028 holds "
            "0x77f01234, which is no name");
}

TEST(EmulatorLoader, FollowsAStampOfTheOldWay) {
  Bytes file = ReturnsTrue(Bound()).Build();
  size_t directory = kOptionalHeader + 96 + kBoundImportDirectory * 8;
  Put32(file, directory, 0);
  EXPECT_EQ(LoadError(file),
            "the descriptor of kernel32.dll says that it is bound, and there "
            "is no bound-import directory");
  Put32(file, 0x600 + 4, 0x36d9d5f3);  // the first descriptor's stamp
  for (bool stale : {false, true}) {
    FakeSystem system = stale ? FakeSystem() : SystemOf(file);
    Machine machine;
    Result<LoadedImage> image = LoadImage(file, {{}, false}, system, machine);
    ASSERT_TRUE(image) << image.error().message;
    uint32_t held = *machine.Peek32(TinyDll::kBase + TinyDll::kImports + 0x28);
    EXPECT_EQ(held == 0x77f01234, !stale);
    EXPECT_EQ(system.FunctionAt(held)->name, kInitialize);
  }
}

TEST(EmulatorLoader, LooksOnlyAtBoundDescriptors) {
  // user32.dll is imported and not bound: nobody snaps its slot.
  TinyDll dll({Bound(), {"user32.dll", {"MessageBeep"}, {}, 0, {}}});
  dll.Code({0xb8, 1, 0, 0, 0, 0xc2, 0x0c, 0x00});
  Bytes file = dll.Build();
  for (bool stale : {false, true}) {
    FakeSystem system = stale ? FakeSystem() : SystemOf(file);
    Machine machine;
    ASSERT_TRUE(LoadImage(file, {}, system, machine));
    uint32_t slot = TinyDll::kBase + dll.SlotOf("MessageBeep");
    EXPECT_EQ(system.FunctionAt(*machine.Peek32(slot)), nullptr);
  }
}

TEST(EmulatorLoader, NoticesAThunkAddedToABoundDescriptor) {
  Bytes before = ReturnsTrue(Bound()).Build();
  TinyImport import = Bound();
  import.names.push_back("EnterCriticalSection");
  import.bound_addresses.push_back(0x1000);
  FakeSystem system = SystemOf(before);
  std::string error =
      LoadErrorIn(ReturnsTrue(import).Build(), {{}, false}, system);
  EXPECT_EQ(error.substr(0, 70),
            "the bound slot of kernel32.dll!EnterCriticalSection at 0x2030 "
            "holds 0x");
}

}  // namespace
}  // namespace detachfix::emulator
