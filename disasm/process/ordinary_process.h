// SPDX-License-Identifier: Apache-2.0
// The memory and the modules of one ordinary process (process.h), and what the
// image has done to it so far.
#ifndef DETACHFIX_DISASM_PROCESS_ORDINARY_PROCESS_H_
#define DETACHFIX_DISASM_PROCESS_ORDINARY_PROCESS_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "disasm/api.h"
#include "disasm/code_view.h"
#include "disasm/process/code_runner.h"
#include "disasm/state.h"

namespace detachfix {

/// Before Enter it has no memory, and no program.
class OrdinaryProcess {
 public:
  /// `view` must outlive the process.
  explicit OrdinaryProcess(const CodeView& view) : view_(view) {}

  /// Gives a state in which nothing ran yet what it starts with: where blocks
  /// and pages lie, what the process holds before the image is loaded and,
  /// where code can find it (`has_thread_block`), the environment blocks of
  /// thread and process. False where the image leaves no room for a process.
  bool Enter(CodeRunner& runner, State& state, bool has_thread_block);

  /// The address of a new block of `size` bytes, which may be unknown.
  Value NewBlock(CodeRunner& runner, State& state, const Value& size) const;

  /// The bytes of the block that begins at `pointer`; nothing where none does,
  /// or where that is not known.
  static std::optional<Value> BlockSize(const State& state,
                                        const Value& pointer);

  /// VirtualAlloc: the address of `size` bytes of new pages, which hold zeros,
  /// where `address` is NULL; else some of those there are. Nothing where the
  /// process does not know.
  std::optional<Value> AllocatePages(State& state, const Value& address,
                                     const Value& size,
                                     const Value& type) const;

  /// The bytes from `address` to the end of the block that it lies in; nothing
  /// where it lies in none. One of unknown size ends where the next begins.
  std::optional<Memory::Range> RestOfBlock(const State& state,
                                           MemoryAddress address) const;

  /// Whether the virtual address lies among the blocks that the image
  /// allocates.
  bool IsOwnBlock(uint64_t va) const {
    return va >= own_blocks_at_ && va < blocks_limit_;
  }
  /// Virtual addresses: of the first block that the image allocates, and of the
  /// first page.
  uint64_t own_blocks_at() const { return own_blocks_at_; }
  uint64_t pages_at() const { return pages_at_; }

  const CodeView& view() const { return view_; }
  /// The handle of the program.
  uint32_t program() const { return program_; }
  /// Virtual address of ProcessMemory().
  uint64_t memory_at() const { return memory_at_; }
  /// Of the table of CharacterType.
  uint64_t types_at() const { return types_at_; }
  /// Of the variable _environ; 0 where the image does not ask for it.
  uint64_t environment_at() const { return environment_at_; }
  /// The DLLs that the image imports from, sorted, in lower case.
  const std::vector<std::string>& imported_dlls() const {
    return imported_dlls_;
  }

  /// Some path calls the function; it may make a file.
  void NoteCall(const std::string& name, bool may_make_file) {
    called_.insert(name);
    makes_files_ = makes_files_ || may_make_file;
  }
  /// Whether some path has called a function whose name holds `part`.
  bool HasCalled(std::string_view part) const;
  /// Whether some path may have made a file.
  bool makes_files() const { return makes_files_; }

  /// The C runtime's locale may be another one than "C".
  void NoteLocale() { has_locale_ = true; }
  bool has_locale() const { return has_locale_; }

  /// The modules, by their names in lower case, that the image loads.
  void NoteLoaded(const std::string& module) { loaded_.insert(module); }
  bool HasLoaded(const std::string& module) const {
    return loaded_.contains(module);
  }

 private:
  bool FindPlaces(State& state);
  void EnterTypes(CodeRunner& runner, State& state);
  void EnterEnvironment(CodeRunner& runner, State& state);
  void EnterBlocks(State& state) const;
  void EnterThread(CodeRunner& runner, State& state) const;

  const CodeView& view_;
  // Virtual addresses.
  uint64_t blocks_at_ = 0;      ///< of the first block
  uint64_t own_blocks_at_ = 0;  ///< of the first that the image allocates
  uint64_t blocks_limit_ = 0;   ///< no block lies at or above it
  uint64_t pages_at_ = 0;       ///< the same of pages
  uint64_t pages_limit_ = 0;
  uint64_t memory_at_ = 0;
  uint64_t types_at_ = 0;
  uint64_t environment_at_ = 0;
  uint32_t program_ = 0;
  std::vector<std::string> imported_dlls_;
  std::set<std::string> loaded_;
  std::set<std::string> called_;
  bool makes_files_ = false;
  bool has_locale_ = false;
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_PROCESS_ORDINARY_PROCESS_H_
