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

}  // namespace
}  // namespace detachfix
