// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/code_input.h"

#include <algorithm>

#include "disasm/isa.h"

namespace detachfix::fuzz {

namespace {

constexpr uint16_t kMachines[] = {kMachineI386, kMachineAlpha};
constexpr size_t kHeadSize = 2;
constexpr size_t kDataUnit = 4;  // bytes of data that the second byte counts
constexpr size_t kMaxInput = 0x8000;  // regions then never overlap
constexpr uint32_t kDataSize = 0x2000;

uint8_t IndexOf(uint16_t machine) {
  const auto* found = std::ranges::find(kMachines, machine);
  return static_cast<uint8_t>(found - std::begin(kMachines));
}

ImportName Named(const char* dll, const char* name) {
  return {dll, name, std::nullopt};
}

}  // namespace

std::span<const ImportName> SlotNames() {
  static const std::vector<ImportName> names = {
      Named("kernel32.dll", "InitializeCriticalSection"),
      Named("kernel32.dll", "DeleteCriticalSection"),
      Named("ntdll.dll", "RtlInitializeCriticalSection"),
      Named("ntdll.dll", "RtlDeleteCriticalSection"),
      Named("kernel32.dll", "InitializeCriticalSectionAndSpinCount"),
      Named("kernel32.dll", "GetProcAddress"),
      Named("kernel32.dll", "GetModuleHandleA"),
      Named("kernel32.dll", "InterlockedIncrement"),
      Named("kernel32.dll", "InterlockedDecrement"),
      Named("kernel32.dll", "InterlockedExchange"),
      Named("kernel32.dll", "ExitProcess"),
      Named("kernel32.dll", "HeapAlloc"),
      Named("kernel32.dll", "DisableThreadLibraryCalls"),
      Named("msvcrt.dll", "memset"),
      Named("nobody.dll", "NobodyKnowsThis"),
      ImportName{"ws2_32.dll", "", uint16_t{115}},
      // Memory.
      Named("msvcrt.dll", "malloc"),
      Named("msvcrt.dll", "calloc"),
      Named("msvcrt.dll", "realloc"),
      Named("msvcrt.dll", "free"),
      Named("msvcrt.dll", "memcpy"),
      Named("kernel32.dll", "VirtualAlloc"),
      Named("advapi32.dll", "SystemFunction036"),
      // Text.
      Named("msvcrt.dll", "strlen"),
      Named("msvcrt.dll", "strcmp"),
      Named("msvcrt.dll", "memcmp"),
      Named("msvcrt.dll", "strrchr"),
      Named("msvcrt.dll", "strcpy"),
      Named("msvcrt.dll", "strcat"),
      Named("msvcrt.dll", "_strdup"),
      Named("kernel32.dll", "MultiByteToWideChar"),
      Named("kernel32.dll", "GetStringTypeW"),
      Named("kernel32.dll", "LCMapStringA"),
      // Functions that run others.
      Named("msvcrt.dll", "_initterm"),
      Named("ucrtbase.dll", "_initterm_e"),
      Named("msvcrt.dll", "__dllonexit"),
      Named("ucrtbase.dll", "_initialize_onexit_table"),
      Named("ucrtbase.dll", "_register_onexit_function"),
      Named("ucrtbase.dll", "_execute_onexit_table"),
      Named("libwinpthread-1.dll", "pthread_once"),
      Named("msvcrt.dll", "qsort"),
      Named("kernel32.dll", "RaiseException"),
      // The thread, the process, its modules.
      Named("kernel32.dll", "TlsAlloc"),
      Named("kernel32.dll", "TlsGetValue"),
      Named("kernel32.dll", "TlsSetValue"),
      Named("kernel32.dll", "InitOnceBeginInitialize"),
      Named("kernel32.dll", "EncodePointer"),
      Named("kernel32.dll", "GetEnvironmentStringsW"),
      Named("kernel32.dll", "GetModuleFileNameA"),
      Named("kernel32.dll", "LoadLibraryA"),
      Named("kernel32.dll", "GetModuleHandleExA"),
      Named("kernel32.dll", "CreateFileA"),
      Named("kernel32.dll", "GetVersionExA"),
      Named("kernel32.dll", "GetTickCount"),
      Named("kernel32.dll", "VirtualQuery"),
      Named("kernel32.dll", "VirtualProtect"),
      Named("kernel32.dll", "WriteProcessMemory"),
      Named("msvcrt.dll", "_environ"),
      Named("msvcrt.dll", "_fstat64"),
      Named("libwinpthread-1.dll", "pthread_self"),
  };
  return names;
}

std::optional<CodeView> ViewOf(std::span<const uint8_t> input) {
  if (input.size() <= kHeadSize || input.size() > kMaxInput) {
    return std::nullopt;
  }
  CodeView view;
  view.machine = kMachines[input[0] % std::size(kMachines)];
  if (IsaFor(view.machine) == nullptr) return std::nullopt;
  view.image_base = kCodeBase;
  view.image_size = kSlotsRva.value + 0x1000;
  const std::span<const uint8_t> rest = input.subspan(kHeadSize);
  const size_t data = std::min<size_t>(input[1] * kDataUnit, rest.size());
  const std::span<const uint8_t> code = rest.first(rest.size() - data);
  view.regions = {
      {kCodeRva, static_cast<uint32_t>(code.size()), code, true, false},
      {kDataRva, kDataSize, rest.last(data), false, true},
      {kSlotsRva, 0x1000, {}, false, true},
  };
  uint32_t slot = 0;
  for (const ImportName& name : SlotNames()) {
    view.import_slots[kSlotsRva + 4 * slot++] = name;
  }
  return view;
}

std::vector<uint8_t> MakeCodeInput(uint16_t machine,
                                   std::span<const uint8_t> code,
                                   std::span<const uint8_t> data) {
  std::vector<uint8_t> input = {IndexOf(machine),
                                static_cast<uint8_t>(data.size() / kDataUnit)};
  input.insert(input.end(), code.begin(), code.end());
  input.insert(input.end(), data.begin(), data.end());
  return input;
}

std::vector<uint8_t> AsAlpha(std::span<const uint8_t> input) {
  std::vector<uint8_t> alpha(input.begin(), input.end());
  if (!alpha.empty()) alpha[0] = IndexOf(kMachineAlpha);
  return alpha;
}

}  // namespace detachfix::fuzz
