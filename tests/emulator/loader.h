// SPDX-License-Identifier: Apache-2.0
// What NT's loader does with a DLL before it calls its entry.
#ifndef DETACHFIX_TESTS_EMULATOR_LOADER_H_
#define DETACHFIX_TESTS_EMULATOR_LOADER_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/emulator/fake_system.h"
#include "tests/emulator/machine.h"
#include "tests/emulator/pe_file.h"

namespace detachfix::emulator {

struct LoadOptions {
  std::optional<uint32_t> base;  ///< ImageBase when absent
  /// Refuse a wrong CheckSum, as NT does for a DLL of lsass.exe (PE/COFF
  /// specification: DLLs loaded into a critical process).
  bool verify_checksum = true;
};

enum class Binding : uint8_t { kNone, kValid, kStale };

struct LoadedImage {
  PeHeaders headers;
  uint32_t base = 0;
  Binding binding = Binding::kNone;
  std::vector<uint32_t> tls_callbacks;  ///< addresses
  std::vector<uint8_t> tls_template;    ///< what a thread's data starts as

  bool Contains(uint32_t address) const {
    return address >= base && address - base < headers.image_size;
  }
};

/// Checks, lays out, relocates, snaps and maps `file` into `machine`. An error
/// is a load that NT would have refused or crashed in.
Result<LoadedImage> LoadImage(std::span<const uint8_t> file,
                              const LoadOptions& options, FakeSystem& system,
                              Machine& machine);

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_LOADER_H_
