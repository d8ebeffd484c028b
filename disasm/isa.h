// SPDX-License-Identifier: Apache-2.0
// What a machine supplies: its decoder, its lifter and its calling convention.
// Everything else is shared and asks no machine's name.
#ifndef DETACHFIX_DISASM_ISA_H_
#define DETACHFIX_DISASM_ISA_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "disasm/ir.h"

namespace detachfix {

/// How procedures are called, as data.
struct CallingConvention {
  uint8_t instruction_size = 0;  ///< bytes, where all have the same
  uint8_t word_size = 4;         ///< bytes of an argument on the stack
  uint8_t register_width =
      32;  ///< bits; a word in a wider one is sign-extended
  Place stack_pointer;
  Place result;
  /// Places of the first arguments; further ones are on the stack.
  std::vector<Place> argument_places;
  /// Where the first stack argument lies at a procedure's first instruction,
  /// in bytes from the stack pointer.
  uint32_t first_stack_argument = 0;
  /// Where the return address is at a procedure's first instruction; absent
  /// when it is the word that the stack pointer points to.
  std::optional<Place> return_address;
  /// Where the registers lie that are kept as memory; a procedure does not
  /// preserve them.
  std::optional<Place> wide_registers;
  /// The words among them in which a procedure returns a double, in bytes from
  /// where they begin.
  struct DoubleResult {
    int64_t low = 0;   ///< its lower half
    int64_t high = 0;  ///< its upper half
    int64_t form = 0;  ///< where `is_double` says that the two are one
    uint64_t is_double = 0;
  };
  std::optional<DoubleResult> double_result;
  /// Where compilers' helpers find and leave what the convention has no place
  /// for (_allshl, _alldvrm, _EH_prolog).
  struct HelperPlaces {
    Place high;           ///< the upper half of a result of two words
    Place count;          ///< of bits to shift by
    Place rest;           ///< a remainder's lower half beside a quotient
    Place rest_high;      ///< its upper half
    Place frame_pointer;  ///< of the caller
  };
  std::optional<HelperPlaces> helper_places;
  /// The address of the thread's environment block, and where in it that stands
  /// too, bytes (NT_TIB.Self, winnt.h).
  std::optional<Place> thread_block;
  int64_t thread_block_self = 0x18;
  /// Whether string instructions go down; 0 at every call.
  std::optional<Place> direction;
  /// Whether a procedure removes its stack arguments (stdcall) where the table
  /// of known functions says so.
  bool callee_pops = false;
  std::optional<Place> this_pointer;     ///< of C++ member functions
  std::vector<Place> scratch;            ///< not preserved by a procedure
  std::vector<Place> preserved;          ///< preserved by a procedure
  std::vector<std::string> place_names;  ///< by Place::id
};

/// One machine. Stateless.
class Isa {
 public:
  virtual ~Isa() = default;
  /// The instruction at `rva`, without its text.
  virtual Instruction Decode(const CodeView& view, Rva rva) const = 0;
  /// The same with its text.
  virtual Instruction Disassemble(const CodeView& view, Rva rva) const = 0;
  /// What it does; its `instruction` has no text.
  virtual Lifted Lift(const CodeView& view, Rva rva) const = 0;
  /// Lives as long as the program.
  virtual const CallingConvention& convention() const = 0;
};

/// The machine with that COFF number, or nullptr.
const Isa* IsaFor(uint16_t machine);

/// Intel's 80386 and its successors in 32-bit mode (x86.cc).
const Isa& X86Isa();

/// Digital's Alpha AXP with 32-bit addresses (alpha.cc).
const Isa& AlphaIsa();

/// The version of Zydis in use, e.g. "4.0.0" (x86_decode.cc).
std::string ZydisVersion();

/// The content at `rva`, up to `limit` bytes: shorter at the end of a region,
/// empty outside. Zero-filled memory behind the content counts as no content.
std::span<const uint8_t> ContentAt(const CodeView& view, Rva rva,
                                   uint32_t limit);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_ISA_H_
