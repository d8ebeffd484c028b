// SPDX-License-Identifier: Apache-2.0
// Which code leads to a call of one of the imports that do something, as to
// delete a critical section: by reading it, not by running it.
#ifndef DETACHFIX_PATCHER_CALLERS_H_
#define DETACHFIX_PATCHER_CALLERS_H_

#include <cstddef>
#include <map>
#include <set>
#include <string_view>

#include "disasm/api.h"
#include "disasm/code_view.h"
#include "disasm/instruction.h"

namespace detachfix {

/// Instructions that are decoded for one question: a tenth of a second and
/// more.
inline constexpr size_t kMaxDecoded = 100'000;

/// Calls down to the one of the import.
inline constexpr int kMaxCallsDown = 3;

/// Errs on the side of too many. What it decodes is limited: when that is
/// spent, everything leads there. `view` must outlive it.
class Callers {
 public:
  /// Of the imports with an effect that `is` accepts; each has `part` in its
  /// name, by which they are found in a part of the time.
  Callers(const CodeView& view, bool (*is)(ApiEffect), std::string_view part);

  /// Whether there is no such import.
  bool IsEmpty() const { return slots_.empty(); }
  /// Whether so much was decoded that everything leads there.
  bool IsSpent() const { return decoded_ > kMaxDecoded; }
  /// Whether the first call from `after` on, where an address was named, is one
  /// or leads to one, which may be so many calls down. Where the address was
  /// put into a register that functions preserve, those that follow count too,
  /// unless one call down is all that is wanted.
  bool LeadsThere(Rva after, int depth = kMaxCallsDown);
  /// Whether `function` makes one, itself or some calls down.
  bool Calls(Rva function, int depth = kMaxCallsDown);
  /// Whether the instruction is such a call itself.
  bool IsOne(const Instruction& call) { return GoesThere(call, 0); }
  /// Adds to `to` the instructions of `function` and of what it calls.
  void AddCode(Rva function, std::set<Rva>& to, int depth = kMaxCallsDown);

 private:
  bool GoesThere(const Instruction& instruction, int depth);
  bool IsPreserved(Rva after) const;
  bool MayHaveLoaded(Rva call);
  FunctionBody BodyOf(Rva function);

  const CodeView& view_;
  std::set<Rva> slots_;
  /// How many calls down it is certain that a function makes one, or none.
  struct Known {
    int makes_within = kMaxCallsDown + 1;
    int makes_none_within = 0;
  };
  std::map<Rva, Known> known_;
  size_t decoded_ = 0;  ///< instructions
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_CALLERS_H_
