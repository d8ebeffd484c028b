// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about files and environment variables: those
// that code asks for by name are not there, as long as it has made none.
// Devices, programs and DLLs may be, and what every system has.

#include <algorithm>
#include <array>

#include "disasm/process/answers.h"
#include "disasm/process/give_answer.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

constexpr uint64_t kOpenExisting = 3;  // OPEN_EXISTING (fileapi.h)

/// Whether the mode at argument 1 is one of reading alone.
bool OpensToRead(const ProcessCall& call, bool is_wide) {
  const std::optional<std::string> mode =
      call.TextAt(call.Argument(1), is_wide ? 2 : 1);
  return mode && mode->starts_with('r') && mode->find('+') == std::string::npos;
}

}  // namespace

bool MayMakeFile(const ProcessCall& call) {
  constexpr std::array<std::string_view, 15> kMakers = {
      "CopyFile",     "CreateHardLink", "GetTempFileName", "MoveFile",
      "NtCreateFile", "ReplaceFile",    "WritePrivate",    "WriteProfile",
      "_creat",       "_open",          "_sopen",          "_wopen",
      "fopen_s",      "freopen",        "rename"};
  const std::string& name = call.import.name;
  if (name == "CreateFileA" || name == "CreateFileW") {
    return !call.Argument(4).IsConstant(kOpenExisting);
  }
  if (name.ends_with("fopen")) return !OpensToRead(call, name == "_wfopen");
  return std::ranges::any_of(kMakers, [&name](std::string_view maker) {
    return name.find(maker) != std::string::npos;
  });
}

/// That the file named by argument 0 is not there: answer.number.
std::optional<Value> MissFile(const ProcessCall& call, const Answer& answer) {
  const bool is_wide = answer.kind == AnswerKind::kNoWideFile;
  const std::optional<std::string> path =
      call.TextAt(call.Argument(0), is_wide ? 2 : 1);
  if (call.process.makes_files() || MayMakeFile(call) || !path ||
      !IsOrdinaryFile(*path)) {
    return std::nullopt;
  }
  call.state.last_error = kFileNotFound;
  return ConstantValue(answer.number);
}

/// That the environment variable named by argument 0 is not there:
/// answer.number.
std::optional<Value> MissVariable(const ProcessCall& call,
                                  const Answer& answer) {
  constexpr uint32_t kNoSuchVariable = 203;  // ERROR_ENVVAR_NOT_FOUND
  const std::optional<std::string> name =
      call.TextAt(call.Argument(0), CharacterSize(call.import));
  if (call.process.HasCalled("SetEnvironmentVariable") ||
      call.process.HasCalled("putenv") || (name && IsOfEveryProcess(*name))) {
    return std::nullopt;
  }
  call.state.last_error = kNoSuchVariable;
  return ConstantValue(answer.number);
}

}  // namespace detachfix
