// SPDX-License-Identifier: Apache-2.0
// One decoded instruction, whatever the machine. Decoding is total: a place
// that cannot be decoded is an instruction marked unknown.
#ifndef DETACHFIX_DISASM_INSTRUCTION_H_
#define DETACHFIX_DISASM_INSTRUCTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "disasm/code_view.h"

namespace detachfix {

/// How control leaves an instruction.
enum class Flow : uint8_t {
  kNext,    ///< to the next instruction only
  kBranch,  ///< to `target` or to the next
  kJump,    ///< to `target`, or anywhere when there is none
  kCall,    ///< into `target` (or anywhere), then to the next
  kReturn,
  kStop,     ///< never continues: int3, ud2, hlt
  kUnknown,  ///< not an instruction that the decoder knows
};

/// What every machine says of an instruction.
struct Instruction {
  Rva rva;
  uint8_t size = 1;  ///< bytes; 1 when unknown
  Flow flow = Flow::kUnknown;
  std::optional<Rva> target;  ///< of a direct branch, jump or call
  /// The import slot that a `call [slot]` or `jmp [slot]` goes through.
  std::optional<Rva> slot;
  uint16_t stack_pop = 0;  ///< a return's argument bytes ("ret 0Ch": 12)
  /// The bytes mean the same at another address: no relative operand. Says
  /// nothing of base relocations, which are the file's business.
  bool position_independent = false;
  /// The machine's assembly; "(bad)" or data if unknown. Empty unless asked
  /// for: few callers print it.
  std::string text;

  friend bool operator==(const Instruction&, const Instruction&) = default;
};

/// The instruction at `rva` of `view`, without its text.
Instruction Decode(const CodeView& view, Rva rva);

/// The same with its text.
Instruction Disassemble(const CodeView& view, Rva rva);

/// Where control goes from it within its function: not into calls, nor through
/// a register or memory.
std::vector<Rva> Successors(const Instruction& instruction);

/// What DecodeFunction found.
struct FunctionBody {
  std::vector<Instruction> instructions;  ///< ascending by address, no text
  bool has_indirect_jump = false;         ///< through a register or memory
  bool has_unknown = false;  ///< an instruction that could not be decoded
};

/// All instructions that can be reached from `start` without following calls:
/// both sides of every branch, direct jumps. Jumps through a register or memory
/// end a path.
FunctionBody DecodeFunction(const CodeView& view, Rva start);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_INSTRUCTION_H_
