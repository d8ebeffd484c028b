// SPDX-License-Identifier: Apache-2.0
// A call of a function of the system: what it is given, and what it may do.
#ifndef DETACHFIX_DISASM_PROCESS_CALL_H_
#define DETACHFIX_DISASM_PROCESS_CALL_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "disasm/code_view.h"
#include "disasm/process/code_runner.h"
#include "disasm/process/ordinary_process.h"
#include "disasm/state.h"

namespace detachfix {

/// One call, on one path. Lives no longer than what it refers to.
struct ProcessCall {
  CodeRunner& runner;
  OrdinaryProcess& process;
  State& state;
  const ImportName& import;

  const CodeView& view() const { return process.view(); }

  /// What argument `index` is, counted from 0.
  Value Argument(size_t index) const { return runner.Argument(state, index); }
  /// Where it points to; nothing where that is not known.
  std::optional<MemoryAddress> Pointed(size_t index) const {
    return AddressOf(Argument(index));
  }

  Value Load(MemoryAddress address, uint32_t size) const {
    return state.memory.Load(address, size);
  }
  void StoreAt(MemoryAddress address, uint32_t size, const Value& value) const {
    runner.StoreAt(state, address, size, value);
  }
  /// See CodeRunner.
  void ForgetIfInImage(const Value& pointer) const {
    runner.ForgetIfInImage(state, pointer);
  }
  void ForgetBytes(const Value& pointer, uint32_t size) const {
    runner.ForgetBytes(state, pointer, size);
  }
  void Count(uint64_t cells) const { runner.Count(cells); }
  Value NewBlock(const Value& size) const {
    return process.NewBlock(runner, state, size);
  }

  /// Words of 4 bytes, one behind the other.
  void StoreWords(MemoryAddress to,
                  std::initializer_list<uint64_t> words) const;
  void WriteBytes(MemoryAddress to, std::string_view bytes) const {
    detachfix::WriteBytes(runner, state, to, bytes);
  }

  /// The text at `pointer`, of characters of `width` bytes; nothing where it is
  /// not known, is not ASCII or does not end.
  std::optional<std::string> TextAt(const Value& pointer, uint32_t width) const;
  /// The characters at argument `first`, whose number argument `first` + 1 says
  /// (-1: up to a 0, which counts); nothing where that is not known. Each one
  /// may be unknown by itself.
  std::optional<std::vector<Value>> CharactersAt(size_t first,
                                                 uint32_t width) const;
  /// Character `index` of the text at `address`.
  Value LoadCharacter(MemoryAddress address, uint64_t index,
                      uint32_t width) const;
  /// The same; nothing where it is not known.
  std::optional<uint32_t> CharacterAt(MemoryAddress address, uint64_t index,
                                      uint32_t width) const;
  /// Writes `text` as characters of `width` bytes.
  void WriteText(MemoryAddress address, std::string_view text,
                 uint32_t width) const;
  /// Writes `text` and a NUL to the buffer of argument `to`, which has room for
  /// as many characters as argument `room` says. Returns how many were written,
  /// or are needed with the NUL; nothing where that is not known.
  std::optional<Value> FillBuffer(std::string_view text, uint32_t width,
                                  size_t to, size_t room) const;
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_PROCESS_CALL_H_
