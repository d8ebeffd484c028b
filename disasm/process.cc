// SPDX-License-Identifier: Apache-2.0
#include "disasm/process.h"

#include <algorithm>
#include <iterator>

namespace detachfix {
namespace {

using namespace std::string_view_literals;

// "a.exe", started with no arguments and one variable in its environment.
constexpr uint32_t kCommandLine = 0x00;
constexpr uint32_t kWideCommandLine = 0x10;
constexpr uint32_t kEnvironment = 0x20;
constexpr uint32_t kWideEnvironment = 0x30;
constexpr uint32_t kLocale = 0x40;
constexpr uint32_t kNothing = 0x50;
// Three FILEs of 32 bytes, as in msvcrt's table. Last: what gets them may write
// on.
constexpr uint32_t kFile = 0x70;
constexpr std::string_view kMemory =
    "a.exe\0\0\0\0\0\0\0\0\0\0\0"
    "a\0.\0e\0x\0e\0\0\0\0\0\0\0"
    "A=B\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "A\0=\0B\0\0\0\0\0\0\0\0\0\0\0"
    "C\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;
static_assert(kMemory.size() == 0xd0);

/// Handles that nobody looks into. Kernel objects have small ones (multiples
/// of 4), heaps and modules have addresses.
constexpr uint32_t kObject = 0x74;
constexpr uint32_t kHeap = 0x00150000;
constexpr uint32_t kFirstModule = 0x7c800000;
constexpr uint32_t kModuleDistance = 0x00100000;

/// The console's code page says one byte a character (CPINFO, winnls.h).
constexpr std::string_view kCodePage =
    "\1\0\0\0?\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;
/// STARTUPINFO: 68 bytes of which cb, the first word, says so.
constexpr std::string_view kStartup =
    "\x44\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;
static_assert(kStartup.size() == 68);
/// FILETIME and LARGE_INTEGER of some moment.
constexpr std::string_view kMoment = "\x40\x30\x20\x10\x40\xd0\xdc\x01"sv;

/// Of OSVERSIONINFO, from dwMajorVersion on: what kVersion says, the platform
/// NT, and no service pack (winnt.h).
constexpr std::string_view kVersionInfo =
    "\x0a\0\0\0\0\0\0\0\x65\x4a\0\0\2\0\0\0\0\0"sv;
/// SYSTEM_INFO of one i386 processor (sysinfoapi.h): pages of 4 KiB, addresses
/// from 0x00010000 to 0x7ffeffff.
constexpr std::string_view kSystem =
    "\0\0\0\0\0\x10\0\0\0\0\1\0\xff\xff\xfe\x7f\1\0\0\0"
    "\1\0\0\0\x4a\2\0\0\0\0\1\0\6\0\0\0"sv;
static_assert(kSystem.size() == 36);

constexpr std::string_view kWindows = "C:\\Windows";
constexpr std::string_view kSystemFolder = "C:\\Windows\\system32";
constexpr std::string_view kTemporary = "C:\\Windows\\Temp\\";

/// The user's and the system's locale: English of the United States (winnt.h).
constexpr uint32_t kEnglish = 0x409;
constexpr std::string_view kEnglishName = "en-US";

constexpr Answer LocaleName(AnswerKind kind, uint32_t number, uint8_t at) {
  Answer answer{kind, number};
  answer.text = kEnglishName;
  answer.text_at = at;
  answer.counts_nul = true;
  return answer;
}

/// A path of which characters of `width` bytes are written to argument `at`.
constexpr Answer Folder(uint32_t width, std::string_view path, uint8_t at = 0) {
  Answer answer{AnswerKind::kFolder, width};
  answer.text = path;
  answer.text_at = at;
  return answer;
}

/// An empty SLIST_HEADER (winnt.h).
constexpr std::string_view kEmptyList = "\0\0\0\0\0\0\0\0"sv;
constexpr std::string_view kNoNumber = "\0\0\0\0"sv;
constexpr std::string_view kOne = "\1\0\0\0"sv;
/// PAGE_READWRITE (winnt.h), what pages were before.
constexpr std::string_view kReadWrite = "\4\0\0\0"sv;

constexpr uint32_t kNoHandle = 0xffffffff;  // INVALID_HANDLE_VALUE (winbase.h)
constexpr uint32_t kFileNotFound = 2;       // ERROR_FILE_NOT_FOUND (winerror.h)
constexpr uint32_t kCharacterDevice = 2;    // FILE_TYPE_CHAR (winbase.h)
/// Windows 10, build 19045 (GetVersion: build in the high word, then minor and
/// major version).
constexpr uint32_t kBuild = 19045;
constexpr uint32_t kVersion = (kBuild << 16) | 10;
constexpr uint32_t kWindowsNt = 2;  // VER_PLATFORM_WIN32_NT (winnt.h)
constexpr uint32_t kProcessId = 0x640;
constexpr uint32_t kThreadId = 0x644;

struct AnswerRow {
  std::string_view name;
  Answer answer;
};

// Sorted by name.
constexpr AnswerRow kAnswers[] = {
    {"AddVectoredExceptionHandler", {AnswerKind::kNumber, kObject}},
    {"AreFileApisANSI", {AnswerKind::kNumber, 1}},
    {"BCryptGenRandom", {AnswerKind::kRandom, 0x210}},
    {"CloseHandle", {AnswerKind::kCloses, kObject}},
    {"CreateEventA", {AnswerKind::kNumber, kObject}},
    {"CreateEventW", {AnswerKind::kNumber, kObject}},
    {"CreateFileA", {AnswerKind::kNoFile, kNoHandle}},
    {"CreateFileW", {AnswerKind::kNoWideFile, kNoHandle}},
    {"CreateMutexA", {AnswerKind::kNumber, kObject}},
    {"CreateMutexW", {AnswerKind::kNumber, kObject}},
    {"CreateSemaphoreA", {AnswerKind::kNumber, kObject}},
    {"CreateSemaphoreW", {AnswerKind::kNumber, kObject}},
    {"CryptAcquireContextA", {AnswerKind::kNumber, 1, {{{0, kMoment}}}}},
    {"CryptAcquireContextW", {AnswerKind::kNumber, 1, {{{0, kMoment}}}}},
    {"CryptGenRandom", {AnswerKind::kRandom, 0x121}},
    {"CryptReleaseContext", {AnswerKind::kNumber, 1}},
    {"DisableThreadLibraryCalls", {AnswerKind::kNumber, 1}},
    {"DuplicateHandle", {AnswerKind::kNumber, 1}},
    {"EtwEventRegister", {AnswerKind::kNumber, 0, {{{3, kMoment}}}}},
    {"EtwEventUnregister", {AnswerKind::kNumber, 0}},
    {"EventEnabled", {AnswerKind::kNumber, 0}},
    {"EventProviderEnabled", {AnswerKind::kNumber, 0}},
    {"EventRegister", {AnswerKind::kNumber, 0, {{{3, kMoment}}}}},
    {"EventSetInformation", {AnswerKind::kNumber, 0}},
    {"EventUnregister", {AnswerKind::kNumber, 0}},
    {"EventWrite", {AnswerKind::kNumber, 0}},
    {"EventWriteEx", {AnswerKind::kNumber, 0}},
    {"EventWriteString", {AnswerKind::kNumber, 0}},
    {"EventWriteTransfer", {AnswerKind::kNumber, 0}},
    {"FindFirstFileA", {AnswerKind::kNoFile, kNoHandle}},
    {"FindFirstFileExA", {AnswerKind::kNoFile, kNoHandle}},
    {"FindFirstFileExW", {AnswerKind::kNoWideFile, kNoHandle}},
    {"FindFirstFileW", {AnswerKind::kNoWideFile, kNoHandle}},
    {"FreeEnvironmentStringsA", {AnswerKind::kNumber, 1}},
    {"FreeEnvironmentStringsW", {AnswerKind::kNumber, 1}},
    {"FreeLibrary", {AnswerKind::kCloses, kObject}},
    {"GetACP", {AnswerKind::kNumber, 1252}},
    {"GetCPInfo", {AnswerKind::kNumber, 1, {{{1, kCodePage}}}}},
    {"GetCommandLineA", {AnswerKind::kText, kCommandLine}},
    {"GetCommandLineW", {AnswerKind::kText, kWideCommandLine}},
    {"GetConsoleCP", {AnswerKind::kNumber, 437}},
    {"GetConsoleMode", {AnswerKind::kNumber, 0}},
    {"GetConsoleOutputCP", {AnswerKind::kNumber, 437}},
    {"GetConsoleScreenBufferInfo", {AnswerKind::kNumber, 0}},
    {"GetCurrentProcess", {AnswerKind::kNumber, 0xffffffff}},
    {"GetCurrentProcessId", {AnswerKind::kNumber, kProcessId}},
    {"GetCurrentThread", {AnswerKind::kNumber, 0xfffffffe}},
    {"GetCurrentThreadId", {AnswerKind::kNumber, kThreadId}},
    {"GetEnvironmentStrings", {AnswerKind::kText, kEnvironment}},
    {"GetEnvironmentStringsA", {AnswerKind::kText, kEnvironment}},
    {"GetEnvironmentStringsW", {AnswerKind::kText, kWideEnvironment}},
    {"GetEnvironmentVariableA", {AnswerKind::kNoVariable, 0}},
    {"GetEnvironmentVariableW", {AnswerKind::kNoVariable, 0}},
    {"GetFileAttributesA", {AnswerKind::kNoFile, kNoHandle}},
    {"GetFileAttributesExA", {AnswerKind::kNoFile, 0}},
    {"GetFileAttributesExW", {AnswerKind::kNoWideFile, 0}},
    {"GetFileAttributesW", {AnswerKind::kNoWideFile, kNoHandle}},
    {"GetFileType", {AnswerKind::kNumber, kCharacterDevice}},
    {"GetLargePageMinimum", {AnswerKind::kNumber, 0}},
    {"GetLastError", {AnswerKind::kLastError}},
    {"GetLongPathNameA", {AnswerKind::kLongPath, 1}},
    {"GetLongPathNameW", {AnswerKind::kLongPath, 2}},
    {"GetModuleFileNameA", {AnswerKind::kFileName, 1}},
    {"GetModuleFileNameW", {AnswerKind::kFileName, 2}},
    {"GetModuleHandleA", {AnswerKind::kModule, 1}},
    {"GetModuleHandleExA", {AnswerKind::kModuleEx, 1}},
    {"GetModuleHandleExW", {AnswerKind::kModuleEx, 2}},
    {"GetModuleHandleW", {AnswerKind::kModule, 2}},
    {"GetNativeSystemInfo", {AnswerKind::kNumber, 0, {{{0, kSystem}}}}},
    {"GetNumaHighestNodeNumber", {AnswerKind::kNumber, 1, {{{0, kNoNumber}}}}},
    {"GetOEMCP", {AnswerKind::kNumber, 437}},
    {"GetPhysicallyInstalledSystemMemory", {AnswerKind::kNumber, 0}},
    {"GetProcessAffinityMask", {AnswerKind::kNumber, 1, {{{1, kOne}, {2, kOne}}}}},
    {"GetProcessHeap", {AnswerKind::kNumber, kHeap}},
    {"GetStartupInfoA", {AnswerKind::kNumber, 0, {{{0, kStartup}}}}},
    {"GetStartupInfoW", {AnswerKind::kNumber, 0, {{{0, kStartup}}}}},
    {"GetStdHandle", {AnswerKind::kNumber, kObject}},
    {"GetStringTypeA", {AnswerKind::kByteTypes, 1}},
    {"GetStringTypeExA", {AnswerKind::kByteTypes, 1}},
    {"GetStringTypeExW", {AnswerKind::kWideTypes, 1}},
    {"GetStringTypeW", {AnswerKind::kWideTypes, 0}},
    {"GetSystemDefaultLCID", {AnswerKind::kNumber, kEnglish}},
    {"GetSystemDefaultLangID", {AnswerKind::kNumber, kEnglish}},
    {"GetSystemDefaultLocaleName", LocaleName(AnswerKind::kFolder, 2, 0)},
    {"GetSystemDirectoryA", Folder(1, kSystemFolder)},
    {"GetSystemDirectoryW", Folder(2, kSystemFolder)},
    {"GetSystemInfo", {AnswerKind::kNumber, 0, {{{0, kSystem}}}}},
    {"GetSystemTimeAsFileTime", {AnswerKind::kClock, 0x10}},
    {"GetSystemWindowsDirectoryA", Folder(1, kWindows)},
    {"GetSystemWindowsDirectoryW", Folder(2, kWindows)},
    {"GetTempPathA", Folder(1, kTemporary, 1)},
    {"GetTempPathW", Folder(2, kTemporary, 1)},
    {"GetThreadLocale", {AnswerKind::kNumber, kEnglish}},
    {"GetTickCount", {AnswerKind::kClock, 0}},
    {"GetUserDefaultLCID", {AnswerKind::kNumber, kEnglish}},
    {"GetUserDefaultLangID", {AnswerKind::kNumber, kEnglish}},
    {"GetUserDefaultLocaleName", LocaleName(AnswerKind::kFolder, 2, 0)},
    {"GetVersion", {AnswerKind::kNumber, kVersion}},
    {"GetVersionExA", {AnswerKind::kNumber, 1, {{{0, kVersionInfo, 4}}}}},
    {"GetVersionExW", {AnswerKind::kNumber, 1, {{{0, kVersionInfo, 4}}}}},
    {"GetWindowsDirectoryA", Folder(1, kWindows)},
    {"GetWindowsDirectoryW", Folder(2, kWindows)},
    {"GlobalFree", {AnswerKind::kNumber, 0}},
    {"HeapCreate", {AnswerKind::kNumber, kHeap + 0x10000}},
    {"HeapDestroy", {AnswerKind::kNumber, 1}},
    {"HeapFree", {AnswerKind::kNumber, 1}},
    {"HeapSetInformation", {AnswerKind::kNumber, 1}},
    {"HeapSize", {AnswerKind::kBlockSize, 2}},
    {"HeapValidate", {AnswerKind::kNumber, 1}},
    {"InitOnceBeginInitialize", {AnswerKind::kBeginOnce}},
    {"InitOnceComplete", {AnswerKind::kCompleteOnce}},
    {"InitializeSListHead", {AnswerKind::kNumber, 0, {{{0, kEmptyList}}}}},
    {"InterlockedFlushSList", {AnswerKind::kFlushList}},
    {"InterlockedPushEntrySList", {AnswerKind::kPushOnList}},
    {"IsBadReadPtr", {AnswerKind::kIsBadPointer}},
    {"IsBadStringPtrA", {AnswerKind::kIsBadPointer}},
    {"IsBadStringPtrW", {AnswerKind::kIsBadPointer}},
    {"IsBadWritePtr", {AnswerKind::kIsBadPointer, 1}},
    {"IsDebuggerPresent", {AnswerKind::kNumber, 0}},
    {"IsProcessorFeaturePresent", {AnswerKind::kFeature}},
    {"IsValidCodePage", {AnswerKind::kCodePage, 1}},
    {"LCIDToLocaleName", LocaleName(AnswerKind::kLocaleName, kEnglish, 1)},
    {"LCMapStringA", {AnswerKind::kByteMap, 1}},
    {"LCMapStringEx", {AnswerKind::kWideMap, 1}},
    {"LCMapStringW", {AnswerKind::kWideMap, 1}},
    {"LoadLibraryA", {AnswerKind::kLoadModule, 1}},
    {"LoadLibraryExA", {AnswerKind::kLoadModule, 1}},
    {"LoadLibraryExW", {AnswerKind::kLoadModule, 2}},
    {"LoadLibraryW", {AnswerKind::kLoadModule, 2}},
    {"LocalFree", {AnswerKind::kNumber, 0}},
    {"LocaleNameToLCID", LocaleName(AnswerKind::kLocaleNumber, kEnglish, 0)},
    {"MultiByteToWideChar", {AnswerKind::kWiden, 0}},
    {"NtClose", {AnswerKind::kNumber, 0}},
    {"NtQueryPerformanceCounter", {AnswerKind::kClock, 0x10}},
    {"ProcessPrng", {AnswerKind::kRandom, 0x101}},
    {"QueryPerformanceCounter", {AnswerKind::kClock, 0x11}},
    {"QueryPerformanceFrequency", {AnswerKind::kNumber, 1, {{{0, kMoment}}}}},
    {"RegCloseKey", {AnswerKind::kNumber, 0}},
    {"RegOpenKeyA", {AnswerKind::kNoKey, kFileNotFound}},
    {"RegOpenKeyExA", {AnswerKind::kNoKey, kFileNotFound}},
    {"RegOpenKeyExW", {AnswerKind::kNoKey, kFileNotFound}},
    {"RegOpenKeyW", {AnswerKind::kNoKey, kFileNotFound}},
    {"RegisterClassA", {AnswerKind::kNumber, 0xc010}},
    {"RegisterClassExA", {AnswerKind::kNumber, 0xc010}},
    {"RegisterClassExW", {AnswerKind::kNumber, 0xc010}},
    {"RegisterClassW", {AnswerKind::kNumber, 0xc010}},
    {"RemoveVectoredExceptionHandler", {AnswerKind::kNumber, 1}},
    {"ResetEvent", {AnswerKind::kNumber, 1}},
    {"RtlAddFunctionTable", {AnswerKind::kNumber, 1}},
    {"RtlFreeHeap", {AnswerKind::kNumber, 1}},
    {"RtlGetNtGlobalFlags", {AnswerKind::kNumber, 0}},
    {"RtlInitializeSListHead", {AnswerKind::kNumber, 0, {{{0, kEmptyList}}}}},
    {"RtlInterlockedFlushSList", {AnswerKind::kFlushList}},
    {"RtlInterlockedPushEntrySList", {AnswerKind::kPushOnList}},
    {"SetEvent", {AnswerKind::kNumber, 1}},
    {"SetHandleCount", {AnswerKind::kNumber, 32}},
    {"SystemFunction036", {AnswerKind::kRandom, 0x101}},
    {"VirtualAlloc", {AnswerKind::kPages, 1}},
    {"VirtualFree", {AnswerKind::kNumber, 1}},
    {"VirtualProtect", {AnswerKind::kNumber, 1, {{{3, kReadWrite}}}}},
    {"WaitForSingleObject", {AnswerKind::kWaits, kObject}},
    {"WaitForSingleObjectEx", {AnswerKind::kWaits, kObject}},
    {"WideCharToMultiByte", {AnswerKind::kNarrow, 0}},
    {"WriteConsoleA", {AnswerKind::kNumber, 1}},
    {"WriteConsoleW", {AnswerKind::kNumber, 1}},
    {"WriteFile", {AnswerKind::kNumber, 1}},
    {"___lc_codepage_func", {AnswerKind::kNumber, 0}},
    {"___lc_locale_name_func", {AnswerKind::kText, kNothing}},
    {"___mb_cur_max_func", {AnswerKind::kNumber, 1}},
    {"__acrt_iob_func", {AnswerKind::kText, kFile}},
    {"__iob_func", {AnswerKind::kText, kFile}},
    {"__pctype_func", {AnswerKind::kCharacterTable}},
    {"__wine_dbg_get_channel_flags", {AnswerKind::kSilent, 0}},
    {"__wine_dbg_header", {AnswerKind::kSilent, 0xffffffff}},
    {"_access", {AnswerKind::kNoFile, kNoHandle}},
    {"_configthreadlocale", {AnswerKind::kNumber, 2}},
    {"_configure_narrow_argv", {AnswerKind::kNumber, 0}},
    {"_configure_wide_argv", {AnswerKind::kNumber, 0}},
    {"_crt_at_quick_exit", {AnswerKind::kNumber, 0}},
    {"_crt_atexit", {AnswerKind::kNumber, 0}},
    {"_initialize_narrow_environment", {AnswerKind::kNumber, 0}},
    {"_initialize_wide_environment", {AnswerKind::kNumber, 0}},
    {"_ismbblead", {AnswerKind::kNumber, 0}},
    {"_lock_locales", {AnswerKind::kNumber, 0}},
    {"_set_new_mode", {AnswerKind::kNumber, 0}},
    {"_strdup", {AnswerKind::kDuplicateText, 1}},
    {"_stricmp",
     {.kind = AnswerKind::kCompareTexts, .number = 1, .any_case = true}},
    {"_strnicmp",
     {.kind = AnswerKind::kCompareTexts,
      .number = 1,
      .counted = true,
      .any_case = true}},
    {"_unlock_locales", {AnswerKind::kNumber, 0}},
    {"_waccess", {AnswerKind::kNoWideFile, kNoHandle}},
    {"_wcsdup", {AnswerKind::kDuplicateText, 2}},
    {"_wcsicmp",
     {.kind = AnswerKind::kCompareTexts, .number = 2, .any_case = true}},
    {"_wcsnicmp",
     {.kind = AnswerKind::kCompareTexts,
      .number = 2,
      .counted = true,
      .any_case = true}},
    {"_wfopen", {AnswerKind::kNoWideFile, 0}},
    {"_wgetenv", {AnswerKind::kNoVariable, 0}},
    {"access", {AnswerKind::kNoFile, kNoHandle}},
    {"atexit", {AnswerKind::kNumber, 0}},
    {"fflush", {AnswerKind::kNumber, 0}},
    {"fopen", {AnswerKind::kNoFile, 0}},
    {"getenv", {AnswerKind::kNoVariable, 0}},
    {"isalnum", {AnswerKind::kCharacterType, 0x107}},
    {"isalpha", {AnswerKind::kCharacterType, 0x103}},
    {"iscntrl", {AnswerKind::kCharacterType, 0x20}},
    {"isdigit", {AnswerKind::kCharacterType, 0x4}},
    {"isgraph", {AnswerKind::kCharacterType, 0x117}},
    {"islower", {AnswerKind::kCharacterType, 0x2}},
    {"ispunct", {AnswerKind::kCharacterType, 0x10}},
    {"isspace", {AnswerKind::kCharacterType, 0x8}},
    {"isupper", {AnswerKind::kCharacterType, 0x1}},
    {"iswalnum", {AnswerKind::kCharacterType, 0x107}},
    {"iswalpha", {AnswerKind::kCharacterType, 0x103}},
    {"iswdigit", {AnswerKind::kCharacterType, 0x4}},
    {"iswspace", {AnswerKind::kCharacterType, 0x8}},
    {"isxdigit", {AnswerKind::kCharacterType, 0x80}},
    {"lstrlenA", {AnswerKind::kLength, 1}},
    {"lstrlenW", {AnswerKind::kLength, 2}},
    {"memchr",
     {.kind = AnswerKind::kFindCharacter,
      .number = 1,
      .counted = true,
      .ends_at_zero = false}},
    {"memcmp",
     {.kind = AnswerKind::kCompareTexts,
      .number = 1,
      .counted = true,
      .ends_at_zero = false}},
    {"pthread_attr_destroy", {AnswerKind::kNumber, 0}},
    {"pthread_attr_init", {AnswerKind::kNumber, 0}},
    {"pthread_attr_setdetachstate", {AnswerKind::kNumber, 0}},
    {"pthread_attr_setstacksize", {AnswerKind::kNumber, 0}},
    {"pthread_cond_broadcast", {AnswerKind::kNumber, 0}},
    {"pthread_cond_destroy", {AnswerKind::kNumber, 0}},
    {"pthread_cond_init", {AnswerKind::kNumber, 0}},
    {"pthread_cond_signal", {AnswerKind::kNumber, 0}},
    {"pthread_key_create", {AnswerKind::kNumber, 0}},
    {"pthread_key_delete", {AnswerKind::kNumber, 0}},
    {"pthread_mutex_destroy", {AnswerKind::kNumber, 0}},
    {"pthread_mutex_init", {AnswerKind::kNumber, 0}},
    {"pthread_mutex_lock", {AnswerKind::kNumber, 0}},
    {"pthread_mutex_unlock", {AnswerKind::kNumber, 0}},
    {"pthread_mutexattr_destroy", {AnswerKind::kNumber, 0}},
    {"pthread_mutexattr_init", {AnswerKind::kNumber, 0}},
    {"pthread_mutexattr_settype", {AnswerKind::kNumber, 0}},
    {"pthread_rwlock_destroy", {AnswerKind::kNumber, 0}},
    {"pthread_rwlock_init", {AnswerKind::kNumber, 0}},
    {"pthread_rwlock_rdlock", {AnswerKind::kNumber, 0}},
    {"pthread_rwlock_unlock", {AnswerKind::kNumber, 0}},
    {"pthread_rwlock_wrlock", {AnswerKind::kNumber, 0}},
    {"pthread_setspecific", {AnswerKind::kNumber, 0}},
    {"sem_destroy", {AnswerKind::kNumber, 0}},
    {"sem_init", {AnswerKind::kNumber, 0}},
    {"sem_post", {AnswerKind::kNumber, 0}},
    {"setlocale", {AnswerKind::kText, kLocale}},
    {"strcat", {.kind = AnswerKind::kCopyText, .number = 1, .appends = true}},
    {"strchr", {.kind = AnswerKind::kFindCharacter, .number = 1}},
    {"strcmp", {.kind = AnswerKind::kCompareTexts, .number = 1}},
    {"strcoll", {.kind = AnswerKind::kCompareTexts, .number = 1}},
    {"strcpy", {.kind = AnswerKind::kCopyText, .number = 1}},
    {"strdup", {AnswerKind::kDuplicateText, 1}},
    {"stricmp",
     {.kind = AnswerKind::kCompareTexts, .number = 1, .any_case = true}},
    {"strlen", {AnswerKind::kLength, 1}},
    {"strncmp",
     {.kind = AnswerKind::kCompareTexts, .number = 1, .counted = true}},
    {"strrchr",
     {.kind = AnswerKind::kFindCharacter, .number = 1, .last = true}},
    {"tolower", {AnswerKind::kMapCharacter, 0x100}},
    {"toupper", {AnswerKind::kMapCharacter, 0x200}},
    {"wcschr", {.kind = AnswerKind::kFindCharacter, .number = 2}},
    {"wcscmp", {.kind = AnswerKind::kCompareTexts, .number = 2}},
    {"wcscpy", {.kind = AnswerKind::kCopyText, .number = 2}},
    {"wcsdup", {AnswerKind::kDuplicateText, 2}},
    {"wcslen", {AnswerKind::kLength, 2}},
    {"wcsncmp",
     {.kind = AnswerKind::kCompareTexts, .number = 2, .counted = true}},
    {"wcsrchr",
     {.kind = AnswerKind::kFindCharacter, .number = 2, .last = true}},
};

constexpr bool IsSorted() {
  for (size_t i = 1; i < std::size(kAnswers); ++i) {
    if (!(kAnswers[i - 1].name < kAnswers[i].name)) return false;
  }
  return true;
}
static_assert(IsSorted(), "kAnswers is searched by bisection");

/// Every process has these, or can be taken to.
constexpr std::string_view kModules[] = {
    "advapi32", "api-ms-", "ext-ms-", "gdi32",  "kernel32", "kernelbase",
    "msvcrt",   "ntdll",   "ole32",   "rpcrt4", "user32",   "bcrypt"};

}  // namespace

std::optional<Answer> AnswerInProcess(const ImportName& import) {
  const AnswerRow* row = std::lower_bound(
      std::begin(kAnswers), std::end(kAnswers), import.name,
      [](const AnswerRow& a, const std::string& b) { return a.name < b; });
  if (row == std::end(kAnswers) || row->name != import.name) {
    return std::nullopt;
  }
  return row->answer;
}

std::string LowerCase(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

uint32_t ModuleInProcess(const std::string& name) {
  std::string lower = LowerCase(name);
  const size_t slash = lower.find_last_of("\\/");
  if (slash != std::string::npos) lower.erase(0, slash + 1);
  if (lower.ends_with(".dll")) lower.erase(lower.size() - 4);
  for (size_t i = 0; i < std::size(kModules); ++i) {
    const bool is_prefix = kModules[i].ends_with('-');
    if (lower == kModules[i] || (is_prefix && lower.starts_with(kModules[i]))) {
      return kFirstModule + kModuleDistance * static_cast<uint32_t>(i);
    }
  }
  return 0;
}

bool IsKnownModule(uint64_t handle) {
  for (const char* name : {"kernel32", "kernelbase", "ntdll", "api-ms-"}) {
    if (handle == ModuleInProcess(name)) return true;
  }
  return false;
}

uint32_t CharacterType(uint32_t character) {
  constexpr uint32_t kUpper = 0x1, kLower = 0x2, kDigit = 0x4, kSpace = 0x8,
                     kPunctuation = 0x10, kControl = 0x20, kBlank = 0x40,
                     kHex = 0x80, kLetter = 0x100, kDefined = 0x200;
  const auto in = [character](uint32_t first, uint32_t last) {
    return character >= first && character <= last;
  };
  uint32_t type = kDefined;
  if (in(0x09, 0x0d) || character == ' ' || character == 0xa0) type |= kSpace;
  if (character == '\t' || character == ' ' || character == 0xa0)
    type |= kBlank;
  if (in(0, 0x1f) || in(0x7f, 0x9f)) return type | kControl;
  if (in('0', '9')) return type | kDigit | kHex;
  if (in('A', 'F') || in('a', 'f')) type |= kHex;
  const bool is_sign = character == 0xd7 || character == 0xf7;
  if (in('A', 'Z') || (in(0xc0, 0xde) && !is_sign)) {
    return type | kUpper | kLetter;
  }
  if (in('a', 'z') || (in(0xdf, 0xff) && !is_sign)) {
    return type | kLower | kLetter;
  }
  return (type & kSpace) != 0 ? type : type | kPunctuation;
}

uint32_t MapCharacter(uint32_t character, uint32_t flags) {
  constexpr uint32_t kLowercase = 0x100, kUppercase = 0x200, kCase = 0x20;
  const uint32_t type = CharacterType(character);
  if ((flags & kLowercase) != 0 && (type & 1) != 0) return character + kCase;
  const bool has_upper = character != 0xdf && character != 0xff;
  if ((flags & kUppercase) != 0 && (type & 2) != 0 && has_upper) {
    return character - kCase;
  }
  return character;
}

std::string_view ProcessMemory() { return kMemory; }

std::span<const BlockWord> BlockWords() {
  static constexpr BlockWord kWords[] = {
      {kThreadBlock + 0x20, kProcessId},
      {kThreadBlock + 0x24, kThreadId},
      {kThreadBlock + 0x30, kProcessBlock},
      {kProcessBlock, 0},                  // BeingDebugged and others before it
      {kProcessBlock + 0x18, kHeap},       // ProcessHeap
      {kProcessBlock + 0x64, 1},           // NumberOfProcessors
      {kProcessBlock + 0xa4, 10},          // OSMajorVersion
      {kProcessBlock + 0xa8, 0},           // OSMinorVersion
      {kProcessBlock + 0xac, kBuild},      // OSBuildNumber
      {kProcessBlock + 0xb0, kWindowsNt},  // OSPlatformId
  };
  return kWords;
}

std::string_view ProgramPath() { return "C:\\a.exe"; }

std::string ImagePath(const std::string& name) {
  return "C:\\" + (name.empty() ? "b.dll" : name);
}

}  // namespace detachfix
