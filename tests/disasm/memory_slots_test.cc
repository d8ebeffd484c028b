// SPDX-License-Identifier: Apache-2.0
// What memory holds where the loader puts the addresses of imports.
#include "tests/disasm/memory_test_image.h"

namespace detachfix {
namespace {

using MemorySlots = MemoryTest;

TEST_F(MemorySlots, AnImportSlotHoldsTheImport) {
  Memory memory(view_);
  const MemoryAddress slot = Data(0x10);
  EXPECT_EQ(memory.Load(slot, 4), SymbolicValue(kImportSymbol, kSlotRva));
  // What the file has there, the loader overwrites.
  EXPECT_TRUE(memory.Load(slot, 1).IsUnknown());
  EXPECT_EQ(memory.Load(Data(0x12), 4),
            PartialValue(0x95940000, 0xffff0000, 32));
  EXPECT_EQ(memory.Load(Data(0x0d), 4), PartialValue(0x8f8e8d, 0xffffff, 32));
  EXPECT_EQ(memory.Load(Data(0x0c), 4), ConstantValue(0x8f8e8d8c));
  EXPECT_EQ(memory.Load(Data(0x14), 4), ConstantValue(0x97969594));
  memory.Store(slot, 4, ConstantValue(7));
  EXPECT_EQ(memory.Load(slot, 4), ConstantValue(7));
}

TEST_F(MemorySlots, APartOfASlotThatIsOverwrittenTakesTheImportAway) {
  for (const int64_t into : {0, 1, 3}) {
    Memory memory(view_);
    memory.Store(Data(0x10 + into), 1, ConstantValue(7));
    const uint64_t known = uint64_t{0xff} << (8 * into);
    EXPECT_EQ(memory.Load(Data(0x10), 4),
              PartialValue(uint64_t{7} << (8 * into), known, 32));
    EXPECT_EQ(memory.Load(Data(0x10 + into), 1), ConstantValue(7)) << into;
  }
}

TEST_F(MemorySlots, AStoreOfAnySizeTakesTheImportAway) {
  for (const int64_t before : {0, 1, 12, 13}) {
    Memory memory(view_);
    memory.Forget(Data(0x10 - before), 14);
    EXPECT_FALSE(memory.Load(Data(0x10), 4) ==
                 SymbolicValue(kImportSymbol, kSlotRva))
        << before;
  }
  for (const int64_t beside : {0x10 - 14, 0x14}) {
    Memory memory(view_);
    memory.Forget(Data(beside), 14);
    EXPECT_EQ(memory.Load(Data(0x10), 4),
              SymbolicValue(kImportSymbol, kSlotRva))
        << beside;
  }
}

TEST_F(MemorySlots, AJoinLosesNoMoreSlotsThanItsParts) {
  const Memory whole(view_);
  Memory forgotten(view_);
  const int64_t begin = Data(0).offset;
  forgotten.ForgetImage({begin, begin + 0x20}, {});
  const Value import = SymbolicValue(kImportSymbol, kSlotRva);
  EXPECT_EQ(Join(whole, forgotten).Load(Data(0x10), 4), import);
  EXPECT_EQ(Join(forgotten, whole).Load(Data(0x10), 4), import);
  Memory lost(view_);
  lost.Forget(Data(8), 16);
  EXPECT_FALSE(Join(forgotten, lost).Load(Data(0x10), 4) == import);
  EXPECT_FALSE(Join(lost, forgotten).Load(Data(0x10), 4) == import);
}

TEST_F(MemorySlots, AForgottenPieceOfASlotsSizeLeavesTheImport) {
  Memory memory(view_);
  const int64_t slot = Data(0x10).offset;
  memory.ForgetImage({slot - 4, slot + 8},
                     {{slot - 4, slot}, {slot + 4, slot + 8}});
  EXPECT_EQ(memory.Load(Data(0x10), 4), SymbolicValue(kImportSymbol, kSlotRva));
  EXPECT_FALSE(memory.IsOpenWord(Data(0x10)));
}

}  // namespace
}  // namespace detachfix
