// SPDX-License-Identifier: Apache-2.0
// One sound PE file with a bit of everything; then each field of its headers
// and tables wrong in turn, in several ways, and what the reader says:
//   FIELD = VALUE: MESSAGE
// tests/broken/messages.txt holds what it must say; `print_broken >` rewrites
// it, and the difference is to be read.
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "patcher/pe_image.h"
#include "tests/support/read_built.h"

namespace {

namespace test = detachfix::test;

/// Nothing, the smallest, what no alignment allows, what a signed number and an
/// unsigned one can hold at most; one more and one less than is right.
std::set<uint32_t> WrongValues(const test::BuiltPe& pe,
                               const test::Field& field) {
  uint32_t right = 0;
  for (uint32_t i = 0; i < field.size; ++i) {
    right |= uint32_t{pe.bytes[field.offset + i]} << (8 * i);
  }
  const uint32_t mask =
      field.size == 4 ? UINT32_MAX : (uint32_t{1} << (8 * field.size)) - 1;
  std::set<uint32_t> values;
  for (const uint32_t value :
       {0u, 1u, 0x1001u, 0x7ffffff0u, 0xffffffffu, right + 1, right - 1}) {
    values.insert(value & mask);
  }
  values.erase(right);
  return values;
}

}  // namespace

int main() {
  const test::PeSpec sound = test::FullSpec();
  const test::BuiltPe pe = test::BuildPe(sound);
  std::printf("sound: %s\n", test::ErrorOf(pe.bytes).c_str());
  for (const auto& [name, field] : pe.fields) {
    for (const uint32_t value : WrongValues(pe, field)) {
      test::PeSpec broken = sound;
      broken.overrides = {{name, value}};
      std::printf("%s = 0x%x: %s\n", name.c_str(), value,
                  test::ErrorOf(test::BuildPe(broken).bytes).c_str());
    }
  }
  return 0;
}
