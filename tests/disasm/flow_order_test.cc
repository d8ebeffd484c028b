// SPDX-License-Identifier: Apache-2.0
#include "disasm/flow_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace detachfix {
namespace {

using Exits = FlowOrder::Exits;

/// A procedure at address 10 whose instructions take one byte; one that is not
/// named goes on to the next.
FlowOrder OrderOf(const std::map<uint64_t, Exits>& exits, uint64_t end) {
  return FlowOrder(10, [&](uint64_t va) {
    const auto it = exits.find(va);
    return it != exits.end() ? it->second
                             : Exits{.next = va + 1 < end, .targets = {}};
  });
}

Exits Branch(uint64_t target) { return {.next = true, .targets = {target}}; }
Exits Jump(uint64_t target) { return {.next = false, .targets = {target}}; }

/// The addresses in the order in which they are to be followed.
std::vector<uint64_t> Sorted(const FlowOrder& order,
                             std::vector<uint64_t> addresses) {
  std::ranges::stable_sort(addresses, {},
                           [&](uint64_t va) { return order.PositionOf(va); });
  return addresses;
}

TEST(FlowOrder, PutsBothWaysBeforeWhereTheyMeet) {
  // 10: if, 11..12: then, 14..15: else, which goes back to 13.
  const FlowOrder order = OrderOf({{10, Branch(14)}, {15, Jump(13)}}, 14);
  const std::vector<uint64_t> sorted = Sorted(order, {10, 11, 13, 14});
  EXPECT_EQ(sorted.front(), 10u);
  EXPECT_EQ(sorted.back(), 13u);
  EXPECT_EQ(order.PositionOf(11), order.PositionOf(12));
  EXPECT_EQ(order.EndOfLoop(13), std::nullopt);
}

TEST(FlowOrder, PutsALoopBeforeWhatComesAfterIt) {
  // 11 is the head, left for 20, which stands behind the loop's body.
  const FlowOrder order = OrderOf({{11, Branch(20)}, {14, Jump(11)}}, 23);
  ASSERT_TRUE(order.EndOfLoop(11));
  EXPECT_EQ(order.EndOfLoop(12), std::nullopt);
  EXPECT_LT(order.PositionOf(10), order.PositionOf(11));
  EXPECT_LT(order.PositionOf(11), order.PositionOf(12));
  EXPECT_LT(order.PositionOf(12), *order.EndOfLoop(11));
  EXPECT_EQ(order.PositionOf(20), *order.EndOfLoop(11));
}

TEST(FlowOrder, KnowsALoopOfOneInstruction) {
  const FlowOrder order =
      OrderOf({{11, {.next = true, .targets = {12, 11}}}}, 13);
  ASSERT_TRUE(order.EndOfLoop(11));
  EXPECT_EQ(*order.EndOfLoop(11), order.PositionOf(12));
}

TEST(FlowOrder, PutsAnInnerLoopIntoTheOuterOne) {
  // 11: outer head, 13: inner head, 14: back to 13, 15: back to 11.
  const FlowOrder order =
      OrderOf({{11, Branch(20)}, {14, Branch(13)}, {15, Jump(11)}}, 21);
  ASSERT_TRUE(order.EndOfLoop(11));
  ASSERT_TRUE(order.EndOfLoop(13));
  EXPECT_LE(*order.EndOfLoop(13), *order.EndOfLoop(11));
  EXPECT_EQ(order.PositionOf(15), *order.EndOfLoop(13));
  EXPECT_EQ(order.PositionOf(20), *order.EndOfLoop(11));
}

TEST(FlowOrder, PutsLastWhatCannotBeReached) {
  const FlowOrder order = OrderOf({{11, Jump(10)}}, 12);
  EXPECT_EQ(order.PositionOf(9), UINT32_MAX);
}

TEST(FlowOrder, LeavesWhatIsTooLargeAlone) {
  const FlowOrder order = OrderOf({}, 100'000);
  EXPECT_EQ(order.PositionOf(10), order.PositionOf(90'000));
  EXPECT_EQ(order.EndOfLoop(10), std::nullopt);
}

}  // namespace
}  // namespace detachfix
