// SPDX-License-Identifier: Apache-2.0
// The addresses of an image that the code of an i386 names.
//
// An address that code passes on is the last part of an instruction: of a push,
// of a mov to a register or to the stack, of a lea. So what follows the four
// bytes is the next instruction, wherever this one begins.
#ifndef DETACHFIX_PATCHER_NAMED_ADDRESSES_H_
#define DETACHFIX_PATCHER_NAMED_ADDRESSES_H_

#include <cstdint>
#include <optional>

#include "disasm/code_view.h"
#include "disasm/instruction.h"

namespace detachfix {

/// The longest instruction, bytes (SDM volume 2, section 2.3.11).
inline constexpr uint32_t kMaxInstruction = 15;

/// What is mapped at `rva`.
bool IsCode(const CodeView& view, Rva rva);
bool IsData(const CodeView& view, Rva rva);
bool IsWritable(const CodeView& view, Rva rva);

/// The four bytes that `instruction` ends with, which are a virtual address, as
/// RVA; nothing where those are no operand of an address or a number.
std::optional<Rva> NamedBy(const CodeView& view,
                           const Instruction& instruction);

/// Whether the instruction takes its last four bytes for a value, and not for
/// where to read or write one: push, mov, add or a group of immediates, lea
/// (SDM volume 2, appendix A).
bool TakesValue(const CodeView& view, Rva instruction);

/// Whether the four bytes at `operand` are where an instruction reads or writes
/// without a register, "[address]": it uses what is there, and has not got the
/// address. False as well where the bytes before may be read so that one takes
/// them for a value (03 05: "add eax, [address]", or a byte and "add eax,
/// address").
bool IsOnlyAccessed(const CodeView& view, Rva operand);

/// Whether the bytes from `instruction` on hold an address of the image: to
/// decode it takes longer than to look.
bool MayNameOwn(const CodeView& view, Rva instruction);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_NAMED_ADDRESSES_H_
