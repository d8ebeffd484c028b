// SPDX-License-Identifier: Apache-2.0
// What one ordinary process answers about itself: its memory, handles, errors,
// the time, the processor.

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include "disasm/process/answers.h"
#include "disasm/process/give_answer.h"
#include "disasm/process/process.h"

namespace detachfix {

std::optional<Value> Number(const ProcessCall&, const Answer& answer) {
  return ConstantValue(answer.number);
}

std::optional<Value> NthArgument(const ProcessCall& call,
                                 const Answer& answer) {
  return call.Argument(answer.number);
}

/// Without an object such a function fails, if it comes back (MSDN).
std::optional<Value> OfHandle(const ProcessCall& call, const Answer& answer) {
  if (call.Argument(0).IsConstant(0)) return std::nullopt;
  return ConstantValue(answer.number);
}

std::optional<Value> OfNothing(const ProcessCall& call, const Answer& answer) {
  if (!call.Argument(answer.text_at).IsConstant(0)) return std::nullopt;
  return ConstantValue(answer.number);
}

std::optional<Value> OwnMemory(const ProcessCall& call, const Answer& answer) {
  return ConstantValue(call.process.memory_at() + answer.number);
}

std::optional<Value> Environment(const ProcessCall& call, const Answer&) {
  const uint64_t at = call.process.environment_at();
  return at != 0 ? std::optional(ConstantValue(at)) : std::nullopt;
}

std::optional<Value> CharacterTable(const ProcessCall& call, const Answer&) {
  return ConstantValue(call.process.types_at());
}

std::optional<Value> LastError(const ProcessCall& call, const Answer&) {
  if (!call.state.last_error) return std::nullopt;
  return ConstantValue(*call.state.last_error);
}

std::optional<Value> NewObject(const ProcessCall& call, const Answer& answer) {
  const Value object = call.NewBlock(ConstantValue(answer.number));
  call.ForgetBytes(object, answer.number);
  return object;
}

std::optional<Value> BlockSize(const ProcessCall& call, const Answer& answer) {
  return OrdinaryProcess::BlockSize(call.state, call.Argument(answer.number));
}

std::optional<Value> NewHandle(const ProcessCall& call, const Answer& answer) {
  return ConstantValue(answer.number +
                       4 * (1 + call.state.ticks++ % uint64_t{kHandles}));
}

std::optional<Value> WaitForHandle(const ProcessCall& call,
                                   const Answer& answer) {
  constexpr uint32_t kInfinite = 0xffffffff;  // INFINITE (winbase.h)
  const Value handle = call.Argument(0);
  const bool waits = handle.IsConstant() &&
                     IsHandleFrom(answer.number, handle.bits) &&
                     call.Argument(1).IsConstant(kInfinite);
  return waits ? std::optional(ConstantValue(0)) : std::nullopt;
}

/// IsBadReadPtr(pointer, size): no object lies in the first 64 KiB. No bytes
/// are never bad (MSDN).
std::optional<Value> IsBadPointer(const ProcessCall& call,
                                  const Answer& answer) {
  const bool writes = answer.number == 1;
  const Value pointer = call.Argument(0);
  const Value size = call.Argument(1);
  if (size.IsConstant(0)) return ConstantValue(0);
  if (pointer.IsConstant()) {
    const uint64_t rva = pointer.bits - call.view().image_base;
    const bool is_own = rva < call.view().image_size;
    const bool is_good =
        writes && is_own ? call.runner.IsData(pointer) : pointer.MayBeInImage();
    if (!is_good && !size.IsNonzero()) return std::nullopt;
    return ConstantValue(is_good ? 0 : 1);
  }
  if (!AddressOf(pointer) || !pointer.IsNonzero()) return std::nullopt;
  return ConstantValue(0);
}

/// GetStdHandle(which): the console's, which is that of a program by itself.
std::optional<Value> StandardHandle(const ProcessCall& call,
                                    const Answer& answer) {
  // STD_ERROR_HANDLE to STD_INPUT_HANDLE, INVALID_HANDLE_VALUE (winbase.h)
  constexpr uint64_t kFirst = 0xfffffff4, kLast = 0xfffffff6,
                     kInvalid = 0xffffffff;
  const Value which = call.Argument(0);
  if (!which.IsConstant()) return std::nullopt;
  const uint64_t number = which.bits & LowBits(32);
  const bool is_one = number >= kFirst && number <= kLast;
  return ConstantValue(is_one ? answer.number : kInvalid);
}

/// GetFileType of that handle, or of one that is none.
std::optional<Value> TellFileType(const ProcessCall& call,
                                  const Answer& answer) {
  // FILE_TYPE_UNKNOWN, FILE_TYPE_CHAR, INVALID_HANDLE_VALUE (winbase.h)
  constexpr uint64_t kUnknown = 0, kDevice = 2, kInvalid = 0xffffffff;
  const Value handle = call.Argument(0);
  if (handle.IsConstant(answer.number)) return ConstantValue(kDevice);
  const uint64_t number = handle.bits & LowBits(32);
  const bool is_none =
      handle.IsConstant() && (number == 0 || number == kInvalid);
  return is_none ? std::optional(ConstantValue(kUnknown)) : std::nullopt;
}

/// CloseHandle and its like: 1; 0 of NULL. Nothing is known of a small number
/// that the process has not given.
std::optional<Value> CloseHandle(const ProcessCall& call,
                                 const Answer& answer) {
  const Value handle = call.Argument(0);
  constexpr uint64_t kFirstModule = 0x10000;
  if (handle.IsConstant(0)) return ConstantValue(0);
  const bool is_strange = handle.IsConstant() && handle.bits < kFirstModule &&
                          !IsHandleFrom(answer.number, handle.bits);
  if (is_strange) return std::nullopt;
  return ConstantValue(1);
}

/// OEM and ANSI code pages of Western systems, ASCII and UTF-8.
std::optional<Value> HasCodePage(const ProcessCall& call, const Answer&) {
  const Value page = call.Argument(0);
  for (const uint64_t known : {437u, 850u, 1252u, 20127u, 65001u}) {
    if (page.IsConstant(known)) return ConstantValue(1);
  }
  return std::nullopt;
}

/// CryptAcquireContext(provider, container, name, type, flags) for who only
/// wants random numbers or digests.
std::optional<Value> PlainProvider(const ProcessCall& call,
                                   const Answer& answer) {
  constexpr uint64_t kRsa = 1,
                     kRsaAes = 24;          // PROV_RSA_FULL, _AES (wincrypt.h)
  constexpr uint64_t kVerify = 0xf0000000;  // CRYPT_VERIFYCONTEXT
  const Value flags = call.Argument(4);
  const bool is_plain = call.Argument(0).IsNonzero() &&
                        call.Argument(1).IsConstant(0) &&
                        call.Argument(2).IsConstant(0) &&
                        (call.Argument(3).IsConstant(kRsa) ||
                         call.Argument(3).IsConstant(kRsaAes)) &&
                        flags.IsConstant() && (flags.bits & kVerify) == kVerify;
  return is_plain ? std::optional(ConstantValue(answer.number)) : std::nullopt;
}

/// Some time passes from each question to the next.
std::optional<Value> TellTime(const ProcessCall& call, const Answer& answer) {
  constexpr uint32_t kIsWritten = 0x10;
  constexpr uint64_t kTick = 16;  // milliseconds
  const uint64_t now = 0x01234567 + kTick * ++call.state.ticks;
  if ((answer.number & kIsWritten) == 0) return ConstantValue(now);
  const std::optional<MemoryAddress> to = call.Pointed(0);
  if (!to) return std::nullopt;
  call.ForgetIfInImage(call.Argument(0));
  // Counted in 100 ns (FILETIME).
  constexpr uint64_t kStart = 0x01dcd04000000000;
  const uint64_t fine = kStart + now * 10'000;
  call.StoreAt(*to, 4, ConstantValue(fine & LowBits(32)));
  call.StoreAt({to->region, to->offset + 4}, 4, ConstantValue(fine >> 32));
  return ConstantValue(answer.number & ~kIsWritten);
}

/// What Windows 10 needs (MSDN, "PAE/NX/SSE2 Support Requirement Guide for
/// Windows 8") or offers, and no extension beyond that, of which cpuid tells
/// nothing either.
std::optional<Value> TellFeature(const ProcessCall& call, const Answer&) {
  // PF_COMPARE_EXCHANGE_DOUBLE, _MMX, _XMMI, _RDTSC, _PAE_ENABLED, _XMMI64,
  // _NX_ENABLED, _FASTFAIL_AVAILABLE (winnt.h)
  constexpr std::array<uint64_t, 8> kOfSystem = {2, 3, 6, 8, 9, 10, 12, 23};
  const Value feature = call.Argument(0);
  if (!feature.IsConstant()) return std::nullopt;
  const bool is_there =
      std::ranges::find(kOfSystem, feature.bits) != kOfSystem.end();
  return ConstantValue(is_there ? 1 : 0);
}

/// InitOnceBeginInitialize(once, flags, pending, context) for who gives neither
/// flags nor a context: the first has to initialise.
std::optional<Value> BeginOnce(const ProcessCall& call, const Answer&) {
  const std::optional<MemoryAddress> once = call.Pointed(0);
  const std::optional<MemoryAddress> pending = call.Pointed(2);
  if (!once || !pending || !call.Argument(1).IsConstant(0) ||
      !call.Argument(3).IsConstant(0)) {
    return std::nullopt;
  }
  const Value done = call.Load(*once, 4);
  if (!done.IsConstant()) return std::nullopt;
  call.ForgetIfInImage(call.Argument(2));
  call.StoreAt(*pending, 4, ConstantValue(done.bits == 0 ? 1 : 0));
  return ConstantValue(1);
}

/// InitOnceComplete(once, flags, context).
std::optional<Value> CompleteOnce(const ProcessCall& call, const Answer&) {
  constexpr uint64_t kDone = 2;
  const std::optional<MemoryAddress> once = call.Pointed(0);
  if (!once || !call.Argument(1).IsConstant(0) ||
      !call.Argument(2).IsConstant(0)) {
    return std::nullopt;
  }
  call.ForgetIfInImage(call.Argument(0));
  call.StoreAt(*once, 4, ConstantValue(kDone));
  return ConstantValue(1);
}

/// Numbers that are other ones each time.
std::optional<Value> FillRandomly(const ProcessCall& call,
                                  const Answer& answer) {
  constexpr uint64_t kMaxFilled = 0x1000;
  const uint32_t number = answer.number;
  const Value pointer = call.Argument(number >> 4 & 15);
  const Value size = call.Argument(number >> 8 & 15);
  const std::optional<MemoryAddress> to = AddressOf(pointer);
  if (!to || !size.IsConstant() || size.bits > kMaxFilled) return std::nullopt;
  std::minstd_rand generator(++call.state.ticks);
  std::string bytes;
  for (uint64_t i = 0; i < size.bits; ++i) {
    bytes += static_cast<char>(generator() >> 8);
  }
  call.ForgetIfInImage(pointer);
  call.WriteBytes(*to, bytes);
  return ConstantValue(number & 15);
}

void NoteLastError(const ProcessCall& call) {
  if (call.import.name == "GetLastError") return;
  call.state.last_error = std::nullopt;
  if (call.import.name != "SetLastError") return;
  const Value error = call.Argument(0);
  if (error.IsConstant()) {
    call.state.last_error = static_cast<uint32_t>(error.bits);
  }
}

/// The list at argument 0, whose first word points to the first entry, which
/// begins with a pointer to the next. Argument 1 is the entry to be pushed.
std::optional<Value> ChangeList(const ProcessCall& call, const Answer& answer) {
  const std::optional<MemoryAddress> list = call.Pointed(0);
  const std::optional<MemoryAddress> entry = call.Pointed(1);
  const bool pushes = answer.kind == AnswerKind::kPushOnList;
  if (!list || (pushes && !entry)) return std::nullopt;
  const Value first = call.Load(*list, 4);
  if (!first.IsConstant()) return std::nullopt;
  call.ForgetIfInImage(call.Argument(0));
  if (pushes) call.ForgetIfInImage(call.Argument(1));
  if (pushes) call.StoreAt(*entry, 4, first);
  call.StoreAt(*list, 4, pushes ? call.Argument(1) : ConstantValue(0));
  return first;
}

}  // namespace detachfix
