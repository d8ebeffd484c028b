// SPDX-License-Identifier: Apache-2.0
// Finds as a batch does, and nothing else: find_files [--all-dlls]
// [--threads N] ROOT... Prints the paths, as find(1) does. compare_finding
// measures it.
#include "patcher/batch/find_files.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

// The largest resident set of this process so far, proc(5).
static long PeakKilobytes() {
  std::ifstream status("/proc/self/status");
  long kilobytes = 0;
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") status >> kilobytes;
  }
  return kilobytes;
}

int main(int argc, char** argv) {
  detachfix::FindOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--all-dlls") {
      options.all_dlls = true;
    } else if (word == "--threads" && i + 1 < argc) {
      options.threads = static_cast<unsigned>(std::atoi(argv[++i]));
    } else {
      options.roots.push_back(word);
    }
  }
  const auto finder = detachfix::FindFiles(options);
  while (const auto found = finder->Next()) {
    if (found->problem) {
      std::fprintf(stderr, "%s: %s\n", found->path.c_str(),
                   found->problem->message.c_str());
    } else if (!found->skipped) {
      std::puts(found->path.c_str());
    }
  }
  const detachfix::FindCounts counts = finder->Counts();
  std::fprintf(stderr, "%llu entries in %llu folders, peak %ld kB\n",
               static_cast<unsigned long long>(counts.entries),
               static_cast<unsigned long long>(counts.folders),
               PeakKilobytes());
  return 0;
}
