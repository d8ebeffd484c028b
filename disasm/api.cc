// SPDX-License-Identifier: Apache-2.0
// Two tables. stack_table.inc, made from mingw-w64's import libraries, says how
// many bytes a function pops. kEffects, by hand, says what a function does,
// after its page in the Windows SDK documentation.

#include "disasm/api.h"

#include <algorithm>
#include <array>
#include <compare>
#include <string_view>
#include <utility>

namespace detachfix {
namespace {

struct StackRow {
  std::string_view dll;
  std::string_view name;
  uint32_t bytes;
};

constexpr StackRow kStackTable[] = {
#include "disasm/stack_table.inc"
};

struct EffectRow {
  std::string_view name;
  ApiEffect effect;
};

// Sorted by name. Names that several DLLs share mean the same in all of them:
// kernel32's are forwarded to ntdll or wrap it.
constexpr EffectRow kEffects[] = {
    {"CloseHandle", ApiEffect::kNone},
    {"CreateEventA", ApiEffect::kNone},
    {"CreateEventW", ApiEffect::kNone},
    {"CreateMutexA", ApiEffect::kNone},
    {"CreateMutexW", ApiEffect::kNone},
    {"CreateSemaphoreA", ApiEffect::kNone},
    {"CreateSemaphoreW", ApiEffect::kNone},
    {"DeleteCriticalSection", ApiEffect::kDeleteSection},
    {"DisableThreadLibraryCalls", ApiEffect::kNone},
    {"EnterCriticalSection", ApiEffect::kNone},
    {"ExitProcess", ApiEffect::kNeverReturns},
    {"ExitThread", ApiEffect::kNeverReturns},
    {"FatalAppExitA", ApiEffect::kNeverReturns},
    {"FreeLibrary", ApiEffect::kNone},
    {"GetCommandLineA", ApiEffect::kNone},
    {"GetCommandLineW", ApiEffect::kNone},
    {"GetCurrentProcess", ApiEffect::kNone},
    {"GetCurrentProcessId", ApiEffect::kNone},
    {"GetCurrentThread", ApiEffect::kNone},
    {"GetCurrentThreadId", ApiEffect::kNone},
    {"GetLastError", ApiEffect::kNone},
    {"GetModuleHandleA", ApiEffect::kNone},
    {"GetModuleHandleW", ApiEffect::kNone},
    {"GetProcAddress", ApiEffect::kLookUpFunction},
    {"GetProcessHeap", ApiEffect::kNone},
    {"GetTickCount", ApiEffect::kNone},
    {"GetVersion", ApiEffect::kNone},
    {"GlobalAlloc", ApiEffect::kNone},
    {"GlobalFree", ApiEffect::kNone},
    {"HeapAlloc", ApiEffect::kNone},
    {"HeapCreate", ApiEffect::kNone},
    {"HeapDestroy", ApiEffect::kNone},
    {"HeapFree", ApiEffect::kNone},
    {"InitializeCriticalSection", ApiEffect::kInitialiseSection},
    {"InitializeCriticalSectionAndSpinCount",
     ApiEffect::kInitialiseSectionOrZero},
    {"InitializeCriticalSectionEx", ApiEffect::kInitialiseSectionOrZero},
    {"InterlockedDecrement", ApiEffect::kDecrement},
    {"InterlockedExchange", ApiEffect::kExchange},
    {"InterlockedIncrement", ApiEffect::kIncrement},
    {"LeaveCriticalSection", ApiEffect::kNone},
    {"LoadLibraryA", ApiEffect::kNone},
    {"LoadLibraryW", ApiEffect::kNone},
    {"LocalAlloc", ApiEffect::kNone},
    {"LocalFree", ApiEffect::kNone},
    {"OutputDebugStringA", ApiEffect::kNone},
    {"OutputDebugStringW", ApiEffect::kNone},
    {"RegCloseKey", ApiEffect::kNone},
    {"RtlAllocateHeap", ApiEffect::kNone},
    {"RtlDeleteCriticalSection", ApiEffect::kDeleteSection},
    {"RtlEnterCriticalSection", ApiEffect::kNone},
    {"RtlExitUserThread", ApiEffect::kNeverReturns},
    {"RtlFreeHeap", ApiEffect::kNone},
    {"RtlInitializeCriticalSection", ApiEffect::kInitialiseSectionOrStatus},
    {"RtlInitializeCriticalSectionAndSpinCount",
     ApiEffect::kInitialiseSectionOrStatus},
    {"RtlInitializeCriticalSectionEx", ApiEffect::kInitialiseSectionOrStatus},
    {"RtlLeaveCriticalSection", ApiEffect::kNone},
    {"RtlRaiseStatus", ApiEffect::kNeverReturns},
    {"SetEvent", ApiEffect::kNone},
    {"SetLastError", ApiEffect::kNone},
    {"Sleep", ApiEffect::kNone},
    {"TlsAlloc", ApiEffect::kNone},
    {"TlsFree", ApiEffect::kNone},
    {"TlsGetValue", ApiEffect::kNone},
    {"TlsSetValue", ApiEffect::kNone},
    {"TryEnterCriticalSection", ApiEffect::kNone},
    {"VirtualFree", ApiEffect::kNone},
    {"_amsg_exit", ApiEffect::kNeverReturns},
    {"_exit", ApiEffect::kNeverReturns},
    {"abort", ApiEffect::kNeverReturns},
    {"exit", ApiEffect::kNeverReturns},
    {"free", ApiEffect::kNone},
    {"malloc", ApiEffect::kNone},
};

constexpr bool IsSorted() {
  for (size_t i = 1; i < std::size(kEffects); ++i) {
    if (!(kEffects[i - 1].name < kEffects[i].name)) return false;
  }
  return true;
}
static_assert(IsSorted(), "kEffects is searched by bisection");

/// Effects hold for the DLLs of the system, not for a like-named function of
/// somebody's own.
bool IsSystemDll(std::string_view dll) {
  constexpr std::string_view kDlls[] = {"advapi32.dll", "crtdll.dll",
                                        "kernel32.dll", "kernelbase.dll",
                                        "msvcrt.dll",   "ntdll.dll"};
  return std::ranges::find(kDlls, dll) != std::end(kDlls) ||
         dll.starts_with("msvcr") || dll.starts_with("api-ms-win-") ||
         dll.starts_with("ucrtbase");
}

std::optional<uint32_t> FindStackBytes(std::string_view dll,
                                       std::string_view name) {
  const StackRow* row = std::lower_bound(
      std::begin(kStackTable), std::end(kStackTable), std::pair(dll, name),
      [](const StackRow& a, const auto& b) {
        return std::pair(a.dll, a.name) < b;
      });
  if (row == std::end(kStackTable) || row->dll != dll || row->name != name) {
    return std::nullopt;
  }
  return row->bytes;
}

/// The DLL whose rows speak for `dll`: kernelbase and the API sets hold what
/// kernel32 exported before; the C runtimes of all versions share their names.
std::string_view TableDll(std::string_view dll) {
  if (dll == "kernelbase.dll") return "kernel32.dll";
  if (dll.starts_with("api-ms-win-crt-") || dll.starts_with("ucrtbase") ||
      dll.starts_with("msvcr")) {
    return "msvcrt.dll";
  }
  if (dll.starts_with("api-ms-win-core-")) return "kernel32.dll";
  return dll;
}

std::optional<uint32_t> StackBytes(const ImportName& import) {
  const std::optional<uint32_t> own = FindStackBytes(import.dll, import.name);
  return own ? own : FindStackBytes(TableDll(import.dll), import.name);
}

ApiEffect EffectOf(const ImportName& import) {
  if (!IsSystemDll(import.dll)) return ApiEffect::kAny;
  const EffectRow* row = std::lower_bound(
      std::begin(kEffects), std::end(kEffects), import.name,
      [](const EffectRow& a, const std::string& b) { return a.name < b; });
  if (row == std::end(kEffects) || row->name != import.name) {
    return ApiEffect::kAny;
  }
  return row->effect;
}

}  // namespace

Api LookUpApi(const ImportName& import) {
  return {StackBytes(import), EffectOf(import)};
}

ImportName LookUpByName(const std::string& name) {
  for (const char* dll : {"kernel32.dll", "ntdll.dll"}) {
    if (FindStackBytes(dll, name)) return {dll, name, std::nullopt};
  }
  return {"?", name, std::nullopt};
}

bool InitialisesSection(ApiEffect effect) {
  return effect == ApiEffect::kInitialiseSection ||
         effect == ApiEffect::kInitialiseSectionOrZero ||
         effect == ApiEffect::kInitialiseSectionOrStatus;
}

}  // namespace detachfix
