// SPDX-License-Identifier: Apache-2.0
// The answers of one ordinary process (process.h).

#include <algorithm>
#include <random>

#include "disasm/interpreter.h"
#include "disasm/process.h"

namespace detachfix {
namespace {

constexpr uint32_t kInfinite = 0xffffffff;  // INFINITE (winbase.h)

}  // namespace

/// What the process answers; nothing where that is not known.
std::optional<Value> Interpreter::NumberInProcess(State& state,
                                                  const Answer& answer,
                                                  const ImportName& import) {
  std::optional<Value> number;
  switch (answer.kind) {
    case AnswerKind::kNumber:
    case AnswerKind::kSilent:
      number = ConstantValue(answer.number);
      break;
    case AnswerKind::kText:
      number = ConstantValue(static_cast<uint64_t>(process_memory_.offset) +
                             answer.number);
      break;
    case AnswerKind::kCharacterTable:
      number = ConstantValue(static_cast<uint64_t>(types_.offset));
      break;
    case AnswerKind::kModule:
    case AnswerKind::kLoadModule:
      number = ModuleNamed(state, 0, answer);
      break;
    case AnswerKind::kModuleEx:
      number = WriteModule(state, answer);
      break;
    case AnswerKind::kNewObject:
      number = NewBlock(state, ConstantValue(answer.number));
      ForgetBytes(state, *number, answer.number);
      break;
    case AnswerKind::kPages:
      number = AllocatePages(state);
      break;
    case AnswerKind::kQueryPages:
      number = QueryPages(state, answer.number);
      break;
    case AnswerKind::kProtectPages:
      number = ProtectPages(state);
      break;
    case AnswerKind::kClock:
      number = TellTime(state, answer);
      break;
    case AnswerKind::kBeginOnce:
      number = BeginOnce(state);
      break;
    case AnswerKind::kCompleteOnce:
      number = CompleteOnce(state);
      break;
    case AnswerKind::kLastError:
      if (state.last_error) number = ConstantValue(*state.last_error);
      break;
    case AnswerKind::kRandom:
      number = FillRandomly(state, answer.number);
      break;
    case AnswerKind::kArgument:
      number = Argument(state, answer.number);
      break;
    case AnswerKind::kOfNothing:
      if (Argument(state, answer.text_at).IsConstant(0)) {
        number = ConstantValue(answer.number);
      }
      break;
    case AnswerKind::kIsBadPointer:
      number = IsBadPointer(Argument(state, 0), answer.number == 1);
      break;
    case AnswerKind::kNewHandle:
      number = ConstantValue(answer.number +
                             4 * (1 + state.ticks++ % uint64_t{kHandles}));
      break;
    case AnswerKind::kCloses:
      number = CloseKnown(Argument(state, 0), answer.number);
      break;
    case AnswerKind::kWaits:
      if (Argument(state, 0).IsConstant() &&
          IsHandleFrom(answer.number, Argument(state, 0).bits) &&
          Argument(state, 1).IsConstant(kInfinite)) {
        number = ConstantValue(0);
      }
      break;
    case AnswerKind::kCodePage:
      number = HasCodePage(Argument(state, 0));
      break;
    case AnswerKind::kFeature:
      number = TellFeature(state);
      break;
    case AnswerKind::kNoVariable:
      number = MissVariable(state, answer, import);
      break;
    case AnswerKind::kNoFile:
    case AnswerKind::kNoWideFile:
      number = MissFile(state, answer, import);
      break;
    case AnswerKind::kNoKey:
      number = OpenKey(state, answer, import);
      break;
    case AnswerKind::kBlockSize:
      number = BlockSize(state, Argument(state, answer.number));
      break;
    case AnswerKind::kMakeMutex:
      number = MakeMutex(state);
      break;
    case AnswerKind::kLockMutex:
      number = LockMutex(state, answer.number);
      break;
    case AnswerKind::kFlushList:
    case AnswerKind::kPushOnList:
      number = ChangeList(state, answer.kind);
      break;
    case AnswerKind::kFileName:
      number = WriteFileName(state, answer.number);
      break;
    case AnswerKind::kFolder:
      number = WritePath(state, answer.text, answer.number, answer.text_at,
                         1 - answer.text_at);
      if (number && answer.counts_nul) number->bits = answer.text.size() + 1;
      break;
    case AnswerKind::kString:
      number = LoadOwnString(state, answer.number);
      break;
    case AnswerKind::kOwnLocale:
      if (Argument(state, 0).IsConstant() &&
          IsOwnLocale(Argument(state, 0).bits)) {
        number = ConstantValue(answer.number);
      }
      break;
    case AnswerKind::kFillsSized:
      number = FillSized(state, answer);
      break;
    case AnswerKind::kLocaleInfo:
      number = TellLocale(state, answer);
      break;
    case AnswerKind::kNotOfEast:
      number = IsEastern(Argument(state, 0));
      break;
    case AnswerKind::kLocaleNumber:
      if (IsLocale(state, answer)) number = ConstantValue(answer.number);
      break;
    case AnswerKind::kLocaleName:
      if (!Argument(state, 0).IsConstant(answer.number)) break;
      number = WritePath(state, answer.text, 2, answer.text_at, 2);
      if (number) number->bits = answer.text.size() + 1;
      break;
    case AnswerKind::kFullPath:
      number = TellFullPath(state, answer.number);
      break;
    case AnswerKind::kLongPath:
      if (const std::optional<std::string> path =
              TextAt(state, Argument(state, 0), answer.number)) {
        number = WritePath(state, *path, answer.number, 1, 2);
      }
      break;
    default:
      return AnswerAboutSystem(state, answer, import);
  }
  return number;
}

/// What it answers about its system: versions, strings of Automation, and what
/// else has functions of its own.
std::optional<Value> Interpreter::AnswerAboutSystem(State& state,
                                                    const Answer& answer,
                                                    const ImportName& import) {
  std::optional<Value> number;
  switch (answer.kind) {
    case AnswerKind::kEnvironment:
      if (environment_ != 0) number = ConstantValue(environment_);
      break;
    case AnswerKind::kProvider:
      if (AsksForPlainProvider(state)) number = ConstantValue(answer.number);
      break;
    case AnswerKind::kClearsVariant:
      if (HoldsNoObject(state)) number = ConstantValue(answer.number);
      break;
    case AnswerKind::kNewBstr:
      number = AllocateBstr(state, answer.counted);
      break;
    case AnswerKind::kBstrLength:
      number = MeasureBstr(state, answer.number);
      break;
    case AnswerKind::kBoolBstr:
      number = WriteBoolBstr(state);
      break;
    case AnswerKind::kKeyValue:
      number = QueryKey(state, import);
      break;
    case AnswerKind::kSystemVersion:
      number = TellSystemVersion(state, answer);
      break;
    case AnswerKind::kVersionSize:
      number = TellVersionSize(state, answer.number);
      break;
    case AnswerKind::kVersionBlock:
      number = WriteVersion(state, answer.number);
      break;
    case AnswerKind::kVersionValue:
      number = FindVersion(state, answer.number);
      break;
    default:
      return AnswerAboutText(state, answer);
  }
  return number;
}

/// Whether the process answers; if so the call is done, but for the return.
bool Interpreter::AnswerInProcess(State& state, const ImportName& import,
                                  const Api& api) {
  const std::optional<Answer> answer = detachfix::AnswerInProcess(import);
  if (!answer || !api.of_system) return false;
  // What it writes beyond the answer is not known.
  const bool writes =
      api.effect == ApiEffect::kStartsThread ||
      (answer->kind == AnswerKind::kNumber && api.effect == ApiEffect::kWrites);
  if (writes) {
    WriteOutParameters(state, api);
  }
  const std::optional<Value> number = NumberInProcess(state, *answer, import);
  if (!number) return false;
  for (const AnswerBytes& written : answer->writes) {
    if (written.bytes.empty()) continue;
    const Value pointer = Argument(state, written.argument);
    if (pointer.IsConstant(0)) continue;
    std::optional<MemoryAddress> address = AddressOf(pointer);
    ForgetIfInImage(state, pointer);
    if (!address) continue;
    address->offset += written.offset;
    WriteBytes(state, *address, written.bytes);
  }
  state.at(isa_.convention().result) =
      EvaluateSignExtend(32, state.register_width, *number);
  return true;
}

/// Whether some path has called a function whose name holds `part`.
bool Interpreter::HasCalled(std::string_view part) const {
  return std::ranges::any_of(called_, [part](const std::string& name) {
    return name.find(part) != std::string::npos;
  });
}

/// IsBadReadPtr: no object lies in the first 64 KiB.
std::optional<Value> Interpreter::IsBadPointer(const Value& pointer,
                                               bool writes) const {
  if (pointer.IsConstant()) {
    const uint64_t rva = pointer.bits - view_.image_base;
    const bool is_own = rva < view_.image_size;
    if (writes && is_own) return ConstantValue(IsData(pointer) ? 0 : 1);
    return ConstantValue(pointer.MayBeInImage() ? 0 : 1);
  }
  if (!AddressOf(pointer) || !pointer.IsNonzero()) return std::nullopt;
  return ConstantValue(0);
}

std::optional<Value> Interpreter::CloseKnown(const Value& handle,
                                             uint32_t known) {
  constexpr uint64_t kFirstModule = 0x10000;
  if (handle.IsConstant(0)) return ConstantValue(0);
  const bool is_strange = handle.IsConstant() && handle.bits < kFirstModule &&
                          !IsHandleFrom(known, handle.bits);
  if (is_strange) return std::nullopt;
  return ConstantValue(1);
}

/// OEM and ANSI code pages of Western systems, ASCII and UTF-8.
std::optional<Value> Interpreter::HasCodePage(const Value& page) {
  for (const uint64_t known : {437u, 850u, 1252u, 20127u, 65001u}) {
    if (page.IsConstant(known)) return ConstantValue(1);
  }
  return std::nullopt;
}

/// CryptAcquireContext(provider, container, name, type, flags) for who only
/// wants random numbers or digests.
bool Interpreter::AsksForPlainProvider(const State& state) const {
  constexpr uint64_t kRsa = 1,
                     kRsaAes = 24;          // PROV_RSA_FULL, _AES (wincrypt.h)
  constexpr uint64_t kVerify = 0xf0000000;  // CRYPT_VERIFYCONTEXT
  const Value flags = Argument(state, 4);
  return Argument(state, 0).IsNonzero() && Argument(state, 1).IsConstant(0) &&
         Argument(state, 2).IsConstant(0) &&
         (Argument(state, 3).IsConstant(kRsa) ||
          Argument(state, 3).IsConstant(kRsaAes)) &&
         flags.IsConstant() && (flags.bits & kVerify) == kVerify;
}

/// Some time passes from each question to the next.
std::optional<Value> Interpreter::TellTime(State& state, const Answer& answer) {
  constexpr uint32_t kIsWritten = 0x10;
  constexpr uint64_t kTick = 16;  // milliseconds
  const uint64_t now = 0x01234567 + kTick * ++state.ticks;
  if ((answer.number & kIsWritten) == 0) return ConstantValue(now);
  const std::optional<MemoryAddress> to = AddressOf(Argument(state, 0));
  if (!to) return std::nullopt;
  ForgetIfInImage(state, Argument(state, 0));
  // Counted in 100 ns (FILETIME).
  constexpr uint64_t kStart = 0x01dcd04000000000;
  const uint64_t fine = kStart + now * 10'000;
  StoreAt(state, *to, 4, ConstantValue(fine & LowBits(32)));
  StoreAt(state, {to->region, to->offset + 4}, 4, ConstantValue(fine >> 32));
  return ConstantValue(answer.number & ~kIsWritten);
}

/// A processor without any extension, as its cpuid says; with __fastfail, which
/// the system offers (PF_ constants, winnt.h).
std::optional<Value> Interpreter::TellFeature(const State& state) const {
  constexpr uint64_t kFastFail = 23;
  const Value feature = Argument(state, 0);
  if (!feature.IsConstant()) return std::nullopt;
  return ConstantValue(feature.bits == kFastFail ? 1 : 0);
}

/// InitOnceBeginInitialize(once, flags, pending, context) for who gives neither
/// flags nor a context: the first has to initialise.
std::optional<Value> Interpreter::BeginOnce(State& state) {
  const std::optional<MemoryAddress> once = AddressOf(Argument(state, 0));
  const std::optional<MemoryAddress> pending = AddressOf(Argument(state, 2));
  if (!once || !pending || !Argument(state, 1).IsConstant(0) ||
      !Argument(state, 3).IsConstant(0)) {
    return std::nullopt;
  }
  const Value done = state.memory.Load(*once, 4);
  if (!done.IsConstant()) return std::nullopt;
  ForgetIfInImage(state, Argument(state, 2));
  StoreAt(state, *pending, 4, ConstantValue(done.bits == 0 ? 1 : 0));
  return ConstantValue(1);
}

/// InitOnceComplete(once, flags, context).
std::optional<Value> Interpreter::CompleteOnce(State& state) {
  constexpr uint64_t kDone = 2;
  const std::optional<MemoryAddress> once = AddressOf(Argument(state, 0));
  if (!once || !Argument(state, 1).IsConstant(0) ||
      !Argument(state, 2).IsConstant(0)) {
    return std::nullopt;
  }
  ForgetIfInImage(state, Argument(state, 0));
  StoreAt(state, *once, 4, ConstantValue(kDone));
  return ConstantValue(1);
}

/// Numbers that are other ones each time.
std::optional<Value> Interpreter::FillRandomly(State& state, uint32_t number) {
  constexpr uint64_t kMaxFilled = 0x1000;
  const Value pointer = Argument(state, number >> 4 & 15);
  const Value size = Argument(state, number >> 8 & 15);
  const std::optional<MemoryAddress> to = AddressOf(pointer);
  if (!to || !size.IsConstant() || size.bits > kMaxFilled) return std::nullopt;
  std::minstd_rand generator(++state.ticks);
  std::string bytes;
  for (uint64_t i = 0; i < size.bits; ++i) {
    bytes += static_cast<char>(generator() >> 8);
  }
  ForgetIfInImage(state, pointer);
  WriteBytes(state, *to, bytes);
  return ConstantValue(number & 15);
}

/// What a call does to the reason of the last failure: most may change it.
void Interpreter::NoteLastError(State& state, const ImportName& import) const {
  if (import.name == "GetLastError") return;
  state.last_error = std::nullopt;
  if (import.name != "SetLastError") return;
  const Value error = Argument(state, 0);
  if (error.IsConstant()) {
    state.last_error = static_cast<uint32_t>(error.bits);
  }
}

/// The list at argument 0, whose first word points to the first entry, which
/// begins with a pointer to the next. Argument 1 is the entry to be pushed.
std::optional<Value> Interpreter::ChangeList(State& state, AnswerKind kind) {
  const std::optional<MemoryAddress> list = AddressOf(Argument(state, 0));
  const std::optional<MemoryAddress> entry = AddressOf(Argument(state, 1));
  const bool pushes = kind == AnswerKind::kPushOnList;
  if (!list || (pushes && !entry)) return std::nullopt;
  const Value first = state.memory.Load(*list, 4);
  if (!first.IsConstant()) return std::nullopt;
  ForgetIfInImage(state, Argument(state, 0));
  if (pushes) ForgetIfInImage(state, Argument(state, 1));
  if (pushes) StoreAt(state, *entry, 4, first);
  StoreAt(state, *list, 4, pushes ? Argument(state, 1) : ConstantValue(0));
  return first;
}

/// GetModuleFileName of the program or of the image, which is beside it.
std::optional<Value> Interpreter::WriteFileName(State& state, uint32_t width) {
  const Value module = Argument(state, 0);
  const bool is_program = module.IsConstant(0) || module.IsConstant(program_);
  if (!is_program && !module.IsConstant(view_.image_base)) return std::nullopt;
  const std::optional<MemoryAddress> to = AddressOf(Argument(state, 1));
  const Value room = Argument(state, 2);
  const std::string path =
      is_program ? std::string(ProgramPath()) : ImagePath(view_.name);
  if (!to || !room.IsConstant() || room.bits <= path.size()) {
    return std::nullopt;
  }
  ForgetIfInImage(state, Argument(state, 1));
  WriteText(state, *to, path + '\0', width);
  return ConstantValue(path.size());
}

/// GetFullPathName(path, room, buffer, name): the last points to where the
/// address of the file's own name in the buffer goes, or is NULL.
std::optional<Value> Interpreter::TellFullPath(State& state, uint32_t width) {
  const std::optional<std::string> path =
      TextAt(state, Argument(state, 0), width);
  if (!path || !IsFullPath(*path)) return std::nullopt;
  const Value name = Argument(state, 3);
  const std::optional<MemoryAddress> to = AddressOf(name);
  if (!name.IsConstant(0) && !to) return std::nullopt;
  const Value buffer = Argument(state, 2);
  const std::optional<Value> length = WritePath(state, *path, width, 2, 1);
  const bool fits = length && length->bits == path->size();
  if (name.IsConstant(0)) return length;
  if (!fits) return std::nullopt;
  ForgetIfInImage(state, name);
  const size_t begin = path->find_last_of('\\') + 1;
  StoreAt(state, *to, 4,
          Evaluate(BinaryOp::kAdd, 32, buffer, ConstantValue(begin * width)));
  return length;
}

/// To the buffer of argument `to`, which has room for as many characters as
/// argument `room` says: returns how many were written, or are needed with the
/// NUL.
std::optional<Value> Interpreter::WritePath(State& state, std::string_view path,
                                            uint32_t width, size_t to,
                                            size_t room) {
  const Value buffer = Argument(state, to);
  const Value most = Argument(state, room);
  const std::optional<MemoryAddress> address = AddressOf(buffer);
  if (!most.IsConstant()) return std::nullopt;
  if (most.bits <= path.size()) return ConstantValue(path.size() + 1);
  if (!address) return std::nullopt;
  ForgetIfInImage(state, buffer);
  WriteText(state, *address, std::string(path) + '\0', width);
  return ConstantValue(path.size());
}

}  // namespace detachfix
