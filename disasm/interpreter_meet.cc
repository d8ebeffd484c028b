// SPDX-License-Identifier: Apache-2.0
// Where paths meet: the states that are kept there, whether one that comes by
// is covered by them, and which are joined.

#include <algorithm>
#include <unordered_set>

#include "disasm/interpreter.h"
#include "disasm/interpreter_limits.h"

namespace detachfix {

/// Forgets the states that were kept in calls and loops that every path has
/// left. Should a later path come into them again, it is followed again; what
/// was kept at the heads of the loops around them is there to end those.
void Interpreter::DropFinished(const State& state) {
  constexpr size_t kBetween = 2048;
  std::unordered_set<uint64_t> open;
  state.calls.AddHashes(open);
  for (const auto& other : todo_) other->calls.AddHashes(open);
  std::erase_if(seen_, [&](const auto& entry) {
    const auto& [point, states] = entry;
    if (open.contains(point.calls.hash())) return false;
    kept_ -= states.size();
    return true;
  });
  drop_at_ = kept_ + kBetween;
}

/// Whether `state` must be followed; may make it more general first. States are
/// joined when there are many that agree on what counts.
bool Interpreter::Admit(State& state) {
  if (kept_ >= drop_at_) DropFinished(state);
  std::vector<State>& seen = seen_[Point{state.pc, state.calls}];
  // To compare two states costs more the more sections they have.
  work_ += 1 + seen.size() * (1 + state.sections.all().size() / 8);
  if (work_ > MaxWork() || kept_ + todo_.size() >= kMaxKept) {
    Incomplete("the paths that meet at " + Where(state.pc) +
               " differ in too many ways");
    learned_ = false;
    return false;
  }
  // What came by last is most like it.
  const auto covers = [&](const State& old) { return Covers(old, state); };
  if (std::any_of(seen.rbegin(), seen.rend(), covers)) return false;
  JoinAlike(seen, state);
  seen.push_back(state);
  ++kept_;
  return true;
}

void Interpreter::JoinAlike(std::vector<State>& seen, State& state) {
  const size_t most = steps_ > kPatientSteps ? 1 : kMaxSimilarStates;
  std::vector<const State*> alike;
  for (const State& old : seen) {
    if (SameSections(old, state)) alike.push_back(&old);
  }
  if (alike.size() < most) return;
  if (alike.size() < kMaxStatesAtPoint) {
    std::erase_if(alike,
                  [&](const State* old) { return !SamePointers(*old, state); });
    if (alike.size() < most) return;
  }
  size_t differing = 0;
  for (const State* old : alike) state = Join(*old, state, &differing);
  Count(differing * kStepsPerCell);
  kept_ -= std::erase_if(seen, [&](const State& old) {
    return std::ranges::find(alike, &old) != alike.end();
  });
}

}  // namespace detachfix
