// SPDX-License-Identifier: Apache-2.0
// What a quick look at every file costs, with one thread:
// quick_look target|tables|code ROOT...
#include "patcher/batch/quick_look.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "patcher/batch/find_files.h"

int main(int argc, char** argv) {
  detachfix::FindOptions options;
  options.all_dlls = true;
  const std::string depth = argc > 1 ? argv[1] : "";
  const detachfix::Look look = depth == "target"   ? detachfix::Look::kTarget
                               : depth == "tables" ? detachfix::Look::kTables
                                                   : detachfix::Look::kCode;
  options.roots.assign(argv + std::min(argc, 2), argv + argc);
  const auto finder = detachfix::FindFiles(options);
  const std::unique_ptr<detachfix::Files> files = detachfix::PosixFiles();
  const auto begin = std::chrono::steady_clock::now();
  int seen = 0;
  int settled = 0;
  while (const auto found = finder->Next()) {
    if (found->problem || found->skipped) continue;
    ++seen;
    settled += detachfix::LookQuickly(*files, found->path, look).has_value();
  }
  const std::chrono::duration<double, std::milli> time =
      std::chrono::steady_clock::now() - begin;
  std::printf("%d files, %d of them settled, %.1f ms\n", seen, settled,
              time.count());
  return 0;
}
