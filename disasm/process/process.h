// SPDX-License-Identifier: Apache-2.0
// One ordinary process: what the functions of the system answer in it.
//
// Code that asks many questions goes many ways, and not all of them can always
// be followed. This is the one way of a load on which nothing goes wrong, on a
// system that is not old: there is memory, what is looked up is there, nothing
// is traced or debugged. Each answer is one that the function's documentation
// allows (Windows SDK); none is specific to a DLL.
#ifndef DETACHFIX_DISASM_PROCESS_PROCESS_H_
#define DETACHFIX_DISASM_PROCESS_PROCESS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "disasm/code_view.h"

namespace detachfix {

/// How a function comes to its answer.
enum class AnswerKind : uint8_t {
  kNumber,          ///< `number`
  kCharacterTable,  ///< the address of a table of CharacterType (_pctype)
  kSilent,          ///< `number`, and what it may write stays as it is
  kArgument,        ///< argument `number`
  kOfHandle,        ///< `number`, unless argument 0 is NULL
  kOfNothing,       ///< `number`, where argument `text_at` is NULL
  kText,            ///< the address of ProcessMemory() + `number`
  kEnvironment,     ///< the address of the variable _environ
  kClock,      ///< a time that grows from call to call; `number`: the result,
               ///< and 0x10 if the time is written to argument 0
  kBeginOnce,  ///< InitOnceBeginInitialize
  kCompleteOnce,    ///< InitOnceComplete
  kLastError,       ///< why the last function failed, where that is known
  kRandom,          ///< fills a buffer; `number`: the result, 0x10 times the
                    ///< argument that points to it, 0x100 times its size's
  kIsBadPointer,    ///< whether argument 0 lies in the first 64 KiB, of which
                    ///< argument 1 says how many bytes count; `number` 1: or
                    ///< where the image cannot be written to
  kStandardHandle,  ///< `number`, of the three that GetStdHandle knows
  kFileType,        ///< GetFileType of that handle, a device, or of none
  kNewHandle,       ///< another one each time, from `number` on
  kCloses,        ///< 1; 0 for a handle of NULL; of a small number that is none
                  ///< from `number` on, nothing is known
  kWaits,         ///< 0: what those stand for is waited for without a limit
  kCodePage,      ///< whether argument 0 is one that every system has
  kFeature,       ///< IsProcessorFeaturePresent: what the system needs
  kNoVariable,    ///< `number`, unless the image can set environment variables
  kNoFile,        ///< `number`, of the file that argument 0 names, unless the
                  ///< image can make files
  kNoWideFile,    ///< the same, the name is of wide characters
  kNoKey,         ///< `number`, unless the image can make a registry key; that
                  ///< of the system's version is there
  kKeyValue,      ///< RegQueryValueEx of that key
  kModule,        ///< the handle of the module that argument 0 names, or NULL
  kLoadModule,    ///< the same; every module can be loaded that is no ordinary
                  ///< file
  kModuleEx,      ///< GetModuleHandleEx: writes it to argument 2
  kNewObject,     ///< the address of `number` bytes, of which nothing is known
  kPages,         ///< argument 1 bytes of memory, all 0 (VirtualAlloc)
  kQueryPages,    ///< VirtualQuery, whose arguments begin with `number`
  kProtectPages,  ///< VirtualProtect
  kLength,  ///< of the text at argument 0, of characters of `number` bytes
  // Of texts of characters of `number` bytes:
  kCompareTexts,   ///< those at arguments 0 and 1 (strcmp)
  kFindCharacter,  ///< argument 1 in that at argument 0 (strchr)
  kCopyText,       ///< that at argument 1 to argument 0 (strcpy)
  kDuplicateText,  ///< that at argument 0 to a new block (strdup)
  // Of the character in argument 0:
  kCharacterType,  ///< 0 if it has none of the bits `number` of CharacterType
                   ///< (isalpha)
  kMapCharacter,   ///< as the flags `number` map it (tolower)
  kBlockSize,      ///< bytes of the block at argument `number`
  kMakeMutex,      ///< _Mtx_init_in_situ of Visual C++
  kLockMutex,      ///< _Mtx_lock; `number` is added to how often it is locked
  kFlushList,      ///< InterlockedFlushSList
  kPushOnList,     ///< InterlockedPushEntrySList
  kFileName,       ///< writes the program's path to argument 1, of argument 2
                   ///< characters of `number` bytes
  kFolder,         ///< writes `text`, of characters of `number` bytes, to
                   ///< argument `text_at`; the other of the first two says how
                   ///< many there is room for (GetSystemDirectory)
  kFullPath,       ///< GetFullPathName of one that is full, of characters of
                   ///< `number` bytes
  kLongPath,       ///< the path at argument 0, if it is there and has no other
              ///< form, to argument 1, of argument 2 characters of `number`
              ///< bytes
  kLocaleNumber,   ///< `number`, of the locale that argument 0 names: `text`
  kLocaleName,     ///< as kFolder, of the locale `number` in argument 0; the
                   ///< characters are wide, argument 2 says how many
  kOwnLocaleName,  ///< `text` in wide characters to argument 0; argument 1
                   ///< says how many there is room for
  kSetLocale,      ///< the address of ProcessMemory() + `number`, of the locale
                   ///< "C", which a process starts with (setlocale)
  kString,         ///< the image's string (StringResource) of argument 1 to
                   ///< argument 2, of argument 3 characters of `number` bytes
  kOwnLocale,      ///< `number`, of a locale in argument 0 that the user has
  kFillsSized,     ///< writes `text` to argument `text_at`; argument `number`
                   ///< points to how many characters, of 1 or 2 bytes, there
                   ///< is room for, and gets how many there are
  kLocaleInfo,     ///< LocaleText of argument 1 to argument 2, of argument 3
                   ///< characters of `number` bytes, of which the NUL is one
  kSystemVersion,  ///< `number`; fills the structure at argument 0 with `text`
  kVersionSize,   ///< GetFileVersionInfoSize of one of the system's DLLs, whose
                  ///< name has characters of `number` bytes
  kVersionBlock,  ///< GetFileVersionInfo of the same
  kVersionValue,  ///< VerQueryValue of a version resource's root
  kProvider,      ///< `number`, of a provider of RSA or AES without keys of its
                  ///< own (CryptAcquireContext)
  kClearsVariant,  ///< `number`, of a VARIANT that holds no object
  kNewBstr,        ///< SysAllocString; where `counted`, SysAllocStringLen
  kBstrLength,     ///< of the BSTR in argument 0, in units of `number` bytes
  kBoolBstr,       ///< VarBstrFromBool
  kNotOfEast,      ///< 0: metrics of systems that use other scripts
  // Of characters that are known (characters.h):
  kWiden,      ///< MultiByteToWideChar
  kNarrow,     ///< WideCharToMultiByte
  kWideTypes,  ///< GetStringTypeW; argument `number` is the first it has
  kByteTypes,  ///< the same of bytes
  kWideMap,    ///< LCMapStringW, to upper or lower case
  kByteMap,    ///< the same of bytes
};

/// What GetCurrentThreadId gives.
inline constexpr uint32_t kThreadId = 0x644;

/// What GetCurrentProcess gives.
inline constexpr uint32_t kOwnProcessHandle = 0xffffffff;

/// Handles are multiples of 4 (Windows SDK); so many are given out.
inline constexpr uint32_t kHandles = 1024;
constexpr bool IsHandleFrom(uint64_t first, uint64_t handle) {
  return handle >= first && handle <= first + uint64_t{4} * kHandles;
}

/// What a function writes.
struct AnswerBytes {
  uint8_t argument = 0;    ///< that points to where
  std::string_view bytes;  ///< empty: nothing is written
  uint8_t offset = 0;      ///< bytes behind where it points to
};

struct Answer {
  AnswerKind kind = AnswerKind::kNumber;
  uint32_t number = 0;
  std::array<AnswerBytes, 2> writes{};
  // How texts are compared and searched:
  bool counted = false;      ///< argument 2 says how many characters at most
  bool ends_at_zero = true;  ///< not memcmp
  bool any_case = false;
  bool last = false;     ///< strrchr
  bool appends = false;  ///< strcat
  // Of kFolder, kFillsSized, kSystemVersion and kOfNothing:
  std::string_view text{};
  uint8_t text_at = 0;
  uint8_t width = 1;        ///< bytes of a character; of kFillsSized
  bool may_ask = false;     ///< with NULL for how many there are (kFillsSized)
  bool counts_nul = false;  ///< among the characters; of kCopyText too
};

/// What `import` answers; nothing where that is not part of the process.
std::optional<Answer> AnswerInProcess(const ImportName& import);

/// `text` with the letters of ASCII in lower case.
std::string LowerCase(std::string text);

/// ERROR_FILE_NOT_FOUND (winerror.h).
inline constexpr uint32_t kFileNotFound = 2;

/// Whether the name is that of a file which the system does not bring: it has a
/// point in it, and is no device ("CONOUT$", "\\.\a"), program, DLL, folder
/// ("..") or pattern.
bool IsOrdinaryFile(const std::string& path);

/// Whether the path begins with a drive and its root, and stays as it is when
/// it is made a full one.
bool IsFullPath(const std::string& path);

/// Whether every process has an environment variable of that name (MSDN,
/// "Recognized Environment Variables").
bool IsOfEveryProcess(const std::string& variable);

/// Whether every system has a registry key of that name, under some root: the
/// root itself, or one that leads to what a program or driver adds.
bool IsOfEverySystem(std::string key);

/// Whether it is that key which says which system it is; it is there under
/// HKEY_LOCAL_MACHINE alone.
bool IsVersionKey(std::string key);

/// What a value of a registry key holds.
struct KeyValue {
  bool is_text = false;    ///< REG_SZ, else REG_DWORD
  std::string_view bytes;  ///< of text: its characters, without the NUL
};

/// The value of that key, in agreement with GetVersion; nothing of one that is
/// not known.
std::optional<KeyValue> VersionKeyValue(const std::string& name);

/// Whether the number is one of the user's and the system's locale.
bool IsOwnLocale(uint64_t locale);

/// The handle of the system's module of that name (with or without ".dll", any
/// case), nonzero; 0 for another one.
uint32_t ModuleInProcess(const std::string& name);

/// Whether the handle is that of a module all of whose functions the tables
/// know: kernel32 and what belongs to it.
bool IsKnownModule(uint64_t handle);

/// What lies in the process's own memory, by the offsets of kText.
std::string_view ProcessMemory();

/// Where in it the environment's one variable lies.
size_t EnvironmentAt();

/// Where the thread's environment block lies, and where in it the pointer to
/// its blocks of thread-local storage, one for each image (TEB, winternl.h).
inline constexpr uint32_t kThreadBlock = 0x7ffde000;
/// The process's environment block, which the thread's points to.
inline constexpr uint32_t kProcessBlock = 0x7ffdf000;
inline constexpr uint32_t kThreadStorageOffset = 0x2c;

/// A word of the thread's or the process's environment block.
struct BlockWord {
  uint32_t address = 0;  ///< virtual
  uint32_t value = 0;
};

/// What these blocks say, but for what depends on the image: the answers of
/// GetCurrentThreadId, GetProcessHeap, IsDebuggerPresent and others in
/// agreement (ReactOS, sdk/include/ndk/peb_teb.h).
std::span<const BlockWord> BlockWords();
/// Where the process's block holds the program's handle.
inline constexpr uint32_t kProgramOffset = 0x08;

/// What the process's locale says of an LCTYPE (GetLocaleInfo, winnls.h);
/// nothing of one that asks for another form (LOCALE_RETURN_NUMBER).
std::optional<std::string_view> LocaleText(uint32_t type);

/// The version resource of each DLL of the system: its root alone, in agreement
/// with GetVersion (VS_VERSIONINFO, verrsrc.h).
std::string_view VersionResource();

/// The program's path.
std::string_view ProgramPath();

/// Whether the path is that of a folder which GetSystemDirectory and its like
/// give.
bool IsSystemFolder(std::string_view path);

/// The path of an image that calls itself `name`, or does not say.
std::string ImagePath(const std::string& name);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_PROCESS_PROCESS_H_
