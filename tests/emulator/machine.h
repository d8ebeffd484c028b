// SPDX-License-Identifier: Apache-2.0
// An i386 processor in user mode with flat segments, a thread block behind FS
// and memory that knows, to the byte, who may do what: Unicorn plus the checks
// that its pages are too coarse for.
#ifndef DETACHFIX_TESTS_EMULATOR_MACHINE_H_
#define DETACHFIX_TESTS_EMULATOR_MACHINE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct uc_struct;

namespace detachfix::emulator {

enum Access : uint8_t { kRead = 1, kWrite = 2, kExecute = 4 };

/// What is mapped: whole pages, of which [begin, end) may be used.
struct Region {
  std::string name;
  uint32_t begin = 0;
  uint32_t end = 0;
  int access = 0;
};

enum class Register : uint8_t {
  kEax,
  kEcx,
  kEdx,
  kEbx,
  kEsp,
  kEbp,
  kEsi,
  kEdi
};

/// Why Run came back.
struct Stop {
  enum class Kind : uint8_t {
    kLeft,     ///< control went to `address`, where nothing is mapped
    kFault,    ///< `what` happened at `address`
    kTooLong,  ///< more instructions than a DLL's entry may take
  };
  Kind kind = Kind::kFault;
  uint32_t address = 0;
  std::string what;
};

class Machine {
 public:
  /// The thread block that FS points to, as on NT 4.0.
  static constexpr uint32_t kThreadBlock = 0x7ffde000;

  Machine();
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Maps [begin, end), to whole pages, filled with zeros. Nothing may be there
  /// yet.
  void Map(const Region& region);
  /// The region whose usable bytes include all of [address, address + size).
  const Region* Find(uint32_t address, uint32_t size) const;
  /// The same by whole pages, as a processor sees it.
  const Region* FindPages(uint32_t address, uint32_t size) const;

  /// As the kernel: whatever the protection. False where nothing is mapped.
  bool Peek(uint32_t address, std::span<uint8_t> bytes) const;
  bool Poke(uint32_t address, std::span<const uint8_t> bytes);
  std::optional<uint32_t> Peek32(uint32_t address) const;
  bool Poke32(uint32_t address, uint32_t value);
  /// As code in the process: false unless the bytes may be written.
  bool Store(uint32_t address, std::span<const uint8_t> bytes);
  bool Store32(uint32_t address, uint32_t value);

  uint32_t Get(Register name) const;
  void Set(Register name, uint32_t value);
  uint32_t flags() const;
  void set_flags(uint32_t value);

  /// The words from ESP up, whenever the instruction at a watched address is
  /// about to run: for a function's first one, the return address and three
  /// arguments.
  using TopOfStack = std::array<uint32_t, 4>;
  void Watch(uint32_t address);
  /// The arrivals since the last call of this.
  std::vector<TopOfStack> TakeArrivals();

  /// Runs from `address` until control leaves what is mapped or something is
  /// wrong. Memory below ESP is worthless to the code that runs, not forbidden:
  /// see Process, which refills it with junk.
  Stop Run(uint32_t address);

 private:
  struct Hooks;
  void LoadSegments();

  uc_struct* engine_ = nullptr;
  std::unique_ptr<Hooks> hooks_;
  std::vector<Region> regions_;
};

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_MACHINE_H_
