// SPDX-License-Identifier: Apache-2.0
// The procedures that a path is in, from the entry to the innermost call.
// Copies share the callers that they have in common.
#ifndef DETACHFIX_DISASM_CALL_STACK_H_
#define DETACHFIX_DISASM_CALL_STACK_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "disasm/cell_map.h"
#include "disasm/shared_node.h"
#include "disasm/value.h"

namespace detachfix {

/// What a procedure must give back to its caller, as it was when it was called.
struct Frame {
  static constexpr size_t kMaxPreserved = 8;
  Value stack;  ///< the stack pointer at its first instruction
  /// Of CallingConvention::preserved, in that order.
  std::array<Value, kMaxPreserved> preserved{};
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
  /// Of its caller, to be changed.
  Frame& CallersFrame();
  /// Whether a procedure around the innermost one, or the entry, began with the
  /// stack pointer `stack`.
  bool CallerBeganAt(const Value& stack) const;
  /// Whether some open call returns to `va`.
  bool ReturnsTo(uint64_t va) const;

  /// Whether the same calls are open, by where they return to.
  bool SameReturns(const CallStack& other) const;
  /// Equal for call stacks with SameReturns.
  uint64_t hash() const { return top_ ? top_->hash : 0; }

  /// Whether some frame speaks of the symbol.
  bool Mentions(Symbol symbol) const;

  /// Replaces a symbol in all frames; values are of `width` bits.
  void Substitute(Symbol symbol, const Value& base, uint8_t width);

  /// Whether `matches` says so of all pairs of values in the frames of two call
  /// stacks with SameReturns. Frames that both share and that speak of no fresh
  /// symbol are passed over.
  template <typename Matches>
  bool AllPairs(const CallStack& other, Matches matches) const;

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

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_CALL_STACK_H_
