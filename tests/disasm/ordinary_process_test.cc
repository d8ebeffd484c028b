// SPDX-License-Identifier: Apache-2.0
// The process by itself, with nobody's code in it: its answers against what the
// documentation of each function says (Windows SDK).
#include "disasm/process/ordinary_process.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "disasm/process/call.h"
#include "disasm/process/give_answer.h"
#include "disasm/process/modules.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

constexpr uint32_t kImage = 0x10000000;

/// Has arguments, and runs nothing.
class Caller final : public CodeRunner {
 public:
  Value Argument(const State&, size_t index) const override {
    return index < arguments.size() ? arguments[index] : UnknownValue();
  }
  void StoreAt(State& state, MemoryAddress address, uint32_t size,
               const Value& value) override {
    state.memory.Store(address, size, value);
  }
  void ForgetIfInImage(State&, const Value&) const override {}
  void ForgetBytes(State& state, const Value& pointer, uint32_t size) override {
    if (const auto address = AddressOf(pointer)) {
      state.memory.Forget(*address, size);
    }
  }
  void Clear(State& state, const Value& block, const Value& size) override {
    for (uint64_t i = 0; i < size.bits; ++i) {
      StoreAt(state, {kAbsolute, static_cast<int64_t>(block.bits + i)}, 1,
              ConstantValue(0));
    }
  }
  bool IsData(const Value&) const override { return false; }
  void Count(uint64_t) const override {}
  Value Fresh(const State&, bool nonzero) override {
    return SymbolicValue(next_symbol_++, 0, nonzero);
  }
  void IncompleteHere(const std::string& why) override { stopped = why; }

  std::vector<Value> arguments;
  std::string stopped;

 private:
  Symbol next_symbol_ = kFirstFreshSymbol;
};

class OrdinaryProcessTest : public testing::Test {
 protected:
  OrdinaryProcessTest() {
    view_.machine = kMachineI386;
    view_.name = "a.dll";
    view_.image_base = kImage;
    view_.image_size = 0x3000;
    view_.import_slots = {{Rva{0x2000}, {"other.dll", "f", std::nullopt}}};
    entered_ = process_.Enter(caller_, state_, true);
    buffer_ = process_.NewBlock(caller_, state_, ConstantValue(0x100));
    text_ = process_.NewBlock(caller_, state_, ConstantValue(0x100));
  }

  static ImportName Function(const std::string& name) {
    return {"kernel32.dll", name, std::nullopt};
  }

  /// What the function gives for these arguments.
  std::optional<Value> Call(const std::string& name,
                            std::vector<Value> arguments) {
    const ImportName import = Function(name);
    caller_.arguments = std::move(arguments);
    const std::optional<Answer> answer = AnswerInProcess(import);
    if (!answer) return std::nullopt;
    return GiveAnswer({caller_, process_, state_, import}, *answer);
  }

  /// Puts `text` and a NUL to where text_ points.
  void Say(const std::string& text) {
    WriteBytes(caller_, state_, *AddressOf(text_), text + '\0');
  }

  std::optional<std::string> Read(const Value& pointer, uint32_t width = 1) {
    const ImportName import;
    return ProcessCall{caller_, process_, state_, import}.TextAt(pointer,
                                                                 width);
  }

  static Value Number(uint64_t number) { return ConstantValue(number); }

  /// Number `index` of those of `width` bytes at `pointer`.
  Value At(const Value& pointer, uint32_t width, int64_t index = 0) {
    MemoryAddress address = *AddressOf(pointer);
    address.offset += index * width;
    return state_.memory.Load(address, width);
  }

  /// Converts text_ of one character: from a code page to UTF-16, or back.
  std::optional<Value> Widen(uint32_t page, uint32_t flags,
                             const std::string& character) {
    Say(character);
    return Call("MultiByteToWideChar", {Number(page), Number(flags), text_,
                                        Number(1), buffer_, Number(1)});
  }
  std::optional<Value> Narrow(uint32_t page, uint32_t flags,
                              uint32_t character) {
    state_.memory.Store(*AddressOf(text_), 2, Number(character));
    return Call("WideCharToMultiByte",
                {Number(page), Number(flags), text_, Number(1), buffer_,
                 Number(1), Number(0), Number(0)});
  }

  CodeView view_;
  Caller caller_;
  OrdinaryProcess process_{view_};
  State state_{view_};
  bool entered_ = false;
  Value buffer_;
  Value text_;
};

TEST_F(OrdinaryProcessTest, HasNoRoomBesideAnImageThatTakesAll) {
  EXPECT_TRUE(entered_);
  view_.image_base = 0x10000;
  view_.image_size = 0x7ffe0000;
  EXPECT_FALSE(OrdinaryProcess(view_).Enter(caller_, state_, true));
}

TEST_F(OrdinaryProcessTest, GivesEachBlockAPlaceOfItsOwn) {
  const Value other = process_.NewBlock(caller_, state_, UnknownValue());
  EXPECT_TRUE(process_.IsOwnBlock(buffer_.bits));
  EXPECT_GE(text_.bits, buffer_.bits + 0x100);
  EXPECT_GE(other.bits, text_.bits + 0x100);
  EXPECT_EQ(Call("HeapSize", {Number(1), Number(0), buffer_}), Number(0x100));
  EXPECT_EQ(Call("HeapSize", {Number(1), Number(0), other}), std::nullopt);
  EXPECT_EQ(caller_.stopped, "");
}

TEST_F(OrdinaryProcessTest, SaysWhereItsMemoryEnds) {
  for (int i = 0; i < 20; ++i) {
    process_.NewBlock(caller_, state_, Number(0x1000000));
  }
  EXPECT_EQ(caller_.stopped, "allocates more memory than is followed,");
}

TEST_F(OrdinaryProcessTest, WritesAFolderOnlyWhereThereIsRoom) {
  // C:\WINDOWS\system32 has 19 characters, and takes 20 with its NUL.
  EXPECT_EQ(Call("GetSystemDirectoryA", {buffer_, Number(19)}), Number(20));
  EXPECT_EQ(Read(buffer_), "");
  EXPECT_EQ(Call("GetSystemDirectoryA", {buffer_, Number(20)}), Number(19));
  EXPECT_EQ(Read(buffer_).value_or("").size(), 19U);
  EXPECT_EQ(Call("GetSystemDirectoryW", {buffer_, Number(20)}), Number(19));
  EXPECT_EQ(Read(buffer_, 2).value_or("").size(), 19U);
  EXPECT_EQ(Call("GetSystemDirectoryA", {buffer_, UnknownValue()}),
            std::nullopt);
}

TEST_F(OrdinaryProcessTest, PointsToTheNameInAFullPath) {
  Say("C:\\folder\\file.txt");
  const Value name = process_.NewBlock(caller_, state_, Number(4));
  EXPECT_EQ(Call("GetFullPathNameA", {text_, Number(0x100), buffer_, name}),
            Number(18));
  EXPECT_EQ(Read(buffer_), "C:\\folder\\file.txt");
  EXPECT_EQ(Read(WordAt(state_, name)), "file.txt");
  Say("file.txt");  // what it becomes hangs on the current folder
  EXPECT_EQ(Call("GetFullPathNameA", {text_, Number(0x100), buffer_, name}),
            std::nullopt);
}

TEST_F(OrdinaryProcessTest, CountsTheNulWhereTheLengthIsMinusOne) {
  Say("abc");
  const Value all = Number(0xffffffff);
  const std::vector<Value> asks = {Number(0), Number(0), text_,
                                   all,       buffer_,   Number(0)};
  EXPECT_EQ(Call("MultiByteToWideChar", asks), Number(4));
  std::vector<Value> converts = asks;
  converts[5] = Number(4);
  EXPECT_EQ(Call("MultiByteToWideChar", converts), Number(4));
  EXPECT_EQ(Read(buffer_, 2), "abc");
  converts[5] = Number(3);  // fails
  EXPECT_EQ(Call("MultiByteToWideChar", converts), std::nullopt);
}

TEST_F(OrdinaryProcessTest, TellsModulesApart) {
  Say("KERNEL32");
  const std::optional<Value> system = Call("GetModuleHandleA", {text_});
  ASSERT_TRUE(system);
  EXPECT_EQ(FunctionIn(process_, *system, "CreateFileA"),
            Function("CreateFileA"));
  EXPECT_EQ(FunctionIn(process_, *system, "NoSuchFunction"), std::nullopt);
  Say("other");
  const std::optional<Value> imported = Call("GetModuleHandleA", {text_});
  ASSERT_TRUE(imported);
  EXPECT_NE(*imported, *system);
  EXPECT_EQ(FunctionIn(process_, *imported, "f"),
            (ImportName{"other.dll", "f", std::nullopt}));
  Say("a.dll");
  EXPECT_EQ(Call("GetModuleHandleA", {text_}), Number(kImage));
  EXPECT_EQ(Call("GetModuleHandleA", {Number(0)}), Number(process_.program()));
  Say("missing.dll");
  EXPECT_EQ(Call("GetModuleHandleA", {text_}), Number(0));
}

TEST_F(OrdinaryProcessTest, SeesWhatMayKeepTheImageLoaded) {
  const auto keeps = [this](const std::string& name,
                            std::vector<Value> arguments) {
    const ImportName import = Function(name);
    caller_.arguments = std::move(arguments);
    return KeepsImageLoaded({caller_, process_, state_, import});
  };
  Say("C:\\A.DLL");
  EXPECT_TRUE(keeps("LoadLibraryA", {text_}));
  EXPECT_TRUE(keeps("LoadLibraryA", {UnknownValue()}));
  Say("b.dll");
  EXPECT_FALSE(keeps("LoadLibraryA", {text_}));
  // GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, _UNCHANGED_REFCOUNT
  // (libloaderapi.h)
  const Value own = Number(kImage + 0x1000);
  EXPECT_TRUE(keeps("GetModuleHandleExA", {Number(4), own, buffer_}));
  EXPECT_FALSE(keeps("GetModuleHandleExA", {Number(6), own, buffer_}));
  EXPECT_FALSE(
      keeps("GetModuleHandleExA", {Number(4), Number(0x7c800000), buffer_}));
}

TEST_F(OrdinaryProcessTest, MissesFilesUntilOneMayHaveBeenMade) {
  Say("C:\\a.txt");
  constexpr uint64_t kInvalid = 0xffffffff;  // INVALID_HANDLE_VALUE
  const std::vector<Value> opens = {text_,     Number(0), Number(0), Number(0),
                                    Number(3), Number(0), Number(0)};
  EXPECT_EQ(Call("CreateFileA", opens), Number(kInvalid));
  EXPECT_EQ(Call("GetLastError", {}), Number(2));  // ERROR_FILE_NOT_FOUND
  process_.NoteCall("CopyFileA", true);
  EXPECT_EQ(Call("CreateFileA", opens), std::nullopt);
  EXPECT_TRUE(process_.HasCalled("CopyFile"));
}

TEST_F(OrdinaryProcessTest, ConvertsWhatTheCodePagesHave) {
  for (const uint32_t page : {0, 1, 3, 437, 850, 1252, 20127, 28591, 65001}) {
    EXPECT_EQ(Widen(page, 0, "a"), Number(1));
    EXPECT_EQ(At(buffer_, 2), Number('a'));
    EXPECT_EQ(Narrow(page, 0, 'b'), Number(1));
    EXPECT_EQ(At(buffer_, 1), Number('b'));
  }
  for (const uint32_t page : {0, 3, 1252, 28591}) {
    EXPECT_EQ(Widen(page, 0, "\xe9"), Number(1));
    EXPECT_EQ(At(buffer_, 2), Number(0xe9));
    EXPECT_EQ(Narrow(page, 0, 0xc9), Number(1));
    EXPECT_EQ(At(buffer_, 1), Number(0xc9));
  }
  for (const uint32_t page : {0, 3, 1252}) {
    EXPECT_EQ(Widen(page, 0, "\x80"), Number(1));
    EXPECT_EQ(At(buffer_, 2), Number(0x20ac));
    EXPECT_EQ(Narrow(page, 0, 0x2122), Number(1));
    EXPECT_EQ(At(buffer_, 1), Number(0x99));
    EXPECT_EQ(Narrow(page, 0, 0x80), std::nullopt);
  }
  EXPECT_EQ(Widen(28591, 0, "\x80"), std::nullopt);
}

TEST_F(OrdinaryProcessTest, ConvertsNothingByOtherCodePages) {
  EXPECT_EQ(Widen(20127, 0, "\xe9"), Number(1));
  EXPECT_EQ(At(buffer_, 2), Number(0x69));
  EXPECT_EQ(Narrow(20127, 0, 0xe9), std::nullopt);
  for (const uint32_t page : {1, 437, 850, 65001}) {
    EXPECT_EQ(Widen(page, 0, "\xe9"), std::nullopt);
    EXPECT_EQ(Narrow(page, 0, 0xe9), std::nullopt);
  }
  for (const uint32_t page : {2, 42, 932, 12345, 65000}) {
    EXPECT_EQ(Widen(page, 0, "a"), std::nullopt);
    EXPECT_EQ(Narrow(page, 0, 'a'), std::nullopt);
  }
}

TEST_F(OrdinaryProcessTest, ConvertsNothingWithFlagsThatItDoesNotKnow) {
  // MB_PRECOMPOSED | MB_ERR_INVALID_CHARS; WC_NO_BEST_FIT_CHARS |
  // WC_COMPOSITECHECK; WC_ERR_INVALID_CHARS (winnls.h)
  EXPECT_EQ(Widen(1252, 9, "a"), Number(1));
  EXPECT_EQ(Narrow(1252, 0x600, 'a'), Number(1));
  EXPECT_EQ(Widen(65001, 8, "a"), Number(1));
  EXPECT_EQ(Widen(1252, 8, "\x80"), Number(1));
  EXPECT_EQ(Widen(1252, 8, "\x81"), Number(1));
  EXPECT_EQ(Widen(20127, 8, "\xe9"), std::nullopt);
  EXPECT_EQ(Narrow(65001, 0x80, 'a'), Number(1));
  EXPECT_EQ(Narrow(1252, 0, 0x191), Number(1));  // by U+0192
  EXPECT_EQ(Narrow(1252, 0x400, 0x191), std::nullopt);
  EXPECT_EQ(Widen(65001, 9, "a"), std::nullopt);
  EXPECT_EQ(Narrow(65001, 0x600, 'a'), std::nullopt);
  EXPECT_EQ(Widen(1252, 0x80000000, "a"), std::nullopt);
  EXPECT_EQ(Narrow(1252, 0x80000000, 'a'), std::nullopt);
  EXPECT_EQ(Narrow(1252, 0x80, 'a'), std::nullopt);
}

TEST_F(OrdinaryProcessTest, SaysThatNoDefaultCharacterWasUsed) {
  Say(std::string("a\0", 2));
  const Value used = process_.NewBlock(caller_, state_, Number(4));
  std::vector<Value> arguments = {Number(0), Number(0), text_,     Number(1),
                                  buffer_,   Number(1), Number(0), used};
  EXPECT_EQ(Call("WideCharToMultiByte", arguments), Number(1));
  EXPECT_EQ(At(used, 4), Number(0));
  arguments[0] = Number(65001);  // ERROR_INVALID_PARAMETER
  EXPECT_EQ(Call("WideCharToMultiByte", arguments), std::nullopt);
}

TEST_F(OrdinaryProcessTest, MapsToOneCaseAndNothingElse) {
  const auto map = [this](const std::string& name, uint32_t flags) {
    return Call(name, {Number(0x409), Number(flags), text_, Number(1), buffer_,
                       Number(1)});
  };
  constexpr uint32_t kLower = 0x100, kUpper = 0x200;  // LCMAP_ (winnls.h)
  const auto wide = [&](uint32_t character, uint32_t flags) {
    state_.memory.Store(*AddressOf(text_), 2, Number(character));
    EXPECT_EQ(map("LCMapStringW", flags), Number(1));
    return At(buffer_, 2);
  };
  EXPECT_EQ(wide('a', kUpper), Number('A'));
  EXPECT_EQ(wide(0xc9, kLower), Number(0xe9));
  EXPECT_EQ(wide(0xd7, kLower), Number(0xd7));
  EXPECT_EQ(wide(0xdf, kUpper), Number(0xdf));
  EXPECT_EQ(wide(0xff, kUpper), Number(0x178));
  EXPECT_EQ(wide(0x178, kLower), Number(0xff));
  EXPECT_EQ(wide(0xb5, kUpper), Number(0xb5));
  EXPECT_EQ(wide(0x192, kUpper), Number(0x191));
  EXPECT_EQ(wide(0x191, kLower), Number(0x192));
  EXPECT_TRUE(wide(0x3b1, kUpper).IsUnknown());
  Say("\xff");
  EXPECT_EQ(map("LCMapStringA", kUpper), Number(1));
  EXPECT_EQ(At(buffer_, 1), Number(0x9f));
  // LCMAP_BYTEREV, _FULLWIDTH, _SORTKEY, and both cases at once, which fail
  for (const uint32_t flags : {0x0U, 0x800U, 0x800000U, 0x400U, 0x300U}) {
    EXPECT_EQ(map("LCMapStringW", flags), std::nullopt);
  }
}

TEST_F(OrdinaryProcessTest, KnowsTheTypesOfLatinCharacters) {
  const auto wide = [this](uint32_t character) {
    state_.memory.Store(*AddressOf(text_), 2, Number(character));
    EXPECT_EQ(Call("GetStringTypeW", {Number(1), text_, Number(1), buffer_}),
              Number(1));
    return At(buffer_, 2);
  };
  const auto byte = [this](const std::string& character, uint32_t locale) {
    Say(character);
    EXPECT_EQ(Call("GetStringTypeA",
                   {Number(locale), Number(1), text_, Number(1), buffer_}),
              Number(1));
    return At(buffer_, 2);
  };
  EXPECT_EQ(wide('a'), Number(0x382));
  EXPECT_EQ(wide(0x85), Number(0x228));
  EXPECT_EQ(wide(0xaa), Number(0x312));
  EXPECT_EQ(wide(0xb2), Number(0x214));
  EXPECT_EQ(wide(0xc9), Number(0x301));
  EXPECT_EQ(wide(0xf7), Number(0x210));
  EXPECT_EQ(wide(0x160), Number(0x301));
  EXPECT_EQ(wide(0x20ac), Number(0x200));
  EXPECT_TRUE(wide(0x3b1).IsUnknown());
  EXPECT_EQ(byte("\x9f", 0x409), Number(0x301));
  EXPECT_EQ(byte("\x93", 0x409), Number(0x210));
  EXPECT_EQ(byte("z", 0x419), Number(0x302));
  EXPECT_TRUE(byte("\xe9", 0x419).IsUnknown());  // of code page 1251
}

TEST_F(OrdinaryProcessTest, FoldsOnlyTheLettersOfAscii) {
  const auto compare = [this](const std::string& name, const std::string& a,
                              const std::string& b) {
    Say(a);
    WriteBytes(caller_, state_, *AddressOf(buffer_), b + '\0');
    return Call(name, {text_, buffer_});
  };
  EXPECT_EQ(compare("_stricmp", "Case", "cASE"), Number(0));
  EXPECT_EQ(compare("_stricmp", "[", "a"), Number(0xffffffff));
  EXPECT_EQ(compare("_stricmp", "A\xe9", "a\xe9"), Number(0));
  EXPECT_EQ(compare("_stricmp", "\xe9", "\xc9"), std::nullopt);
  EXPECT_EQ(compare("_stricmp", "\xe9", "a"), std::nullopt);
  const std::string small("\xe9\0\0", 3), large("\xc9\0\0", 3);
  EXPECT_EQ(compare("_wcsicmp", small, small), Number(0));
  EXPECT_EQ(compare("_wcsicmp", small, large), std::nullopt);
  EXPECT_EQ(compare("strcmp", "\xe9", "\xc9"), Number(1));
}

TEST_F(OrdinaryProcessTest, SaysOnlyWhetherACharacterIsOfAKind) {
  const std::optional<Value> is_one = Call("isalpha", {Number('a')});
  ASSERT_TRUE(is_one);
  EXPECT_TRUE(is_one->IsNonzero());
  EXPECT_FALSE(is_one->IsConstant());
  EXPECT_EQ(Call("isalpha", {Number('5')}), Number(0));
  EXPECT_EQ(Call("isdigit", {Number('a')}), Number(0));
  EXPECT_EQ(Call("isalpha", {Number(0xe9)}), std::nullopt);
  EXPECT_EQ(Call("toupper", {Number('a')}), Number('A'));
}

TEST_F(OrdinaryProcessTest, FindsNoBytesNeverBad) {
  EXPECT_EQ(Call("IsBadReadPtr", {Number(0), Number(1)}), Number(1));
  EXPECT_EQ(Call("IsBadReadPtr", {Number(0), Number(0)}), Number(0));
  EXPECT_EQ(Call("IsBadWritePtr", {Number(kImage), Number(0)}), Number(0));
  EXPECT_EQ(Call("IsBadStringPtrA", {Number(0), Number(0)}), Number(0));
  EXPECT_EQ(Call("IsBadReadPtr", {Number(0), UnknownValue()}), std::nullopt);
  EXPECT_EQ(Call("IsBadReadPtr", {text_, UnknownValue()}), Number(0));
}

TEST_F(OrdinaryProcessTest, HasNoNameInTheFullPathOfAFolder) {
  Say("C:\\a\\");
  const Value name = process_.NewBlock(caller_, state_, Number(4));
  EXPECT_EQ(Call("GetFullPathNameA", {text_, Number(0x100), buffer_, name}),
            Number(5));
  EXPECT_EQ(WordAt(state_, name), Number(0));
}

TEST_F(OrdinaryProcessTest, KnowsTheFormsOnlyOfPathsThatAreThere) {
  for (const char* function : {"GetShortPathNameA", "GetLongPathNameA"}) {
    for (const std::string path :
         {"C:\\a.exe", "C:\\a.dll", "C:\\Windows", "C:\\Windows\\system32"}) {
      Say(path);
      EXPECT_EQ(Call(function, {text_, buffer_, Number(0x100)}),
                Number(path.size()));
      EXPECT_EQ(Read(buffer_), path);
    }
    Say("C:\\nosuch\\nosuch");
    EXPECT_EQ(Call(function, {text_, buffer_, Number(0x100)}), std::nullopt);
  }
}

TEST_F(OrdinaryProcessTest, NamesItsLocaleWhereThereIsRoom) {
  const std::string name = "GetUserDefaultLocaleName";
  EXPECT_EQ(Call(name, {buffer_, Number(6)}), Number(6));
  EXPECT_EQ(Read(buffer_, 2), "en-US");
  EXPECT_EQ(Call(name, {buffer_, Number(5)}), Number(0));
  EXPECT_EQ(Call("GetLastError", {}), Number(122));
  EXPECT_EQ(Call(name, {Number(0), Number(0)}), std::nullopt);
  const std::vector<Value> asks = {Number(0x409), Number(0), Number(0),
                                   Number(0)};
  EXPECT_EQ(Call("LCIDToLocaleName", asks), Number(6));
  EXPECT_EQ(
      Call("LCIDToLocaleName", {Number(0x409), buffer_, Number(3), Number(0)}),
      Number(0));
}

TEST_F(OrdinaryProcessTest, HasTheLocaleThatAProcessStartsWith) {
  const std::optional<Value> locale = Call("setlocale", {Number(0), Number(0)});
  ASSERT_TRUE(locale);
  EXPECT_EQ(Read(*locale), "C");
  Say("C");
  EXPECT_EQ(Call("setlocale", {Number(0), text_}), locale);
  Say("");  // the user's
  EXPECT_EQ(Call("setlocale", {Number(0), text_}), std::nullopt);
  EXPECT_EQ(Call("setlocale", {Number(0), Number(0)}), std::nullopt);
}

TEST_F(OrdinaryProcessTest, HasTheProcessorThatItsSystemNeeds) {
  const std::string name = "IsProcessorFeaturePresent";
  // CMPXCHG8B, MMX, SSE, RDTSC, PAE, SSE2, NX, __fastfail (PF_, winnt.h)
  for (const uint64_t there : {2, 3, 6, 8, 9, 10, 12, 23}) {
    EXPECT_EQ(Call(name, {Number(there)}), Number(1)) << there;
  }
  // The errors of the Pentium, 3DNow!, SSE3, XSAVE, AVX2
  for (const uint64_t missing : {0, 1, 7, 13, 17, 40}) {
    EXPECT_EQ(Call(name, {Number(missing)}), Number(0)) << missing;
  }
  EXPECT_EQ(Call(name, {UnknownValue()}), std::nullopt);
}

TEST_F(OrdinaryProcessTest, DoesNothingWithoutAnObject) {
  for (const char* function : {"SetEvent", "ResetEvent", "ReleaseMutex",
                               "FlushFileBuffers", "WriteFile"}) {
    EXPECT_EQ(Call(function, {Number(0x78)}), Number(1)) << function;
    EXPECT_EQ(Call(function, {Number(0)}), std::nullopt) << function;
  }
  EXPECT_EQ(Call("RegCloseKey", {Number(0x1f4)}), Number(0));
  EXPECT_EQ(Call("RegCloseKey", {Number(0)}), std::nullopt);
  EXPECT_EQ(Call("GetKeyboardType", {Number(0)}), Number(4));
  EXPECT_EQ(Call("GetKeyboardType", {Number(1)}), std::nullopt);
}

TEST_F(OrdinaryProcessTest, HasThreeStandardHandles) {
  constexpr uint64_t kInvalid = 0xffffffff;
  for (const uint64_t which : {0xfffffff4, 0xfffffff5, 0xfffffff6}) {
    const std::optional<Value> handle = Call("GetStdHandle", {Number(which)});
    ASSERT_TRUE(handle);
    // FILE_TYPE_CHAR (winbase.h)
    EXPECT_EQ(Call("GetFileType", {*handle}), Number(2));
  }
  EXPECT_EQ(Call("GetStdHandle", {Number(5)}), Number(kInvalid));
  EXPECT_EQ(Call("GetStdHandle", {UnknownValue()}), std::nullopt);
  EXPECT_EQ(Call("GetFileType", {Number(0)}), Number(0));
  EXPECT_EQ(Call("GetFileType", {Number(kInvalid)}), Number(0));
  EXPECT_EQ(Call("GetFileType", {Number(0x1000)}), std::nullopt);
  EXPECT_EQ(Call("SetHandleCount", {Number(7)}), Number(7));
}

}  // namespace
}  // namespace detachfix
