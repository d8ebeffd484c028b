// SPDX-License-Identifier: Apache-2.0
// Compares the base relocations of files with LIEF's: compare_relocations
// FILE... Files of other machines are passed over. Exit status 1: LIEF reads
// some otherwise, or there were none.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "patcher/pe_parts.h"

namespace {

struct Count {
  size_t files = 0;
  size_t relocations = 0;
  size_t differ = 0;
};

void Compare(const std::string& path, Count& count) {
  std::ifstream file(path, std::ios::binary);
  const auto read = detachfix::ReadPeImage(
      std::vector<uint8_t>{std::istreambuf_iterator<char>(file), {}});
  if (!read || !read->image) return;
  ++count.files;
  count.relocations += read->image->relocations.size();
  const auto agree = detachfix::CheckRelocationsWithLief(*read->image);
  if (agree) return;
  ++count.differ;
  std::printf("%s: %s\n", path.c_str(), agree.error().message.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Count count;
  for (int i = 1; i < argc; ++i) Compare(argv[i], count);
  std::printf("%zu files, %zu base relocations, %zu files differ\n",
              count.files, count.relocations, count.differ);
  return count.differ == 0 && count.relocations > 0 ? 0 : 1;
}
