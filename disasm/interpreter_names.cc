// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about files, environment variables and
// registry keys: those that code asks for by name are not there, as long as it
// has made none. Devices, programs and DLLs may be, and what every system has.

#include <algorithm>
#include <array>

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

constexpr uint64_t kOpenExisting = 3;  // OPEN_EXISTING (fileapi.h)

/// Whether the name is that of a file which the system does not bring: it has a
/// point in it, and is no device ("CONOUT$", "\\.\a"), program, DLL, folder
/// ("..") or pattern.
bool IsOrdinaryFile(const std::string& path) {
  constexpr std::array<std::string_view, 6> kOfSystem = {
      ".cpl", ".dll", ".drv", ".exe", ".nls", ".sys"};
  constexpr std::array<std::string_view, 2> kNames = {"system.ini", "win.ini"};
  const std::string lower = LowerCase(path);
  const size_t name = lower.find_last_of("\\/:");
  const size_t point = lower.find_last_of('.');
  if (point == std::string::npos || lower.starts_with("\\\\") ||
      (name != std::string::npos && point < name) ||
      point + 1 == lower.size() ||
      lower.find_first_of("*?") != std::string::npos ||
      std::ranges::find(kNames, lower.substr(name + 1)) != kNames.end()) {
    return false;
  }
  return std::ranges::find(kOfSystem, lower.substr(point)) == kOfSystem.end();
}

/// Whether every process has an environment variable of that name (MSDN,
/// "Recognized Environment Variables").
bool IsOfEveryProcess(const std::string& variable) {
  constexpr auto kNames =
      std::to_array<std::string_view>({"allusersprofile",
                                       "appdata",
                                       "commonprogramfiles",
                                       "computername",
                                       "comspec",
                                       "homedrive",
                                       "homepath",
                                       "localappdata",
                                       "logonserver",
                                       "number_of_processors",
                                       "os",
                                       "path",
                                       "pathext",
                                       "processor_architecture",
                                       "processor_identifier",
                                       "processor_level",
                                       "processor_revision",
                                       "programdata",
                                       "programfiles",
                                       "public",
                                       "systemdrive",
                                       "systemroot",
                                       "temp",
                                       "tmp",
                                       "userdomain",
                                       "username",
                                       "userprofile",
                                       "windir"});
  return std::ranges::find(kNames, LowerCase(variable)) != kNames.end();
}

/// Whether every system has a registry key of that name, under some root: the
/// root itself, or one that leads to what a program or driver adds.
bool IsOfEverySystem(std::string key) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"",
       "clsid",
       "control panel",
       "control panel\\desktop",
       "control panel\\international",
       "environment",
       "hardware",
       "hardware\\description\\system",
       "software",
       "software\\classes",
       "software\\microsoft",
       "software\\microsoft\\windows",
       "software\\microsoft\\windows nt",
       "software\\microsoft\\windows nt\\currentversion",
       "software\\microsoft\\windows\\currentversion",
       "software\\microsoft\\windows\\currentversion\\run",
       "system",
       "system\\currentcontrolset",
       "system\\currentcontrolset\\control",
       "system\\currentcontrolset\\services"});
  while (key.ends_with('\\')) key.pop_back();
  return std::ranges::find(kNames, LowerCase(key)) != kNames.end();
}

/// Whether a function takes wide characters, as its name says.
bool IsWide(const ImportName& import) {
  return import.name.ends_with('W') || import.name.starts_with("_w");
}

}  // namespace

/// Whether the call can make a file: it does not say that it only opens one.
bool Interpreter::MayMakeFile(const State& state,
                              const ImportName& import) const {
  constexpr std::array<std::string_view, 15> kMakers = {
      "CopyFile",     "CreateHardLink", "GetTempFileName", "MoveFile",
      "NtCreateFile", "ReplaceFile",    "WritePrivate",    "WriteProfile",
      "_creat",       "_open",          "_sopen",          "_wopen",
      "fopen_s",      "freopen",        "rename"};
  const std::string& name = import.name;
  if (name == "CreateFileA" || name == "CreateFileW") {
    return !Argument(state, 4).IsConstant(kOpenExisting);
  }
  if (name.ends_with("fopen")) return !OpensToRead(state, name == "_wfopen");
  return std::ranges::any_of(kMakers, [&name](std::string_view maker) {
    return name.find(maker) != std::string::npos;
  });
}

/// Whether the mode at argument 1 is one of reading alone.
bool Interpreter::OpensToRead(const State& state, bool is_wide) const {
  const std::optional<std::string> mode =
      TextAt(state, Argument(state, 1), is_wide ? 2 : 1);
  return mode && mode->starts_with('r') && mode->find('+') == std::string::npos;
}

/// That the file named by argument 0 is not there: answer.number.
std::optional<Value> Interpreter::MissFile(State& state, const Answer& answer,
                                           const ImportName& import) {
  const bool is_wide = answer.kind == AnswerKind::kNoWideFile;
  const std::optional<std::string> path =
      TextAt(state, Argument(state, 0), is_wide ? 2 : 1);
  if (makes_files_ || MayMakeFile(state, import) || !path ||
      !IsOrdinaryFile(*path)) {
    return std::nullopt;
  }
  state.last_error = kFileNotFound;
  return ConstantValue(answer.number);
}

/// That the environment variable named by argument 0 is not there:
/// answer.number.
std::optional<Value> Interpreter::MissVariable(State& state,
                                               const Answer& answer,
                                               const ImportName& import) {
  constexpr uint32_t kNoSuchVariable = 203;  // ERROR_ENVVAR_NOT_FOUND
  const std::optional<std::string> name =
      TextAt(state, Argument(state, 0), IsWide(import) ? 2 : 1);
  if (HasCalled("SetEnvironmentVariable") || HasCalled("putenv") ||
      (name && IsOfEveryProcess(*name))) {
    return std::nullopt;
  }
  state.last_error = kNoSuchVariable;
  return ConstantValue(answer.number);
}

/// The same of the registry key that argument 1 names, below one that is
/// there.
std::optional<Value> Interpreter::MissKey(const State& state,
                                          const Answer& answer,
                                          const ImportName& import) const {
  const Value pointer = Argument(state, 1);
  const std::optional<std::string> name =
      TextAt(state, pointer, IsWide(import) ? 2 : 1);
  if (HasCalled("RegCreateKey") || pointer.IsConstant(0) ||
      (name && IsOfEverySystem(*name))) {
    return std::nullopt;
  }
  return ConstantValue(answer.number);
}

}  // namespace detachfix
