// SPDX-License-Identifier: Apache-2.0
// The delete function is imported, for a section that an export makes and
// deletes; the one of attach leaks. With SIBLING it is ntdll's name of it.
#include "dll.h"

CRITICAL_SECTION g_lock;
CRITICAL_SECTION g_scratch_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) InitializeCriticalSection(&g_lock);
  return TRUE;
}

EXPORT int Scratch(void) {
  InitializeCriticalSection(&g_scratch_lock);
#ifdef SIBLING
  RtlDeleteCriticalSection(&g_scratch_lock);
#else
  DeleteCriticalSection(&g_scratch_lock);
#endif
  return 1;
}

PROBE(&g_lock)
