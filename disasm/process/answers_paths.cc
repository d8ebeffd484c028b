// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about paths: of its own files, of the
// system's folders, and of one in another form.

#include <string>

#include "disasm/process/answers.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

/// Whether the path is one of those that the process itself gives, which are
/// there and are written so.
bool IsThere(const ProcessCall& call, const std::string& path) {
  return path == ProgramPath() || path == ImagePath(call.view().name) ||
         IsSystemFolder(path);
}

}  // namespace

/// GetModuleFileName of the program or of the image, which is beside it.
std::optional<Value> WriteFileName(const ProcessCall& call,
                                   const Answer& answer) {
  const uint32_t width = answer.number;
  const Value module = call.Argument(0);
  const bool is_program =
      module.IsConstant(0) || module.IsConstant(call.process.program());
  if (!is_program && !module.IsConstant(call.view().image_base))
    return std::nullopt;
  const std::optional<MemoryAddress> to = call.Pointed(1);
  const Value room = call.Argument(2);
  const std::string path =
      is_program ? std::string(ProgramPath()) : ImagePath(call.view().name);
  if (!to || !room.IsConstant() || room.bits <= path.size()) {
    return std::nullopt;
  }
  call.ForgetIfInImage(call.Argument(1));
  call.WriteText(*to, path + '\0', width);
  return ConstantValue(path.size());
}

/// GetFullPathName(path, room, buffer, name): the last points to where the
/// address of the file's own name in the buffer goes, which is NULL where the
/// path is a folder's, or is NULL.
std::optional<Value> TellFullPath(const ProcessCall& call,
                                  const Answer& answer) {
  const uint32_t width = answer.number;
  const std::optional<std::string> path = call.TextAt(call.Argument(0), width);
  if (!path || !IsFullPath(*path)) return std::nullopt;
  const Value name = call.Argument(3);
  const std::optional<MemoryAddress> to = AddressOf(name);
  if (!name.IsConstant(0) && !to) return std::nullopt;
  const Value buffer = call.Argument(2);
  const std::optional<Value> length = call.FillBuffer(*path, width, 2, 1);
  const bool fits = length && length->bits == path->size();
  if (name.IsConstant(0)) return length;
  if (!fits) return std::nullopt;
  call.ForgetIfInImage(name);
  const size_t begin = path->find_last_of('\\') + 1;
  call.StoreAt(*to, 4,
               begin == path->size() ? ConstantValue(0)
                                     : Evaluate(BinaryOp::kAdd, 32, buffer,
                                                ConstantValue(begin * width)));
  return length;
}

/// GetSystemDirectory and its like: answer.text.
std::optional<Value> TellFolder(const ProcessCall& call, const Answer& answer) {
  return call.FillBuffer(answer.text, answer.number, answer.text_at,
                         1 - answer.text_at);
}

/// GetLongPathName, GetShortPathName of a path that is there; of another one
/// they fail (MSDN).
std::optional<Value> TellLongPath(const ProcessCall& call,
                                  const Answer& answer) {
  const std::optional<std::string> path =
      call.TextAt(call.Argument(0), answer.number);
  if (!path || !IsThere(call, *path)) return std::nullopt;
  return call.FillBuffer(*path, answer.number, 1, 2);
}

}  // namespace detachfix
