// SPDX-License-Identifier: Apache-2.0
// Imports on Alpha: the slot that the loader fills is a word of 32 bits, which
// is loaded (LDAH, LDL) and called (JSR). Each name stands for the function at
// the address in its slot, so a shape can call it and can take its address.
// When THROUGH_THUNK is defined the name is that of a function in the image,
// made by maker/import_table.py as an import library would, that jumps there.
#ifndef SAMPLES_SRC_C_ALPHA_IMPORTS_H_
#define SAMPLES_SRC_C_ALPHA_IMPORTS_H_

typedef void OnSection(CRITICAL_SECTION*);
typedef int StatusOnSection(CRITICAL_SECTION*);
typedef BOOL InitializeWithSpinCount(CRITICAL_SECTION*, DWORD);
typedef BOOL InitializeWithFlags(CRITICAL_SECTION*, DWORD, DWORD);
typedef int StatusWithSpinCount(CRITICAL_SECTION*, DWORD);
typedef int StatusWithFlags(CRITICAL_SECTION*, DWORD, DWORD);
typedef DWORD GetVariable(const char*, char*, DWORD);
typedef HANDLE GetModule(const char*);
typedef void* GetFunction(HANDLE, const char*);
typedef void* Allocate(DWORD, DWORD);
typedef void* Free(void*);
typedef void OnNumber(DWORD);
typedef DWORD GetNumber(void);
typedef BOOL FreeNumber(DWORD);
typedef BOOL SetPointer(DWORD, void*);

#ifdef THROUGH_THUNK
OnSection InitializeCriticalSection, DeleteCriticalSection;
OnSection EnterCriticalSection, LeaveCriticalSection;
OnNumber SetLastError;
GetVariable GetEnvironmentVariableA;
#else
// Constant for the program: the loader has written it before any code runs.
#define SLOT(name) \
  extern __attribute__((visibility("hidden"))) const int __imp_##name;

SLOT(InitializeCriticalSection)
SLOT(InitializeCriticalSectionAndSpinCount)
SLOT(InitializeCriticalSectionEx)
SLOT(DeleteCriticalSection)
SLOT(EnterCriticalSection)
SLOT(LeaveCriticalSection)
SLOT(RtlInitializeCriticalSection)
SLOT(RtlInitializeCriticalSectionAndSpinCount)
SLOT(RtlInitializeCriticalSectionEx)
SLOT(RtlDeleteCriticalSection)
SLOT(RtlEnterCriticalSection)
SLOT(RtlLeaveCriticalSection)
SLOT(GetEnvironmentVariableA)
SLOT(GetModuleHandleA)
SLOT(GetProcAddress)
SLOT(LocalAlloc)
SLOT(LocalFree)
SLOT(SetLastError)
SLOT(TlsAlloc)
SLOT(TlsFree)
SLOT(TlsSetValue)

#define AT_SLOT(type, name) ((type*)(long)__imp_##name)

#define InitializeCriticalSection AT_SLOT(OnSection, InitializeCriticalSection)
#define InitializeCriticalSectionAndSpinCount \
  AT_SLOT(InitializeWithSpinCount, InitializeCriticalSectionAndSpinCount)
#define InitializeCriticalSectionEx \
  AT_SLOT(InitializeWithFlags, InitializeCriticalSectionEx)
#define DeleteCriticalSection AT_SLOT(OnSection, DeleteCriticalSection)
#define EnterCriticalSection AT_SLOT(OnSection, EnterCriticalSection)
#define LeaveCriticalSection AT_SLOT(OnSection, LeaveCriticalSection)
#define RtlInitializeCriticalSection \
  AT_SLOT(StatusOnSection, RtlInitializeCriticalSection)
#define RtlInitializeCriticalSectionAndSpinCount \
  AT_SLOT(StatusWithSpinCount, RtlInitializeCriticalSectionAndSpinCount)
#define RtlInitializeCriticalSectionEx \
  AT_SLOT(StatusWithFlags, RtlInitializeCriticalSectionEx)
#define RtlDeleteCriticalSection \
  AT_SLOT(StatusOnSection, RtlDeleteCriticalSection)
#define RtlEnterCriticalSection \
  AT_SLOT(StatusOnSection, RtlEnterCriticalSection)
#define RtlLeaveCriticalSection \
  AT_SLOT(StatusOnSection, RtlLeaveCriticalSection)
#define GetEnvironmentVariableA AT_SLOT(GetVariable, GetEnvironmentVariableA)
#define GetModuleHandleA AT_SLOT(GetModule, GetModuleHandleA)
#define GetProcAddress AT_SLOT(GetFunction, GetProcAddress)
#define LocalAlloc AT_SLOT(Allocate, LocalAlloc)
#define LocalFree AT_SLOT(Free, LocalFree)
#define SetLastError AT_SLOT(OnNumber, SetLastError)
#define TlsAlloc AT_SLOT(GetNumber, TlsAlloc)
#define TlsFree AT_SLOT(FreeNumber, TlsFree)
#define TlsSetValue AT_SLOT(SetPointer, TlsSetValue)
#endif

#endif  // SAMPLES_SRC_C_ALPHA_IMPORTS_H_
