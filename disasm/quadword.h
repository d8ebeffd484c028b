// SPDX-License-Identifier: Apache-2.0
// The two words of a quadword in a register of 64 bits, where they are more
// than one value can say: a byte is read and written with the seven beside it
// (the first Alpha processors), and those may hold a pointer. They are kept in
// the state's memory, in kWideRegistersSymbol by the register's number, from
// the instruction that loads them to the next call or return.
#ifndef DETACHFIX_DISASM_QUADWORD_H_
#define DETACHFIX_DISASM_QUADWORD_H_

#include <optional>
#include <utility>
#include <vector>

#include "disasm/state.h"

namespace detachfix {

struct Words {
  Value low;
  Value high;
};

/// The words of a value of 64 bits, as far as it says them.
Words Split(const Value& value);

/// Whether a word is a symbol, which a quadword cannot have beside another.
bool IsWorthKeeping(const Words& words);

/// `op` on the words of two quadwords; nothing where they are not worth keeping
/// or the operation mixes them.
std::optional<Words> EvaluateWords(BinaryOp op, const Words& a, const Value& b,
                                   const Words& b_words);

/// The words of a register, where they are kept.
std::optional<Words> KeptWords(const State& state, Place place);
void KeepWords(State& state, Place place, const Words& words);
void DropWords(State& state, Place place);
void DropAllWords(State& state);

/// The words of an instruction's temporaries.
class TemporaryWords {
 public:
  void Clear() { kept_.clear(); }
  void Keep(Place place, const Words& words);
  void Drop(Place place);
  std::optional<Words> At(Place place) const;
  bool Mentions(Symbol symbol) const;

 private:
  std::vector<std::pair<Place, Words>> kept_;
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_QUADWORD_H_
