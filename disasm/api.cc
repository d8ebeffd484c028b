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

struct EffectRow {
  std::string_view name;
  ApiEffect effect;
  std::array<OutParameter, 2> writes{};
};

// Sorted by name. Names that several DLLs share mean the same in all of them:
// kernel32's are forwarded to ntdll or wrap it.
constexpr EffectRow kEffects[] = {
    {"??2@YAPAXI@Z", ApiEffect::kAllocate},
    {"??3@YAXPAX@Z", ApiEffect::kNone},
    {"AcquireSRWLockExclusive", ApiEffect::kNone},
    {"AcquireSRWLockShared", ApiEffect::kNone},
    {"AddAtomA", ApiEffect::kNone},
    {"AddAtomW", ApiEffect::kNone},
    {"AddVectoredExceptionHandler", ApiEffect::kNone},
    {"AreFileApisANSI", ApiEffect::kNone},
    {"BCryptGenRandom", ApiEffect::kWrites, {{{1, 1, 2}}}},
    {"CloseHandle", ApiEffect::kNone},
    {"CreateEventA", ApiEffect::kNone},
    {"CreateEventW", ApiEffect::kNone},
    {"CreateMutexA", ApiEffect::kNone},
    {"CreateMutexW", ApiEffect::kNone},
    {"CreateSemaphoreA", ApiEffect::kNone},
    {"CreateSemaphoreW", ApiEffect::kNone},
    {"CryptAcquireContextA", ApiEffect::kWrites, {{{0, 4}}}},
    {"CryptAcquireContextW", ApiEffect::kWrites, {{{0, 4}}}},
    {"CryptGenRandom", ApiEffect::kWrites, {{{2, 1, 1}}}},
    {"CryptReleaseContext", ApiEffect::kNone},
    {"DecodePointer", ApiEffect::kIdentity},
    {"DecodeSystemPointer", ApiEffect::kIdentity},
    {"DeleteAtom", ApiEffect::kNone},
    {"DeleteCriticalSection", ApiEffect::kDeleteSection},
    {"DisableThreadLibraryCalls", ApiEffect::kNone},
    {"DuplicateHandle", ApiEffect::kWrites, {{{3, 4}}}},
    {"EncodePointer", ApiEffect::kIdentity},
    {"EncodeSystemPointer", ApiEffect::kIdentity},
    {"EnterCriticalSection", ApiEffect::kNone},
    {"ExitProcess", ApiEffect::kNeverReturns},
    {"ExitThread", ApiEffect::kNeverReturns},
    {"FatalAppExitA", ApiEffect::kNeverReturns},
    {"FindAtomA", ApiEffect::kNone},
    {"FindAtomW", ApiEffect::kNone},
    {"FlsAlloc", ApiEffect::kAllocateIndex},
    {"FlsFree", ApiEffect::kFreeIndex},
    {"FlsGetValue", ApiEffect::kGetAtIndex},
    {"FlsSetValue", ApiEffect::kSetAtIndex},
    {"FreeEnvironmentStringsA", ApiEffect::kNone},
    {"FreeEnvironmentStringsW", ApiEffect::kNone},
    {"FreeLibrary", ApiEffect::kNone},
    {"GetACP", ApiEffect::kNone},
    {"GetCPInfo", ApiEffect::kWrites, {{{1, 20}}}},
    {"GetCommandLineA", ApiEffect::kNone},
    {"GetCommandLineW", ApiEffect::kNone},
    {"GetConsoleCP", ApiEffect::kNone},
    {"GetConsoleMode", ApiEffect::kWrites, {{{1, 4}}}},
    {"GetConsoleOutputCP", ApiEffect::kNone},
    {"GetConsoleScreenBufferInfo", ApiEffect::kWrites, {{{1, 22}}}},
    {"GetCurrentProcess", ApiEffect::kNone},
    {"GetCurrentProcessId", ApiEffect::kNone},
    {"GetCurrentThread", ApiEffect::kNone},
    {"GetCurrentThreadId", ApiEffect::kNone},
    {"GetEnvironmentStrings", ApiEffect::kNone},
    {"GetEnvironmentStringsA", ApiEffect::kNone},
    {"GetEnvironmentStringsW", ApiEffect::kNone},
    {"GetEnvironmentVariableA", ApiEffect::kWrites, {{{1, 1, 2}}}},
    {"GetEnvironmentVariableW", ApiEffect::kWrites, {{{1, 2, 2}}}},
    {"GetExitCodeProcess", ApiEffect::kWrites, {{{1, 4}}}},
    {"GetExitCodeThread", ApiEffect::kWrites, {{{1, 4}}}},
    {"GetFileType", ApiEffect::kNone},
    {"GetLargePageMinimum", ApiEffect::kNone},
    {"GetLastError", ApiEffect::kNone},
    {"GetLocalTime", ApiEffect::kWrites, {{{0, 16}}}},
    {"GetLocaleInfoA", ApiEffect::kWrites, {{{2, 1, 3}}}},
    {"GetLocaleInfoW", ApiEffect::kNone},
    {"GetModuleFileNameA", ApiEffect::kWrites, {{{1, 1, 2}}}},
    {"GetModuleFileNameW", ApiEffect::kWrites, {{{1, 2, 2}}}},
    {"GetModuleHandleA", ApiEffect::kNone},
    {"GetModuleHandleExA", ApiEffect::kWrites, {{{2, 4}}}},
    {"GetModuleHandleExW", ApiEffect::kWrites, {{{2, 4}}}},
    {"GetModuleHandleW", ApiEffect::kNone},
    {"GetNativeSystemInfo", ApiEffect::kWrites, {{{0, 36}}}},
    {"GetNumaHighestNodeNumber", ApiEffect::kWrites, {{{0, 4}}}},
    {"GetOEMCP", ApiEffect::kNone},
    {"GetPhysicallyInstalledSystemMemory", ApiEffect::kWrites, {{{0, 8}}}},
    {"GetProcAddress", ApiEffect::kLookUpFunction},
    {"GetProcessAffinityMask", ApiEffect::kWrites, {{{1, 4}, {2, 4}}}},
    {"GetProcessHeap", ApiEffect::kNone},
    {"GetStartupInfoA", ApiEffect::kWrites, {{{0, 68}}}},
    {"GetStartupInfoW", ApiEffect::kWrites, {{{0, 68}}}},
    {"GetStdHandle", ApiEffect::kNone},
    {"GetStringTypeW", ApiEffect::kWrites, {{{3, 2, 2}}}},
    {"GetSystemDefaultLCID", ApiEffect::kNone},
    {"GetSystemDefaultLangID", ApiEffect::kNone},
    {"GetSystemDirectoryA", ApiEffect::kWrites, {{{0, 1, 1}}}},
    {"GetSystemDirectoryW", ApiEffect::kWrites, {{{0, 2, 1}}}},
    {"GetSystemInfo", ApiEffect::kWrites, {{{0, 36}}}},
    {"GetSystemTime", ApiEffect::kWrites, {{{0, 16}}}},
    {"GetSystemTimeAsFileTime", ApiEffect::kWrites, {{{0, 8}}}},
    {"GetThreadLocale", ApiEffect::kNone},
    {"GetTickCount", ApiEffect::kNone},
    {"GetUserDefaultLCID", ApiEffect::kNone},
    {"GetUserDefaultLangID", ApiEffect::kNone},
    {"GetVersion", ApiEffect::kNone},
    {"GetVersionExA", ApiEffect::kWrites, {{{0, 156}}}},
    {"GetVersionExW", ApiEffect::kWrites, {{{0, 284}}}},
    {"GetWindowsDirectoryA", ApiEffect::kWrites, {{{0, 1, 1}}}},
    {"GetWindowsDirectoryW", ApiEffect::kWrites, {{{0, 2, 1}}}},
    {"GlobalAlloc", ApiEffect::kAllocateLocal},
    {"GlobalFree", ApiEffect::kNone},
    {"GlobalLock", ApiEffect::kNone},
    {"GlobalUnlock", ApiEffect::kNone},
    {"HeapAlloc", ApiEffect::kAllocateHeap},
    {"HeapCreate", ApiEffect::kNone},
    {"HeapDestroy", ApiEffect::kNone},
    {"HeapFree", ApiEffect::kNone},
    {"HeapReAlloc", ApiEffect::kReallocateHeap},
    {"HeapSetInformation", ApiEffect::kNone},
    {"HeapSize", ApiEffect::kNone},
    {"HeapValidate", ApiEffect::kNone},
    {"InitOnceComplete", ApiEffect::kWrites, {{{0, 4}}}},
    {"InitializeConditionVariable", ApiEffect::kWrites, {{{0, 4}}}},
    {"InitializeCriticalSection", ApiEffect::kInitialiseSection},
    {"InitializeCriticalSectionAndSpinCount",
     ApiEffect::kInitialiseSectionOrZero},
    {"InitializeCriticalSectionEx", ApiEffect::kInitialiseSectionOrZero},
    {"InitializeSListHead", ApiEffect::kWrites, {{{0, 8}}}},
    {"InitializeSRWLock", ApiEffect::kWrites, {{{0, 4}}}},
    {"InterlockedCompareExchange", ApiEffect::kCompareExchange},
    {"InterlockedDecrement", ApiEffect::kDecrement},
    {"InterlockedExchange", ApiEffect::kExchange},
    {"InterlockedFlushSList", ApiEffect::kNone},
    {"InterlockedIncrement", ApiEffect::kIncrement},
    {"IsBadReadPtr", ApiEffect::kNone},
    {"IsBadStringPtrA", ApiEffect::kNone},
    {"IsBadStringPtrW", ApiEffect::kNone},
    {"IsBadWritePtr", ApiEffect::kNone},
    {"IsDebuggerPresent", ApiEffect::kNone},
    {"IsProcessorFeaturePresent", ApiEffect::kNone},
    {"IsValidCodePage", ApiEffect::kNone},
    {"LCMapStringW", ApiEffect::kWrites, {{{4, 2, 5}}}},
    {"LeaveCriticalSection", ApiEffect::kNone},
    {"LoadLibraryA", ApiEffect::kNone},
    {"LoadLibraryExA", ApiEffect::kNone},
    {"LoadLibraryExW", ApiEffect::kNone},
    {"LoadLibraryW", ApiEffect::kNone},
    {"LocalAlloc", ApiEffect::kAllocateLocal},
    {"LocalFree", ApiEffect::kNone},
    {"MultiByteToWideChar", ApiEffect::kWrites, {{{4, 2, 5}}}},
    {"NtClose", ApiEffect::kNone},
    {"NtProtectVirtualMemory", ApiEffect::kWrites, {{{1, 4}, {2, 4}}}},
    {"NtQueryPerformanceCounter", ApiEffect::kWrites, {{{0, 8}, {1, 8}}}},
    {"NtQueryVirtualMemory", ApiEffect::kWrites, {{{3, 28}, {5, 4}}}},
    {"OutputDebugStringA", ApiEffect::kNone},
    {"OutputDebugStringW", ApiEffect::kNone},
    {"ProcessPrng", ApiEffect::kWrites, {{{0, 1, 1}}}},
    {"QueryPerformanceCounter", ApiEffect::kWrites, {{{0, 8}}}},
    {"QueryPerformanceFrequency", ApiEffect::kWrites, {{{0, 8}}}},
    {"RaiseException", ApiEffect::kNone},
    {"RegCloseKey", ApiEffect::kNone},
    {"RegCreateKeyA", ApiEffect::kWrites, {{{2, 4}}}},
    {"RegCreateKeyW", ApiEffect::kWrites, {{{2, 4}}}},
    {"RegOpenKeyA", ApiEffect::kWrites, {{{2, 4}}}},
    {"RegOpenKeyExA", ApiEffect::kWrites, {{{4, 4}}}},
    {"RegOpenKeyExW", ApiEffect::kWrites, {{{4, 4}}}},
    {"RegOpenKeyW", ApiEffect::kWrites, {{{2, 4}}}},
    {"RegisterClassA", ApiEffect::kNone},
    {"RegisterClassExA", ApiEffect::kNone},
    {"RegisterClassExW", ApiEffect::kNone},
    {"RegisterClassW", ApiEffect::kNone},
    {"ReleaseSRWLockExclusive", ApiEffect::kNone},
    {"ReleaseSRWLockShared", ApiEffect::kNone},
    {"RemoveVectoredExceptionHandler", ApiEffect::kNone},
    {"ResetEvent", ApiEffect::kNone},
    {"RtlAcquireSRWLockExclusive", ApiEffect::kNone},
    {"RtlAddFunctionTable", ApiEffect::kNone},
    {"RtlAllocateHeap", ApiEffect::kAllocateHeap},
    {"RtlCaptureContext", ApiEffect::kWrites, {{{0, 716}}}},
    {"RtlDecodePointer", ApiEffect::kIdentity},
    {"RtlDeleteCriticalSection", ApiEffect::kDeleteSection},
    {"RtlEncodePointer", ApiEffect::kIdentity},
    {"RtlEnterCriticalSection", ApiEffect::kNone},
    {"RtlExitUserThread", ApiEffect::kNeverReturns},
    {"RtlFreeHeap", ApiEffect::kNone},
    {"RtlGetNtGlobalFlags", ApiEffect::kNone},
    {"RtlGetVersion", ApiEffect::kWrites, {{{0, 284}}}},
    {"RtlInitializeConditionVariable", ApiEffect::kWrites, {{{0, 4}}}},
    {"RtlInitializeCriticalSection", ApiEffect::kInitialiseSectionOrStatus},
    {"RtlInitializeCriticalSectionAndSpinCount",
     ApiEffect::kInitialiseSectionOrStatus},
    {"RtlInitializeCriticalSectionEx", ApiEffect::kInitialiseSectionOrStatus},
    {"RtlInitializeSListHead", ApiEffect::kWrites, {{{0, 8}}}},
    {"RtlInitializeSRWLock", ApiEffect::kWrites, {{{0, 4}}}},
    {"RtlLeaveCriticalSection", ApiEffect::kNone},
    {"RtlNtStatusToDosError", ApiEffect::kNone},
    {"RtlRaiseStatus", ApiEffect::kNeverReturns},
    {"RtlReAllocateHeap", ApiEffect::kReallocateHeap},
    {"RtlReleaseSRWLockExclusive", ApiEffect::kNone},
    {"RtlSetUnhandledExceptionFilter", ApiEffect::kNone},
    {"RtlTryEnterCriticalSection", ApiEffect::kNone},
    {"SetConsoleCtrlHandler", ApiEffect::kNone},
    {"SetEvent", ApiEffect::kNone},
    {"SetHandleCount", ApiEffect::kNone},
    {"SetLastError", ApiEffect::kNone},
    {"SetUnhandledExceptionFilter", ApiEffect::kNone},
    {"SetWindowsHookExA", ApiEffect::kNone},
    {"SetWindowsHookExW", ApiEffect::kNone},
    {"Sleep", ApiEffect::kNone},
    {"SwitchToThread", ApiEffect::kNone},
    {"SystemFunction036", ApiEffect::kWrites, {{{0, 1, 1}}}},
    {"TerminateProcess", ApiEffect::kNone},
    {"TlsAlloc", ApiEffect::kAllocateIndex},
    {"TlsFree", ApiEffect::kFreeIndex},
    {"TlsGetValue", ApiEffect::kGetAtIndex},
    {"TlsSetValue", ApiEffect::kSetAtIndex},
    {"TryEnterCriticalSection", ApiEffect::kNone},
    {"UnhandledExceptionFilter", ApiEffect::kNone},
    {"VirtualAlloc", ApiEffect::kNone},
    {"VirtualFree", ApiEffect::kNone},
    {"VirtualProtect", ApiEffect::kWrites, {{{3, 4}}}},
    {"VirtualQuery", ApiEffect::kWrites, {{{1, 28}}}},
    {"WaitForSingleObject", ApiEffect::kNone},
    {"WaitOnAddress", ApiEffect::kNone},
    {"WakeAllConditionVariable", ApiEffect::kNone},
    {"WakeByAddressAll", ApiEffect::kNone},
    {"WakeByAddressSingle", ApiEffect::kNone},
    {"WakeConditionVariable", ApiEffect::kNone},
    {"WideCharToMultiByte", ApiEffect::kWrites, {{{4, 1, 5}, {7, 4}}}},
    {"WriteConsoleA", ApiEffect::kWrites, {{{3, 4}}}},
    {"WriteConsoleW", ApiEffect::kWrites, {{{3, 4}}}},
    {"WriteFile", ApiEffect::kWrites, {{{3, 4}}}},
    {"__AdjustPointer", ApiEffect::kNone},
    {"___lc_codepage_func", ApiEffect::kNone},
    {"___lc_locale_name_func", ApiEffect::kNone},
    {"__acrt_iob_func", ApiEffect::kNone},
    {"__deregister_frame_info", ApiEffect::kNone},
    {"__dllonexit", ApiEffect::kRegisterDllOnExit},
    {"__doserrno", ApiEffect::kNone},
    {"__iob_func", ApiEffect::kNone},
    {"__pctype_func", ApiEffect::kNone},
    {"__register_frame_info", ApiEffect::kNone},
    {"__std_exception_copy", ApiEffect::kWrites, {{{1, 8}}}},
    {"__std_exception_destroy", ApiEffect::kWrites, {{{0, 8}}}},
    {"__std_type_info_destroy_list", ApiEffect::kNone},
    {"__stdio_common_vfprintf", ApiEffect::kNone},
    {"__stdio_common_vfprintf_s", ApiEffect::kNone},
    {"__stdio_common_vfwprintf", ApiEffect::kNone},
    {"__stdio_common_vfwprintf_s", ApiEffect::kNone},
    {"__stdio_common_vsnprintf_s", ApiEffect::kWrites, {{{2, 1, 3}}}},
    {"__stdio_common_vsnwprintf_s", ApiEffect::kWrites, {{{2, 2, 3}}}},
    {"__stdio_common_vsprintf", ApiEffect::kWrites, {{{2, 1, 3}}}},
    {"__stdio_common_vsprintf_s", ApiEffect::kWrites, {{{2, 1, 3}}}},
    {"__stdio_common_vswprintf", ApiEffect::kWrites, {{{2, 2, 3}}}},
    {"__stdio_common_vswprintf_s", ApiEffect::kWrites, {{{2, 2, 3}}}},
    {"__wine_dbg_get_channel_flags", ApiEffect::kWrites, {{{0, 16}}}},
    {"__wine_dbg_header", ApiEffect::kWrites, {{{1, 16}}}},
    {"__wine_dbg_output", ApiEffect::kNone},
    {"__wine_dbg_strdup", ApiEffect::kNone},
    {"_amsg_exit", ApiEffect::kNeverReturns},
    {"_calloc_base", ApiEffect::kAllocateZeroed},
    {"_configthreadlocale", ApiEffect::kNone},
    {"_configure_narrow_argv", ApiEffect::kNone},
    {"_configure_wide_argv", ApiEffect::kNone},
    {"_crt_at_quick_exit", ApiEffect::kNone},
    {"_crt_atexit", ApiEffect::kNone},
    {"_errno", ApiEffect::kNone},
    {"_execute_onexit_table", ApiEffect::kRunOnExitTable},
    {"_exit", ApiEffect::kNeverReturns},
    {"_get_initial_narrow_environment", ApiEffect::kNone},
    {"_initialize_narrow_environment", ApiEffect::kNone},
    {"_initialize_onexit_table", ApiEffect::kMakeOnExitTable},
    {"_initialize_wide_environment", ApiEffect::kNone},
    {"_initterm", ApiEffect::kRunTable},
    {"_initterm_e", ApiEffect::kRunTableUntilNonzero},
    {"_lock", ApiEffect::kNone},
    {"_lock_locales", ApiEffect::kNone},
    {"_malloc_base", ApiEffect::kAllocate},
    {"_onexit", ApiEffect::kNone},
    {"_realloc_base", ApiEffect::kReallocate},
    {"_register_onexit_function", ApiEffect::kRegisterOnExit},
    {"_seh_filter_dll", ApiEffect::kNone},
    {"_set_new_mode", ApiEffect::kNone},
    {"_snprintf", ApiEffect::kWrites, {{{0, 1, 1}}}},
    {"_strdup", ApiEffect::kAllocate},
    {"_stricmp", ApiEffect::kNone},
    {"_strnicmp", ApiEffect::kNone},
    {"_unlock", ApiEffect::kNone},
    {"_unlock_locales", ApiEffect::kNone},
    {"_vsnprintf", ApiEffect::kWrites, {{{0, 1, 1}}}},
    {"_wcsdup", ApiEffect::kAllocate},
    {"_wcsicmp", ApiEffect::kNone},
    {"_wcsnicmp", ApiEffect::kNone},
    {"_wgetenv", ApiEffect::kNone},
    {"abort", ApiEffect::kNeverReturns},
    {"atexit", ApiEffect::kNone},
    {"atof", ApiEffect::kNone},
    {"atoi", ApiEffect::kNone},
    {"atol", ApiEffect::kNone},
    // The comparison is taken to change nothing.
    {"bsearch", ApiEffect::kNone},
    {"calloc", ApiEffect::kAllocateZeroed},
    {"exit", ApiEffect::kNeverReturns},
    {"fflush", ApiEffect::kNone},
    {"fprintf", ApiEffect::kNone},
    {"fputc", ApiEffect::kNone},
    {"fputs", ApiEffect::kNone},
    {"free", ApiEffect::kNone},
    {"fwrite", ApiEffect::kNone},
    {"getenv", ApiEffect::kNone},
    {"isalnum", ApiEffect::kNone},
    {"isalpha", ApiEffect::kNone},
    {"iscntrl", ApiEffect::kNone},
    {"isdigit", ApiEffect::kNone},
    {"isgraph", ApiEffect::kNone},
    {"islower", ApiEffect::kNone},
    {"isprint", ApiEffect::kNone},
    {"ispunct", ApiEffect::kNone},
    {"isspace", ApiEffect::kNone},
    {"isupper", ApiEffect::kNone},
    {"iswalnum", ApiEffect::kNone},
    {"iswalpha", ApiEffect::kNone},
    {"iswctype", ApiEffect::kNone},
    {"iswdigit", ApiEffect::kNone},
    {"iswspace", ApiEffect::kNone},
    {"isxdigit", ApiEffect::kNone},
    {"localeconv", ApiEffect::kNone},
    {"malloc", ApiEffect::kAllocate},
    {"memchr", ApiEffect::kNone},
    {"memcmp", ApiEffect::kNone},
    {"memcpy", ApiEffect::kCopy},
    {"memmove", ApiEffect::kCopy},
    {"memset", ApiEffect::kFill},
    {"perror", ApiEffect::kNone},
    {"printf", ApiEffect::kNone},
    {"pthread_attr_destroy", ApiEffect::kWrites, {{{0, 16}}}},
    {"pthread_attr_init", ApiEffect::kWrites, {{{0, 16}}}},
    {"pthread_attr_setdetachstate", ApiEffect::kWrites, {{{0, 16}}}},
    {"pthread_getspecific", ApiEffect::kNone},
    {"pthread_key_create", ApiEffect::kWrites, {{{0, 4}}}},
    {"pthread_key_delete", ApiEffect::kNone},
    {"pthread_mutex_destroy", ApiEffect::kWrites, {{{0, 4}}}},
    {"pthread_mutex_init", ApiEffect::kWrites, {{{0, 4}}}},
    {"pthread_mutex_lock", ApiEffect::kWrites, {{{0, 4}}}},
    {"pthread_mutex_unlock", ApiEffect::kWrites, {{{0, 4}}}},
    {"pthread_self", ApiEffect::kNone},
    {"pthread_setspecific", ApiEffect::kNone},
    {"putc", ApiEffect::kNone},
    {"putchar", ApiEffect::kNone},
    {"puts", ApiEffect::kNone},
    {"realloc", ApiEffect::kReallocate},
    {"setlocale", ApiEffect::kNone},
    {"signal", ApiEffect::kNone},
    {"sprintf", ApiEffect::kWrites, {{{0, kUnlimited}}}},
    {"strcat", ApiEffect::kWrites, {{{0, kUnlimited}}}},
    {"strchr", ApiEffect::kNone},
    {"strcmp", ApiEffect::kNone},
    {"strcoll", ApiEffect::kNone},
    {"strcpy", ApiEffect::kWrites, {{{0, kUnlimited}}}},
    {"strcspn", ApiEffect::kNone},
    {"strdup", ApiEffect::kAllocate},
    {"strerror", ApiEffect::kNone},
    {"stricmp", ApiEffect::kNone},
    {"strlen", ApiEffect::kNone},
    {"strncmp", ApiEffect::kNone},
    {"strncpy", ApiEffect::kWrites, {{{0, 1, 2}}}},
    {"strpbrk", ApiEffect::kNone},
    {"strrchr", ApiEffect::kNone},
    {"strspn", ApiEffect::kNone},
    {"strstr", ApiEffect::kNone},
    {"strtod", ApiEffect::kWrites, {{{1, 4}}}},
    {"strtol", ApiEffect::kWrites, {{{1, 4}}}},
    {"strtoul", ApiEffect::kWrites, {{{1, 4}}}},
    {"tolower", ApiEffect::kNone},
    {"toupper", ApiEffect::kNone},
    {"vfprintf", ApiEffect::kNone},
    {"vprintf", ApiEffect::kNone},
    {"wcschr", ApiEffect::kNone},
    {"wcscmp", ApiEffect::kNone},
    {"wcscpy", ApiEffect::kWrites, {{{0, kUnlimited}}}},
    {"wcsdup", ApiEffect::kAllocate},
    {"wcslen", ApiEffect::kNone},
    {"wcsncmp", ApiEffect::kNone},
    {"wcsrchr", ApiEffect::kNone},
    {"wcsstr", ApiEffect::kNone},
};

constexpr bool IsSorted() {
  for (size_t i = 1; i < std::size(kEffects); ++i) {
    if (!(kEffects[i - 1].name < kEffects[i].name)) return false;
  }
  return true;
}
static_assert(IsSorted(), "kEffects is searched by bisection");

/// The DLLs of Microsoft's C runtime, whose versions share their names.
bool IsCRuntime(std::string_view dll) {
  return dll.starts_with("msvcr") || dll.starts_with("ucrtbase") ||
         dll.starts_with("vcruntime") || dll.starts_with("api-ms-win-crt-");
}

/// Effects hold for the DLLs of the system, not for a like-named function of
/// somebody's own.
bool IsSystemDll(std::string_view dll) {
  constexpr std::string_view kDlls[] = {
      "advapi32.dll", "bcrypt.dll",   "bcryptprimitives.dll", "crtdll.dll",
      "gdi32.dll",    "kernel32.dll", "msvcrt.dll",           "kernelbase.dll",
      "ntdll.dll",    "user32.dll"};
  return std::ranges::find(kDlls, dll) != std::end(kDlls) || IsCRuntime(dll) ||
         dll.starts_with("api-ms-win-") || dll.starts_with("libgcc_s_") ||
         dll == "libwinpthread-1.dll";
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

std::optional<uint32_t> StackBytes(const ImportName& import) {
  const std::string_view others[] = {TableDll(import.dll), "ucrtbase.dll",
                                     "vcruntime140.dll"};
  std::optional<uint32_t> bytes = FindStackBytes(import.dll, import.name);
  for (const std::string_view other : others) {
    if (bytes || (other != others[0] && !IsCRuntime(import.dll))) break;
    bytes = FindStackBytes(other, import.name);
  }
  return bytes;
}

const EffectRow* FindEffect(const ImportName& import) {
  const EffectRow* row = std::lower_bound(
      std::begin(kEffects), std::end(kEffects), import.name,
      [](const EffectRow& a, const std::string& b) { return a.name < b; });
  if (row == std::end(kEffects) || row->name != import.name) {
    return nullptr;
  }
  return row;
}

}  // namespace

Api LookUpApi(const ImportName& import) {
  Api api;
  api.stack_bytes = StackBytes(import);
  api.of_system = import.dll == kAnyDll || IsSystemDll(import.dll);
  const EffectRow* row = api.of_system ? FindEffect(import) : nullptr;
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
  return {kAnyDll, name, std::nullopt};
}

bool InitialisesSection(ApiEffect effect) {
  return effect == ApiEffect::kInitialiseSection ||
         effect == ApiEffect::kInitialiseSectionOrZero ||
         effect == ApiEffect::kInitialiseSectionOrStatus;
}

}  // namespace detachfix
