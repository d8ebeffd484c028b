// SPDX-License-Identifier: Apache-2.0
#include "disasm/process/give_answer.h"

#include "disasm/process/answers.h"

namespace detachfix {
namespace {

/// By which function a process comes to an answer of that kind.
AnswerFunction* FunctionOf(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::kNumber:
    case AnswerKind::kSilent:
      return Number;
    case AnswerKind::kCharacterTable:
      return CharacterTable;
    case AnswerKind::kArgument:
      return NthArgument;
    case AnswerKind::kOfHandle:
      return OfHandle;
    case AnswerKind::kOfNothing:
      return OfNothing;
    case AnswerKind::kText:
      return OwnMemory;
    case AnswerKind::kEnvironment:
      return Environment;
    case AnswerKind::kClock:
      return TellTime;
    case AnswerKind::kBeginOnce:
      return BeginOnce;
    case AnswerKind::kCompleteOnce:
      return CompleteOnce;
    case AnswerKind::kLastError:
      return LastError;
    case AnswerKind::kRandom:
      return FillRandomly;
    case AnswerKind::kIsBadPointer:
      return IsBadPointer;
    case AnswerKind::kStandardHandle:
      return StandardHandle;
    case AnswerKind::kFileType:
      return TellFileType;
    case AnswerKind::kNewHandle:
      return NewHandle;
    case AnswerKind::kCloses:
      return CloseHandle;
    case AnswerKind::kWaits:
      return WaitForHandle;
    case AnswerKind::kCodePage:
      return HasCodePage;
    case AnswerKind::kFeature:
      return TellFeature;
    case AnswerKind::kNoVariable:
      return MissVariable;
    case AnswerKind::kNoFile:
    case AnswerKind::kNoWideFile:
      return MissFile;
    case AnswerKind::kNoKey:
      return OpenKey;
    case AnswerKind::kKeyValue:
      return QueryKey;
    case AnswerKind::kModule:
    case AnswerKind::kLoadModule:
      return TellModule;
    case AnswerKind::kModuleEx:
      return WriteModule;
    case AnswerKind::kNewObject:
      return NewObject;
    case AnswerKind::kPages:
      return AllocatePages;
    case AnswerKind::kQueryPages:
      return QueryPages;
    case AnswerKind::kProtectPages:
      return ProtectPages;
    case AnswerKind::kLength:
      return TextLength;
    case AnswerKind::kCompareTexts:
      return CompareTexts;
    case AnswerKind::kFindCharacter:
      return FindCharacter;
    case AnswerKind::kCopyText:
      return CopyText;
    case AnswerKind::kDuplicateText:
      return DuplicateText;
    case AnswerKind::kCharacterType:
    case AnswerKind::kMapCharacter:
      return JudgeCharacter;
    case AnswerKind::kBlockSize:
      return BlockSize;
    case AnswerKind::kMakeMutex:
      return MakeMutex;
    case AnswerKind::kLockMutex:
      return LockMutex;
    case AnswerKind::kFlushList:
    case AnswerKind::kPushOnList:
      return ChangeList;
    case AnswerKind::kFileName:
      return WriteFileName;
    case AnswerKind::kFolder:
      return TellFolder;
    case AnswerKind::kFullPath:
      return TellFullPath;
    case AnswerKind::kLongPath:
      return TellLongPath;
    case AnswerKind::kLocaleNumber:
      return LocaleNumber;
    case AnswerKind::kLocaleName:
      return TellLocaleName;
    case AnswerKind::kOwnLocaleName:
      return TellOwnLocaleName;
    case AnswerKind::kSetLocale:
      return SetLocale;
    case AnswerKind::kString:
      return LoadOwnString;
    case AnswerKind::kOwnLocale:
      return OfOwnLocale;
    case AnswerKind::kFillsSized:
      return FillSized;
    case AnswerKind::kLocaleInfo:
      return TellLocale;
    case AnswerKind::kSystemVersion:
      return TellSystemVersion;
    case AnswerKind::kVersionSize:
      return TellVersionSize;
    case AnswerKind::kVersionBlock:
      return WriteVersion;
    case AnswerKind::kVersionValue:
      return FindVersion;
    case AnswerKind::kProvider:
      return PlainProvider;
    case AnswerKind::kClearsVariant:
      return ClearVariant;
    case AnswerKind::kNewBstr:
      return AllocateBstr;
    case AnswerKind::kBstrLength:
      return MeasureBstr;
    case AnswerKind::kBoolBstr:
      return WriteBoolBstr;
    case AnswerKind::kNotOfEast:
      return IsEastern;
    case AnswerKind::kWiden:
      return Widen;
    case AnswerKind::kNarrow:
      return Narrow;
    case AnswerKind::kWideTypes:
      return WriteWideTypes;
    case AnswerKind::kByteTypes:
      return WriteByteTypes;
    case AnswerKind::kWideMap:
      return MapWide;
    case AnswerKind::kByteMap:
      return MapBytes;
  }
  return nullptr;
}

}  // namespace

std::optional<Value> GiveAnswer(const ProcessCall& call, const Answer& answer) {
  const std::optional<Value> result = FunctionOf(answer.kind)(call, answer);
  if (!result) return std::nullopt;
  for (const AnswerBytes& written : answer.writes) {
    if (written.bytes.empty()) continue;
    const Value pointer = call.Argument(written.argument);
    if (pointer.IsConstant(0)) continue;
    std::optional<MemoryAddress> address = AddressOf(pointer);
    call.ForgetIfInImage(pointer);
    if (!address) continue;
    address->offset += written.offset;
    call.WriteBytes(*address, written.bytes);
  }
  return result;
}

}  // namespace detachfix
