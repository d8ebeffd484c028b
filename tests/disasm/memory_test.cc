// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/disasm/memory_test_image.h"

namespace detachfix {
namespace {

TEST_F(MemoryTest, HoldsWhatTheImageHolds) {
  const Memory memory(view_);
  EXPECT_EQ(memory.Load(Data(0), 4), ConstantValue(0x83828180));
  EXPECT_EQ(memory.Load(Data(3), 2), ConstantValue(0x8483));
  EXPECT_EQ(memory.Load(Data(0x1e), 4), ConstantValue(0x9f9e));
  EXPECT_EQ(memory.Load(Data(0x3c), 4), ConstantValue(0));
  EXPECT_EQ(memory.Load(Const(0), 1), ConstantValue(0x80));
  // Behind it, and in front, nothing is known.
  EXPECT_EQ(memory.Load(Data(0x3d), 4), PartialValue(0, 0xffffff, 32));
  EXPECT_EQ(memory.Load(Data(-1), 2), PartialValue(0x8000, 0xff00, 16));
  EXPECT_TRUE(memory.Load(Heap(0), 4).IsUnknown());
}

TEST_F(MemoryTest, PartialStoresAndLoadsMeet) {
  Memory memory(view_);
  memory.Store(Heap(0), 4, ConstantValue(0x44332211));
  EXPECT_EQ(memory.Load(Heap(0), 2), ConstantValue(0x2211));
  EXPECT_EQ(memory.Load(Heap(1), 2), ConstantValue(0x3322));
  memory.Store(Heap(1), 1, ConstantValue(0xabcd));
  EXPECT_EQ(memory.Load(Heap(0), 4), ConstantValue(0x4433cd11));
  memory.Store(Heap(3), 2, ConstantValue(0x8899));
  EXPECT_EQ(memory.Load(Heap(0), 4), ConstantValue(0x9933cd11));
  EXPECT_EQ(memory.Load(Heap(4), 1), ConstantValue(0x88));
  memory.Forget(Heap(2), 1);
  EXPECT_EQ(memory.Load(Heap(0), 4), PartialValue(0x9900cd11, 0xff00ffff, 32));
  EXPECT_EQ(memory.Load(Heap(0), 2), ConstantValue(0xcd11));
  EXPECT_EQ(memory.Load(Heap(3), 2), ConstantValue(0x8899));
}

TEST_F(MemoryTest, SymbolsAreKeptWholeOnly) {
  Memory memory(view_);
  const Value symbol = SymbolicValue(kNumber, 8);
  memory.Store(Data(0), 4, symbol);
  EXPECT_EQ(memory.Load(Data(0), 4), symbol);
  EXPECT_TRUE(IsOpen(memory.Load(Data(0), 2), 2));
  EXPECT_TRUE(IsOpen(memory.Load(Data(2), 2), 2));
  EXPECT_EQ(memory.Load(Data(4), 2), ConstantValue(0x8584));
  memory.Store(Data(2), 2, ConstantValue(5));
  EXPECT_EQ(memory.Load(Data(0), 4), PartialValue(0x50000, 0xffff0000, 32));
  EXPECT_TRUE(memory.Load(Data(0), 2).IsUnknown());
  EXPECT_EQ(memory.Load(Data(2), 2), ConstantValue(5));
  memory.Store(Data(8), 2, symbol);
  EXPECT_TRUE(IsOpen(memory.Load(Data(8), 2), 2));
}

TEST_F(MemoryTest, RegionsDoNotOverlap) {
  Memory memory(view_);
  memory.Store(Heap(0), 4, ConstantValue(1));
  memory.Store({kStackSymbol, 0}, 4, ConstantValue(2));
  memory.Store({kAbsolute, 0}, 4, ConstantValue(3));
  EXPECT_EQ(memory.Load(Heap(0), 4), ConstantValue(1));
  EXPECT_EQ(memory.Load({kStackSymbol, 0}, 4), ConstantValue(2));
  EXPECT_EQ(memory.Load({kAbsolute, 0}, 4), ConstantValue(3));
  memory.ForgetRegion(kHeap);
  EXPECT_TRUE(memory.Load(Heap(0), 4).IsUnknown());
  EXPECT_EQ(memory.Load({kStackSymbol, 0}, 4), ConstantValue(2));
}

TEST_F(MemoryTest, DropsOnlyWhatLiesBelow) {
  Memory memory(view_);
  for (const int64_t offset : {-8, -4, 0}) {
    memory.Store({kStackSymbol, offset}, 4, ConstantValue(1));
  }
  memory.DropBelow(kStackSymbol, -4);
  EXPECT_TRUE(memory.Load({kStackSymbol, -8}, 4).IsUnknown());
  EXPECT_EQ(memory.Load({kStackSymbol, -4}, 4), ConstantValue(1));
  EXPECT_EQ(memory.Load({kStackSymbol, 0}, 4), ConstantValue(1));
}

TEST_F(MemoryTest, ForgetsTheWritableImageButWhatIsKept) {
  Memory memory(view_);
  memory.Store(Data(0), 4, ConstantValue(1));
  const int64_t data = int64_t{kBase} + kDataRva;
  memory.ForgetImage({0, INT64_MAX}, {{data + 0x20, data + 0x28},
                                      {data + 8, data + 12},
                                      {data - 8, data + 2}});
  EXPECT_EQ(memory.Load(Data(0), 2), ConstantValue(1));
  EXPECT_TRUE(memory.Load(Data(2), 1).IsUnknown());
  EXPECT_TRUE(memory.Load(Data(7), 1).IsUnknown());
  EXPECT_EQ(memory.Load(Data(8), 4), ConstantValue(0x8b8a8988));
  EXPECT_TRUE(memory.Load(Data(12), 4).IsUnknown());
  EXPECT_EQ(memory.Load(Data(0x10), 4), SymbolicValue(kImportSymbol, kSlotRva))
      << "what no pointer of the DLL's points to";
  EXPECT_TRUE(memory.Load(Data(0x1f), 1).IsUnknown());
  EXPECT_EQ(memory.Load(Data(0x20), 4), ConstantValue(0));
  EXPECT_TRUE(memory.Load(Data(0x28), 1).IsUnknown());
  EXPECT_TRUE(memory.Load(Data(0x3f), 1).IsUnknown());
  EXPECT_EQ(memory.Load(Const(0), 4), ConstantValue(0x83828180));
}

TEST_F(MemoryTest, AForgottenWordThatPointedToABlockMayStillDoSo) {
  Memory memory(view_);
  const Symbol block = kBlockBit | kNumber;
  memory.Store(Data(0), 4, SymbolicValue(block, 4));
  memory.Store(Data(8), 4, SymbolicValue(kNumber));
  memory.ForgetImage({0, INT64_MAX}, {});
  const Value pointer = memory.Load(Data(0), 4);
  EXPECT_TRUE(pointer.IsUnknown());
  EXPECT_EQ(RegionNear(pointer), block);
  EXPECT_EQ(RegionNear(memory.Load(Data(8), 4)), Symbol{0});
}

TEST_F(MemoryTest, ForgetsARangeOfTheImage) {
  Memory memory(view_);
  const int64_t data = int64_t{kBase} + kDataRva;
  memory.ForgetImage({data + 4, data + 6}, {});
  EXPECT_EQ(memory.Load(Data(0), 4), ConstantValue(0x83828180));
  EXPECT_TRUE(memory.Load(Data(4), 1).IsUnknown());
  EXPECT_TRUE(memory.Load(Data(5), 1).IsUnknown());
  EXPECT_EQ(memory.Load(Data(6), 2), ConstantValue(0x8786));
}

TEST_F(MemoryTest, AStoreAcrossTheEndsOfARegionReachesItsBytes) {
  Memory memory(view_);
  memory.Forget(Data(-2), 4);
  EXPECT_TRUE(memory.Load(Data(0), 2).IsUnknown());
  EXPECT_EQ(memory.Load(Data(2), 2), ConstantValue(0x8382));
  memory.Store(Const(-1), 2, SymbolicValue(kNumber));
  EXPECT_TRUE(memory.Load(Const(0), 1).IsUnknown());
}

TEST_F(MemoryTest, AWordIsOpenWhenNothingOfItIsKnown) {
  Memory memory(view_);
  EXPECT_TRUE(memory.IsOpenWord(Heap(0)));
  EXPECT_FALSE(memory.IsOpenWord(Data(0)));
  memory.Store(Heap(3), 1, ConstantValue(0));
  EXPECT_FALSE(memory.IsOpenWord(Heap(0)));
  EXPECT_TRUE(memory.IsOpenWord(Heap(4)));
  memory.Forget(Data(4), 3);
  EXPECT_FALSE(memory.IsOpenWord(Data(4)));
  memory.Forget(Data(7), 1);
  EXPECT_TRUE(memory.IsOpenWord(Data(4)));
}

TEST_F(MemoryTest, SubstitutesInEveryCell) {
  Memory memory(view_);
  Value is_five;
  is_five.kind = Value::Kind::kCondition;
  is_five.symbol = kNumber;
  is_five.bits = 5;
  Value is_not_five = is_five;
  is_not_five.negated = true;
  memory.Store(Heap(0), 4, SymbolicValue(kNumber));
  memory.Store(Heap(4), 4, SymbolicValue(kNumber, 3));
  memory.Store(Heap(8), 4, is_five);
  memory.Store(Heap(12), 4, is_not_five);
  memory.Store(Heap(16), 4, SymbolicValue(kNumber + 1));
  Memory known = memory;
  known.Substitute(kNumber, ConstantValue(5));
  EXPECT_EQ(known.Load(Heap(0), 4), ConstantValue(5));
  EXPECT_EQ(known.Load(Heap(4), 4), ConstantValue(8));
  EXPECT_EQ(known.Load(Heap(8), 4), ConstantValue(1));
  EXPECT_EQ(known.Load(Heap(12), 4), ConstantValue(0));
  EXPECT_EQ(known.Load(Heap(16), 4), SymbolicValue(kNumber + 1));
  memory.Substitute(kNumber, SymbolicValue(kNumber, 0, true));
  EXPECT_EQ(memory.Load(Heap(0), 4), SymbolicValue(kNumber, 0, true));
  EXPECT_EQ(memory.Load(Heap(4), 4), SymbolicValue(kNumber, 3));
  EXPECT_EQ(memory.Load(Heap(8), 4), is_five);
}

TEST_F(MemoryTest, AJoinKeepsWhatBothSay) {
  Memory a(view_);
  Memory b(view_);
  a.Store(Data(0), 4, ConstantValue(1));  // both, the same
  b.Store(Data(0), 4, ConstantValue(1));
  a.Store(Data(4), 4, ConstantValue(1));  // both, not the same
  b.Store(Data(4), 4, ConstantValue(2));
  b.Store(Data(8), 4, ConstantValue(9));            // one only
  b.Store(Data(12), 4, ConstantValue(0x8f8e8d8c));  // as in the image
  a.Store(Heap(0), 4, ConstantValue(3));            // one only
  a.Store(Heap(8), 4, ConstantValue(0x01020304));   // cut differently
  b.Store(Heap(8), 2, ConstantValue(0x0304));
  b.Store(Heap(10), 2, ConstantValue(0x0102));
  for (const Memory& joined : {Join(a, b), Join(b, a)}) {
    EXPECT_EQ(joined.Load(Data(0), 4), ConstantValue(1));
    EXPECT_TRUE(joined.Load(Data(4), 4).IsUnknown());
    EXPECT_TRUE(joined.Load(Data(8), 4).IsUnknown());
    EXPECT_EQ(joined.Load(Data(12), 4), ConstantValue(0x8f8e8d8c));
    EXPECT_TRUE(joined.Load(Heap(0), 4).IsUnknown());
    EXPECT_EQ(joined.Load(Heap(8), 4), ConstantValue(0x01020304));
  }
}

TEST_F(MemoryTest, AJoinSaysHowManyCellsDiffer) {
  Memory a(view_);
  Memory b(view_);
  for (uint32_t i = 0; i < 100; ++i) {
    a.Store(Heap(4 * i), 4, ConstantValue(i));
    b.Store(Heap(4 * i), 4, ConstantValue(i < 70 ? i : i + 1));
  }
  size_t differing = 5;
  Join(a, a, &differing);
  EXPECT_EQ(differing, 5u);
  Join(a, b, &differing);
  EXPECT_EQ(differing, 35u);
}

TEST(AddressOf, GoesByRegion) {
  EXPECT_EQ(AddressOf(ConstantValue(0xfffffffc)),
            (MemoryAddress{kAbsolute, 0xfffffffc}));
  EXPECT_EQ(AddressOf(SymbolicValue(kStackSymbol, 0xfffffffc)),
            (MemoryAddress{kStackSymbol, -4}));
  EXPECT_EQ(AddressOf(UnknownValue()), std::nullopt);
}

// Against a plain byte array: what is claimed of a byte is true, and a byte
// that was written as a number is known.

/// One memory with what it stands for.
struct Doubled {
  explicit Doubled(const CodeView& view) : memory(view) {}

  Memory memory;
  std::map<MemoryAddress, uint8_t> bytes;  ///< what is really there
  std::map<MemoryAddress, bool> known;     ///< ... and must be known
};

class MemoryProperty : public MemoryTest {
 protected:
  static constexpr uint32_t kSeed = 20240612;
  static constexpr uint32_t kNumberMeans = 0x00c0ffee;
  static constexpr uint32_t kImportMeans = 0x77f01234;

  uint32_t Random() { return static_cast<uint32_t>(random_()); }

  Doubled NewDoubled() {
    Doubled run(view_);
    for (uint32_t i = 0; i < kDataSize; ++i) {
      const bool slot = i >= 0x10 && i < 0x14;
      run.bytes[Data(i)] =
          slot ? static_cast<uint8_t>(kImportMeans >> (8 * (i - 0x10)))
          : i < content_.size() ? content_[i]
                                : uint8_t{0};
      run.known[Data(i)] = !slot;
    }
    for (uint32_t i = 0; i < kConstSize; ++i) {
      run.bytes[Const(i)] = content_[i];
      run.known[Const(i)] = true;
    }
    return run;
  }

  static bool IsSlot(MemoryAddress at) {
    return at.region == kAbsolute && at >= Data(0x10) && at < Data(0x14);
  }

  /// Around the borders of both regions, and in a block of the heap.
  MemoryAddress RandomAddress() {
    switch (Random() % 4) {
      case 0:
        return Heap(Random() % 24);
      case 1:
        return Const(static_cast<int64_t>(Random() % 24) - 4);
      default:
        return Data(static_cast<int64_t>(Random() % 72) - 4);
    }
  }

  void Write(Doubled& run, MemoryAddress at, uint32_t size, uint64_t bits,
             bool known) {
    for (uint32_t i = 0; i < size; ++i) {
      const MemoryAddress byte{at.region, at.offset + i};
      run.bytes[byte] = static_cast<uint8_t>(bits >> (8 * (i % 8)));
      run.known[byte] = known;
    }
  }

  /// Any byte; but the loader's words are out of reach of a pointer that is not
  /// known, which is what `by_pointer` means.
  void WriteUnknown(Doubled& run, MemoryAddress at, bool by_pointer) {
    const bool keeps = by_pointer && IsSlot(at);
    Write(run, at, 1, keeps ? run.bytes[at] : Random(), false);
  }

  void StoreSomething(Doubled& run) {
    const MemoryAddress at = RandomAddress();
    const uint32_t size = std::array<uint32_t, 4>{1, 2, 4, 4}[Random() % 4];
    const uint32_t bits = Random();
    switch (Random() % 4) {
      case 0:
        run.memory.Store(at, size, SymbolicValue(kNumber, 4));
        Write(run, at, size, kNumberMeans + 4, false);
        return;
      case 1: {
        const uint32_t many = 1 + Random() % 30;
        run.memory.Forget(at, many);
        for (int64_t i = 0; i < many; ++i) {
          const MemoryAddress byte{at.region, at.offset + i};
          WriteUnknown(run, byte, many > 4);
        }
        return;
      }
      default:
        run.memory.Store(at, size, ConstantValue(bits & LowBits(8 * size)));
        Write(run, at, size, bits, true);
        return;
    }
  }

  void ForgetSomeImage(Doubled& run) {
    const int64_t data = int64_t{kBase} + kDataRva;
    const int64_t begin = data - 4 + Random() % 32;
    const int64_t end = begin + Random() % 48;
    const int64_t kept = data + Random() % 48;
    run.memory.ForgetImage({begin, end}, {{kept, kept + 8}});
    for (int64_t va = begin; va < end; ++va) {
      const bool data_byte = va >= data && va < data + kDataSize;
      if (!data_byte || (va >= kept && va < kept + 8)) continue;
      WriteUnknown(run, {kAbsolute, va}, true);
    }
  }

  /// Whether the claim is true of what is there.
  static bool Holds(const Value& value, uint64_t real) {
    switch (value.kind) {
      case Value::Kind::kUnknown:
        return true;
      case Value::Kind::kConstant:
        return value.bits == real;
      case Value::Kind::kPartial:
        return ((value.bits ^ real) & value.known) == 0;
      case Value::Kind::kSymbolic:
        return value.symbol == kImportSymbol
                   ? value.bits == kSlotRva && real == kImportMeans
                   : kNumberMeans + value.bits == real;
      case Value::Kind::kCondition:
        return false;  // none was stored
    }
    return false;
  }

  void Check(const Doubled& run, const Memory& memory, bool all_known,
             int round) {
    const MemoryAddress at = RandomAddress();
    const uint32_t size = std::array<uint32_t, 3>{1, 2, 4}[Random() % 3];
    const Value loaded = memory.Load(at, size);
    uint64_t real = 0;
    uint64_t written = 0;  // bits
    bool known = true;
    for (uint32_t i = 0; i < size; ++i) {
      const MemoryAddress byte{at.region, at.offset + i};
      const auto it = run.bytes.find(byte);
      if (it == run.bytes.end()) continue;  // stands for anything
      real |= uint64_t{it->second} << (8 * i);
      written |= uint64_t{0xff} << (8 * i);
      known = known && run.known.at(byte);
    }
    if (const uint64_t others = LowBits(8 * size) & ~written; others != 0) {
      const bool is_partial = loaded.kind == Value::Kind::kPartial;
      ASSERT_TRUE(loaded.IsUnknown() ||
                  (is_partial && (loaded.known & others) == 0))
          << "seed " << kSeed << " round " << round;
      known = false;
    }
    ASSERT_TRUE(Holds(loaded, real))
        << "region " << at.region << " offset " << at.offset << " size " << size
        << " kind " << static_cast<int>(loaded.kind) << " bits " << loaded.bits
        << " really " << real << ", seed " << kSeed << " round " << round;
    if (known && all_known) {
      ASSERT_TRUE(loaded.IsConstant())
          << "region " << at.region << " offset " << at.offset << " size "
          << size << ", seed " << kSeed << " round " << round;
    }
  }

  std::mt19937 random_{kSeed};
};

TEST_F(MemoryProperty, LoadsAreTrueAndNumbersAreKept) {
  for (int round = 0; round < 1000 && !HasFatalFailure(); ++round) {
    Doubled run = NewDoubled();
    for (int step = 0; step < 40 && !HasFatalFailure(); ++step) {
      if (Random() % 8 == 0) {
        ForgetSomeImage(run);
      } else {
        StoreSomething(run);
      }
      Check(run, run.memory, true, round);
    }
  }
}

TEST_F(MemoryProperty, AJoinIsTrueOfBoth) {
  for (int round = 0; round < 1000 && !HasFatalFailure(); ++round) {
    Doubled a = NewDoubled();
    for (int step = 0; step < 6; ++step) StoreSomething(a);
    Doubled b = a;
    for (int step = 0; step < 6; ++step) {
      StoreSomething(a);
      StoreSomething(b);
    }
    if (Random() % 2 == 0) ForgetSomeImage(b);
    const Memory joined = Join(a.memory, b.memory);
    for (int i = 0; i < 20 && !HasFatalFailure(); ++i) {
      Check(a, joined, false, round);
      Check(b, joined, false, round);
    }
  }
}

}  // namespace
}  // namespace detachfix
