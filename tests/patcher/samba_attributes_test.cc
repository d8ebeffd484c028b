// SPDX-License-Identifier: Apache-2.0
#include "patcher/samba_attributes.h"

#include <gtest/gtest.h>

#include <string>

#include "patcher/plan.h"

namespace detachfix {
namespace {

/// As `getfattr -e hex` prints it.
Bytes FromHex(const std::string& digits) {
  Bytes bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(
        static_cast<uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

struct Row {
  const char* name;
  const char* value;
  std::optional<uint32_t> attributes;
};

// The values of version 5 were written by smbd 4.17.12; the others follow
// xattr.idl.
const Row kRows[] = {
    {"version 5, ARCHIVE",
     "000005000500000011000000"
     "20000000f73e7350ca7edd01",
     0x20},
    {"version 5, READONLY and ARCHIVE",
     "000005000500000011000000"
     "21000000ba445350ca7edd01",
     0x21},
    {"version 5 without attributes",
     "000005000500000010000000"
     "21000000ba445350ca7edd01",
     std::nullopt},
    {"version 4", "00000400040000000100000001000000", 0x1},
    {"version 3 behind a text", "3078323100000300030000000100000021000000",
     0x21},
    {"version 2", "00000200020000000000000021000000", 0x21},
    {"version 1", "000001000100000021000000", 0x21},
    {"version 0xffff", "0000ffffffff00000000000021000000", 0x21},
    {"a version to come", "00000600060000000100000021000000", std::nullopt},
    {"text alone", "3078323100", 0x21},
    {"text alone without an end", "30783231", 0x21},
    {"no number", "30786162787a00", std::nullopt},
    {"other text", "3231", std::nullopt},
    {"nothing", "", std::nullopt},
};

TEST(SambaDosAttributes, AreReadFromEachForm) {
  for (const Row& row : kRows) {
    EXPECT_EQ(SambaDosAttributes(FromHex(row.value)), row.attributes)
        << row.name;
  }
}

TEST(SambaDosAttributes, AreNotReadFromWhatIsCutOff) {
  const Bytes whole = FromHex("3078323100000300030000000100000021000000");
  for (size_t size = 6; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(),
                    whole.begin() + static_cast<ptrdiff_t>(size));
    const std::optional<uint32_t> found = SambaDosAttributes(cut);
    // The text is all there is while not even the version is there.
    EXPECT_EQ(found, size < 8 ? std::optional<uint32_t>(0x21) : std::nullopt)
        << size;
  }
}

}  // namespace
}  // namespace detachfix
