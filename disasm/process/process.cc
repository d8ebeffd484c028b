// SPDX-License-Identifier: Apache-2.0
#include "disasm/process/process.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "disasm/api.h"

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
constexpr uint32_t kCharacterSize = 0x70;  // of a locale's longest, in bytes
// Three FILEs of 32 bytes, as in msvcrt's table. Last: what gets them may write
// on.
constexpr uint32_t kFile = 0x80;
constexpr std::string_view kMemory =
    "a.exe\0\0\0\0\0\0\0\0\0\0\0"
    "a\0.\0e\0x\0e\0\0\0\0\0\0\0"
    "A=B\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "A\0=\0B\0\0\0\0\0\0\0\0\0\0\0"
    "C\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;
static_assert(kMemory.size() == 0xe0);

/// Handles that nobody looks into. Kernel objects have small ones (multiples
/// of 4), heaps and modules have addresses.
constexpr uint32_t kObject = 0x74;
constexpr uint32_t kHeap = 0x00150000;
constexpr uint32_t kFirstModule = 0x7c800000;
constexpr uint32_t kModuleDistance = 0x00100000;
/// Bytes of an object of the thread pool, more than any has.
constexpr uint32_t kPoolObject = 0x200;

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
/// SYSTEMTIME of the day on which the clock starts: Monday, 20 April 2026, at
/// noon, which a number of days holds exactly (minwinbase.h).
constexpr std::string_view kDate = "\xea\7\4\0\1\0\x14\0\x0c\0\0\0\0\0\0\0"sv;
static_assert(kDate.size() == 16);

/// OSVERSIONINFOEX, from dwMajorVersion on: what kVersion says, the platform
/// NT, no service pack; one user at a time, a workstation (winnt.h).
constexpr std::string_view kVersionHead =
    "\x0a\0\0\0\0\0\0\0\x65\x4a\0\0\2\0\0\0"sv;
constexpr std::string_view kVersionEnd = "\0\0\0\0\0\1\1\0"sv;
constexpr size_t kServicePackLength = 128;
template <size_t kCharacter>
constexpr auto MakeVersionInfo() {
  constexpr size_t kEndAt =
      kVersionHead.size() + kServicePackLength * kCharacter;
  std::array<char, kEndAt + kVersionEnd.size()> info{};
  std::ranges::copy(kVersionHead, info.begin());
  std::ranges::copy(kVersionEnd, info.begin() + kEndAt);
  return info;
}
constexpr auto kVersionBytes = MakeVersionInfo<1>();
constexpr auto kWideVersionBytes = MakeVersionInfo<2>();
constexpr Answer SystemVersion(uint32_t result, uint8_t width) {
  Answer answer{AnswerKind::kSystemVersion, result};
  answer.width = width;
  answer.text =
      width == 1 ? std::string_view(kVersionBytes.data(), kVersionBytes.size())
                 : std::string_view(kWideVersionBytes.data(),
                                    kWideVersionBytes.size());
  return answer;
}

/// VS_VERSIONINFO: a head that says how long it and its value are, its name,
/// and VS_FIXEDFILEINFO: signature, version of the structure, of the file and
/// of the product, twice 10.0.19045.1, no flags, for Windows NT, a DLL.
constexpr std::string_view kVersionResource =
    "\x5c\0\x34\0\0\0V\0S\0_\0V\0E\0R\0S\0I\0O\0N\0_\0I\0N\0F\0O\0\0\0\0\0"
    "\xbd\x04\xef\xfe\0\0\1\0\0\0\x0a\0\1\0\x65\x4a\0\0\x0a\0\1\0\x65\x4a"
    "\x3f\0\0\0\0\0\0\0\4\0\4\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;
static_assert(kVersionResource.size() == 0x5c);
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

/// 0 where `argument` is NULL: of mbtowc and its like, that no character's
/// meaning depends on those before it.
constexpr Answer OfNothing(uint8_t argument) {
  Answer answer{AnswerKind::kOfNothing};
  answer.text_at = argument;
  return answer;
}

/// A path of which characters of `width` bytes are written to argument `at`.
constexpr Answer Folder(uint32_t width, std::string_view path, uint8_t at = 0) {
  Answer answer{AnswerKind::kFolder, width};
  answer.text = path;
  answer.text_at = at;
  return answer;
}

/// Of one processor, a core of its own (SYSTEM_LOGICAL_PROCESSOR_INFORMATION,
/// winnt.h).
constexpr std::string_view kProcessors =
    "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;
constexpr Answer Processors() {
  Answer answer{AnswerKind::kFillsSized, 1};
  answer.text = kProcessors;
  return answer;
}

/// The names of the languages, each with a NUL, and one more behind.
constexpr std::string_view kLanguages = "en-US\0\0"sv;
constexpr Answer Languages() {
  Answer answer{AnswerKind::kFillsSized, 3, {{{1, "\1\0\0\0"sv}}}};
  answer.text = kLanguages;
  answer.text_at = 2;
  answer.width = 2;
  answer.may_ask = true;
  return answer;
}

/// An empty SLIST_HEADER (winnt.h).
constexpr std::string_view kEmptyList = "\0\0\0\0\0\0\0\0"sv;
/// The type of a VARIANT, VT_EMPTY (wtypes.h).
constexpr std::string_view kEmptyVariant = "\0\0"sv;
constexpr std::string_view kNoNumber = "\0\0\0\0"sv;
/// st_mode _S_IFCHR and st_nlink 1, for a device (sys/stat.h).
constexpr std::string_view kDevice = "\0\x20\1\0"sv;
constexpr std::string_view kOne = "\1\0\0\0"sv;
/// HCRYPTPROV, a handle of one word (wincrypt.h).
constexpr std::string_view kProvider = "\x40\x30\x20\0"sv;

constexpr uint32_t kNoHandle = 0xffffffff;  // INVALID_HANDLE_VALUE (winbase.h)
/// Windows 10, build 19045 (GetVersion: build in the high word, then minor and
/// major version).
constexpr uint32_t kBuild = 19045;
constexpr uint32_t kVersion = (kBuild << 16) | 10;
constexpr uint32_t kWindowsNt = 2;  // VER_PLATFORM_WIN32_NT (winnt.h)
constexpr uint32_t kProcessId = 0x640;

struct AnswerRow {
  std::string_view name;
  Answer answer;
};

constexpr AnswerRow kAnswers[] = {
#include "disasm/process/answer_table.inc"
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
  const std::string_view name = NameOf(import);
  const AnswerRow* row = std::lower_bound(
      std::begin(kAnswers), std::end(kAnswers), name,
      [](const AnswerRow& a, std::string_view b) { return a.name < b; });
  if (row == std::end(kAnswers) || row->name != name) {
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
  const std::string folder = LowerCase(std::string(kSystemFolder)) + '\\';
  if (lower.starts_with(folder)) lower.erase(0, folder.size());
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

std::string_view ProcessMemory() { return kMemory; }

size_t EnvironmentAt() { return kEnvironment; }

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

std::string_view VersionResource() { return kVersionResource; }

std::string_view ProgramPath() { return "C:\\a.exe"; }

bool IsSystemFolder(std::string_view path) {
  return path == kWindows || path == kSystemFolder || path == kTemporary;
}

std::string ImagePath(const std::string& name) {
  return "C:\\" + (name.empty() ? "b.dll" : name);
}

}  // namespace detachfix
