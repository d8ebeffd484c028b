// SPDX-License-Identifier: Apache-2.0
// All that the interpreter knows at one moment of one path.
#ifndef DETACHFIX_DISASM_STATE_H_
#define DETACHFIX_DISASM_STATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "disasm/call_stack.h"
#include "disasm/memory.h"
#include "disasm/shared_node.h"
#include "disasm/trace.h"

namespace detachfix {

struct CallingConvention;
struct State;

/// Of a procedure that is at its first instruction.
Frame MakeFrame(const State& state, const CallingConvention& convention);

/// The critical sections that were made or deleted. Copies share it until one
/// of them is changed.
class SectionMap {
 public:
  using Map = std::map<MemoryAddress, SectionState>;

  /// By the address of the structure, gone ones too.
  const Map& all() const;
  /// The same, for this copy alone. To be changed before anything else is asked
  /// of it.
  Map& Change();
  /// The same for two that are live at the same addresses.
  uint64_t LiveHash() const;
  /// Whether both are one and the same, because neither was changed.
  bool Shares(const SectionMap& other) const {
    return node_.get() == other.node_.get();
  }

 private:
  struct Node : ReferenceCount {
    Map map;
    mutable std::optional<uint64_t> live_hash;  ///< once it was asked for
  };
  SharedNode<Node> node_;
};

/// Registers, memory, open calls and critical sections at one moment of a path.
struct State {
  explicit State(const CodeView& view) : memory(view) {}

  uint64_t pc = 0;              ///< virtual address of the next instruction
  uint8_t register_width = 32;  ///< bits, of each place that is a register
  /// By Place::id; a run has those of its machine only.
  std::vector<Value> places = std::vector<Value>(kFirstTemporary);
  /// By Place::id: which of them have words that are kept (quadword.h).
  uint64_t kept_words = 0;
  Memory memory;
  CallStack calls;
  SectionMap sections;
  /// In the image: where _onexit_table_t lie, each an object of its own.
  std::set<int64_t> exit_tables;
  /// Branches on this path that could go either way.
  uint32_t open_branches = 0;
  // In an ordinary process (Setting::kOrdinary):
  uint64_t blocks_end = 0;  ///< virtual address of the next block
  uint64_t pages_end = 0;   ///< and of the next pages
  uint32_t indexes = 0;     ///< into thread-local storage, that were given out
  uint32_t ticks = 0;  ///< how often something else than before was answered
  /// What GetLastError gives, where that is known.
  std::optional<uint32_t> last_error;

  const Value& at(Place place) const { return places[place.id]; }
  Value& at(Place place) { return places[place.id]; }
};

/// What is known of the word of 4 bytes at `pointer`.
Value WordAt(const State& state, const Value& pointer);

/// Whether anything in the state speaks of the symbol. Adds to `cells` how many
/// cells of its memory were looked at.
bool Mentions(const State& state, Symbol symbol, size_t& cells);

/// Replaces a symbol everywhere by what it turned out to be.
void Replace(State& state, Symbol symbol, const Value& by);

/// Writes what a branch showed into the state: `condition` is (not) zero.
/// Symbols with a meaning of their own are left as they are.
void Assume(State& state, const Value& condition, bool is_true);

/// Whether every run that `specific` stands for is one that `general` stands
/// for, so that following `general` is enough. Fresh symbols of `general` may
/// stand for any value of `specific`. Both are at the same pc.
bool Covers(const State& general, const State& specific);

/// Whether two states agree on which critical sections exist. Only such states
/// are joined: whether a section is there is never guessed.
bool SameSections(const State& a, const State& b);

/// Whether the registers and the words on the stack that hold the address of an
/// imported function in one state hold the same one in the other, and the words
/// of the image that point into a block the same place. Others are joined late:
/// a pointer to a function that was looked up is called soon, and where a table
/// of functions ends in its block, such as that of the exit functions, must be
/// known to run it.
bool SamePointers(const State& a, const State& b);

/// What is certain in both. Both are at the same pc, with the same call stack
/// and SameSections.
State Join(const State& a, const State& b, size_t* differing = nullptr);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_STATE_H_
