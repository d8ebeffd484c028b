// SPDX-License-Identifier: Apache-2.0
// What a process needs of whoever runs the image's code in it.
#ifndef DETACHFIX_DISASM_PROCESS_CODE_RUNNER_H_
#define DETACHFIX_DISASM_PROCESS_CODE_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "disasm/state.h"

namespace detachfix {

/// Runs the image's code on paths, of which each has a state. A function of the
/// system is called on one of them, before it returns.
class CodeRunner {
 public:
  /// What the caller gave as argument `index`, counted from 0; unknown where
  /// the stack is.
  virtual Value Argument(const State& state, size_t index) const = 0;

  /// Writes `size` bytes, as the image's own code does: what is remembered of
  /// stores misses none.
  virtual void StoreAt(State& state, MemoryAddress address, uint32_t size,
                       const Value& value) = 0;

  /// To be called before anything is written through `pointer`: one that may be
  /// an address in the image, nobody knows which, may hit all of it.
  virtual void ForgetIfInImage(State& state, const Value& pointer) const = 0;

  /// What is written to the `size` bytes at `pointer` is not known.
  virtual void ForgetBytes(State& state, const Value& pointer,
                           uint32_t size) = 0;

  /// `size` bytes from `block` on are 0, where that is not too much to be kept.
  virtual void Clear(State& state, const Value& block, const Value& size) = 0;

  /// Whether the value is an address of the image's data.
  virtual bool IsData(const Value& value) const = 0;

  /// Of so many words or characters, as a part of what the run may cost.
  virtual void Count(uint64_t cells) const = 0;

  /// A value that is not known, with a name of its own.
  virtual Value Fresh(const State& state, bool nonzero) = 0;

  /// The run is not followed further than the current instruction, which is
  /// named behind `why`.
  virtual void IncompleteHere(const std::string& why) = 0;

 protected:
  ~CodeRunner() = default;
};

/// Writes `bytes` from `address` on.
void WriteBytes(CodeRunner& runner, State& state, MemoryAddress address,
                std::string_view bytes);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_PROCESS_CODE_RUNNER_H_
