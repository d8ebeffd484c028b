// SPDX-License-Identifier: Apache-2.0
// What an ordinary process answers about the version of the system, and about
// the version resources of its own DLLs, by which code finds that out as well:
// GetVersionEx tells a program without a manifest less (MSDN, "Targeting your
// application for Windows").

#include "disasm/process/answers.h"

namespace detachfix {
namespace {

/// Of VS_FIXEDFILEINFO behind the resource's head, which says how many bytes it
/// has, and its first word (verrsrc.h).
constexpr int64_t kLengthAt = 2;
constexpr int64_t kValueAt = 0x28;
constexpr uint64_t kValueLength = 52;
constexpr uint64_t kValueSignature = 0xfeef04bd;

}  // namespace

/// GetVersionEx(info), RtlGetVersion(info), whose first word says how large it
/// is: with the last members (OSVERSIONINFOEX) or without.
std::optional<Value> TellSystemVersion(const ProcessCall& call,
                                       const Answer& answer) {
  constexpr uint64_t kSizeOfSize = 4;
  constexpr uint64_t kSizeOfEnd = 8;
  constexpr uint64_t kNumbers = 16;  // bytes, before the service pack's name
  constexpr uint64_t kReserved = 1;  // byte, the last one
  const std::optional<MemoryAddress> to = call.Pointed(0);
  const Value size = WordAt(call.state, call.Argument(0));
  const uint64_t most = kSizeOfSize + answer.text.size();
  if (!to || (!size.IsConstant(most) && !size.IsConstant(most - kSizeOfEnd))) {
    return std::nullopt;
  }
  call.ForgetIfInImage(call.Argument(0));
  // Behind the end of the name stands what stood there before, or not.
  const auto at = [to](uint64_t offset) {
    return MemoryAddress{to->region, to->offset + static_cast<int64_t>(offset)};
  };
  call.state.memory.Forget(at(kSizeOfSize),
                           static_cast<uint32_t>(size.bits - kSizeOfSize));
  call.WriteBytes(at(kSizeOfSize),
                  answer.text.substr(0, kNumbers + answer.width));
  if (size.IsConstant(most)) {
    call.WriteBytes(at(most - kSizeOfEnd),
                    answer.text.substr(answer.text.size() - kSizeOfEnd,
                                       kSizeOfEnd - kReserved));
  }
  return ConstantValue(answer.number);
}

/// GetFileVersionInfoSize(name, handle) of a DLL of the system.
std::optional<Value> TellVersionSize(const ProcessCall& call,
                                     const Answer& answer) {
  const uint32_t width = answer.number;
  const std::optional<std::string> name = call.TextAt(call.Argument(0), width);
  // An API set is no file.
  if (!name || ModuleInProcess(*name) == 0 ||
      name->find("-ms-") != std::string::npos) {
    return std::nullopt;
  }
  return ConstantValue(VersionResource().size());
}

/// GetFileVersionInfo(name, ignored, room, buffer) of the same.
std::optional<Value> WriteVersion(const ProcessCall& call,
                                  const Answer& answer) {
  const Value room = call.Argument(2);
  const std::optional<MemoryAddress> to = call.Pointed(3);
  if (!to || !room.IsConstant() || room.bits < VersionResource().size() ||
      !TellVersionSize(call, answer)) {
    return std::nullopt;
  }
  call.ForgetIfInImage(call.Argument(3));
  call.WriteBytes(*to, VersionResource());
  return ConstantValue(1);
}

/// VerQueryValue(resource, path, value, length) of a resource's root.
std::optional<Value> FindVersion(const ProcessCall& call,
                                 const Answer& answer) {
  const uint32_t width = answer.number;
  const Value resource = call.Argument(0);
  const std::optional<MemoryAddress> at = AddressOf(resource);
  const std::optional<std::string> path = call.TextAt(call.Argument(1), width);
  const std::optional<MemoryAddress> value = call.Pointed(2);
  const std::optional<MemoryAddress> length = call.Pointed(3);
  if (!at || path != "\\" || !value || !length) return std::nullopt;
  const auto holds = [&](int64_t offset, uint32_t size, uint64_t bits) {
    return call.Load({at->region, at->offset + offset}, size).IsConstant(bits);
  };
  if (!holds(kLengthAt, 2, kValueLength) ||
      !holds(kValueAt, 4, kValueSignature)) {
    return std::nullopt;
  }
  call.ForgetIfInImage(call.Argument(2));
  call.ForgetIfInImage(call.Argument(3));
  call.StoreAt(*value, 4,
               Evaluate(BinaryOp::kAdd, 32, resource, ConstantValue(kValueAt)));
  call.StoreAt(*length, 4, ConstantValue(kValueLength));
  return ConstantValue(1);
}

}  // namespace detachfix
