// SPDX-License-Identifier: Apache-2.0
// The imports of body.c: which DLL's names of the critical section functions a
// look-alike uses, and how its machine's code reaches an import. On Alpha the
// slot is a word that is loaded and called, as in src/c/alpha_imports.h.
#ifndef SAMPLES_SRC_NT4_BODY_IMPORTS_H_
#define SAMPLES_SRC_NT4_BODY_IMPORTS_H_

#ifdef __alpha__
#define API
#define IMPORT(result, name, ...)                                      \
  extern __attribute__((visibility("hidden"))) const int __imp_##name; \
  typedef result Type##name(__VA_ARGS__);
#define CALL(name) ((Type##name*)(long)__imp_##name)
#else
#define API __stdcall
#define IMPORT(result, name, ...) \
  __declspec(dllimport) result API name(__VA_ARGS__);
#define CALL(name) name
#endif

#ifdef LOCKS_OF_NTDLL
IMPORT(int, RtlEnterCriticalSection, Lock*)
IMPORT(int, RtlLeaveCriticalSection, Lock*)
IMPORT(int, RtlInitializeCriticalSection, Lock*)
IMPORT(int, RtlDeleteCriticalSection, Lock*)
#define Enter CALL(RtlEnterCriticalSection)
#define Leave CALL(RtlLeaveCriticalSection)
#define Initialise CALL(RtlInitializeCriticalSection)
#define Delete CALL(RtlDeleteCriticalSection)
#else
IMPORT(void, EnterCriticalSection, Lock*)
IMPORT(void, LeaveCriticalSection, Lock*)
IMPORT(void, InitializeCriticalSection, Lock*)
#define Enter CALL(EnterCriticalSection)
#define Leave CALL(LeaveCriticalSection)
#define Initialise CALL(InitializeCriticalSection)
#ifdef SIBLING
IMPORT(int, RtlDeleteCriticalSection, Lock*)
#define Delete CALL(RtlDeleteCriticalSection)
#else
IMPORT(void, DeleteCriticalSection, Lock*)
#define Delete CALL(DeleteCriticalSection)
#endif
#endif
IMPORT(void*, LocalAlloc, u32, u32)
IMPORT(void*, LocalFree, void*)
IMPORT(u32, GetCurrentThreadId, void)
#define Allocate CALL(LocalAlloc)
#define Free CALL(LocalFree)
#define CurrentThread CALL(GetCurrentThreadId)

#endif  // SAMPLES_SRC_NT4_BODY_IMPORTS_H_
