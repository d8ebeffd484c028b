// SPDX-License-Identifier: Apache-2.0
// Answers the reason itself: TRUE on attach, 0 on detach, 2 and 3 for threads.
// All but the first are ignored by the loader, and still have to stay the same.
#include "dll.h"

CRITICAL_SECTION g_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) InitializeCriticalSection(&g_lock);
  if (reason == DLL_PROCESS_DETACH) FIX(DeleteCriticalSection(&g_lock));
  return (BOOL)reason;
}

PROBE(&g_lock)
