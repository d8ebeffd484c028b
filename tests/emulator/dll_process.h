// SPDX-License-Identifier: Apache-2.0
// A process with one DLL in it, whatever executes it: what can be done with it
// and what is seen then. A scenario needs no more.
#ifndef DETACHFIX_TESTS_EMULATOR_DLL_PROCESS_H_
#define DETACHFIX_TESTS_EMULATOR_DLL_PROCESS_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tests/emulator/fake_system.h"
#include "tests/emulator/loader.h"

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

/// What an entry of a process is called: "attach", "detach (reserved)", ...
inline std::string EntryName(Reason reason, bool reserved) {
  constexpr const char* kNames[] = {"detach", "attach", "thread attach",
                                    "thread detach"};
  uint32_t number = static_cast<uint32_t>(reason);
  std::string name = number < 4 ? kNames[number] : "reason " + Hex(number);
  return reserved ? name + " (reserved)" : name;
}

class DllProcess {
 public:
  virtual ~DllProcess() = default;
  /// Calls the TLS callbacks and the entry. Does nothing once a violation has
  /// stopped the process.
  virtual EntryRecord CallEntry(Reason reason, bool reserved) = 0;
  /// Calls an export; `convention` is "cdecl" or "stdcall".
  virtual EntryRecord CallExport(const std::string& name,
                                 const std::vector<uint32_t>& arguments,
                                 const std::string& convention) = 0;
  virtual const LoadedImage& image() const = 0;
  /// What the DLL did wrong, in order. After a fault nothing more is run.
  virtual const std::vector<std::string>& violations() const = 0;
  virtual bool crashed() const = 0;
};

/// Loads a file into a new process of the system. An error is a failed load.
using LoadFunction = std::function<Result<std::unique_ptr<DllProcess>>(
    std::span<const uint8_t> file, const ProcessOptions& options,
    FakeSystem& system)>;

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_DLL_PROCESS_H_
