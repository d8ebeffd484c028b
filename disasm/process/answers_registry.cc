// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about registry keys: one that code asks for
// by name is not there, as long as it has made none. What every system has may
// be, and one key is: that which says which system it is.

#include "disasm/process/answers.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

constexpr uint64_t kLocalMachine = 0x80000002;  // HKEY_LOCAL_MACHINE (winreg.h)
constexpr uint64_t kVersionKeyHandle = 0x1f4;

}  // namespace

/// RegOpenKeyEx(root, name, options, access, key), RegOpenKey(root, name, key).
std::optional<Value> OpenKey(const ProcessCall& call, const Answer& answer) {
  const Value pointer = call.Argument(1);
  const std::optional<std::string> name =
      call.TextAt(pointer, CharacterSize(call.import));
  if (call.process.HasCalled("RegCreateKey") || pointer.IsConstant(0))
    return std::nullopt;
  const Value key =
      call.Argument(call.import.name.find("Ex") != std::string::npos ? 4 : 2);
  const std::optional<MemoryAddress> to = AddressOf(key);
  if (!name || !IsOfEverySystem(*name)) {
    // Some systems clear the handle, others leave it.
    if (!WordAt(call.state, key).IsConstant(0)) call.ForgetBytes(key, 4);
    return ConstantValue(answer.number);
  }
  if (!IsVersionKey(*name) || !call.Argument(0).IsConstant(kLocalMachine) ||
      !to) {
    return std::nullopt;
  }
  call.ForgetIfInImage(key);
  call.StoreAt(*to, 4, ConstantValue(kVersionKeyHandle));
  return ConstantValue(0);
}

/// RegQueryValueEx(key, name, reserved, type, data, size) of that key: each of
/// the last three may be NULL.
std::optional<Value> QueryKey(const ProcessCall& call, const Answer&) {
  const uint32_t width = CharacterSize(call.import);
  const std::optional<std::string> name = call.TextAt(call.Argument(1), width);
  const std::optional<KeyValue> value =
      name ? VersionKeyValue(*name) : std::nullopt;
  if (!value || !call.Argument(0).IsConstant(kVersionKeyHandle) ||
      call.process.HasCalled("RegSet") || call.process.HasCalled("RegDelete")) {
    return std::nullopt;
  }
  const Value type = call.Argument(3);
  const Value data = call.Argument(4);
  const Value size = call.Argument(5);
  const uint64_t bytes =
      value->is_text ? (value->bytes.size() + 1) * width : value->bytes.size();
  const auto is_missing = [](const Value& pointer) {
    return !pointer.IsConstant(0) && !AddressOf(pointer);
  };
  if (is_missing(type) || is_missing(data) || is_missing(size)) {
    return std::nullopt;
  }
  if (!data.IsConstant(0)) {
    const Value room = WordAt(call.state, size);
    if (!room.IsConstant() || room.bits < bytes) return std::nullopt;
    call.ForgetIfInImage(data);
    const std::string text = std::string(value->bytes) + '\0';
    if (value->is_text) call.WriteText(*AddressOf(data), text, width);
    if (!value->is_text) call.WriteBytes(*AddressOf(data), value->bytes);
  }
  constexpr uint64_t kText = 1, kNumber = 4;  // REG_SZ, REG_DWORD (winnt.h)
  const auto write = [&](const Value& pointer, uint64_t number) {
    if (pointer.IsConstant(0)) return;
    call.ForgetIfInImage(pointer);
    call.StoreAt(*AddressOf(pointer), 4, ConstantValue(number));
  };
  write(type, value->is_text ? kText : kNumber);
  write(size, bytes);
  return ConstantValue(0);
}

}  // namespace detachfix
