// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about files and environment variables: those
// that code asks for by name are not there, as long as it has made none.
// Devices, programs and DLLs may be, and what every system has.

#include <algorithm>
#include <array>

#include "disasm/interpreter.h"
#include "disasm/process.h"

namespace detachfix {
namespace {

constexpr uint64_t kOpenExisting = 3;  // OPEN_EXISTING (fileapi.h)

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
      TextAt(state, Argument(state, 0), CharacterSize(import));
  if (HasCalled("SetEnvironmentVariable") || HasCalled("putenv") ||
      (name && IsOfEveryProcess(*name))) {
    return std::nullopt;
  }
  state.last_error = kNoSuchVariable;
  return ConstantValue(answer.number);
}

}  // namespace detachfix
