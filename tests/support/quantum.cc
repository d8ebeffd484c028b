// SPDX-License-Identifier: Apache-2.0
// Quantum, the compression of cabinets by David Stafford, of which no program
// that writes it is left. Written after Matthew Russotto's description ("The
// Quantum compressed format") and libmspack's documentation of what it reads.
//
// An arithmetic coder of 16 bits with adaptive models. Each symbol is preceded
// by a selector: 0 to 3 announce a literal, whose upper two bits they are, 4 to
// 6 a copy of earlier bytes. Here everything is a literal.
#include "tests/support/quantum.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace detachfix::test {
namespace {

/// Symbols with their cumulated frequencies, falling to 0 behind the last.
class Model {
 public:
  Model(uint16_t first, size_t count) {
    for (size_t i = 0; i <= count; ++i) {
      symbols_.push_back(
          {static_cast<uint16_t>(first + i), static_cast<uint16_t>(count - i)});
    }
  }

  struct Part {
    uint32_t low;
    uint32_t high;
    uint32_t total;
  };

  /// Where `symbol` lies, before it is counted.
  Part Take(uint16_t symbol) {
    size_t at = 0;
    while (symbols_[at].symbol != symbol) ++at;
    const Part part{symbols_[at + 1].frequency, symbols_[at].frequency,
                    symbols_[0].frequency};
    for (size_t i = 0; i <= at; ++i) symbols_[i].frequency += 8;
    if (symbols_[0].frequency > 3800) Rescale();
    return part;
  }

 private:
  struct Symbol {
    uint16_t symbol;
    uint16_t frequency;
  };

  void Rescale() {
    if (--left_ > 0) {
      for (size_t i = symbols_.size() - 1; i-- > 0;) {
        uint16_t& frequency = symbols_[i].frequency;
        frequency /= 2;
        frequency = std::max<uint16_t>(
            frequency, static_cast<uint16_t>(symbols_[i + 1].frequency + 1));
      }
      return;
    }
    left_ = 50;
    Sort();
  }

  // By how often each came: an exchanging sort, since equal ones must lie as
  // the reader has them.
  void Sort() {
    const size_t count = symbols_.size() - 1;
    for (size_t i = 0; i < count; ++i) {
      const int alone = symbols_[i].frequency - symbols_[i + 1].frequency + 1;
      symbols_[i].frequency = static_cast<uint16_t>(alone / 2);
    }
    for (size_t i = 0; i + 1 < count; ++i) {
      for (size_t j = i + 1; j < count; ++j) {
        if (symbols_[i].frequency < symbols_[j].frequency) {
          std::swap(symbols_[i], symbols_[j]);
        }
      }
    }
    for (size_t i = count; i-- > 0;) {
      symbols_[i].frequency = static_cast<uint16_t>(symbols_[i].frequency +
                                                    symbols_[i + 1].frequency);
    }
  }

  std::vector<Symbol> symbols_;
  int left_ = 4;  // rescalings until the symbols are sorted
};

class Coder {
 public:
  void Put(const Model::Part& part) {
    const uint32_t range = high_ - low_ + 1;
    high_ = low_ + part.high * range / part.total - 1;
    low_ = low_ + part.low * range / part.total;
    while (true) {
      if ((low_ & 0x8000) == (high_ & 0x8000)) {
        PutBit(low_ >> 15);
      } else if ((low_ & 0x4000) != 0 && (high_ & 0x4000) == 0) {
        ++pending_;
        low_ &= 0x3fff;
        high_ |= 0x4000;
      } else {
        return;
      }
      low_ = low_ << 1 & 0xffff;
      high_ = (high_ << 1 | 1) & 0xffff;
    }
  }

  /// What tells the last symbols apart, up to a whole byte.
  Bytes Finish() {
    PutBit(low_ >> 15);
    for (int bit = 14; bit >= 0; --bit) Append(low_ >> bit & 1);
    return bytes_;
  }

 private:
  // Those that were held back are the opposite of the one that decides.
  void PutBit(uint32_t bit) {
    Append(bit);
    for (; pending_ > 0; --pending_) Append(bit ^ 1);
  }

  void Append(uint32_t bit) {
    if (used_ == 0) bytes_.push_back(0);
    bytes_.back() = static_cast<uint8_t>(bytes_.back() | bit << (7 - used_));
    used_ = (used_ + 1) % 8;
  }

  uint32_t low_ = 0;
  uint32_t high_ = 0xffff;
  int pending_ = 0;
  int used_ = 0;
  Bytes bytes_;
};

}  // namespace

Bytes PackQuantum(const Bytes& content) {
  Model selectors(0, 7);
  Model literals[] = {{0, 64}, {64, 64}, {128, 64}, {192, 64}};
  Coder coder;
  for (const uint8_t byte : content) {
    const uint8_t selector = byte >> 6;
    coder.Put(selectors.Take(selector));
    coder.Put(literals[selector].Take(byte));
  }
  return coder.Finish();
}

}  // namespace detachfix::test
