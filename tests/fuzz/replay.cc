// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over files: replay_TARGET FILE-OR-FOLDER... Fails when a
// law is broken, when an input hangs, when the process takes more than its
// memory, and when there was nothing to run. Says how long the slowest took.
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;

// Of one input, processor time: none may take over a second, and ten tell one
// that does from a slow machine. Of the whole process, KiB; AddressSanitizer
// takes several times as much of it.
constexpr double kMaxSeconds = 10;
#ifdef __SANITIZE_ADDRESS__
constexpr long kMaxResident = 2048L * 1024;
#else
constexpr long kMaxResident = 256L * 1024;
#endif

std::vector<fs::path> FilesAt(const fs::path& place) {
  if (!fs::is_directory(place)) return {place};
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(place)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::vector<uint8_t> Content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(1);
  }
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Processor time of one run, in seconds.
double Run(const fs::path& path) {
  const std::vector<uint8_t> bytes = Content(path);
  // A broken law ends the process; this says over which input.
  std::fprintf(stderr, "%s\n", path.c_str());
  const std::clock_t begin = std::clock();
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

}  // namespace

int main(int argc, char** argv) {
  size_t count = 0;
  double slowest = 0;
  std::string slowest_path;
  for (int i = 1; i < argc; ++i) {
    for (const fs::path& path : FilesAt(argv[i])) {
      const double seconds = Run(path);
      ++count;
      if (seconds <= slowest) continue;
      slowest = seconds;
      slowest_path = path.string();
    }
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%zu inputs, slowest %.3f s (%s), %ld KiB resident\n", count,
              slowest, slowest_path.c_str(), usage.ru_maxrss);
  const bool fine =
      count > 0 && slowest <= kMaxSeconds && usage.ru_maxrss <= kMaxResident;
  return fine ? 0 : 1;
}
