// SPDX-License-Identifier: Apache-2.0
// An array of sections, initialised (and by the fix deleted) in a loop.
#include "dll.h"

enum { kLocks = 3 };
CRITICAL_SECTION g_locks[kLocks];

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) {
    for (int i = 0; i < kLocks; ++i) InitializeCriticalSection(&g_locks[i]);
  } else if (reason == DLL_PROCESS_DETACH) {
    for (int i = 0; i < kLocks; ++i) FIX(DeleteCriticalSection(&g_locks[i]));
  }
  return TRUE;
}

PROBE(&g_locks[kLocks - 1])
