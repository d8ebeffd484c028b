// SPDX-License-Identifier: Apache-2.0
// The procedures that a path is in, from the entry to the innermost call.
// Copies share the callers that they have in common.
#ifndef DETACHFIX_DISASM_CALL_STACK_H_
#define DETACHFIX_DISASM_CALL_STACK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "disasm/cell_map.h"
#include "disasm/shared_node.h"
#include "disasm/value.h"

namespace detachfix {

/// A branch that would have left a loop and, by what it compared, did not.
struct LoopTest {
  uint64_t va = 0;
  int64_t number = 0;  ///< that it was decided by in the last turn
  /// Whether that has grown (1) or shrunk (-1) from turn to turn; 0 at first.
  int direction = 0;
};

/// A loop that a procedure is in.
struct Loop {
  uint64_t head = 0;  ///< virtual address
  /// Positions of its blocks in the procedure's FlowOrder: up to here.
  uint32_t end = 0;
  uint32_t turn = 0;  ///< how often it came back to its head
  /// The same, but counted only while some test draws nearer to its end. States
  /// of different rounds are never taken for one another.
  uint32_t round = 0;
  // Of the current turn:
  bool may_end = false;       ///< a branch out of it was open
  bool comes_nearer = false;  ///< some test went on in its direction
  std::vector<LoopTest> tests;
};

/// What a procedure must give back to its caller, as it was when it was called.
struct Frame {
  static constexpr size_t kMaxPreserved = 8;
  uint64_t procedure = 0;  ///< virtual address of its first instruction
  Value stack;             ///< the stack pointer at its first instruction
  /// Of CallingConvention::preserved, in that order.
  std::array<Value, kMaxPreserved> preserved{};
  std::vector<Loop> loops;  ///< from the outermost one
  /// Calls of imports by a guess of how many bytes they pop.
  uint32_t guesses = 0;
  uint32_t guess = 0;            ///< the last one, bytes
  size_t guessed_import = 0;     ///< the last one
  bool guessed_several = false;  ///< more than one import
};

/// The calls that are open at one moment of a path. Copies share what neither
/// has changed.
class CallStack {
 public:
  /// No procedure at all: between two runs.
  void Clear() { top_ = {}; }
  /// Only the entry, whose caller has no address.
  void EnterFirst(const Frame& frame);

  /// A call that returns to `return_va`; it is taken back by Pop.
  void Push(uint64_t return_va, const Frame& frame);
  void Pop();

  /// Open calls, without that of the entry.
  size_t depth() const { return top_ ? top_->depth : 0; }
  /// Where the innermost call returns to; there must be one.
  uint64_t return_va() const { return top_->return_va; }
  /// Of the innermost procedure.
  const Frame& frame() const { return top_->frame; }
  /// The loops that it is in, to be changed by `change`.
  template <typename Change>
  void ChangeLoops(Change change);
  /// Of its caller, to be changed.
  Frame& CallersFrame();
  const Frame& CallersFrame() const { return top_->caller->frame; }
  /// Whether a procedure around the innermost one, or the entry, began with the
  /// stack pointer `stack`.
  bool CallerBeganAt(const Value& stack) const;
  /// The offset in the stack of the return address that ends, from below, the
  /// frame with the byte at `offset`: that of what its procedure called.
  /// Nothing for the innermost one.
  std::optional<int64_t> ReturnBelow(int64_t offset) const;
  /// Whether some open call returns to `va`.
  bool ReturnsTo(uint64_t va) const;

  /// Whether the same calls are open, by where they return to, and each in the
  /// same rounds of its loops.
  bool SameReturns(const CallStack& other) const;
  /// Equal for call stacks with SameReturns.
  uint64_t hash() const { return top_ ? top_->hash : 0; }
  /// Adds the hashes of this call stack, and of what is left of it after each
  /// return and outside of each loop, to `hashes`; stops at one that is known,
  /// whose callers are too.
  void AddHashes(std::unordered_set<uint64_t>& hashes) const;

  /// Whether some frame speaks of the symbol.
  bool Mentions(Symbol symbol) const;

  /// Replaces a symbol in all frames; values are of `width` bits.
  void Substitute(Symbol symbol, const Value& base, uint8_t width);

  /// Whether `matches` says so of all pairs of values in the frames of two call
  /// stacks with SameReturns. Frames that both share and that speak of no fresh
  /// symbol are passed over.
  template <typename Matches>
  bool AllPairs(const CallStack& other, Matches matches) const;

  /// Two paths side by side: gives where each of them is, in the outermost
  /// procedure in which they are at different places, to `compare` and returns
  /// what that says; 0 when they are at the same place in all. `pc` and
  /// `other_pc` are where they are in the innermost one.
  template <typename Compare>
  int ComparePlaces(uint64_t pc, const CallStack& other, uint64_t other_pc,
                    Compare compare) const;

  /// What is certain in both; they have SameReturns.
  void Join(const CallStack& other);

 private:
  struct Node;
  using Link = SharedNode<Node>;
  static void SubstituteIn(Link& link, Symbol symbol, const Value& base,
                           uint8_t width);
  static void JoinIn(Link& link, const Link& other);

  struct Node : ReferenceCount {
    uint64_t return_va = 0;
    Frame frame;
    Link caller;
    size_t depth = 0;
    uint64_t hash = 0;
    SymbolFilter filter;  ///< of this frame and all callers'

    void Update();
    /// The hash while it is in the first `loops` of its loops.
    uint64_t HashIn(size_t loops) const;
  };

  Link top_;
};

template <typename Matches>
bool CallStack::AllPairs(const CallStack& other, Matches matches) const {
  const Node* a = top_.get();
  const Node* b = other.top_.get();
  for (; a != nullptr; a = a->caller.get(), b = b->caller.get()) {
    if (a == b && a->filter.empty()) return true;
    if (!matches(a->frame.stack, b->frame.stack)) return false;
    for (size_t i = 0; i < Frame::kMaxPreserved; ++i) {
      if (!matches(a->frame.preserved[i], b->frame.preserved[i])) return false;
    }
  }
  return true;
}

template <typename Change>
void CallStack::ChangeLoops(Change change) {
  Node& node = top_.Own();
  change(node.frame.loops);
  node.Update();
}

template <typename Compare>
int CallStack::ComparePlaces(uint64_t pc, const CallStack& other,
                             uint64_t other_pc, Compare compare) const {
  const Node* a = top_.get();
  const Node* b = other.top_.get();
  // In a caller a path is inside the call instruction.
  const auto climb = [](const Node*& node, uint64_t& va) {
    va = node->return_va - 1;
    node = node->caller.get();
  };
  while (a->depth > b->depth) climb(a, pc);
  while (b->depth > a->depth) climb(b, other_pc);
  struct {
    const Frame* a = nullptr;
    uint64_t pc = 0;
    const Frame* b = nullptr;
    uint64_t other_pc = 0;
  } differ;
  while (true) {
    if (pc != other_pc || a->frame.procedure != b->frame.procedure) {
      differ = {&a->frame, pc, &b->frame, other_pc};
    }
    if (a == b || a->depth == 0) break;
    climb(a, pc);
    climb(b, other_pc);
  }
  return differ.a == nullptr
             ? 0
             : compare(*differ.a, differ.pc, *differ.b, differ.other_pc);
}

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_CALL_STACK_H_
