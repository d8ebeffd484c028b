// SPDX-License-Identifier: Apache-2.0
// The few Windows declarations that the shapes need, as winnt.h and winbase.h
// give them. Own declarations, not windows.h, so that a shape can choose how it
// calls: through the import slot (IMPORT is dllimport) or, when THROUGH_THUNK
// is defined before this line, through the `jmp [slot]` of the import library.
//
// Alpha: gcc's pointers have 64 bits, those of Windows NT 32, which a register
// holds sign-extended (Raymond Chen, "The Alpha AXP", August 2017). What lies
// in memory where Windows looks for it is therefore no pointer but a HANDLE; a
// shape's own pointers may take their eight bytes. gcc knows no dllimport
// there: alpha_imports.h gives the same names another way.
#ifndef SAMPLES_SRC_C_DLL_H_
#define SAMPLES_SRC_C_DLL_H_

typedef int BOOL;
typedef unsigned int DWORD;

#ifdef __alpha__
#define WINAPI
#define EXPORT __attribute__((visibility("default")))
typedef int HANDLE;
#else
#ifdef THROUGH_THUNK
#define IMPORT
#else
#define IMPORT __declspec(dllimport)
#endif
#define WINAPI __stdcall
#define EXPORT __declspec(dllexport)
typedef void* HANDLE;
#endif
typedef unsigned long ULONG_PTR;

enum { FALSE = 0, TRUE = 1 };
enum {
  DLL_PROCESS_DETACH = 0,
  DLL_PROCESS_ATTACH = 1,
  DLL_THREAD_ATTACH = 2,
  DLL_THREAD_DETACH = 3,
};

// RTL_CRITICAL_SECTION of winnt.h, 24 bytes.
typedef struct {
  HANDLE debug_info;
  int lock_count;
  int recursion_count;
  HANDLE owning_thread;
  HANDLE lock_semaphore;
  DWORD spin_count;
} CRITICAL_SECTION;

#ifdef __alpha__
#include "alpha_imports.h"
#else
IMPORT void WINAPI InitializeCriticalSection(CRITICAL_SECTION*);
IMPORT BOOL WINAPI InitializeCriticalSectionAndSpinCount(CRITICAL_SECTION*,
                                                         DWORD);
IMPORT BOOL WINAPI InitializeCriticalSectionEx(CRITICAL_SECTION*, DWORD, DWORD);
IMPORT void WINAPI DeleteCriticalSection(CRITICAL_SECTION*);
IMPORT void WINAPI EnterCriticalSection(CRITICAL_SECTION*);
IMPORT void WINAPI LeaveCriticalSection(CRITICAL_SECTION*);
IMPORT int WINAPI RtlInitializeCriticalSection(CRITICAL_SECTION*);
IMPORT int WINAPI RtlInitializeCriticalSectionAndSpinCount(CRITICAL_SECTION*,
                                                           DWORD);
IMPORT int WINAPI RtlInitializeCriticalSectionEx(CRITICAL_SECTION*, DWORD,
                                                 DWORD);
IMPORT int WINAPI RtlDeleteCriticalSection(CRITICAL_SECTION*);
IMPORT int WINAPI RtlEnterCriticalSection(CRITICAL_SECTION*);
IMPORT int WINAPI RtlLeaveCriticalSection(CRITICAL_SECTION*);

IMPORT DWORD WINAPI GetEnvironmentVariableA(const char*, char*, DWORD);
IMPORT HANDLE WINAPI GetModuleHandleA(const char*);
IMPORT void* WINAPI GetProcAddress(HANDLE, const char*);
IMPORT void* WINAPI LocalAlloc(DWORD, DWORD);
IMPORT void* WINAPI LocalFree(void*);
IMPORT void WINAPI SetLastError(DWORD);
IMPORT DWORD WINAPI TlsAlloc(void);
IMPORT BOOL WINAPI TlsFree(DWORD);
IMPORT BOOL WINAPI TlsSetValue(DWORD, void*);
#endif

// The name of the entry that the linker is told. Exported functions of the
// shapes are cdecl, so that their names carry no decoration.
BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved);

// What the vendor's fix of a shape adds. The same source gives the leaking DLL
// and, with VENDOR_FIX defined, its repaired counterpart.
#ifdef VENDOR_FIX
#define FIX(statement) statement
#else
#define FIX(statement) (void)0
#endif

// Probe(x) of the shapes that have a section: taken and left once, so that a
// section that is not initialised shows, and then x * 3 + 7.
#define PROBE_UNDER(enter, leave, lock) \
  EXPORT int Probe(int x) {             \
    enter(lock);                        \
    x = x * 3 + 7;                      \
    leave(lock);                        \
    return x;                           \
  }
#define PROBE(lock) \
  PROBE_UNDER(EnterCriticalSection, LeaveCriticalSection, lock)

// True when the loading process wants the attach to fail. An emulator steers it
// by the import's return value, a process by its environment.
static inline BOOL AttachShallFail(void) {
  return GetEnvironmentVariableA("DETACHFIX_FAIL_ATTACH", 0, 0) != 0;
}

#endif  // SAMPLES_SRC_C_DLL_H_
