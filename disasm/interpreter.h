// SPDX-License-Identifier: Apache-2.0
// Runs lifted code abstractly: one machine-independent loop over the
// intermediate form. Paths fork where a branch is open, and are joined again
// where they meet too often.
#ifndef DETACHFIX_DISASM_INTERPRETER_H_
#define DETACHFIX_DISASM_INTERPRETER_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "disasm/address_numbers.h"
#include "disasm/api.h"
#include "disasm/callback_list.h"
#include "disasm/flow_order.h"
#include "disasm/hex_number.h"
#include "disasm/isa.h"
#include "disasm/process/call.h"
#include "disasm/process/code_runner.h"
#include "disasm/process/ordinary_process.h"
#include "disasm/quadword.h"
#include "disasm/stored_addresses.h"

namespace detachfix {

/// A path that came back to the caller of the entry.
struct PathEnd {
  State state;
  Rva site;  ///< of the instruction that returned
};

/// In State::calls, from here on: the index of a list of functions that an
/// import runs. No return address is that high.
inline constexpr uint64_t kFirstCallbackList = uint64_t{1} << 32;

/// Runs the code of one image. What it learns in one Run serves the next.
class Interpreter final : private CodeRunner {
 public:
  /// `view` and `isa` must outlive the interpreter.
  Interpreter(const CodeView& view, const Isa& isa,
              Setting setting = Setting::kAny)
      : view_(view), isa_(isa), setting_(setting), process_(view) {}

  /// Gives a state in which nothing ran yet what it starts with in an ordinary
  /// process; false where the image leaves no room for one.
  bool EnterProcess(State& state) {
    return process_.Enter(*this, state,
                          isa_.convention().thread_block.has_value());
  }

  /// Follows every path from `start`, whose caller is kReturnSymbol, until it
  /// comes back. What happened on the way is added to `log`: code visited,
  /// calls, open branches, and why a path could not be followed.
  std::vector<PathEnd> Run(State start, Trace& log);

 private:
  /// What to do after an operation.
  enum class Step : uint8_t { kNextOp, kInstructionDone, kPathEnds };

  /// An instruction that was run.
  struct Code {
    Lifted lifted;
    bool is_writable = false;  ///< the image may write there
    uint32_t visited_in = 0;   ///< the last run that came by
  };

  struct Point {
    uint64_t pc;
    CallStack calls;
    friend bool operator==(const Point& a, const Point& b) {
      return a.pc == b.pc && a.calls.SameReturns(b.calls);
    }
  };
  struct HashPoint {
    size_t operator()(const Point& point) const {
      return point.pc * 0x9e3779b97f4a7c15 ^ point.calls.hash();
    }
  };

  /// What a fresh symbol stands for: what an operation, in a certain chain of
  /// calls, gave; or what a word held, whoever read it.
  struct Origin {
    Point point;
    size_t op = 0;
    std::optional<MemoryAddress> word;
    Symbol bits = 0;  ///< of the symbol: kBlockBit, kThreadIndexBit
    size_t nth = 0;   ///< of those that a state has at the same time
    friend bool operator==(const Origin&, const Origin&) = default;
  };
  struct HashOrigin {
    size_t operator()(const Origin& origin) const;
  };

  std::vector<PathEnd> Attempt(State start, Trace& log);
  Code& Fetch(uint64_t va);
  uint32_t MaxSteps() const;
  size_t MaxWork() const;
  bool IsSpent() const;
  void NoteSpent(uint64_t pc);
  void Count(uint64_t cells) const override;
  void Follow(State state);
  bool Admit(State& state);
  /// Joins `state` with those of `seen` that agree with it on what counts, when
  /// they are many, and drops them.
  void JoinAlike(std::vector<State>& seen, State& state);
  void DropFinished(const State& state);
  Step RunInstruction(State& state);
  Step RunOps(State& state, const Lifted& lifted, size_t first);
  void ForkChoice(State& state, const Choose& op, const Value& cond,
                  const Value& no);

  // Fresh symbols (interpreter_symbols.cc).
  Symbol NewSymbol(const State& state, Origin origin);
  Value Fresh(const State& state, bool nonzero = false) override;
  Value FreshBlock(State& state, const Value& size, bool nonzero = false);
  Value FreshIndex(State& state);
  Value FreshWord(const State& state, MemoryAddress address);
  bool HasSymbol(const State& state, Symbol symbol);
  std::optional<Value> HiddenImport(BinaryOp op, const Value& a,
                                    const Value& b);
  Value Hide(BinaryOp op, const Value& value, uint64_t by);

  // Which path is followed next (interpreter_order.cc).
  bool MeetsOthers(const State& state) const;
  void FollowLater(State state);
  void Wait(State state);
  State NextToFollow();
  bool IsNext(const State& state);
  int ComparePlaces(const State& a, const State& b);
  int ComparePlacesIn(const Frame& a, uint64_t pc_a, const Frame& b,
                      uint64_t pc_b);
  void CountLoops(State& state);
  void NoteComparison(const Value& a, const Value& b);
  void NoteBranch(State& state, uint64_t other_way, bool open);
  const FlowOrder& OrderOf(uint64_t procedure);
  FlowOrder::Exits ExitsOf(uint64_t va);

  Value ValueOf(const State& state, const Operand& operand) const;
  Value WordOf(const State& state, const Operand& operand, unsigned bits) const;
  Value OnStack(const Value& value) const;
  std::optional<Value> PartOfStackAddress(const State& state,
                                          MemoryAddress address,
                                          uint32_t size) const;
  std::optional<Words> WordsOf(const State& state, const Operand& of) const;
  void SetWords(State& state, Place place, const std::optional<Words>& words);
  std::optional<Words> WordsOfResult(const State& state, const Binary& op,
                                     const Value& result) const;
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

  // Calls, jumps and returns (interpreter_calls.cc).
  std::optional<MemoryAddress> ForeignWord(const Value& value) const;
  bool IsFunction(const Value& value) const;
  void StrewPointer(const Value& target, const Value& value);
  void StrewWords(const State& state, const Value& target, MemoryAddress from);
  bool IsOwnPointer(const Value& value) const;
  void AddWordsNear(const State& state, const Value& pointer,
                    Value& read) const;
  static bool MayBeElement(const Value& pointer);
  Value ReadAnyOf(const State& state, const Value& pointer) const;
  void StoreAt(State& state, MemoryAddress address, uint32_t size,
               const Value& value) override;
  void NoteFunctionStored(MemoryAddress address, const Value& value);
  std::vector<Value> PossibleFunctions(const State& state, const Value& target);
  Step ForEachTarget(State& state, const Value& target,
                     const std::function<Step(State&, const Value&)>& go);
  Step CallTo(State& state, const Value& target, uint64_t return_va);
  Step CallForeign(State& state, MemoryAddress word);
  Step JumpTo(State& state, const Value& target);
  std::vector<Value> CodeAddressesAt(uint64_t table, uint64_t end) const;
  std::vector<Value> TableTargets(uint64_t va, const Jump& op);
  Step GoTo(State& state, const Value& target, const char* verb);

  // Returns (interpreter_return.cc).
  Step GoBack(State& state, const Value& target);
  Step GoBackByConvention(State& state);
  static bool IsReturnAddress(const State& state, const Value& target);
  bool IsJump(const State& state) const;
  bool IsReturn(const State& state, const Value& target) const;
  std::optional<Value> ReturnAddressAt(const State& state,
                                       MemoryAddress address) const;
  bool LeavesEntry(const State& state, const Value& target) const;
  void RestorePreserved(State& state) const;
  void RestoreForgotten(State& state) const;
  uint32_t GuessPop(State& state, const ImportName& import);
  void LearnPop(const State& state);
  int64_t StackChangeAt(uint64_t va);
  int64_t TakenBackAt(uint64_t va);
  std::optional<size_t> DroppedArguments(uint64_t va);
  void PushFrame(State& state, uint64_t return_va, uint64_t procedure) const;

  // Code of the image that an import runs (interpreter_runtime.cc).
  Step RunCallbacks(State& state, CallbackList list);
  Step CallbackReturned(State& state);
  Step RunTable(State& state, const Api& api);
  Step RunOnce(State& state, const Api& api);
  Step RunOnExitTable(State& state, const Api& api);
  Step Unwind(State& state, const Api& api);
  Step RunFinallyBlocks(State& state, CallbackList list);
  void RegisterOnExit(State& state, ApiEffect effect);
  bool AppendFunction(State& state, MemoryAddress last, const Value& function);

  // Imports (interpreter_import.cc).
  Step CallImport(State& state, Rva slot);
  const ImportName* ImportAt(Rva slot) const;
  bool IsUnsaid(const ImportName& import) const;
  Rva LookedUpSlot(const ImportName& import);
  Value Argument(const State& state, size_t index) const override;
  void Record(CallRecord call);
  void RecordImport(const State& state, const ImportName& import,
                    const Api& api);
  Step Throw(ApiEffect effect);
  Step ReturnFromImport(State& state, const Api& api);
  Value OwnProcess() const;
  bool AnswerInProcess(State& state, const ImportName& import, const Api& api);
  void ApplyEffect(State& state, const ImportName& import, const Api& api);
  void LookUpFunction(State& state, const Api& api);
  void GiveInstead(State& state, const Api& api, const Value& result);
  void ForgetScratch(State& state) const;

  // Helpers of compilers (interpreter_helpers.cc).
  std::optional<Step> CallHelper(State& state, const ImportName& import,
                                 const Api& api);
  Step CalculateLong(State& state, const Api& api);
  Step MakeStackRoom(State& state);
  Step EnterFrame(State& state);

  // What imports do to critical sections (interpreter_sections.cc).
  static std::optional<MemoryAddress> SectionAt(const Value& pointer);
  void InitialiseSection(State& state, ApiEffect effect, const Api& api);
  void NoteOverlap(const State& state, MemoryAddress address);
  void NoteRead(const State& state, const Value& pointer, uint32_t size);
  void InitialiseResource(State& state, const Api& api);
  void DeleteSection(State& state);
  void UseSection(State& state) const;

  // What imports do to memory (interpreter_import_memory.cc).
  void ChangeWord(State& state, ApiEffect effect);
  void FillOrCopy(State& state, ApiEffect effect);
  void WriteProcess(State& state);
  void WriteWords(State& state, bool fills, const Value& target,
                  const Value& source, const Value& size);
  void Clear(State& state, const Value& block, const Value& size) override;
  void AllocateOrFail(State& state, ApiEffect effect);
  void AllocateZeroed(State& state);
  void Reallocate(State& state, const Api& api);
  std::optional<MemoryAddress> ThreadWord(const State& state,
                                          const Value& index) const;
  void UseThreadIndex(State& state, const Api& api);
  void WriteOutParameters(State& state, const Api& api);
  void WriteOutParameter(State& state, const OutParameter& out);
  void WriteAddress(State& state, const Value& pointer, const Value& address);
  void Tokenise(State& state, const Api& api);
  void RoundDouble(State& state, ApiEffect effect);
  void Describe(State& state);
  void ForgetBytes(State& state, const Value& pointer, uint32_t size) override;
  void ForgetWhatItMayWrite(State& state, const ImportName& import,
                            const Api& api);
  std::optional<size_t> CountArguments(const State& state, const Api& api);
  std::optional<size_t> WordsInCaller(const State& state) const;
  void ForgetIfInImage(State& state, const Value& pointer) const override;
  void ForgetPlacedBlocks(State& state) const;
  void ForgetThrough(State& state, const Value& pointer);
  void ForgetFrom(State& state, const Value& pointer);
  void ForgetStackFrom(State& state, MemoryAddress from) const;
  bool IsSavedCookie(const State& state, const Value& value) const;
  bool IsSavedWord(const State& state, const CellMap::Entry& entry) const;
  bool IsHarmless(uint64_t va);
  void NotePassedSection(const State& state, const Value& argument,
                         const ImportName& import);
  void ForgetWordsOf(State& state, const Value& pointer);
  void NoteGiven(const State& state, const Value& pointer);
  void ForgetNear(State& state, const Value& pointer);
  void ForgetStackNear(State& state, const Value& pointer);

  bool IsCode(uint64_t va) const;
  bool IsData(const Value& value) const override;
  bool MayHoldDataPointer(MemoryAddress address) const;
  bool IsSecurityCookie(const std::optional<MemoryAddress>& address) const;
  std::string Site() const;
  std::string Where(uint64_t va) const;
  void Incomplete(const std::string& why);
  void IncompleteHere(const std::string& why) override;

  const CodeView& view_;
  const Isa& isa_;
  Setting setting_;
  OrdinaryProcess process_;
  AddressNumbers code_numbers_;
  std::deque<Code> code_;  ///< by number
  /// What GetProcAddress was asked for: their "slots" lie behind every image.
  std::vector<ImportName> looked_up_;
  /// How many bytes imports pop that no table knows, as the balance of the
  /// stack at the end of their callers shows. By text of the import.
  std::map<std::string, uint32_t> learned_pops_;
  std::map<uint64_t, bool> harmless_;  ///< by virtual address, once asked for
  std::vector<std::string> guessed_imports_;  ///< by Frame::guessed_import
  StoredAddresses stored_;
  std::set<uint64_t> written_code_;  ///< virtual addresses of stores into code
  /// What an import's address was hidden by: xor or a rotation.
  struct Hidden {
    BinaryOp op;
    Value value;  ///< that was hidden
    uint64_t by = 0;
    friend bool operator==(const Hidden&, const Hidden&) = default;
  };
  std::vector<Hidden> hidden_;  ///< by symbol, from kFirstHiddenSymbol on
  std::unordered_map<Origin, Symbol, HashOrigin> symbols_;
  /// Of which a state once held all names at the same time.
  std::unordered_set<Origin, HashOrigin> all_in_use_;
  std::unordered_map<Symbol, MemoryAddress> words_;  ///< of Origin::word
  Symbol next_symbol_ = kFirstFreshSymbol;
  /// By the index that is in State::calls. Never changed once made.
  std::vector<CallbackList> callbacks_;
  std::unordered_map<uint64_t, FlowOrder> orders_;  ///< by procedure
  size_t ordered_ = 0;      ///< instructions that were looked at for them
  AddressNumbers leaders_;  ///< targets of jumps and branches seen so far

  // Of the current run.
  Trace* log_ = nullptr;
  /// The indices in log_->calls, by the relative virtual address of the site.
  std::unordered_map<uint32_t, std::vector<size_t>> calls_at_;
  uint32_t run_ = 0;                          ///< counts Attempt
  std::vector<std::unique_ptr<State>> todo_;  ///< the next one last
  std::vector<PathEnd> ends_;
  std::unordered_map<Point, std::vector<State>, HashPoint> seen_;
  mutable uint32_t steps_ = 0;  ///< counted by what only looks, too
  uint32_t steps_before_ = 0;   ///< of the runs that are done
  size_t kept_ = 0;             ///< states in seen_
  size_t drop_at_ = 0;       ///< DropFinished is next due when so many are kept
  mutable size_t work_ = 0;  ///< counted against kMaxWork
  size_t work_before_ = 0;   ///< of the runs that are done
  bool learned_ = false;     ///< the run is to be begun anew
  /// What the last instruction that compares has compared first; nothing where
  /// that is not known.
  std::optional<int64_t> compared_;
  bool compares_anew_ = false;  ///< no operation of the current one has yet
  /// The last number that was read from a known place.
  struct {
    MemoryAddress address;
    uint64_t bits = 0;
  } read_;
  Rva site_;             ///< of the current instruction
  size_t op_index_ = 0;  ///< of the current operation in it
  std::array<Value, kPlaceCount - kFirstTemporary> temporaries_{};
  TemporaryWords temporary_words_;
};

/// The parts of the image that nothing else touches: those that hold a live
/// critical section, which only the section functions do, and the /GS cookie.
std::vector<Memory::Range> KeptRanges(const State& state);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_INTERPRETER_H_
