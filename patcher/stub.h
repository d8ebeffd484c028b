// SPDX-License-Identifier: Apache-2.0
// The code that detachfix adds, and what each machine asks of it. Each line
// carries its assembly text; the bytes must decode back to it.
#ifndef DETACHFIX_PATCHER_STUB_H_
#define DETACHFIX_PATCHER_STUB_H_

#include <optional>
#include <string>
#include <vector>

#include "disasm/code_view.h"
#include "patcher/plan.h"
#include "patcher/result.h"

namespace detachfix {

/// One emitted instruction. Hexadecimal numbers, which depend on the place, are
/// `#` in `text`.
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

/// Code that makes a stack frame, as a table of functions describes it.
struct FrameRange {
  Rva begin;
  Rva prolog_end;
  Rva end;
};

/// The injected code of one hook.
struct Stub {
  StubCode code;
  std::vector<Rva> entries;  ///< where each hooked place leads, in order
  /// Set where the machine unwinds by a table: what must be entered in it.
  std::optional<FrameRange> frame;
};

/// The ways to hook.
enum class HookKind : uint8_t {
  kDetachExit,    ///< the return that a detach takes goes to the stub
  kEntryTail,     ///< the stub stands before an entry that does no detach work
  kEntryWrapper,  ///< the stub stands around the entry
};

/// What hooking must know of a machine.
struct HookRules {
  std::vector<HookKind> kinds;      ///< in the order in which they are tried
  uint32_t code_alignment = 1;      ///< bytes
  uint32_t jump_size = 0;           ///< bytes, from anywhere to anywhere
  const char* return_text = "";     ///< how the entry must return
  uint32_t short_branch_reach = 0;  ///< bytes; 0 where all branches are long
  /// How many sections a stub without a stack frame can delete.
  size_t most_tail_sections = 0;
  std::vector<Bytes> fillers;  ///< what linkers and compilers leave unused
};

/// Makes stubs for one machine. Stateless. The sizes of stubs do not depend on
/// where they are. Fails where a branch would not reach.
class StubMaker {
 public:
  virtual ~StubMaker() = default;
  /// Lives as long as the program.
  virtual const HookRules& rules() const = 0;

  /// Stands for the returns of the entry: runs what each site's jump displaced,
  /// deletes at a detach with lpvReserved NULL, and returns.
  virtual Result<Stub> DetachExit(Rva at, const std::vector<MovedCode>& sites,
                                  const DeleteTask& task) const = 0;

  /// Stands before the entry at `original`: deletes at a detach with
  /// lpvReserved NULL and then need not go there; otherwise does, with
  /// everything as it was.
  virtual Result<Stub> EntryTail(Rva at, Rva original,
                                 const DeleteTask& task) const = 0;

  /// Stands around the entry: at a detach with lpvReserved NULL calls it and
  /// then deletes; otherwise jumps there with everything as it was.
  virtual Result<Stub> EntryWrapper(Rva at, Rva original,
                                    const DeleteTask& task) const = 0;

  /// The jump at `from` that leads to `to`.
  virtual Result<StubLine> Jump(Rva from, Rva to) const = 0;
};

/// For the machine with that COFF number, or nullptr.
const StubMaker* StubMakerFor(uint16_t machine);

/// Bytes of `code` together.
uint32_t CodeSize(const StubCode& code);
/// Its bytes, in the order of the lines.
Bytes CodeBytes(const StubCode& code);

/// `text` with every hexadecimal number, and a sign in front of it, replaced:
/// what is left does not depend on the place of the code.
std::string Skeleton(const std::string& text);

/// `code` as our own decoder for `machine` prints it, for an image based at
/// `image_base`. Fails when a line does not decode back to its text, length and
/// target.
Result<std::vector<ListingLine>> ListCode(const StubCode& code,
                                          uint16_t machine,
                                          uint32_t image_base);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_STUB_H_
