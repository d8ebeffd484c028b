// SPDX-License-Identifier: Apache-2.0
// Three tables. stack_table.inc, made from mingw-w64's import libraries, says
// how many bytes a function pops; ordinal_table.inc, from Wine's DLLs, what an
// ordinal stands for; effect_table.inc, by hand, what a function does.

#include "disasm/api.h"

#include <algorithm>
#include <array>
#include <compare>
#include <string_view>
#include <utility>

#include "disasm/decorated_name.h"

namespace detachfix {
namespace {

/// Stands for the DLL of a function that GetProcAddress was asked for and that
/// no table knows.
constexpr const char* kAnyDll = "?";

struct StackRow {
  std::string_view dll;
  std::string_view name;
  uint32_t bytes;
};

constexpr StackRow kStackTable[] = {
#include "disasm/stack_table.inc"
};

struct OrdinalRow {
  std::string_view dll;
  uint16_t ordinal;
  std::string_view name;
};

constexpr OrdinalRow kOrdinals[] = {
#include "disasm/ordinal_table.inc"
};

struct EffectRow {
  std::string_view name;
  ApiEffect effect;
  std::array<OutParameter, 4> writes{};
};

// Bytes of what <mutex> and <condition_variable> of Visual C++ 2015 and later
// keep (_Mtx_internal_imp_size, xthreads.h of microsoft/STL).
constexpr uint32_t kMutex = 48;
constexpr uint32_t kCondition = 40;
constexpr uint32_t kJumpBuffer = 64;  // _JBLEN words of i386 (setjmp.h)

constexpr EffectRow kEffects[] = {
#include "disasm/effect_table.inc"
};

constexpr bool IsSorted() {
  for (size_t i = 1; i < std::size(kEffects); ++i) {
    if (!(kEffects[i - 1].name < kEffects[i].name)) return false;
  }
  return true;
}
static_assert(IsSorted(), "kEffects is searched by bisection");
static_assert(std::ranges::is_sorted(kOrdinals, {},
                                     [](const OrdinalRow& row) {
                                       return std::pair(row.dll, row.ordinal);
                                     }),
              "kOrdinals is searched by bisection");

/// The DLLs of Microsoft's C runtime, whose versions share their names.
bool IsCRuntime(std::string_view dll) {
  return dll.starts_with("msvcr") || dll.starts_with("ucrtbase") ||
         dll.starts_with("vcruntime") || dll.starts_with("api-ms-win-crt-");
}

/// ATL's DLL of any version: atl.dll, atl90.dll.
bool IsAtl(std::string_view dll) {
  if (!dll.starts_with("atl") || !dll.ends_with(".dll")) return false;
  return dll.find_first_not_of("0123456789", 3) == dll.size() - 4;
}

/// Effects hold for the DLLs of the system, not for a like-named function of
/// somebody's own.
bool IsSystemDll(std::string_view dll) {
  constexpr std::string_view kDlls[] = {
      "advapi32.dll",   "bcrypt.dll",  "bcryptprimitives.dll",
      "crtdll.dll",     "gdi32.dll",   "kernel32.dll",
      "kernelbase.dll", "mscoree.dll", "oleaut32.dll",
      "msvcrt.dll",     "ntdll.dll",   "ole32.dll",
      "rpcrt4.dll",     "shlwapi.dll", "user32.dll",
      "version.dll",    "winmm.dll",   "ws2_32.dll",
      "wsock32.dll"};
  return std::ranges::find(kDlls, dll) != std::end(kDlls) || IsCRuntime(dll) ||
         dll.starts_with("api-ms-win-") || IsAtl(dll) ||
         dll.starts_with("libgcc_s_") || dll.starts_with("msvcp") ||
         dll == "libstdc++-6.dll" || dll == "libwinpthread-1.dll";
}

/// Whether it is the program that loads an add-on of Node.js.
bool IsNode(std::string_view dll) {
  return dll == "node.exe" || dll == "node.dll" || dll == kProgramModule;
}

/// What Node.js exports to its add-ons: that by which they register themselves
/// with a structure of their own (node.h, node_api.h), and libuv (uv.h).
bool IsOfNode(const ImportName& import) {
  return IsNode(import.dll) && (import.name.ends_with("_module_register") ||
                                import.name.starts_with("uv_"));
}

/// Whether it is known by its DLL to be a function in C, which pops nothing:
/// one of Node-API (NAPI_CDECL, js_native_api.h), libuv (uv.h), gcc's run-time
/// library or its threads (pthread.h of winpthreads), or Visual C++'s threads
/// (xthreads.h).
bool IsInC(std::string_view dll, std::string_view name) {
  if (IsNode(dll)) return name.starts_with("uv_") || name.starts_with("napi_");
  if (dll.starts_with("msvcp")) {
    return name.starts_with("_Mtx_") || name.starts_with("_Cnd_") ||
           name.starts_with("_Thrd_");
  }
  return dll == "libwinpthread-1.dll" || dll.starts_with("libgcc_s_");
}

bool IsOfSystem(const ImportName& import) {
  return import.dll == kAnyDll || IsSystemDll(import.dll) || IsOfNode(import);
}

/// Whether no other program has a function of that name.
bool IsNodesName(std::string_view name) {
  return name.starts_with("napi_") || name == "node_module_register";
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
  if (IsCRuntime(dll)) return "msvcrt.dll";
  if (dll.starts_with("api-ms-win-core-")) return "kernel32.dll";
  return dll;
}

std::optional<uint32_t> StackBytes(std::string_view dll,
                                   std::string_view name) {
  const std::string_view others[] = {TableDll(dll), "ucrtbase.dll",
                                     "vcruntime140.dll"};
  if (IsInC(dll, name)) return 0;
  std::optional<uint32_t> bytes = FindStackBytes(dll, name);
  for (const std::string_view other : others) {
    if (bytes || (other != others[0] && !IsCRuntime(dll))) break;
    bytes = FindStackBytes(other, name);
  }
  return bytes ? bytes : BytesPoppedByName(name);
}

const EffectRow* FindEffect(std::string_view name) {
  const EffectRow* row = std::lower_bound(
      std::begin(kEffects), std::end(kEffects), name,
      [](const EffectRow& a, std::string_view b) { return a.name < b; });
  return row == std::end(kEffects) || row->name != name ? nullptr : row;
}

}  // namespace

std::string_view NameOf(const ImportName& import) {
  // What api-ms-win-crt-private exports for Windows' own DLLs has this before
  // the name of the function that it is.
  constexpr std::string_view kPrivate = "_o_";
  if (import.name.starts_with(kPrivate) && IsCRuntime(import.dll)) {
    return std::string_view(import.name).substr(kPrivate.size());
  }
  if (!import.name.empty() || !import.ordinal) return import.name;
  const auto key = std::pair(std::string_view(import.dll), *import.ordinal);
  const OrdinalRow* row =
      std::lower_bound(std::begin(kOrdinals), std::end(kOrdinals), key,
                       [](const OrdinalRow& a, const auto& b) {
                         return std::pair(a.dll, a.ordinal) < b;
                       });
  const bool is_found = row != std::end(kOrdinals) && row->dll == import.dll &&
                        row->ordinal == *import.ordinal;
  return is_found ? row->name : std::string_view();
}

ApiEffect EffectOf(const ImportName& import) {
  const EffectRow* row =
      IsOfSystem(import) ? FindEffect(NameOf(import)) : nullptr;
  return row == nullptr ? ApiEffect::kAny : row->effect;
}

bool IsOfEveryWindowsNt(const ImportName& import) {
  // Of Windows NT 3.1 (Windows NT 3.5 SDK, winbase.h); ntdll's are what these
  // lead to.
  constexpr std::string_view kNames[] = {
      "DeleteCriticalSection",        "EnterCriticalSection",
      "InitializeCriticalSection",    "LeaveCriticalSection",
      "RtlDeleteCriticalSection",     "RtlEnterCriticalSection",
      "RtlInitializeCriticalSection", "RtlLeaveCriticalSection"};
  return IsOfSystem(import) &&
         std::ranges::find(kNames, NameOf(import)) != std::end(kNames);
}

bool IsOfWindows(const ImportName& import) {
  // Beside those that the tables are about (Windows NT 4.0 Workstation and
  // Server, system32).
  constexpr std::string_view kOthers[] = {
      "comctl32.dll", "comdlg32.dll", "crypt32.dll",  "dbghelp.dll",
      "imagehlp.dll", "imm32.dll",    "iphlpapi.dll", "lsasrv.dll",
      "lz32.dll",     "mpr.dll",      "msv1_0.dll",   "netapi32.dll",
      "netlogon.dll", "netrap.dll",   "psapi.dll",    "rasapi32.dll",
      "samlib.dll",   "samsrv.dll",   "schannel.dll", "secur32.dll",
      "security.dll", "setupapi.dll", "shell32.dll",  "urlmon.dll",
      "userenv.dll",  "wininet.dll",  "winspool.drv", "wtsapi32.dll"};
  // What a variable ("*") points to that was looked up is left out: that is how
  // a system's DLL calls into its own.
  if (import.dll == kAnyDll && !import.name.starts_with('*')) {
    return FindEffect(import.name) != nullptr;
  }
  return IsOfSystem(import) ||
         std::ranges::find(kOthers, import.dll) != std::end(kOthers);
}

uint32_t CharacterSize(const ImportName& import) {
  const std::string_view name = NameOf(import);
  return name.ends_with('W') || name.starts_with("_w") ? 2 : 1;
}

Api LookUpApi(const ImportName& import) {
  Api api;
  const std::string_view name = NameOf(import);
  api.stack_bytes = StackBytes(import.dll, name);
  api.of_system = IsOfSystem(import);
  const EffectRow* row = api.of_system ? FindEffect(name) : nullptr;
  if (row != nullptr) {
    api.effect = row->effect;
    api.writes = row->writes;
  }
  return api;
}

ImportName LookUpByName(const std::string& name) {
  for (const char* dll :
       {"kernel32.dll", "ntdll.dll", "advapi32.dll", "bcrypt.dll"}) {
    if (FindStackBytes(dll, name)) return {dll, name, std::nullopt};
  }
  if (IsNodesName(name)) return {"node.exe", name, std::nullopt};
  // A short name in lower case ("send") may be anybody's.
  if (name.empty() || name[0] < 'A' || name[0] > 'Z') {
    return {kAnyDll, name, std::nullopt};
  }
  for (const char* dll :
       {"user32.dll", "gdi32.dll", "shell32.dll", "ole32.dll", "ws2_32.dll",
        "rpcrt4.dll", "shlwapi.dll", "psapi.dll", "version.dll", "iphlpapi.dll",
        "wtsapi32.dll", "userenv.dll", "dbghelp.dll"}) {
    if (FindStackBytes(dll, name)) return {dll, name, std::nullopt};
  }
  return {kAnyDll, name, std::nullopt};
}

bool InitialisesSection(ApiEffect effect) {
  return effect == ApiEffect::kInitialiseSection ||
         effect == ApiEffect::kInitialiseResource ||
         effect == ApiEffect::kInitialiseWithin ||
         effect == ApiEffect::kInitialiseSectionOrZero ||
         effect == ApiEffect::kInitialiseSectionOrStatus;
}

}  // namespace detachfix
