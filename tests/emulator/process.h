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

#include "tests/emulator/dll_process.h"
#include "tests/emulator/fake_system.h"
#include "tests/emulator/loader.h"
#include "tests/emulator/machine.h"

namespace detachfix::emulator {

class Process final : public DllProcess {
 public:
  /// Loads `file` into a new process of `system`. An error is a failed load.
  static Result<std::unique_ptr<Process>> Load(std::span<const uint8_t> file,
                                               const ProcessOptions& options,
                                               FakeSystem& system);

  EntryRecord CallEntry(Reason reason, bool reserved) override;
  EntryRecord CallExport(const std::string& name,
                         const std::vector<uint32_t>& arguments,
                         const std::string& convention) override;
  const LoadedImage& image() const override { return image_; }
  const std::vector<std::string>& violations() const override {
    return violations_;
  }
  bool crashed() const override { return crashed_; }

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
