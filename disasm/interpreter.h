// SPDX-License-Identifier: Apache-2.0
// Runs lifted code abstractly: one machine-independent loop over the
// intermediate form. Paths fork where a branch is open, and are joined again
// where they meet too often.
#ifndef DETACHFIX_DISASM_INTERPRETER_H_
#define DETACHFIX_DISASM_INTERPRETER_H_

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "disasm/api.h"
#include "disasm/isa.h"
#include "disasm/state.h"

namespace detachfix {

/// A path that came back to the caller of the entry.
struct PathEnd {
  State state;
  Rva site;  ///< of the instruction that returned
};

/// The limits of one Run. Chosen so that the slowest run takes well under a
/// second; the entries of the DLLs in mind need a few thousand steps.
inline constexpr uint32_t kMaxSteps = 50'000;
/// A run that could not be followed at so many places is not followed further.
inline constexpr size_t kMaxReasons = 4;
inline constexpr size_t kMaxStatesAtPoint = 24;
/// Words of kept states and of comparisons with them. A loop that makes another
/// section each time keeps a state each time; this ends it after some hundred.
inline constexpr size_t kMaxWork = 2'000'000;
inline constexpr size_t kMaxCallDepth = 128;
inline constexpr size_t kMaxPathEnds = 256;

class Interpreter {
 public:
  /// Both must outlive the interpreter.
  Interpreter(const CodeView& view, const Isa& isa) : view_(view), isa_(isa) {}

  /// Follows every path from `start`, whose caller is kReturnSymbol, until it
  /// comes back. What happened on the way is added to `log`: code visited,
  /// calls, open branches, and why a path could not be followed.
  std::vector<PathEnd> Run(State start, Trace& log);

 private:
  /// What to do after an operation.
  enum class Step : uint8_t { kNextOp, kInstructionDone, kPathEnds };

  struct Point {
    uint64_t pc;
    std::vector<uint64_t> call_stack;
    auto operator<=>(const Point&) const = default;
  };

  const Lifted& Fetch(uint64_t va);
  void Follow(State state);
  bool Admit(State& state);
  Step RunInstruction(State& state);

  Value ValueOf(const State& state, const Operand& operand) const;
  void Set(State& state, Place place, const Value& value);

  Step Do(State& state, const Assign& op);
  Step Do(State& state, const Binary& op);
  Step Do(State& state, const SignExtend& op);
  Step Do(State& state, const Choose& op);
  Step Do(State& state, const Load& op);
  Step Do(State& state, const Store& op);
  Step Do(State& state, const Forget& op);
  Step Do(State& state, const Branch& op);
  Step Do(State& state, const Jump& op);
  Step Do(State& state, const Call& op);
  Step Do(State& state, const Return& op);
  Step Do(State& state, const Trap& op);
  Step Do(State& state, const Unfollowable& op);

  Step GoTo(State& state, const Value& target, const char* verb);
  Step GoBack(State& state, const Value& target);

  // Imports (interpreter_import.cc).
  Step CallImport(State& state, Rva slot);
  const ImportName* ImportAt(Rva slot) const;
  Value Argument(const State& state, size_t index) const;
  void RecordImport(const State& state, const ImportName& import,
                    const Api& api);
  Step ReturnFromImport(State& state, const Api& api);
  void ApplyEffect(State& state, const ImportName& import, const Api& api);
  void InitialiseSection(State& state, ApiEffect effect, const Api& api);
  void DeleteSection(State& state);
  void ChangeWord(State& state, ApiEffect effect);
  void LookUpFunction(State& state, const Api& api);
  void LoseStack(State& state, const ImportName& import);
  void ForgetWhatItMayWrite(State& state, const ImportName& import,
                            const Api& api);
  void ForgetThrough(State& state, const Value& pointer);
  void ForgetStackFrom(State& state, int64_t offset) const;

  bool IsCode(uint64_t va) const;
  std::string Site() const;
  std::string Where(uint64_t va) const;
  void Incomplete(const std::string& why);

  const CodeView& view_;
  const Isa& isa_;
  std::unordered_map<uint64_t, Lifted> lifted_;
  /// What GetProcAddress was asked for: their "slots" lie behind every image.
  std::vector<ImportName> looked_up_;
  std::set<uint64_t> leaders_;  ///< targets of jumps and branches seen so far

  // Of the current run.
  Trace* log_ = nullptr;
  std::vector<State> todo_;
  std::vector<PathEnd> ends_;
  std::map<Point, std::vector<State>> seen_;
  uint32_t steps_ = 0;
  size_t work_ = 0;  ///< counted against kMaxWork
  /// Stack pointers that are not known, by their symbol: since which call.
  std::map<Symbol, std::string> lost_stacks_;
  Rva site_;  ///< of the current instruction
  std::array<Value, kPlaceCount - kFirstTemporary> temporaries_{};
};

/// The parts of the image that hold a live critical section: only the section
/// functions touch them.
std::vector<Memory::Range> LiveSectionRanges(const State& state);

/// Bytes of an RTL_CRITICAL_SECTION on a 32-bit machine: six words (winnt.h).
inline constexpr uint32_t kCriticalSectionSize = 24;

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_INTERPRETER_H_
