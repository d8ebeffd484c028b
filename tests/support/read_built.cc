// SPDX-License-Identifier: Apache-2.0
#include "tests/support/read_built.h"

#include <gtest/gtest.h>

#include <utility>

namespace detachfix::test {

PeSpec FullSpec() {
  PeSpec spec;
  spec.entry = "entry";
  spec.sections = {
      {".text",
       "entry: 83 7c 24 08 01 75 (out)  ; cmp [esp+8],1; jne out\n"
       "68 [.data+0x10] ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
       "out: 31 c0 40 c2 0c 00          ; mov eax,1; ret 12\n"
       "init: b8 [.data] c3"},
      {".data", "zero:32", kDataFlags, 0x800},
  };
  spec.imports = {
      {"KERNEL32.dll",
       {"InitializeCriticalSection", "#115"},
       0x3300,
       {{"NTDLL.dll", 0x3301}}},
      {"user32", {"MessageBoxA"}},
  };
  spec.export_name = "SECURITY.dll";
  spec.exports = {{"InitSecurityInterfaceA", "init"},
                  {"", "entry"},
                  {"AddUser", "", "SECUR32.AddUser"}};
  spec.debug_misc = "security.dbg";
  spec.tls_callbacks = {"init"};
  spec.version = {{"FileDescription", "A client"},
                  {"FileVersion", "4.00"},
                  {"InternalName", "security"},
                  {"OriginalFilename", "security.dll"},
                  {"ProductVersion", "4.00"}};
  spec.certificate = {1, 2, 3};
  return spec;
}

PeImage MustRead(std::vector<uint8_t> bytes) {
  Result<ReadPe> read = ReadPeImage(std::move(bytes));
  if (!read) {
    ADD_FAILURE() << read.error().message;
    return {};
  }
  if (!read->image) {
    ADD_FAILURE() << "not looked into: " << read->other->text;
    return {};
  }
  return std::move(*read->image);
}

PeImage MustRead(const PeSpec& spec) { return MustRead(BuildPe(spec).bytes); }

std::string ErrorOf(std::vector<uint8_t> bytes) {
  const Result<ReadPe> read = ReadPeImage(std::move(bytes));
  return read ? "no error" : read.error().message;
}

std::ostream& operator<<(std::ostream& out, const BrokenField& row) {
  return out << row.field << " = 0x" << std::hex << row.value << std::dec;
}

void ExpectMessages(const std::vector<BrokenField>& rows) {
  for (const BrokenField& row : rows) {
    SCOPED_TRACE(testing::Message() << row);
    PeSpec spec = FullSpec();
    spec.overrides = {{row.field, row.value}};
    EXPECT_EQ(ErrorOf(BuildPe(spec).bytes), row.message);
  }
}

}  // namespace detachfix::test
