// SPDX-License-Identifier: Apache-2.0
// Our listing of Alpha code must be objdump's, word by word.

#include "disasm/alpha_decode.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace detachfix {
namespace {

/// Branches back from the first words must not lead below zero, which objdump
/// prints with 64 bits: no image lies there.
constexpr uint64_t kBase = 0x10000000;

/// A file of this test alone, gone with the object.
class TemporaryPath {
 public:
  explicit TemporaryPath(const std::string& name)
      : path_(testing::TempDir() + name + "." + std::to_string(getpid())) {}
  ~TemporaryPath() { std::remove(path_.c_str()); }
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// One line of objdump's for each word: "10000004:\tlda sp,-32(sp)".
void CompareWithObjdump(const std::vector<uint32_t>& words) {
  const TemporaryPath file("alpha_words");
  {
    std::ofstream out(file.path(), std::ios::binary);
    out.write(reinterpret_cast<const char*>(words.data()),
              static_cast<std::streamsize>(words.size() * 4));
  }
  const std::string command =
      "alpha-linux-gnu-objdump -D -z -b binary -m alpha --no-show-raw-insn "
      "--adjust-vma=0x10000000 " +
      file.path();
  FILE* const pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  char buffer[256];
  size_t index = 0;
  size_t different = 0;
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) {
    std::string line(buffer);
    const size_t colon = line.find(":\t");
    if (colon == std::string::npos) continue;
    std::string theirs = line.substr(colon + 2);
    while (!theirs.empty() && std::isspace(theirs.back())) theirs.pop_back();
    for (char& c : theirs) {
      if (c == '\t') c = ' ';
    }
    ASSERT_LT(index, words.size());
    const std::string ours =
        AlphaText(DecodeAlpha(words[index]), kBase + 4 * index);
    if (ours != theirs && ++different <= 20) {
      ADD_FAILURE() << std::hex << words[index] << ": ours " << ours
                    << ", objdump's " << theirs;
    }
    ++index;
  }
  EXPECT_EQ(pclose(pipe), 0) << command;
  EXPECT_EQ(index, words.size());
  EXPECT_EQ(different, 0u);
}

TEST(AlphaDecode, PrintsRandomWordsAsObjdumpDoes) {
  std::mt19937 random(19970325);
  const auto next = [&] { return static_cast<uint32_t>(random()); };
  std::vector<uint32_t> words;
  // Every major opcode with random operands.
  for (uint32_t major = 0; major < 64; ++major) {
    for (int i = 0; i < 4'000; ++i) {
      words.push_back(major << 26 | (next() & 0x3ffffff));
    }
  }
  // Every function of the operate and floating-point groups, with registers
  // drawn so that 31 and equal ones are frequent.
  constexpr std::array<uint32_t, 4> kFields = {31, 31, 2, 26};
  const auto field = [&] {
    return next() % 3 == 0 ? next() & 31 : kFields[next() & 3];
  };
  for (uint32_t major = 0x10; major <= 0x1c; ++major) {
    for (uint32_t function = 0; function < 0x800; ++function) {
      for (int i = 0; i < 24; ++i) {
        words.push_back(major << 26 | field() << 21 | field() << 16 |
                        function << 5 | field());
      }
    }
  }
  // Jumps and branches, with the registers that have forms of their own.
  for (uint32_t i = 0; i < 40'000; ++i) {
    const uint32_t hint = next() % 4 == 0 ? next() & 0x3fff : next() & 1;
    words.push_back(0x1au << 26 | field() << 21 | field() << 16 |
                    (i & 3) << 14 | hint);
    words.push_back((0x30 + i % 16) << 26 | field() << 21 | (next() >> 11));
  }
  for (uint32_t function = 0; function < 0x10000; ++function) {
    words.push_back(0x18u << 26 | field() << 21 | field() << 16 | function);
  }
  for (uint32_t function = 0; function < 0x400; ++function) {
    words.push_back(function);  // call_pal
  }
  while (words.size() < 1'300'000) words.push_back(next());
  CompareWithObjdump(words);
}

/// The code of a shared library, as words.
std::vector<uint32_t> CodeOf(const std::string& library) {
  const TemporaryPath file("alpha_code");
  const std::string command = "alpha-linux-gnu-objcopy -O binary -j .text " +
                              library + " " + file.path();
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  std::ifstream in(file.path(), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  std::vector<uint32_t> words(bytes.size() / 4);
  for (size_t i = 0; i < words.size() * 4; ++i) {
    words[i / 4] |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8 * (i % 4));
  }
  return words;
}

TEST(AlphaDecode, PrintsCompiledProgramsAsObjdumpDoes) {
  for (const char* library : {"libc.so.6.1", "libm.so.6.1"}) {
    const std::vector<uint32_t> words =
        CodeOf(std::string("/usr/alpha-linux-gnu/lib/") + library);
    EXPECT_GT(words.size(), 50'000u) << library;
    CompareWithObjdump(words);
  }
}

struct TextCase {
  uint32_t word;
  const char* text;
};

// Encodings that Microsoft published (devblogs.microsoft.com/oldnewthing,
// 30 August 2017, "The Alpha AXP, part 17: Reconstructing a call stack"),
// printed by objdump's rules.
TEST(AlphaDecode, KnowsThePublishedEncodings) {
  constexpr TextCase kCases[] = {
      {0x23deffe0, "lda sp,-32(sp)"},    {0xb53e0000, "stq s0,0(sp)"},
      {0xb75e0010, "stq ra,16(sp)"},     {0xa75e0048, "ldq ra,72(sp)"},
      {0xa57e0020, "ldq s2,32(sp)"},     {0x47ff0400, "clr v0"},
      {0x47ef0411, "mov fp,a1"},         {0xa20b0040, "ldl a0,64(s2)"},
      {0xd3407858, "bsr ra,0x1001e164"}, {0xc3e00122, "br 0x1000048c"},
      {0xe61ff989, "beq a0,0xfffe628"},
  };
  for (const TextCase& c : kCases) {
    EXPECT_EQ(AlphaText(DecodeAlpha(c.word), kBase), c.text);
  }
}

}  // namespace
}  // namespace detachfix
