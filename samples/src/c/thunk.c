// SPDX-License-Identifier: Apache-2.0
// No dllimport: each import is called through a `jmp [slot]` thunk.
#define THROUGH_THUNK
#include "dll.h"

CRITICAL_SECTION g_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      SetLastError(0);
      InitializeCriticalSection(&g_lock);
      break;
    case DLL_PROCESS_DETACH:
      FIX(DeleteCriticalSection(&g_lock));
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
