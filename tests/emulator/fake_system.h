// SPDX-License-Identifier: Apache-2.0
// The DLLs that the emulated process has loaded besides the one under test.
// They have names, stamps and addresses, and no code: a call to one of their
// functions leaves mapped memory, and that is how it is noticed.
#ifndef DETACHFIX_TESTS_EMULATOR_FAKE_SYSTEM_H_
#define DETACHFIX_TESTS_EMULATOR_FAKE_SYSTEM_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tests/emulator/pe_file.h"

namespace detachfix::emulator {

struct FakeModule {
  uint32_t base = 0;
  uint32_t stamp = 0;
  bool at_preferred_base = true;
};

struct SystemFunction {
  std::string dll;
  std::string name;

  std::string ToText() const { return dll + "!" + name; }
  friend bool operator==(const SystemFunction&,
                         const SystemFunction&) = default;
};

class FakeSystem {
 public:
  /// Where imported data lies: [kData, kDataEnd), mapped by who runs code.
  static constexpr uint32_t kData = 0x7b000000;
  static constexpr uint32_t kDataEnd = 0x7b010000;

  /// A system whose modules have other stamps than any file is bound to.
  FakeSystem() = default;
  /// The system that `image` is bound to: every module at its preferred base
  /// with the stamp that the bound-import directory names, every function at
  /// the address that the file's slots hold. Nothing where the file is not
  /// bound; an error where it is, and has no lookup tables.
  static Result<std::optional<FakeSystem>> BoundBy(const PeHeaders& headers,
                                                   const ImageBytes& image);

  /// The module `dll` (lower case), loaded now if it was not.
  FakeModule& Load(const std::string& dll);
  bool IsLoaded(const std::string& dll) const {
    return modules_.count(dll) != 0;
  }
  /// The module with this base, or "".
  std::string ModuleAt(uint32_t base) const;
  /// The address of `name` in `dll`, the same at every call.
  uint32_t AddressOf(const std::string& dll, const std::string& name);
  /// What lies at `address`: the first name given to it.
  const SystemFunction* FunctionAt(uint32_t address) const;
  /// All functions and modules that were asked for until now.
  const std::map<uint32_t, SystemFunction>& functions() const {
    return functions_;
  }
  const std::map<std::string, FakeModule>& modules() const { return modules_; }
  /// The lowest address at or above `begin` and below `end` that is taken.
  std::optional<uint32_t> FirstIn(uint32_t begin, uint32_t end) const;

 private:
  Result<void> AddBoundSlots(const ImportRow& row, const ImageBytes& image);

  std::map<std::string, FakeModule> modules_;
  std::map<std::string, uint32_t> addresses_;
  std::map<uint32_t, SystemFunction> functions_;
  uint32_t next_data_ = kData;
};

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_FAKE_SYSTEM_H_
