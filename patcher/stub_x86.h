// SPDX-License-Identifier: Apache-2.0
// The injected code for Intel 386: position independent, so that it needs no
// base relocation, and plain, so that the analysis follows it like any other
// code. Each line carries its assembly text; the bytes must decode back to it.
#ifndef DETACHFIX_PATCHER_STUB_X86_H_
#define DETACHFIX_PATCHER_STUB_X86_H_

#include <optional>
#include <string>
#include <vector>

#include "disasm/code_view.h"
#include "patcher/plan.h"
#include "patcher/result.h"

namespace detachfix {

/// One emitted instruction. Numbers that depend on the place are `#` in `text`.
struct StubLine {
  Rva rva;
  Bytes bytes;
  std::string text;           ///< e.g. "lea eax, [ebx+#]"
  std::optional<Rva> target;  ///< where a branch, jump or call must lead
};

using StubCode = std::vector<StubLine>;

/// Which sections to delete, in this order, and the import slot to call.
struct DeleteTask {
  std::vector<Rva> sections;
  Rva slot;
};

/// Instructions moved from the hooked place into the stub.
struct MovedCode {
  std::vector<Bytes> instructions;
  std::vector<std::string> texts;  ///< as our disassembler prints them
};

/// Bytes of `code` together.
uint32_t CodeSize(const StubCode& code);
Bytes CodeBytes(const StubCode& code);

/// Stands before the DLL's entry at `original`: at a detach with lpvReserved
/// NULL it calls the original and then deletes; otherwise it jumps there with
/// the stack untouched. Its size does not depend on `at`.
StubCode EntryWrapperStub(Rva at, Rva original, const DeleteTask& task);

struct ExitStub {
  StubCode code;
  std::vector<Rva> entries;  ///< where each site's jump leads, in order
};

/// Stands for the `ret 0Ch` at the exits of the entry: runs what each site's
/// jump displaced, deletes at a detach with lpvReserved NULL, and returns. Its
/// size does not depend on `at`.
ExitStub DetachExitStub(Rva at, const std::vector<MovedCode>& sites,
                        const DeleteTask& task);

/// The five bytes `jmp rel32` at `from` that lead to `to`.
StubLine JumpLine(Rva from, Rva to);

/// `code` as our own decoder prints it, for an image based at `image_base`.
/// Fails when a line does not decode back to its text, length and target.
Result<std::vector<ListingLine>> ListCode(const StubCode& code,
                                          uint32_t image_base);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_STUB_X86_H_
