// SPDX-License-Identifier: Apache-2.0
// What is not a PE file for i386, and what the answer calls it.
#include <gtest/gtest.h>

#include <algorithm>

#include "patcher/pe_parts.h"
#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildPe;
using test::BuiltPe;
using test::ErrorOf;
using test::FullSpec;
using test::PeSpec;

std::vector<uint8_t> Text(const std::string& text) {
  return {text.begin(), text.end()};
}

// A DOS header whose e_lfanew is 0x40, with `signature` there.
std::vector<uint8_t> DosProgram(const std::string& signature) {
  std::vector<uint8_t> bytes(0x200);
  bytes[0] = 'M';
  bytes[1] = 'Z';
  bytes[0x3c] = 0x40;
  std::copy(signature.begin(), signature.end(), bytes.begin() + 0x40);
  return bytes;
}

struct NotPe {
  std::string what;
  std::vector<uint8_t> bytes;
  std::string message;
};

TEST(PeKind, NamesWhatIsNotAPe) {
  std::vector<uint8_t> plain_dos = DosProgram("");
  plain_dos[0x3c] = 0;
  std::vector<uint8_t> far = DosProgram("");
  far[0x3e] = 1;
  const NotPe rows[] = {
      {"empty", {}, "not a PE file: it is empty"},
      {"one byte", {'M'}, "not a PE file: it has 1 byte"},
      {"text", Text("hello"),
       "not a PE file: it begins with 0x6568, not \"MZ\" (0x5a4d)"},
      {"SZDD", Text("SZDD\x88\xf0\x27\x33"),
       "not a PE file: SZDD compressed, expand it first"},
      {"SZDD of QBasic", Text("SZ \x88\xf0\x27\x33\xd1"),
       "not a PE file: SZDD compressed, expand it first"},
      {"text like SZDD", Text("SZDD text"),
       "not a PE file: it begins with 0x5a53, not \"MZ\" (0x5a4d)"},
      {"KWAJ", Text("KWAJ\x88\xf0\x27\xd1"),
       "not a PE file: KWAJ compressed, expand it first"},
      {"MSCF", Text("MSCF----"),
       "not a PE file: cabinet (MSCF) compressed, expand it first"},
      {"short DOS header", Text("MZ"),
       "DOS header ends at 0x40, file has 0x2 bytes"},
      {"no new header", plain_dos,
       "a DOS program, not a PE file: e_lfanew is 0"},
      {"new header outside", far,
       "e_lfanew points at 0x10040, file has 0x200 bytes"},
      {"other new header", DosProgram("XY"),
       "a DOS program, not a PE file: no PE signature at 0x40"},
      {"PE without zeros", DosProgram("PEPE"),
       "a DOS program, not a PE file: no PE signature at 0x40"},
      {"NE", DosProgram("NE"),
       "a 16-bit NE file (Windows 3.x, OS/2), not a PE file"},
      {"LE", DosProgram("LE"), "an LE file (VxD, OS/2), not a PE file"},
      {"LX", DosProgram("LX"), "an LX file (OS/2), not a PE file"},
  };
  for (const NotPe& row : rows) EXPECT_EQ(ErrorOf(row.bytes), row.message);
}

TEST(PeKind, RefusesACutPeHeader) {
  std::vector<uint8_t> bytes = BuildPe(FullSpec()).bytes;
  bytes.resize(0x90);
  EXPECT_EQ(ErrorOf(bytes), "PE header ends at 0x9a, file has 0x90 bytes");
}

TEST(PeKind, RefusesMoreThanIsRead) {
  std::vector<uint8_t> bytes(kMaxFileSize + 1);
  EXPECT_EQ(ErrorOf(std::move(bytes)),
            "file has 67108865 bytes, more than the 67108864 that are read");
}

TEST(PeKind, RefusesARomImage) {
  test::ExpectMessages(
      {{"Magic", 0x107, "optional header's Magic is 0x107, not 0x10b (PE32)"}});
}

struct Machine {
  uint32_t number;
  const char* text;
};

TEST(PeKind, NamesOtherMachines) {
  const Machine rows[] = {{0x8664, "x86-64 (0x8664)"},
                          {0x166, "MIPS R4000 (0x166)"},
                          {0x1f0, "PowerPC (0x1f0)"},
                          {0x284, "Alpha64 (0x284)"},
                          {0xaa64, "ARM64 (0xaa64)"},
                          {0x200, "Itanium (0x200)"},
                          {0x1c4, "ARM Thumb-2 (0x1c4)"},
                          {0x162, "MIPS R3000 (0x162)"},
                          {0x1234, "0x1234"},
                          {0, "0x0"}};
  for (const Machine& row : rows) {
    PeSpec spec = FullSpec();
    spec.overrides = {{"Machine", row.number}};
    const Result<ReadPe> read = ReadPeImage(BuildPe(spec).bytes);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_TRUE(read->other);
    EXPECT_FALSE(read->image);
    EXPECT_EQ(read->other->machine, row.number);
    EXPECT_EQ(read->other->text, row.text);
    EXPECT_FALSE(read->other->pe32_plus);
  }
}

TEST(PeKind, NamesPe32Plus) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Magic", 0x20b}, {"Machine", 0x8664}};
  Result<ReadPe> read = ReadPeImage(BuildPe(spec).bytes);
  ASSERT_TRUE(read && read->other);
  EXPECT_TRUE(read->other->pe32_plus);
  spec.overrides = {{"Magic", 0x20b}};
  read = ReadPeImage(BuildPe(spec).bytes);
  ASSERT_TRUE(read && read->other);
  EXPECT_TRUE(read->other->pe32_plus);
  EXPECT_EQ(read->other->text, "i386 (0x14c) PE32+");
}

// KB Q65122, "Executable-file header format": at 0x26 of the NE header stands
// where the resident-name table is, counted from that header.
TEST(PeKind, NamesTheSecurityDllOfWindows3) {
  std::vector<uint8_t> bytes(0x100);
  bytes[0] = 'M';
  bytes[1] = 'Z';
  bytes[0x3c] = 0x40;
  bytes[0x40] = 'N';
  bytes[0x41] = 'E';
  bytes[0x66] = 0x50;
  const std::string name = "\x08SECURITY";
  std::copy(name.begin(), name.end(), bytes.begin() + 0x90);
  EXPECT_EQ(ErrorOf(bytes),
            "a 16-bit NE file (Windows 3.x, OS/2), not a PE file: the "
            "SECURITY.DLL of Windows 3.x, not that of Windows NT");
  bytes[0x91] = 'X';
  EXPECT_EQ(ErrorOf(bytes),
            "a 16-bit NE file (Windows 3.x, OS/2), not a PE file");
  bytes[0x66] = 0xff;  // outside of the file
  EXPECT_EQ(ErrorOf(bytes),
            "a 16-bit NE file (Windows 3.x, OS/2), not a PE file");
}

}  // namespace
}  // namespace detachfix
