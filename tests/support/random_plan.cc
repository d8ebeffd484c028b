// SPDX-License-Identifier: Apache-2.0
#include "tests/support/random_plan.h"

#include <algorithm>

namespace detachfix {

// std::uniform_int_distribution differs between standard libraries.
uint32_t Pick(std::mt19937& random, uint32_t low, uint32_t high) {
  return low + static_cast<uint32_t>(random() % (uint64_t{high} - low + 1));
}

Bytes RandomFile(std::mt19937& random) {
  const size_t size = Pick(random, 1, 600);
  Bytes file;
  while (file.size() < size) {
    const size_t run = Pick(random, 1, 80);
    const uint32_t kind = Pick(random, 0, 3);
    const uint8_t value = static_cast<uint8_t>(random());
    for (size_t i = 0; i < run; ++i) {
      file.push_back(kind == 0   ? uint8_t{0}
                     : kind == 1 ? value
                                 : static_cast<uint8_t>(random()));
    }
  }
  file.resize(size);
  return file;
}

std::vector<Edit> RandomEdits(std::mt19937& random, const Bytes& file) {
  std::vector<Edit> edits;
  size_t at = Pick(random, 0, static_cast<uint32_t>(file.size() - 1));
  while (at < file.size()) {
    const size_t size = std::min<size_t>(Pick(random, 1, 60), file.size() - at);
    Edit edit{FileOffset{static_cast<uint32_t>(at)}, {}, {}, "random"};
    for (size_t i = 0; i < size; ++i) {
      edit.before.push_back(file[at + i]);
      edit.after.push_back(static_cast<uint8_t>(random()));
    }
    if (edit.after == edit.before) edit.after[0] ^= 1;
    edits.push_back(edit);
    at += size + (Pick(random, 0, 2) == 0 ? 0 : Pick(random, 1, 200));
  }
  if (Pick(random, 0, 2) == 0) {
    Bytes tail(Pick(random, 1, 100));
    for (uint8_t& byte : tail) byte = static_cast<uint8_t>(random());
    edits.push_back({FileOffset{static_cast<uint32_t>(file.size())},
                     {},
                     tail,
                     "extends the file"});
  }
  return edits;
}

}  // namespace detachfix
