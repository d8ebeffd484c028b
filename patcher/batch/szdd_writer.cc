// SPDX-License-Identifier: Apache-2.0
// LZSS as COMPRESS.EXE writes it ("Microsoft's SZDD, KWAJ file formats" in
// libmspack's documentation). The packed data are groups of a byte of flags,
// lowest bit first, and eight items or less in the last one: a flag of 1 stands
// for a literal byte, of 0 for two bytes
//
//   pppppppp PPPPllll    copy l + 3 bytes (3 to 18) from window position Pp
//
// The window has 4096 bytes, holds spaces at first, and is filled from position
// 0xff0 on. Of two encodings with as many bits either will do, so the cheapest
// is found exactly: a literal costs 9 bits, a copy 17 whatever its length and
// distance, and each prefix of a copy is a copy too. The longest copy at each
// place is therefore all that need be searched, and a pass from the end gives
// the best path.
//
// No copy reaches back more than 4096 - 18 bytes. That is as far as the
// compressor goes which the format stems from (H. Okumura's LZSS.C, 1989), and
// so as far as every reader can be trusted to have been tried.
#include "patcher/batch/szdd_writer.h"

#include <algorithm>
#include <array>
#include <vector>

namespace detachfix {

namespace {

constexpr size_t kWindow = 4096;
constexpr size_t kMinCopy = 3;
constexpr size_t kMaxCopy = 18;
constexpr size_t kMaxDistance = kWindow - kMaxCopy;
constexpr size_t kFirstPosition = kWindow - 16;
constexpr uint32_t kLiteralBits = 9;
constexpr uint32_t kCopyBits = 17;
/// Places that are compared for one copy. Code has far fewer that share three
/// bytes; it bounds the time that content made for it can take.
constexpr int kMaxCompared = 1024;

/// The longest copy at one place; of several the nearest.
struct Copy {
  uint16_t distance = 0;
  uint8_t length = 0;  ///< 0: none of at least kMinCopy bytes
};

/// Finds copies by a chain of the places that begin with the same three bytes.
/// Knows the content with the window's spaces in front of it.
class CopyFinder {
 public:
  explicit CopyFinder(const Bytes& padded)
      : padded_(padded), last_(kHashes, kNone), before_(kWindow, kNone) {}

  /// Makes the place known to the searches from later ones.
  void Add(size_t place) {
    if (place + kMinCopy > padded_.size()) return;
    uint32_t& last = last_[Hash(place)];
    before_[place % kWindow] = last;
    last = static_cast<uint32_t>(place);
  }

  Copy Longest(size_t place) const {
    Copy best;
    if (place + kMinCopy > padded_.size()) return best;
    const size_t room = std::min(kMaxCopy, padded_.size() - place);
    uint32_t from = last_[Hash(place)];
    for (int i = 0; i < kMaxCompared && from != kNone; ++i) {
      if (place - from > kMaxDistance) break;
      const size_t length = Common(from, place, room);
      if (length >= kMinCopy && length > best.length) {
        best.length = static_cast<uint8_t>(length);
        best.distance = static_cast<uint16_t>(place - from);
        if (length == room) break;
      }
      from = before_[from % kWindow];
    }
    return best;
  }

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  static constexpr size_t kHashes = size_t{1} << 15;

  size_t Hash(size_t place) const {
    const uint32_t three = static_cast<uint32_t>(padded_[place]) << 16 |
                           static_cast<uint32_t>(padded_[place + 1]) << 8 |
                           padded_[place + 2];
    return (three * 0x9e3779b1u) >> 17;  // Knuth's multiplicative hash
  }

  /// A copy may overlap what it makes, so `from` may come near to `to`.
  size_t Common(size_t from, size_t to, size_t room) const {
    size_t length = 0;
    while (length < room && padded_[from + length] == padded_[to + length]) {
      ++length;
    }
    return length;
  }

  const Bytes& padded_;
  std::vector<uint32_t> last_;  ///< by hash: the latest place
  /// By place, as long as it is in the window: the one before with its hash.
  std::vector<uint32_t> before_;
};

std::vector<Copy> FindCopies(std::span<const uint8_t> content) {
  Bytes padded(kMaxDistance + content.size(), ' ');
  std::ranges::copy(content, padded.begin() + kMaxDistance);
  CopyFinder finder(padded);
  for (size_t i = 0; i < kMaxDistance; ++i) finder.Add(i);
  std::vector<Copy> copies(content.size());
  for (size_t i = 0; i < content.size(); ++i) {
    copies[i] = finder.Longest(kMaxDistance + i);
    finder.Add(kMaxDistance + i);
  }
  return copies;
}

/// Shortens each copy to what the cheapest encoding takes of it; 0: a literal.
void ChooseLengths(std::vector<Copy>& copies) {
  // Bits that the current place and the kMaxCopy after it need up to the end.
  std::array<uint64_t, kMaxCopy + 1> cost{};
  for (size_t i = copies.size(); i-- > 0;) {
    std::copy_backward(cost.begin(), cost.end() - 1, cost.end());
    uint64_t best = cost[1] + kLiteralBits;
    uint8_t chosen = 0;
    for (uint8_t length = kMinCopy; length <= copies[i].length; ++length) {
      if (cost[length] + kCopyBits >= best) continue;
      best = cost[length] + kCopyBits;
      chosen = length;
    }
    copies[i].length = chosen;
    cost[0] = best;
  }
}

/// Collects items in groups of eight behind their flags.
class ItemWriter {
 public:
  explicit ItemWriter(Bytes& out) : out_(out) {}

  void Literal(uint8_t byte) {
    BeginItem(true);
    out_.push_back(byte);
  }

  void CopyOf(size_t position, size_t length) {
    BeginItem(false);
    out_.push_back(static_cast<uint8_t>(position));
    out_.push_back(
        static_cast<uint8_t>((position >> 4 & 0xf0) | (length - kMinCopy)));
  }

 private:
  void BeginItem(bool literal) {
    if (items_ % 8 == 0) {
      flags_at_ = out_.size();
      out_.push_back(0);
    }
    if (literal) {
      out_[flags_at_] =
          static_cast<uint8_t>(out_[flags_at_] | 1u << (items_ % 8));
    }
    ++items_;
  }

  Bytes& out_;
  size_t items_ = 0;
  size_t flags_at_ = 0;
};

}  // namespace

Bytes WriteSzdd(std::span<const uint8_t> content, uint8_t missing_char) {
  Bytes file = {'S', 'Z', 'D', 'D', 0x88, 0xf0, 0x27, 0x33, 'A', missing_char};
  for (int shift = 0; shift < 32; shift += 8) {
    file.push_back(static_cast<uint8_t>(content.size() >> shift));
  }
  std::vector<Copy> copies = FindCopies(content);
  ChooseLengths(copies);
  ItemWriter writer(file);
  for (size_t i = 0; i < content.size();) {
    const Copy copy = copies[i];
    if (copy.length == 0) {
      writer.Literal(content[i++]);
      continue;
    }
    const size_t to = kFirstPosition + i;
    writer.CopyOf((to - copy.distance) % kWindow, copy.length);
    i += copy.length;
  }
  return file;
}

}  // namespace detachfix
