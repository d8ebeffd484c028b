// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/manifest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace detachfix::emulator {
namespace {

/// Writes `text` as the manifest of a folder of its own and reads it.
Result<std::vector<Sample>> Read(const std::string& text) {
  std::string folder =
      testing::TempDir() + "manifest." + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/manifest.json") << text;
  Result<std::vector<Sample>> samples = ReadManifest(folder);
  std::filesystem::remove_all(folder);
  return samples;
}

constexpr char kEntry[] = R"({
  "name": "two", "file": "two.dll", "machine": "i386", "verdict": "leaks",
  "critical_sections": [
    {"symbol": "a", "rva": 8192, "leaked": true, "deleted_on": []},
    {"symbol": "b", "rva": 8216, "leaked": false, "deleted_on": ["detach"]}],
  "heap_sections": {"initialised": 2, "leaked": 1},
  "other_calls": {"attach": ["kernel32.dll!TlsAlloc"], "detach": [],
    "process_exit": [], "thread_attach": [], "thread_detach": []},
  "import_returns": {"kernel32.dll!TlsAlloc": 5,
                     "kernel32.dll!GetEnvironmentVariableA": 0,
                     "kernel32.dll!LocalAlloc": "pointer"},
  "attach_fail": {"import": "kernel32.dll!GetEnvironmentVariableA",
    "returns": 1, "environment": {"X": "1"}, "sections_initialised": 1,
    "sections_deleted": 0},
  "probe": {"export": "P", "args": [5], "result": 22, "convention": "cdecl"}
})";

TEST(EmulatorManifest, SaysWhatIsTrueOfASample) {
  Result<std::vector<Sample>> samples =
      Read(std::string("{\"samples\": [") + kEntry + "]}");
  ASSERT_TRUE(samples) << samples.error().message;
  ASSERT_EQ(samples->size(), 1u);
  const Sample& sample = samples->front();
  EXPECT_EQ(sample.sections,
            (std::set<std::string>{"image+0x2000", "image+0x2018"}));
  EXPECT_EQ(sample.leaked, std::set<std::string>{"image+0x2000"});
  EXPECT_EQ(sample.alive_at_exit.size(), 2u);
  EXPECT_EQ(sample.setting.returns.count("kernel32.dll!LocalAlloc"), 0u);
  ASSERT_TRUE(sample.setting.attach_fails);
  EXPECT_EQ(sample.setting.attach_fails->returns.size(), 1u);
  EXPECT_EQ(sample.setting.attach_fails->environment.at("X"), "1");
  ASSERT_EQ(sample.probes.size(), 1u);
  EXPECT_EQ(sample.probes[0].result, 22u);
}

TEST(EmulatorManifest, LeavesOtherMachinesOut) {
  Result<std::vector<Sample>> samples =
      Read(R"({"samples": [{"machine": "alpha"}]})");
  ASSERT_TRUE(samples);
  EXPECT_TRUE(samples->empty());
}

TEST(EmulatorManifest, NamesTheFieldThatIsMissing) {
  Result<std::vector<Sample>> samples =
      Read(R"({"samples": [{"machine": "i386"}]})");
  ASSERT_FALSE(samples);
  EXPECT_NE(samples.error().message.find("'name'"), std::string::npos);
  EXPECT_EQ(ReadManifest("/nowhere").error().message,
            "no manifest.json in /nowhere");
}

}  // namespace
}  // namespace detachfix::emulator
