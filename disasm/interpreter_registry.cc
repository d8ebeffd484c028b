// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about registry keys: one that code asks for
// by name is not there, as long as it has made none. What every system has may
// be, and one key is: that which says which system it is.

#include "disasm/interpreter.h"
#include "disasm/process.h"

namespace detachfix {
namespace {

constexpr uint64_t kLocalMachine = 0x80000002;  // HKEY_LOCAL_MACHINE (winreg.h)
constexpr uint64_t kVersionKeyHandle = 0x1f4;

}  // namespace

/// RegOpenKeyEx(root, name, options, access, key), RegOpenKey(root, name, key).
std::optional<Value> Interpreter::OpenKey(State& state, const Answer& answer,
                                          const ImportName& import) {
  const Value pointer = Argument(state, 1);
  const std::optional<std::string> name =
      TextAt(state, pointer, CharacterSize(import));
  if (HasCalled("RegCreateKey") || pointer.IsConstant(0)) return std::nullopt;
  const Value key =
      Argument(state, import.name.find("Ex") != std::string::npos ? 4 : 2);
  const std::optional<MemoryAddress> to = AddressOf(key);
  if (!name || !IsOfEverySystem(*name)) {
    // Some systems clear the handle, others leave it.
    if (!WordAt(state, key).IsConstant(0)) ForgetBytes(state, key, 4);
    return ConstantValue(answer.number);
  }
  if (!IsVersionKey(*name) || !Argument(state, 0).IsConstant(kLocalMachine) ||
      !to) {
    return std::nullopt;
  }
  ForgetIfInImage(state, key);
  StoreAt(state, *to, 4, ConstantValue(kVersionKeyHandle));
  return ConstantValue(0);
}

/// RegQueryValueEx(key, name, reserved, type, data, size) of that key: each of
/// the last three may be NULL.
std::optional<Value> Interpreter::QueryKey(State& state,
                                           const ImportName& import) {
  const uint32_t width = CharacterSize(import);
  const std::optional<std::string> name =
      TextAt(state, Argument(state, 1), width);
  const std::optional<KeyValue> value =
      name ? VersionKeyValue(*name) : std::nullopt;
  if (!value || !Argument(state, 0).IsConstant(kVersionKeyHandle) ||
      HasCalled("RegSet") || HasCalled("RegDelete")) {
    return std::nullopt;
  }
  const Value type = Argument(state, 3);
  const Value data = Argument(state, 4);
  const Value size = Argument(state, 5);
  const uint64_t bytes =
      value->is_text ? (value->bytes.size() + 1) * width : value->bytes.size();
  const auto is_missing = [](const Value& pointer) {
    return !pointer.IsConstant(0) && !AddressOf(pointer);
  };
  if (is_missing(type) || is_missing(data) || is_missing(size)) {
    return std::nullopt;
  }
  if (!data.IsConstant(0)) {
    const Value room = WordAt(state, size);
    if (!room.IsConstant() || room.bits < bytes) return std::nullopt;
    ForgetIfInImage(state, data);
    const std::string text = std::string(value->bytes) + '\0';
    if (value->is_text) WriteText(state, *AddressOf(data), text, width);
    if (!value->is_text) WriteBytes(state, *AddressOf(data), value->bytes);
  }
  constexpr uint64_t kText = 1, kNumber = 4;  // REG_SZ, REG_DWORD (winnt.h)
  const auto write = [&](const Value& pointer, uint64_t number) {
    if (pointer.IsConstant(0)) return;
    ForgetIfInImage(state, pointer);
    StoreAt(state, *AddressOf(pointer), 4, ConstantValue(number));
  };
  write(type, value->is_text ? kText : kNumber);
  write(size, bytes);
  return ConstantValue(0);
}

}  // namespace detachfix
