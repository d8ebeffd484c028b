// SPDX-License-Identifier: Apache-2.0
// Which of the paths that are open is followed next.
//
// Whatever the order, every path is followed. But a state that goes ahead alone
// is followed again for each one that comes to the same places after it. So a
// path waits where others may come to: in the outermost procedure in which two
// paths are at different places, the one that is farther behind in its
// FlowOrder goes first.

#include <algorithm>

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

/// Instructions of all procedures that are looked at for their order. Those of
/// real DLLs' entries have some thousand.
constexpr size_t kMaxOrdered = 100'000;

/// Rounds of a loop that are told apart. Loops in entries run over arrays and
/// strings; one that never ends shall be seen not to.
constexpr uint32_t kMaxRounds = 1024;
constexpr uint32_t kMaxUncertainRounds = 256;

/// A test of the loop went on in this turn.
void NoteTest(Loop& loop, LoopTest test) {
  const auto known = std::ranges::find(loop.tests, test.va, &LoopTest::va);
  if (known == loop.tests.end()) {
    loop.tests.push_back(test);
    loop.comes_nearer = true;
    return;
  }
  const int direction = test.number < known->number   ? -1
                        : test.number > known->number ? 1
                                                      : 0;
  loop.comes_nearer |= direction != 0 &&
                       (known->direction == 0 || direction == known->direction);
  *known = {test.va, test.number, direction};
}

}  // namespace

/// Whether the path is at a place where others may come by.
bool Interpreter::MeetsOthers(const State& state) const {
  return state.open_branches > 0 && leaders_.Has(state.pc);
}

/// A path that has come to a new place goes on later.
void Interpreter::FollowLater(State state) {
  if (MeetsOthers(state)) CountLoops(state);
  Wait(std::move(state));
}

void Interpreter::Wait(State state) {
  // Of several at one place the last that came is the first: when it is more
  // general, the others need not be followed.
  const auto at = std::ranges::upper_bound(
      todo_, state,
      [this](const State& a, const State& b) {
        return ComparePlaces(a, b) > 0;
      },
      [](const std::unique_ptr<State>& other) -> const State& {
        return *other;
      });
  todo_.insert(at, std::make_unique<State>(std::move(state)));
}

State Interpreter::NextToFollow() {
  State state = std::move(*todo_.back());
  todo_.pop_back();
  return state;
}

/// Whether no other path is behind this one.
bool Interpreter::IsNext(const State& state) {
  return todo_.empty() || ComparePlaces(state, *todo_.back()) <= 0;
}

/// Negative when `a` is farther behind.
int Interpreter::ComparePlaces(const State& a, const State& b) {
  return a.calls.ComparePlaces(
      a.pc, b.calls, b.pc,
      [this](const auto&... places) { return ComparePlacesIn(places...); });
}

int Interpreter::ComparePlacesIn(const Frame& a, uint64_t pc_a, const Frame& b,
                                 uint64_t pc_b) {
  const auto less = [](uint64_t x, uint64_t y) {
    return x < y ? -1 : x > y ? 1 : 0;
  };
  if (a.procedure != b.procedure) return less(a.procedure, b.procedure);
  // A loop is done turn by turn.
  for (size_t i = 0; i < std::min(a.loops.size(), b.loops.size()); ++i) {
    if (a.loops[i].head != b.loops[i].head) break;
    if (a.loops[i].turn != b.loops[i].turn) {
      return less(a.loops[i].turn, b.loops[i].turn);
    }
  }
  const FlowOrder& order = OrderOf(a.procedure);
  const int blocks = less(order.PositionOf(pc_a), order.PositionOf(pc_b));
  return blocks != 0 ? blocks : less(pc_a, pc_b);
}

/// Notes which loops the path is in, where it may have entered or left one.
void Interpreter::CountLoops(State& state) {
  const Frame& frame = state.calls.frame();
  const FlowOrder& order = OrderOf(frame.procedure);
  const std::optional<uint32_t> end = order.EndOfLoop(state.pc);
  if (frame.loops.empty() && !end) return;
  const uint32_t position = order.PositionOf(state.pc);
  const auto is_left = [&](const Loop& loop) {
    return position >= loop.end || position < order.PositionOf(loop.head);
  };
  if (!end && std::ranges::none_of(frame.loops, is_left)) return;
  state.calls.ChangeLoops([&](std::vector<Loop>& loops) {
    std::erase_if(loops, is_left);
    if (!end) return;
    if (loops.empty() || loops.back().head != state.pc) {
      loops.push_back({.head = state.pc, .end = *end, .tests = {}});
      return;
    }
    Loop& loop = loops.back();
    ++loop.turn;
    const uint32_t most = loop.may_end ? kMaxUncertainRounds : kMaxRounds;
    if (loop.comes_nearer && loop.round < most) ++loop.round;
    loop.may_end = loop.comes_nearer = false;
  });
}

/// Of a number that was read, where from: a string is run through by address.
/// Of others, how far they are apart.
void Interpreter::NoteComparison(const Value& a, const Value& b) {
  if (compares_anew_) compared_ = std::nullopt;
  compares_anew_ = false;
  if (compared_ || !a.IsConstant() || !b.IsConstant()) return;
  const bool was_read = a.bits != 0 && a.bits == read_.bits;
  compared_ =
      was_read ? read_.address.offset : static_cast<int64_t>(a.bits - b.bits);
}

/// A branch may go, or (not `open`) did not go, `other_way`, which may leave
/// loops.
void Interpreter::NoteBranch(State& state, uint64_t other_way, bool open) {
  const std::vector<Loop>& loops = state.calls.frame().loops;
  if (loops.empty() || (!open && !compared_)) return;
  const FlowOrder& order = OrderOf(state.calls.frame().procedure);
  const uint32_t position = order.PositionOf(other_way);
  const auto leaves = [&](const Loop& loop) {
    return position >= loop.end || position < order.PositionOf(loop.head);
  };
  if (std::ranges::none_of(loops, leaves)) return;
  state.calls.ChangeLoops([&](std::vector<Loop>& changed) {
    for (Loop& loop : changed) {
      if (!leaves(loop)) continue;
      if (open) {
        loop.may_end = true;
      } else {
        NoteTest(loop, {state.pc, *compared_, 0});
      }
    }
  });
}

const FlowOrder& Interpreter::OrderOf(uint64_t procedure) {
  const auto known = orders_.find(procedure);
  if (known != orders_.end()) return known->second;
  FlowOrder order(procedure, [this](uint64_t va) { return ExitsOf(va); });
  return orders_.emplace(procedure, std::move(order)).first->second;
}

FlowOrder::Exits Interpreter::ExitsOf(uint64_t va) {
  FlowOrder::Exits exits;
  if (!IsCode(va) || ++ordered_ > kMaxOrdered) return exits;
  const Lifted& lifted = Fetch(va).lifted;
  exits.size = lifted.instruction.size;
  exits.next = true;
  for (const Op& op : lifted.ops) {
    if (const Branch* branch = std::get_if<Branch>(&op)) {
      exits.targets.push_back(branch->target);
    } else if (const Jump* jump = std::get_if<Jump>(&op)) {
      exits.next = false;
      if (const uint64_t* target = std::get_if<uint64_t>(&jump->target)) {
        exits.targets.push_back(*target);
      } else {
        for (const Value& target_of_table : TableTargets(va, *jump)) {
          exits.targets.push_back(target_of_table.bits);
        }
      }
    } else if (std::holds_alternative<Return>(op) ||
               std::holds_alternative<Trap>(op) ||
               std::holds_alternative<Unfollowable>(op)) {
      exits.next = false;
    }
  }
  return exits;
}

}  // namespace detachfix
