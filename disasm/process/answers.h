// SPDX-License-Identifier: Apache-2.0
// The functions by which an ordinary process answers, each in the file that is
// named above it. All give the function's result, of 32 bits, or nothing where
// the process does not know it; what they write is written by then. The answer
// says what is meant (AnswerKind).
#ifndef DETACHFIX_DISASM_PROCESS_ANSWERS_H_
#define DETACHFIX_DISASM_PROCESS_ANSWERS_H_

#include <optional>

#include "disasm/process/call.h"
#include "disasm/process/process.h"

namespace detachfix {

using AnswerFunction = std::optional<Value>(const ProcessCall& call,
                                            const Answer& answer);

// answers_system.cc
AnswerFunction Number, NthArgument, OfHandle, OfNothing;
AnswerFunction OwnMemory, Environment, CharacterTable;
AnswerFunction LastError;
AnswerFunction NewObject, BlockSize, IsBadPointer;
AnswerFunction StandardHandle, TellFileType;
AnswerFunction NewHandle, CloseHandle, WaitForHandle;
AnswerFunction HasCodePage, PlainProvider, TellFeature;
AnswerFunction TellTime, FillRandomly;
AnswerFunction BeginOnce, CompleteOnce;
AnswerFunction ChangeList;

// modules.cc
AnswerFunction TellModule, WriteModule;

// answers_pages.cc
AnswerFunction AllocatePages, QueryPages, ProtectPages;

// answers_paths.cc
AnswerFunction WriteFileName, TellFolder, TellFullPath, TellLongPath;

// answers_names.cc
AnswerFunction MissFile, MissVariable;

// answers_registry.cc
AnswerFunction OpenKey, QueryKey;

// answers_version.cc
AnswerFunction TellSystemVersion, TellVersionSize, WriteVersion, FindVersion;

// answers_locale.cc
AnswerFunction TellLocale, OfOwnLocale, LocaleNumber, TellLocaleName;
AnswerFunction TellOwnLocaleName, SetLocale;
AnswerFunction FillSized, LoadOwnString, IsEastern;

// answers_text.cc
AnswerFunction TextLength, CompareTexts, FindCharacter, CopyText, DuplicateText;
AnswerFunction JudgeCharacter;

// answers_convert.cc
AnswerFunction Widen, Narrow, WriteWideTypes, WriteByteTypes, MapWide, MapBytes;

// answers_bstr.cc
AnswerFunction AllocateBstr, MeasureBstr, WriteBoolBstr, ClearVariant;

// answers_mutex.cc
AnswerFunction MakeMutex, LockMutex;

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_PROCESS_ANSWERS_H_
