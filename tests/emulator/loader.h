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
  uint32_t machine = kMachineI386;
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

/// An image that is ready to be mapped.
struct PreparedImage {
  LoadedImage image;
  std::vector<uint8_t> bytes;  ///< of all of it, as LayOut gives them

  ImageBytes Read() const { return ImageBytes(bytes); }
  void Write32(uint32_t rva, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) {
      bytes[rva + i] = static_cast<uint8_t>(value >> (8 * i));
    }
  }
};

/// Checks, lays out, relocates and snaps `file`. An error is a load that NT
/// would have refused or crashed in.
Result<PreparedImage> PrepareImage(std::span<const uint8_t> file,
                                   const LoadOptions& options,
                                   FakeSystem& system);

/// Prepares `file` and maps it into `machine`.
Result<LoadedImage> LoadImage(std::span<const uint8_t> file,
                              const LoadOptions& options, FakeSystem& system,
                              Machine& machine);

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_LOADER_H_
