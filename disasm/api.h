// SPDX-License-Identifier: Apache-2.0
// What is known of the functions that a DLL imports: how many argument bytes
// they pop, and the few whose effect the analysis must know.
#ifndef DETACHFIX_DISASM_API_H_
#define DETACHFIX_DISASM_API_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "disasm/code_view.h"

namespace detachfix {

/// What a function does beyond returning something.
enum class ApiEffect : uint8_t {
  /// Unknown: may write through every pointer it is given, may run code whose
  /// address it is given.
  kAny,
  /// Writes nothing of the caller's and runs none of its code before it
  /// returns.
  kNone,
  kInitialiseSection,  ///< argument 0; cannot fail, or raises
  /// argument 0; fails with 0 / with a status that is not 0
  kInitialiseSectionOrZero,
  kInitialiseSectionOrStatus,
  /// argument 0 is an RTL_RESOURCE, which begins with one; cannot fail, or
  /// raises (ReactOS, sdk/lib/rtl/resource.c; Wine, dlls/ntdll/rtl.c)
  kInitialiseResource,
  /// several, somewhere in the structure at argument 0: they are not followed
  kInitialiseWithin,
  kDeleteSection,   ///< argument 0
  kUsesSection,     ///< argument 0 is entered or left
  kLookUpFunction,  ///< GetProcAddress
  kNeverReturns,
  kVersion,     ///< returns it; bit 31 is 0 on Windows NT (GetVersion)
  kOwnProcess,  ///< returns its pseudo handle, (HANDLE)-1 (GetCurrentProcess)
  kTerminates,  ///< the process of argument 0: its own never returns
  kThrow,       ///< an exception, or a longjmp: where it is caught is not
                ///< followed
  kThrowForMemory,  ///< the same, for an object that does not fit into memory
  kIncrement,       ///< the word at argument 0; returns the new value
  kDecrement,
  kExchange,         ///< argument 1 into the word at argument 0; returns old
  kCompareExchange,  ///< the same if the word equals argument 2
  /// Writes what `writes` says and nothing else of the caller's.
  kWrites,
  kWritesFirst,  ///< the same, and returns argument 0 (strcpy)
  /// The same, unless argument 0 is a character: then it returns that mapped
  /// (CharUpper).
  kMapsCase,
  kRoundUp,    ///< returns the double in arguments 0 and 1, rounded (ceil)
  kRoundDown,  ///< the same (floor)
  /// Writes what `writes` says. The function that it is given is run by another
  /// thread, and not before attach is done, which holds the loader's lock
  /// (MSDN, "Dynamic-Link Library Best Practices").
  kStartsThread,
  /// Changes the string at argument 0, or that of the last call where it is
  /// NULL, and returns an address in it, or NULL (strtok).
  kTokenise,
  /// The second word of the structure at argument 0 becomes argument 1; the
  /// first is a length (RtlInitUnicodeString, RtlInitializeBitMap).
  kDescribe,
  /// Writes what `writes` says, and returns an address in what argument 0
  /// points to, or that which `writes` names first, or NULL.
  kFinds,
  kIdentity,     ///< returns argument 0: EncodePointer, whose key cancels out
  kEncodedNull,  ///< what the same makes of NULL
  kFill,         ///< argument 2 bytes at argument 0 with argument 1 (memset)
  kCopy,         ///< argument 2 bytes at argument 0 from argument 1 (memcpy)
  /// argument 3 bytes at argument 0, where there is room for argument 1, from
  /// argument 2 (memcpy_s)
  kCopyChecked,
  /// argument 3 bytes at argument 1 of the process of argument 0, from argument
  /// 2; argument 4 points to how many they were (WriteProcessMemory)
  kWriteProcess,
  kAllocate,        ///< a block, or NULL (malloc)
  kAllocateHeap,    ///< argument 2 bytes, zeroed if argument 1 says so; or NULL
  kAllocateLocal,   ///< argument 1 bytes, zeroed if argument 0 says so; or NULL
  kAllocateZeroed,  ///< argument 0 times argument 1 bytes; or NULL (calloc)
  kReallocate,      ///< the block of argument 0; or NULL (realloc)
  kReallocateHeap,  ///< the block of argument 2; or NULL (HeapReAlloc)
  kAllocateIndex,   ///< of thread-local storage, or -1; what it holds is 0
  kFreeIndex,       ///< argument 0
  kGetAtIndex,      ///< what the index in argument 0 holds
  kSetAtIndex,      ///< argument 1 into the index in argument 0
  /// The thread's copy of the variable that the structure at argument 0
  /// describes, which it numbers (__emutls_get_address, libgcc).
  kEmulatedThreadWord,
  // What compilers call for code that they do not write out, with conventions
  // of its own (interpreter_helpers.cc). Long numbers have 64 bits:
  kMultiplyLong,  ///< arguments 0 and 1, 2 and 3 (_allmul)
  kDivideLong,    ///< the first by the second, with a sign (_alldiv)
  kDivideUnsignedLong,
  kRemainderLong,
  kRemainderUnsignedLong,
  kDivideBothLong,  ///< quotient and remainder (_alldvrm)
  kDivideBothUnsignedLong,
  kShiftLeftLong,  ///< what is in the places of such a result (_allshl)
  kShiftRightLong,
  kShiftRightUnsignedLong,
  kMakeStackRoom,  ///< of as many bytes as the result's place says (_chkstk)
  kEnterFrame,     ///< of a function with an exception handler (_EH_prolog)
  /// Runs blocks of the caller's that only its tables name: they are not
  /// followed (_global_unwind2).
  kUnwinds,
  // The C runtime's tables of functions (interpreter_runtime.cc).
  kRunTable,              ///< from argument 0 up to argument 1 (_initterm)
  kRunTableUntilNonzero,  ///< until one does not return 0 (_initterm_e)
  kRunOnce,               ///< argument 1, unless the word at argument 0 is 1
                          ///< (pthread_once)
  kInitOnce,              ///< the same with arguments 0, 2 and 3; it may fail
                          ///< (InitOnceExecuteOnce)
  /// Of __finally, in the frame at argument 0, up to the level in argument 1
  /// (_local_unwind2).
  kRunFinallyBlocks,
  kMakeOnExitTable,    ///< at argument 0
  kRegisterOnExit,     ///< argument 1 in the table at argument 0
  kRunOnExitTable,     ///< at argument 0, the last one first
  kRegisterDllOnExit,  ///< __dllonexit(function, &begin, &end)
};

inline constexpr uint16_t kUnlimited = 0xffff;
/// OutParameter::bytes: within the string that is there.
inline constexpr uint16_t kItsString = 0xfffe;
inline constexpr uint8_t kNoArgument = 0xff;

/// What a function writes through a pointer that it is given.
struct OutParameter {
  uint8_t argument = 0;
  uint16_t bytes = 0;  ///< 0: nothing; kUnlimited: as far as it likes
  /// The argument that says how many times `bytes` are written at most; 0 for
  /// once. (Argument 0 never does.)
  uint8_t times = 0;
  /// The first word of what is written says how many bytes it has, when that is
  /// fewer (OSVERSIONINFO).
  bool sized = false;
  /// `times` is a pointer to the number (RegQueryValueEx).
  bool times_pointed = false;
  /// Not where `argument` points to, but where the second word there does: it
  /// is a structure as kDescribe makes it.
  bool described = false;
  /// What is written is an address in what this argument points to, as the end
  /// that strtol found; kNoArgument: it is none.
  uint8_t points_into = kNoArgument;
};

/// What the interpreter may rely on when it calls a function.
struct Api {
  /// Argument bytes that the function removes from the stack (i386 stdcall),
  /// 0 for cdecl; nothing when not known.
  std::optional<uint32_t> stack_bytes;
  ApiEffect effect = ApiEffect::kAny;
  std::array<OutParameter, 4> writes{};  ///< of kWrites
  /// The function is one of the system's, not a like-named one of somebody's
  /// own.
  bool of_system = false;
  /// No table says stack_bytes: the interpreter guessed it.
  bool stack_guessed = false;
};

/// Stands for the DLL of a function that was looked up in the program itself.
inline constexpr const char* kProgramModule = "the program";

/// The function's name, or what its ordinal stands for; empty where that is not
/// known.
std::string_view NameOf(const ImportName& import);

/// Whether the module that has the function has it on every Windows NT: who
/// looks it up gets it.
bool IsOfEveryWindowsNt(const ImportName& import);

/// Whether the function is one of a DLL that Windows NT brings, which tables
/// may know nothing of, or of a compiler's run time: none deletes a critical
/// section that it was not given as one. One that was looked up, nobody knows
/// where, is so only where its name is known.
bool IsOfWindows(const ImportName& import);

/// Bytes of a character that the function takes, as its name says: of one that
/// there is for ANSI and for wide characters.
uint32_t CharacterSize(const ImportName& import);

/// The effect alone of what LookUpApi gives, in a part of the time.
ApiEffect EffectOf(const ImportName& import);

/// What is known of `import`; an unknown function has no stack_bytes and kAny.
Api LookUpApi(const ImportName& import);

/// The import that GetProcAddress gives for `name`: the DLL is the system's
/// that is known to export it, or "?" when none is.
ImportName LookUpByName(const std::string& name);

/// Whether a critical section is initialised: by one of the functions that KB
/// Q238493 is about, or by one that calls them.
bool InitialisesSection(ApiEffect effect);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_API_H_
