// SPDX-License-Identifier: Apache-2.0
// One emulated process with one DLL in it: calls the DLL's entry and exports as
// NT does, answers its calls to the system, and writes everything down.
//
// What a callee may rely on is all that it gets: EAX, ECX, EDX, the arithmetic
// flags and the stack below ESP are junk at every entry and after every system
// call. What it must keep is checked: EBX, ESI, EDI, EBP, ESP, the direction
// flag, the head of the exception chain at FS:[0], and the stack above its
// arguments. Arguments themselves belong to the callee, who may change them.
#ifndef DETACHFIX_TESTS_EMULATOR_PROCESS_H_
#define DETACHFIX_TESTS_EMULATOR_PROCESS_H_

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tests/emulator/fake_system.h"
#include "tests/emulator/loader.h"
#include "tests/emulator/machine.h"

namespace detachfix::emulator {

/// How the system answers.
struct Steering {
  std::map<std::string, std::string> environment;
  /// Results by "dll!name" instead of the model's; the effects stay.
  std::map<std::string, uint32_t> returns;
  bool everything_fails = false;  ///< allocations and what else can fail
};

struct ProcessOptions {
  LoadOptions load;
  Steering steering;
  uint32_t seed = 1;
  /// The RVA of the entry that the DLL had before its repair; its arguments are
  /// recorded whenever it is reached. The entry of the file when absent.
  std::optional<uint32_t> own_entry;
};

/// One call to the system. Addresses in it are written so that they can be
/// compared between runs: image+0x…, stack+0x… (from ESP at the call), heap+….
struct Call {
  enum class Kind : uint8_t { kOther, kInitialise, kDelete };
  std::string function;  ///< "kernel32.dll!DeleteCriticalSection"
  std::vector<std::string> arguments;
  Kind kind = Kind::kOther;
  std::string returns_to;

  std::string ToText() const;
  /// Same function and arguments, wherever it was called from.
  bool SameAs(const Call& other) const {
    return function == other.function && arguments == other.arguments;
  }
};

/// One call into the DLL.
struct EntryRecord {
  std::string what;         ///< "attach", "detach", "Probe(5)", ...
  bool frees = false;       ///< detach because of FreeLibrary
  uint32_t result = 0;      ///< EAX
  std::vector<Call> calls;  ///< in order
  /// The arguments that the DLL's own entry was reached with, each time.
  std::vector<std::string> entered_with;
  /// The critical sections that exist afterwards: "image+0x2000".
  std::set<std::string> live;
};

enum class Reason : uint32_t {
  kDetach = 0,
  kAttach = 1,
  kThreadAttach = 2,
  kThreadDetach = 3,
};

class Process {
 public:
  /// Loads `file` into a new process of `system`. An error is a failed load.
  static Result<std::unique_ptr<Process>> Load(std::span<const uint8_t> file,
                                               const ProcessOptions& options,
                                               FakeSystem& system);

  /// Calls the TLS callbacks and the entry. Does nothing once a violation has
  /// stopped the process.
  EntryRecord CallEntry(Reason reason, bool reserved);
  /// Calls an export; `convention` is "cdecl" or "stdcall".
  EntryRecord CallExport(const std::string& name,
                         const std::vector<uint32_t>& arguments,
                         const std::string& convention);

  const LoadedImage& image() const { return image_; }
  /// What the DLL did wrong, in order. After a fault nothing more is run.
  const std::vector<std::string>& violations() const { return violations_; }
  bool crashed() const { return crashed_; }

  // For the models of the system's functions.
  Machine& machine() { return *machine_; }
  FakeSystem& system() { return system_; }
  const Steering& steering() const { return steering_; }
  void Violation(const std::string& text);
  /// A violation after which nothing more is run.
  void Crash(const std::string& text);
  uint32_t Junk() { return static_cast<uint32_t>(random_()); }
  uint32_t Allocate(uint32_t size);
  bool Free(uint32_t address);
  uint32_t NextHandle() { return next_handle_ += 4; }
  void InitialiseSection(uint32_t address);
  void DeleteSection(uint32_t address);
  void EnterSection(uint32_t address);
  void LeaveSection(uint32_t address);
  /// Calls code of the DLL from within a system function. Nothing on a crash.
  std::optional<uint32_t> Invoke(uint32_t address,
                                 const std::vector<uint32_t>& arguments,
                                 bool callee_pops);
  std::string ReadText(uint32_t address);
  std::string Normalise(uint32_t value) const;

  uint32_t last_error = 0;
  std::map<uint32_t, uint32_t> thread_slots;
  uint32_t next_thread_slot = 5;

 private:
  struct Frame;
  Process(const ProcessOptions& options, FakeSystem& system);
  void PrepareThreadBlock();
  Frame PushFrame(const std::vector<uint32_t>& arguments, bool callee_pops);
  void FillRegisters(Frame& frame);
  void SpoilBelowStack();
  void CheckReturn(const Frame& frame);
  bool RunUntil(uint32_t address, uint32_t home);
  std::optional<uint32_t> AnswerCall(const SystemFunction& function);
  void FinishEntry(EntryRecord& record, std::optional<uint32_t> result);

  std::unique_ptr<Machine> machine_;
  FakeSystem& system_;
  Steering steering_;
  LoadedImage image_;
  std::vector<uint8_t> file_;
  std::mt19937 random_;
  uint32_t seed_;
  uint32_t entries_ = 0;
  uint32_t depth_ = 0;
  bool crashed_ = false;
  std::vector<Call> calls_;
  std::vector<std::string> violations_;
  std::map<uint32_t, int> sections_;  ///< live ones, and how often entered
  std::map<uint32_t, uint32_t> blocks_;
  uint32_t heap_top_ = 0;
  uint32_t next_handle_ = 0x100;
};

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_PROCESS_H_
