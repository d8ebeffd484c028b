// SPDX-License-Identifier: Apache-2.0
// After "Microsoft's SZDD, KWAJ file formats" in libmspack's documentation, and
// [MS-CAB] 2.1.
#include "patcher/sniff_packing.h"

#include <algorithm>
#include <array>

namespace detachfix {
namespace {

constexpr std::array<uint8_t, 8> kSzdd = {'S',  'Z',  'D',  'D',
                                          0x88, 0xf0, 0x27, 0x33};
constexpr std::array<uint8_t, 8> kQbasic = {'S',  'Z',  ' ',  0x88,
                                            0xf0, 0x27, 0x33, 0xd1};
constexpr std::array<uint8_t, 8> kKwaj = {'K',  'W',  'A',  'J',
                                          0x88, 0xf0, 0x27, 0xd1};
constexpr std::array<uint8_t, 4> kMscf = {'M', 'S', 'C', 'F'};

template <size_t kSize>
bool BeginsWith(std::span<const uint8_t> bytes,
                const std::array<uint8_t, kSize>& magic) {
  return bytes.size() >= kSize &&
         std::equal(magic.begin(), magic.end(), bytes.begin());
}

}  // namespace

Packing SniffPacking(std::span<const uint8_t> bytes) {
  if (BeginsWith(bytes, kSzdd) || BeginsWith(bytes, kQbasic)) {
    return Packing::kSzdd;
  }
  if (BeginsWith(bytes, kKwaj)) return Packing::kKwaj;
  if (BeginsWith(bytes, kMscf)) return Packing::kMscf;
  return Packing::kNone;
}

}  // namespace detachfix
